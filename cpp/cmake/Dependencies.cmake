# xtl, xtensor and xtensor-blas are header-only and none of their CMake is run. Each is looked for on the system,
# else downloaded as a pinned archive whose hash is compared, else the build stops at once and says what to install.
set(NNCORE_HEADERS_HELP "Install them (Debian, Ubuntu: apt-get install libxtensor-dev libxtensor-blas-dev; Fedora: \
dnf install xtensor-devel xtensor-blas-devel; Homebrew: brew install xtensor xtensor-blas; conda: conda install -c \
conda-forge xtensor xtensor-blas), or run sh cpp/setup.sh, or give -DCMAKE_PREFIX_PATH=<where they are>.")
set(NNCORE_HEADERS_URL "https://github.com/xtensor-stack" CACHE STRING "where archives come from")

add_library(nncore_tensor INTERFACE)

# nncore_headers(<project> "<header that marks it>;<or this one>" <version> <sha256 of its archive>)
function(nncore_headers name markers version sha256)
  find_path(NNCORE_${name}_DIR NAMES ${markers})
  if(NOT NNCORE_${name}_DIR)
    if(NOT NNCORE_FETCH)
      message(FATAL_ERROR "The headers of ${name} are not on this machine, and NNCORE_FETCH is OFF.\n${NNCORE_HEADERS_HELP}")
    endif()
    set(url ${NNCORE_HEADERS_URL}/${name}/archive/refs/tags/${version}.tar.gz)
    set(archive ${CMAKE_BINARY_DIR}/_deps/${name}-${version}.tar.gz)
    message(STATUS "${name}: not on this machine, downloading ${url}")
    file(DOWNLOAD ${url} ${archive} STATUS status TIMEOUT 20)
    list(GET status 0 code)
    if(code)
      file(REMOVE ${archive})
      message(FATAL_ERROR "The headers of ${name} are not on this machine and could not be downloaded (${status}).\n${NNCORE_HEADERS_HELP}")
    endif()
    file(SHA256 ${archive} got)
    if(NOT got STREQUAL sha256)
      file(REMOVE ${archive})
      message(FATAL_ERROR "${url}: SHA-256 is ${got}, expected ${sha256}.")
    endif()
    file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${CMAKE_BINARY_DIR}/_deps)
    set(NNCORE_${name}_DIR ${CMAKE_BINARY_DIR}/_deps/${name}-${version}/include CACHE PATH "headers of ${name}" FORCE)
  endif()
  message(STATUS "${name}: ${NNCORE_${name}_DIR}")
  target_include_directories(nncore_tensor SYSTEM INTERFACE ${NNCORE_${name}_DIR})
endfunction()

nncore_headers(xtl "xtl/xsequence.hpp" 0.7.7
  44fb99fbf5e56af5c43619fc8c29aa58e5fad18f3ba6e7d9c55c111b62df1fbb)
nncore_headers(xtensor "xtensor/xtensor.hpp;xtensor/containers/xtensor.hpp" 0.25.0
  32d5d9fd23998c57e746c375a544edf544b74f0a18ad6bc3c38cbba968d5e6c7)
nncore_headers(xtensor-blas "xtensor-blas/xlinalg.hpp" 0.21.0
  89ce6eceb47018f3b557945468502593e0bf0e5a816548aad8ac22247c8198b1)

# Header-only by default, so that the wheel needs no shared library beyond the compiler's own.
if(NNCORE_BLAS)
  find_package(BLAS REQUIRED)
  target_link_libraries(nncore_tensor INTERFACE ${BLAS_LIBRARIES})
  message(STATUS "BLAS: ${BLAS_LIBRARIES}")
else()
  target_compile_definitions(nncore_tensor INTERFACE XTENSOR_USE_FLENS_BLAS)
endif()
