/// The GIL. At finalisation Python ends threads that ask for it by unwinding their stacks, and a destructor that is
/// unwound ends the process with an abort. Here such a thread blocks forever instead, and the process exits.
#pragma once

#include <Python.h>
#include <unistd.h>

namespace nncore {

/// What `take` returns. Python's functions throw nothing else; the unwinding has no object that a reference could name,
/// and may only be caught by a handler that never ends.
template <class F>
auto or_stop(F take) {
  try {
    return take();
  } catch (...) {
    for (;;) pause();
  }
}

/// Computes without the lock for as long as it lives.
class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil() {
    or_stop([this] { PyEval_RestoreThread(state_); });
  }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
};

/// f(), which takes `work` floating-point operations, roughly, without the lock. What is done in a few microseconds keeps
/// it: a thread that waits for it would hardly be awake, and this one would wait in turn.
template <class F>
auto without_gil(double work, F f) {
  constexpr double kAHandover = 2e5;
  if (work < kAHandover) return f();
  const WithoutGil unlocked;
  return f();
}

/// Holds the lock for as long as it lives, also where it was held before.
class WithGil {
 public:
  WithGil() : state_(or_stop([] { return PyGILState_Ensure(); })) {}
  ~WithGil() { PyGILState_Release(state_); }
  WithGil(const WithGil&) = delete;
  WithGil& operator=(const WithGil&) = delete;

 private:
  PyGILState_STATE state_;
};

}  // namespace nncore
