/// The interpreter's lock. When the interpreter is on its way out it ends threads that ask for the lock by unwinding
/// them, which no destructor survives; here such a thread stops for good instead, and the process ends around it.
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
