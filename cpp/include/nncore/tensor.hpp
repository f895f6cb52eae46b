/// The only header that includes xtensor; views become its objects where algebra is wanted. Not for hot loops, and
/// not for headers: it costs seconds of compile time.
#pragma once

// xtensor 0.26 moved its headers into folders.
#if __has_include(<xtensor/containers/xadapt.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xtensor.hpp>
#endif
#include <array>

#include "nncore/view.hpp"

namespace nncore {

/// A matrix view as an xtensor expression on the same memory.
template <class T>
auto as_matrix(View<T> view) {
  const std::array<std::size_t, 2> shape{static_cast<std::size_t>(view.shape[0]),
                                         static_cast<std::size_t>(view.shape[1])};
  return xt::adapt(view.data, shape[0] * shape[1], xt::no_ownership(), shape);
}

}  // namespace nncore
