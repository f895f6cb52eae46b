/// The set that every processor of an architecture runs.
#pragma once

#if defined(__SSE2__)
#include "kernels/simd/sse2.hpp"
#else
#include "kernels/simd/any.hpp"
#endif
