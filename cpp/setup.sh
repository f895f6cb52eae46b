#!/bin/sh
# Sets up everything the README's commands need: compiler and headers from the system's package manager, a virtual
# environment in .venv, nncore in it with what its demo and tests use. Repeat it at will: it does only what is missing.
#
#   PYTHON=<interpreter>          the Python to use; default: that of a .venv that works, else the first >= 3.11 of
#                                 python3, python3.15 … python3.11
#   CXX, CXXFLAGS, CMAKE_ARGS …   reach CMake; so do NNCORE_WERROR, NNCORE_SANITIZE, NNCORE_BLAS (ON or OFF)
#   CMAKE_BUILD_PARALLEL_LEVEL=1  one compiler at a time, for machines with little memory
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."

venv=.venv/bin/python
stamp=.venv/nncore-stamp    # what .venv holds: "<hash of the environment> <hash of the sources>"
build=build/setup           # objects stay here: after a change only what depends on it is compiled

say() { printf 'setup: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# ---- what is there ---------------------------------------------------------------------------------------------------

# The interpreter itself rather than a launcher or the .venv that may be active.
base_python() {
  "$1" -c 'import sys; print(sys._base_executable) if sys.version_info >= (3, 11) else sys.exit(1)' 2>/dev/null
}

find_python() {
  if [ -n "${PYTHON:-}" ]; then
    python=$(base_python "$PYTHON") || fail "PYTHON=$PYTHON does not run or is older than Python 3.11."
    return
  fi
  if python=$(base_python "$venv"); then return; fi
  for name in python3 python3.15 python3.14 python3.13 python3.12 python3.11; do
    if have "$name" && python=$(base_python "$name"); then return; fi
  done
  python=
  return 1
}

find_compiler() {
  compiler=${CXX:-}
  for name in c++ g++ clang++; do
    if [ -z "$compiler" ] && have "$name"; then compiler=$name; fi
  done
}

preprocess() { printf '%s\n' "$1" | $compiler -std=c++20 -x c++ -E -I "${CMAKE_PREFIX_PATH:-.}/include" \
  -I /opt/homebrew/include - >/dev/null 2>&1; }
# GCC 12 is the first with __builtin_shufflevector.
has_compiler() { [ -n "$compiler" ] && preprocess '#include <concepts>
#include <span>
#if !__has_builtin(__builtin_shufflevector) || (defined(__clang__) && __clang_major__ < 14)
#error
#endif'; }
has_headers() { "$python" -c 'import os, sysconfig as s; os.stat(s.get_path("include") + "/Python.h")' 2>/dev/null; }
has_venv() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }
has_xtensor() { preprocess '#if !__has_include(<xtl/xsequence.hpp>) || !__has_include(<xtensor-blas/xlinalg.hpp>) || \
  !__has_include(<xflens/cxxblas/cxxblas.cxx>)
#error
#endif'; }

# Sets `environment` and `sources`, hashes of all that the installation depends on.
take_hashes() {
  find_compiler
  # shellcheck disable=SC2046
  set -- $("$python" - "$compiler $($compiler --version 2>/dev/null | head -n 1)" <<'END'
import hashlib, os, pathlib, sys

def short(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

options = "CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CMAKE_ARGS CMAKE_PREFIX_PATH"
switches = "NNCORE_WERROR NNCORE_SANITIZE NNCORE_BLAS"
settings = [os.environ.get(name) for name in (options + " " + switches).split()]
files = [pathlib.Path(name) for name in ("CMakeLists.txt", "LICENSE", "README.md", "pyproject.toml")]
for top in ("cpp", "python"):
    files += sorted(p for p in pathlib.Path(top).rglob("*") if p.suffix not in (".so", ".pyc") and p.is_file())
print(short(sys.version, sys.base_prefix, os.getcwd(), sys.argv[1:], settings),
      short(*((str(path), hashlib.sha256(path.read_bytes()).digest()) for path in files)))
END
)
  environment=$1 sources=$2
}

# ---- what the system's package manager brings ------------------------------------------------------------------------

manager=
for name in brew dnf apt-get; do
  if have "$name"; then manager=$name; fi
done

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif ! have sudo; then echo "that needs root, and there is no sudo"; return 1
  elif [ -t 0 ]; then sudo "$@"
  else sudo -n "$@"
  fi
}

# bring <what for> <package>...: installs the packages, or says why it could not.
bring() {
  purpose=$1
  shift
  say "installing $* ($purpose) with $manager"
  case $manager in
    apt-get)
      [ -n "${updated:-}" ] || as_root apt-get update -qq >/dev/null 2>&1 || true
      updated=yes
      log=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=120 "$@" 2>&1) ;;
    dnf) log=$(as_root dnf install -y -q "$@" 2>&1) ;;
    brew) log=$(brew install -q "$@" 2>&1) ;;
  esac || say "could not install $*: $(printf '%s\n' "$log" | tail -n 3)" >&2
}

bring_python() {
  case $manager in
    apt-get | dnf) bring "Python" python3 ;;
    brew) bring "Python" python@3.13 ;;
  esac
}

bring_system() {
  if ! has_compiler; then
    case $manager in
      apt-get) bring "compiler" g++ ;;
      dnf) bring "compiler" gcc-c++ ;;
    esac
    find_compiler
  fi
  # Only the system's own Python has its parts in packages; any other brings them along.
  case $python in /usr/bin/*) own=$manager ;; *) own= ;; esac
  name=python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if ! has_headers; then
    case $own in
      apt-get) bring "Python's headers" "$name-dev" ;;
      dnf) bring "Python's headers" python3-devel ;;
    esac
  fi
  if ! has_venv && [ "$own" = apt-get ]; then bring "virtual environments" "$name-venv"; fi
  if has_compiler && ! has_xtensor; then
    case $manager in
      # The two small reference libraries keep out the large BLAS that the headers' package would pull in.
      apt-get) bring "xtensor" libxtensor-dev libxtensor-blas-dev libblas-dev liblapack-dev ;;
      dnf) bring "xtensor" xtensor-devel xtensor-blas-devel ;;
      brew) bring "xtensor" xtensor xtensor-blas ;;
    esac
  fi

  lacking=
  has_compiler || lacking="$lacking
  - a C++20 compiler, GCC 12 or clang 14 or later (Debian, Ubuntu: g++; Fedora: gcc-c++; macOS: xcode-select --install)"
  has_headers || lacking="$lacking
  - the headers of $python (Debian, Ubuntu: $name-dev; Fedora: python3-devel)"
  has_venv || lacking="$lacking
  - the modules venv and ensurepip of $python (Debian, Ubuntu: $name-venv)"
  [ -z "$lacking" ] || fail "this machine lacks$lacking
Install these, then run this again."
  has_xtensor || say "xtensor's headers are not on the include path: the build looks further, else downloads them"
}

# ---- .venv and nncore in it ------------------------------------------------------------------------------------------

identity() { "$1" -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null; }
works() { "$venv" -c 'import nncore' >/dev/null 2>&1; }
pip_install() { "$venv" -m pip install -q --disable-pip-version-check "$@"; }

find_python || { bring_python; find_python; } || fail "no Python >= 3.11 here: install one, or set PYTHON to its path."
take_hashes
found=$(cat "$stamp" 2>/dev/null) || found=
if [ "$found" = "$environment $sources" ]; then
  if works; then
    say "everything is in place"
    exit 0
  fi
  say "nncore in .venv does not import: starting over"
  rm -rf .venv
fi

bring_system
take_hashes
if [ "${found% *}" != "$environment" ]; then rm -rf "$build"; fi
if [ "$(identity "$venv")" != "$(identity "$python")" ] || ! "$venv" -m pip --version >/dev/null 2>&1; then
  say "making .venv with $python"
  rm -rf .venv
  "$python" -m venv .venv || fail "could not make .venv with $python."
fi
echo "$environment unfinished" > "$stamp"

say "installing nncore and what its demo and tests use into .venv (a few minutes the first time)"
lost="pip could not install the above into .venv; without a network to its package index it cannot."
# Without pip's isolated build environment CMake meets the same paths every time, and compiles only what changed.
# shellcheck disable=SC2046
pip_install $("$venv" -c '
import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])') || fail "$lost"
tools=$("$venv" -c 'from scikit_build_core.build import get_requires_for_build_wheel as lacking; print(*lacking())')
# shellcheck disable=SC2086
[ -z "$tools" ] || pip_install $tools || fail "$lost"
pip_install --no-build-isolation --config-settings=build-dir="$build" '.[test]' || fail "nncore could not be installed."
"$venv" -c 'import nncore' || fail "nncore was installed but does not import; to start from nothing, remove .venv."
echo "$environment $sources" > "$stamp"
say "done"
