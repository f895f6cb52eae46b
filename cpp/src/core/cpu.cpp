/// Chooses the kernel set once, when the library is loaded.
#include <chrono>
#include <cstdlib>
#include <string>

#include "kernels/table.hpp"
#include "nncore/cpu.hpp"
#include "nncore/error.hpp"

namespace nncore {

#define NNCORE_DECLARE_SET(isa)            \
  namespace isa {                          \
  extern const Kernels<float> kTableF32;   \
  extern const Kernels<double> kTableF64;  \
  }
NNCORE_DECLARE_SET(baseline)
#ifdef NNCORE_X86
NNCORE_DECLARE_SET(avx2)
NNCORE_DECLARE_SET(avx512)
#endif

namespace {

struct Set {
  const char* name;
  bool runs_here;
  const Kernels<float>* f32;
  const Kernels<double>* f64;
};

/// Best first.
std::vector<Set> all_sets() {
  std::vector<Set> sets;
#ifdef NNCORE_X86
  sets.push_back({"avx512", __builtin_cpu_supports("x86-64-v4") != 0, &avx512::kTableF32, &avx512::kTableF64});
  sets.push_back({"avx2", __builtin_cpu_supports("x86-64-v3") != 0, &avx2::kTableF32, &avx2::kTableF64});
#endif
  sets.push_back({"baseline", true, &baseline::kTableF32, &baseline::kTableF64});
  return sets;
}

Set choose() {
  const char* wanted = std::getenv("NNCORE_ISA");
  for (const Set& set : all_sets()) {
    if (set.runs_here && (wanted == nullptr || *wanted == '\0' || set.name == std::string(wanted))) return set;
  }
  std::string names;
  for (const std::string& name : kernel_sets()) names += (names.empty() ? "" : ", ") + name;
  throw ConfigError(expected("[nncore]", "NNCORE_ISA", "a kernel set this CPU can run: " + names, wanted));
}

const Set& current() {
  static const Set set = choose();
  return set;
}

}  // namespace

std::vector<std::string> kernel_sets() {
  std::vector<std::string> names;
  for (const Set& set : all_sets()) {
    if (set.runs_here) names.emplace_back(set.name);
  }
  return names;
}

const char* kernel_set() { return current().name; }

template <class T>
double fma_rate(int64_t rounds) {
  std::vector<T> out(static_cast<std::size_t>(kernels<T>().lanes));
  const auto start = std::chrono::steady_clock::now();
  const double operations = kernels<T>().fma_probe(rounds, out.data());
  return operations / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <>
const Kernels<float>& kernels<float>() {
  static const Kernels<float>& table = *current().f32;
  return table;
}
template <>
const Kernels<double>& kernels<double>() {
  static const Kernels<double>& table = *current().f64;
  return table;
}

template double fma_rate<float>(int64_t);
template double fma_rate<double>(int64_t);

}  // namespace nncore
