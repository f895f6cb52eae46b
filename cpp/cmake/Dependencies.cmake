# xtl, xtensor and xtensor-blas are header-only and none of their CMake is run. They are looked for on the system; where
# one is missing, all three are downloaded as pinned archives that fit each other and whose hashes are compared; where
# that cannot be, the build stops at once and says what to install.
set(NNCORE_HEADERS_HELP "Install them (Debian, Ubuntu: apt-get install libxtensor-dev libxtensor-blas-dev; Fedora: \
dnf install xtensor-devel xtensor-blas-devel; Homebrew: brew install xtensor xtensor-blas; conda: conda install -c \
conda-forge xtensor xtensor-blas), or say where they are: CMAKE_PREFIX_PATH=<folder> pip install .")
set(NNCORE_HEADERS_URL "https://github.com/xtensor-stack" CACHE STRING "where archives come from")

add_library(nncore_tensor INTERFACE)

find_path(NNCORE_xtl_DIR NAMES xtl/xsequence.hpp)
find_path(NNCORE_xtensor_DIR NAMES xtensor/xtensor.hpp xtensor/containers/xtensor.hpp)
find_path(NNCORE_xtensor-blas_DIR NAMES xflens/cxxblas/cxxblas.cxx)  # what xtensor-blas/ stands on, and lies beside it

# nncore_download(<project> <version> <sha256 of its archive>)
function(nncore_download name version sha256)
  set(url ${NNCORE_HEADERS_URL}/${name}/archive/refs/tags/${version}.tar.gz)
  set(archive ${CMAKE_BINARY_DIR}/_deps/${name}-${version}.tar.gz)
  message(STATUS "${name}: downloading ${url}")
  file(DOWNLOAD ${url} ${archive} STATUS status TIMEOUT 30)
  list(GET status 0 code)
  if(code)
    file(REMOVE ${archive})
    message(FATAL_ERROR "Headers not on this machine: ${NNCORE_MISSING}. Downloading ${name} failed: ${status}.\n"
                        "${NNCORE_HEADERS_HELP}")
  endif()
  file(SHA256 ${archive} got)
  if(NOT got STREQUAL sha256)
    file(REMOVE ${archive})
    message(FATAL_ERROR "${url}: SHA-256 is ${got}, expected ${sha256}.")
  endif()
  file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${CMAKE_BINARY_DIR}/_deps)
  set(NNCORE_${name}_DIR ${CMAKE_BINARY_DIR}/_deps/${name}-${version}/include CACHE PATH "headers of ${name}" FORCE)
endfunction()

set(NNCORE_MISSING)
foreach(name xtl xtensor xtensor-blas)
  if(NOT NNCORE_${name}_DIR)
    string(APPEND NNCORE_MISSING " ${name}")
  endif()
endforeach()
string(STRIP "${NNCORE_MISSING}" NNCORE_MISSING)
if(NNCORE_MISSING AND NOT NNCORE_FETCH)
  message(FATAL_ERROR "Headers not on this machine: ${NNCORE_MISSING}; NNCORE_FETCH is OFF.\n${NNCORE_HEADERS_HELP}")
elseif(NNCORE_MISSING)
  nncore_download(xtl 0.7.7 44fb99fbf5e56af5c43619fc8c29aa58e5fad18f3ba6e7d9c55c111b62df1fbb)
  nncore_download(xtensor 0.25.0 32d5d9fd23998c57e746c375a544edf544b74f0a18ad6bc3c38cbba968d5e6c7)
  nncore_download(xtensor-blas 0.21.0 89ce6eceb47018f3b557945468502593e0bf0e5a816548aad8ac22247c8198b1)
endif()
foreach(name xtl xtensor xtensor-blas)
  message(STATUS "${name}: ${NNCORE_${name}_DIR}")
  target_include_directories(nncore_tensor SYSTEM INTERFACE ${NNCORE_${name}_DIR})
endforeach()

# Header-only by default, so that the wheel needs no shared library beyond the compiler's own.
if(NNCORE_BLAS)
  find_package(BLAS REQUIRED)
  target_link_libraries(nncore_tensor INTERFACE ${BLAS_LIBRARIES})
  message(STATUS "BLAS: ${BLAS_LIBRARIES}")
else()
  target_compile_definitions(nncore_tensor INTERFACE XTENSOR_USE_FLENS_BLAS)
endif()
