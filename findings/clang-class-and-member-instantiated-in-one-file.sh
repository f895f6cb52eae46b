#!/usr/bin/env bash
# clang 18.1.6 (of the package ziglang 0.13.0; 14, 19 and 21 alike): files that compile each by itself do not when they
# are joined into one, or do, by their order alone.
#
# What one would guess: the definitions of a class template's members stand in several files; each instantiates what it
# defines (`template int A<float>::f();`), the file of the class the rest with `template struct A<float>;`. GCC takes
# these files joined (CMAKE_UNITY_BUILD), in any order, without a word from -Wall -Wextra -Wpedantic, so one would guess
# that repeating an explicit instantiation is harmless.
#
# What happens: "error: duplicate explicit instantiation of 'f'" when f is defined before the class is instantiated,
# whichever of the two instantiations comes first; no message at all when the class is instantiated before f is defined.
# A joined file compiles when the file of the whole class is its first; the alphabet decides.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check ziglang==0.13.0
clang() { ZIG_GLOBAL_CACHE_DIR=$folder/cache ZIG_LOCAL_CACHE_DIR=$folder/cache "$folder/venv/bin/python" -m ziglang c++ "$@"; }
clang --version | head -n 1
cat >"$folder/a.hpp" <<'CXX'
#pragma once
template <class T>
struct A {
  int f();
  int g();
};
CXX
printf '#include "a.hpp"\ntemplate <class T>\nint A<T>::g() {\n  return 2;\n}\ntemplate struct A<float>;\n' >"$folder/whole.cpp"
printf '#include "a.hpp"\ntemplate <class T>\nint A<T>::f() {\n  return 1;\n}\ntemplate int A<float>::f();\n' >"$folder/member.cpp"
printf '#include "member.cpp"\n#include "whole.cpp"\n' >"$folder/member_first.cpp"
printf '#include "whole.cpp"\n#include "member.cpp"\n' >"$folder/whole_first.cpp"
for name in whole member whole_first; do
  clang -std=c++20 -Wall -Wextra -Wpedantic -Werror -c "$folder/$name.cpp" -o "$folder/$name.o"
  echo "$name: compiles"
done
if clang -std=c++20 -c "$folder/member_first.cpp" -o "$folder/member_first.o" 2>"$folder/said"; then
  echo "member_first: compiles now"
  exit 1
fi
echo "member_first: $(grep -oF "error: duplicate explicit instantiation of 'f'" "$folder/said")"
if command -v g++ >/dev/null; then
  for name in member_first whole_first; do
    g++ -std=c++20 -Wall -Wextra -Wpedantic -Werror -c "$folder/$name.cpp" -o "$folder/$name.o"
  done
  echo "both orders compile with $(g++ --version | head -n 1)"
fi
