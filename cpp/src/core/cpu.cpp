/// Chooses the kernel set once, when the library is loaded.
#include <chrono>
#include <cstdlib>
#include <string>

#include "kernels/probe.hpp"
#include "kernels/sets.hpp"
#include "nncore/cpu.hpp"
#include "nncore/error.hpp"

namespace nncore {

namespace {

KernelSet choose() {
  const char* wanted = std::getenv("NNCORE_ISA");
  for (const KernelSet& set : usable_sets()) {
    if (wanted == nullptr || *wanted == '\0' || set.name() == std::string(wanted)) return set;
  }
  std::string names;
  for (const std::string& name : kernel_sets()) names += (names.empty() ? "" : ", ") + name;
  throw ConfigError(expected("[nncore]", "NNCORE_ISA", "a kernel set this CPU can run: " + names, wanted));
}

const KernelSet& active_set() {
  static const KernelSet set = choose();
  return set;
}

}  // namespace

std::vector<std::string> kernel_sets() {
  std::vector<std::string> names;
  for (const KernelSet& set : usable_sets()) names.emplace_back(set.name());
  return names;
}

const char* kernel_set() { return active_set().name(); }

template <class T>
std::atomic<const Kernels<T>*> ChosenKernels<T>::set{nullptr};

template <class T>
const Kernels<T>& choose_kernels() {
  const Kernels<T>& set = active_set().kernels<T>();
  ChosenKernels<T>::set.store(&set, std::memory_order_release);
  return set;
}

template struct ChosenKernels<float>;
template struct ChosenKernels<double>;
template const Kernels<float>& choose_kernels<float>();
template const Kernels<double>& choose_kernels<double>();

template <class T>
double fma_rate(int64_t rounds) {
  std::vector<T> out(static_cast<std::size_t>(kernels<T>().lanes));
  const auto start = std::chrono::steady_clock::now();
  const double operations = kernels<T>().probe.fma(rounds, out.data());
  return operations / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template double fma_rate<float>(int64_t);
template double fma_rate<double>(int64_t);

}  // namespace nncore
