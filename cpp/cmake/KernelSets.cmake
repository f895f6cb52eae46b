# Which kernel sets are compiled beside the baseline, and with which options.
set(NNCORE_AVX2 -mavx2 -mfma)
set(NNCORE_AVX512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512)

# nncore_best_set(<variable>): the best set that this machine can run, found from what -march=native defines.
function(nncore_best_set variable)
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -march=native -dM -E -x c++ /dev/null
                  OUTPUT_VARIABLE macros ERROR_QUIET)
  set(best baseline)
  if(macros MATCHES "__AVX2__" AND macros MATCHES "__FMA__")
    set(best avx2)
    if(macros MATCHES "__AVX512F__" AND macros MATCHES "__AVX512BW__" AND macros MATCHES "__AVX512DQ__"
       AND macros MATCHES "__AVX512VL__")
      set(best avx512)
    endif()
  endif()
  set(${variable} ${best} PARENT_SCOPE)
endfunction()

# nncore_choose_sets(<set>…): those of the sets given that NNCORE_ISAS asks for, as NNCORE_CHOSEN.
function(nncore_choose_sets)
  set(chosen ${NNCORE_ISAS})
  if(NNCORE_ISAS STREQUAL "all")
    set(chosen ${ARGN})
  elseif(NNCORE_ISAS STREQUAL "native")
    nncore_best_set(chosen)
  endif()
  foreach(isa ${chosen})
    if(NOT isa IN_LIST ARGN AND NOT isa STREQUAL "baseline")
      message(FATAL_ERROR "NNCORE_ISAS: expected all, native or some of baseline;${ARGN}, got ${NNCORE_ISAS}")
    endif()
  endforeach()
  message(STATUS "kernel sets: baseline ${chosen}")
  set(NNCORE_CHOSEN ${chosen} PARENT_SCOPE)
endfunction()
