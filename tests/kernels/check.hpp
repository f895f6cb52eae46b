/// What the check programs share: the instruction sets of this machine, problems as text, arguments, failures.
///
///   NAME_check [--isa NAME] [PROBLEM...]           checks these problems, else all, with the named kernels, else each
///   NAME_check [--isa NAME] --bench [PROBLEM...]   times them, where a program can
///
/// A problem is a kernel, its sizes and a type, as gemm_forward:m10n30k784:f32. A failure prints the line that repeats
/// it.
#pragma once

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/sets.hpp"

namespace nncore::check {

/// "f32" or "f64".
template <class T>
constexpr const char* kType = sizeof(T) == 4 ? "f32" : "f64";

struct Problem {
  std::string kernel;
  std::vector<std::pair<std::string, int64_t>> sizes;
  std::string type = {};

  int64_t operator[](std::string_view name) const {
    for (const auto& [key, size] : sizes)
      if (key == name) return size;
    std::abort();
  }
  std::string text() const {
    std::string all = kernel + ":";
    for (const auto& [key, size] : sizes) all += key + std::to_string(size);
    return all + ":" + type;
  }
  bool like(const Problem& p) const {
    const auto same_name = [](const auto& a, const auto& b) { return a.first == b.first; };
    return kernel == p.kernel && std::equal(sizes.begin(), sizes.end(), p.sizes.begin(), p.sizes.end(), same_name);
  }
};

[[noreturn]] inline void refuse(const char* what, const std::string& argument) {
  std::printf("%s: %s\n", what, argument.c_str());
  std::exit(2);
}

inline Problem parse(const std::string& text) {
  const size_t colon = text.find(':');
  Problem p{text.substr(0, colon), {}, text.substr(text.rfind(':') + 1)};
  const char* at = text.c_str() + colon + 1;
  char name[16];
  long long size;
  for (int used = 0; std::sscanf(at, "%15[a-z]%lld%n", name, &size, &used) == 2; at += used)
    p.sizes.emplace_back(name, size);
  if (*at != ':' || (p.type != "f32" && p.type != "f64")) refuse("not a problem", text);
  return p;
}

/// What a program was asked for; `option` is the one it has beside --isa, or empty.
struct Arguments {
  bool option_given = false;
  std::vector<KernelSet> sets;
  std::vector<Problem> problems;

  Arguments(int count, char** values, std::string_view option) {
    std::string isa;
    for (int i = 1; i < count; ++i) {
      if (values[i] == option) option_given = true;
      else if (values[i] == std::string_view("--isa") && i + 1 < count) isa = values[++i];
      else problems.push_back(parse(values[i]));
    }
    for (const KernelSet& set : usable_sets())
      if (isa.empty() || isa == set.name()) sets.push_back(set);
    if (sets.empty()) refuse("this machine cannot run", isa);
  }
};

/// The line that repeats what runs now.
inline std::string current;

/// Prints what went wrong, and at which indices; one failure.
template <class... Index>
int fail(const char* what, Index... index) {
  std::printf("FAIL %s at", what);
  (std::printf(" %lld", static_cast<long long>(index)), ...);
  std::printf(": %s\n", current.c_str());
  return 1;
}

/// A touched guard page ends the program with the problem's line.
inline void report_faults() {
  const auto handler = [](int) {
    fail("access outside an array");
    std::fflush(stdout);
    std::_Exit(1);
  };
  std::signal(SIGSEGV, handler);
  std::signal(SIGBUS, handler);
}

/// run(kernels, problem) for the problems asked for, or for those of list(kernels), which need no type; the exit code.
template <class List, class Run>
int run_problems(const char* program, const Arguments& asked, List list, Run run) {
  int runs = 0, failures = 0;
  const auto run_type = [&]<class T>(const Kernels<T>& kernels) {
    const std::vector<Problem> all = list(kernels);
    for (const Problem& p : asked.problems)
      if (std::none_of(all.begin(), all.end(), [&](const Problem& known) { return known.like(p); }))
        refuse("not a problem of this program", p.text());
    for (Problem p : asked.problems.empty() ? all : asked.problems) {
      if (p.type.empty()) p.type = kType<T>;
      if (p.type != kType<T>) continue;
      current = std::string(program) + " --isa " + kernels.isa + " " + p.text();
      ++runs, failures += run(kernels, p);
    }
  };
  for (const KernelSet& set : asked.sets) run_type(*set.f32), run_type(*set.f64);
  std::printf("%s: %d problems, %d failures\n", program, runs, failures);
  return failures || runs == 0 ? 1 : 0;
}

/// A whole program: list(kernels) are its problems, check(kernels, problem) counts failures.
template <class List, class Check>
int check_main(const char* program, int count, char** values, List list, Check check) {
  report_faults();
  return run_problems(program, Arguments(count, values, ""), list, check);
}

/// One that can time, too: those of timed(kernels) with bench(kernels, problem).
template <class List, class Check, class Timed, class Bench>
int check_main(const char* program, int count, char** values, List list, Check check, Timed timed, Bench bench) {
  const Arguments asked(count, values, "--bench");
  if (!asked.option_given) return report_faults(), run_problems(program, asked, list, check);
  return run_problems(program, asked, timed,
                      [&](const auto& kernels, const Problem& p) { return bench(kernels, p), 0; });
}

}  // namespace nncore::check
