# Which kernel sets are compiled beside the baseline, and with which options.

# nncore_set(<name> <option>…): a set and the options of its instructions.
set(NNCORE_KNOWN_SETS)
macro(nncore_set name)
  list(APPEND NNCORE_KNOWN_SETS ${name})
  set(NNCORE_OPTIONS_${name} ${ARGN})
endmacro()

# best first
nncore_set(avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512)
nncore_set(avx2 -mavx2 -mfma)

# nncore_best_set(<variable> <set>…): the first set that this machine can run; -march=native defines __AVX2__ for
# -mavx2.
function(nncore_best_set variable)
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -march=native -dM -E -x c++ /dev/null
                  OUTPUT_VARIABLE macros ERROR_QUIET)
  foreach(isa ${ARGN})
    set(runs ON)
    foreach(option ${NNCORE_OPTIONS_${isa}})
      string(REGEX REPLACE "^-m" "" feature ${option})
      string(TOUPPER ${feature} feature)
      if(NOT feature MATCHES "=" AND NOT macros MATCHES "__${feature}__")
        set(runs OFF)
      endif()
    endforeach()
    if(runs)
      set(${variable} ${isa} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${variable} baseline PARENT_SCOPE)
endfunction()

# nncore_choose_sets(<variable>): those of the known sets that NNCORE_ISAS asks for; none but on x86-64.
function(nncore_choose_sets variable)
  set(known)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    set(known ${NNCORE_KNOWN_SETS})
  endif()
  set(chosen ${NNCORE_ISAS})
  if(NNCORE_ISAS STREQUAL "all")
    set(chosen ${known})
  elseif(NNCORE_ISAS STREQUAL "native")
    nncore_best_set(chosen ${known})
  endif()
  foreach(isa ${chosen})
    if(NOT isa IN_LIST known AND NOT isa STREQUAL "baseline")
      message(FATAL_ERROR "NNCORE_ISAS: expected all, native or some of baseline;${known}, got ${NNCORE_ISAS}")
    endif()
  endforeach()
  list(REMOVE_ITEM chosen baseline)
  message(STATUS "kernel sets: baseline ${chosen}")
  set(${variable} ${chosen} PARENT_SCOPE)
endfunction()
