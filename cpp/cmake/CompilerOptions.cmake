# What every file of ours is compiled with.
add_library(nncore_options INTERFACE)
target_compile_options(nncore_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow $<$<BOOL:${NNCORE_WERROR}>:-Werror>
  # a·b + c is fused only where the source says so: otherwise compilers decide which bits come out
  -ffp-contract=off)
if(NNCORE_SANITIZE STREQUAL "thread")
  set(NNCORE_SANITIZERS thread)
else()
  set(NNCORE_SANITIZERS address,undefined)
endif()
if(NNCORE_SANITIZE)
  target_compile_options(nncore_options INTERFACE -fsanitize=${NNCORE_SANITIZERS} -fno-sanitize-recover=all -g)
  target_link_options(nncore_options INTERFACE -fsanitize=${NNCORE_SANITIZERS})
endif()
