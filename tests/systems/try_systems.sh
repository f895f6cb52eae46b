#!/bin/sh
# Tries README's two commands on bare systems: fresh minimal Debian roots, each compiler, each Python found there, with
# warnings as errors. By hand, as root, on a machine with debootstrap; not part of CI: every cell of the table compiles
# everything, which takes minutes, and so do the tests.
#
#   sh tests/systems/try_systems.sh                              every cell, both commands
#   sh tests/systems/try_systems.sh --suites trixie --compilers g++ --commands demo
#
#   --suites LIST      Debian's releases, by commas (default: bookworm,trixie,forky, that is 12, 13 and testing)
#   --compilers LIST   "default" is what setup.sh finds or brings (GCC); any other, such as clang++ or g++-13, is
#                      installed first and given as CXX (default: default,clang++)
#   --pythons LIST     "default" is what setup.sh finds or brings; any other, such as 3.15, is installed first and given
#                      as PYTHON; "all" is the default one and the others from 3.11 to 3.15 that the suite has (default)
#   --commands LIST    of demo, tests and build, which is setup.sh alone (default: demo,tests)
#   --mirror URL       Debian's archive (default: the machine's in /etc/apt, else deb.debian.org)
#   --folder PATH      for roots and logs (default: a new one in $TMPDIR, whose roots are removed at the end)
#   --settings WORDS   more variables for the commands, such as "CMAKE_BUILD_PARALLEL_LEVEL=1"
#
# A suite's root is made once and kept in the folder; each cell has a copy of its own, with the files of this checkout
# in it, those not committed too. The second command of a cell finds what the first has set up, as it does for a reader
# of the README. What the machine needs to reach Debian and PyPI is passed through: apt's Acquire settings, pip's
# configuration, proxies, certificates (in_root.sh). The exit status is 1 if a cell failed.
set -eu

usage() { sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//p;}' "$0"; }
fail() { printf 'try_systems: %s\n' "$*" >&2; exit 2; }
listed() { printf '%s' "$1" | tr ',' ' '; }

suites=bookworm,trixie,forky compilers=default,clang++ pythons=all commands=demo,tests mirror='' folder='' settings=''
while [ $# -gt 0 ]; do
  case $1 in -h | --help) usage; exit 0 ;; esac
  [ $# -gt 1 ] || fail "$1 needs a value"
  case $1 in
    --suites) suites=$2 ;;
    --compilers) compilers=$2 ;;
    --pythons) pythons=$2 ;;
    --commands) commands=$2 ;;
    --mirror) mirror=$2 ;;
    --folder) folder=$2 ;;
    --settings) settings=$2 ;;
    *) fail "unknown: $1 (--help tells what there is)" ;;
  esac
  shift 2
done

[ "$(id -u)" = 0 ] || fail "debootstrap and chroot need root"
for name in debootstrap unshare chroot tar git; do
  command -v "$name" >/dev/null || fail "$name is not installed"
done
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
if [ -z "$mirror" ]; then
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -n 's,^URIs: *\(http[^ ]*/debian\)/*$,\1,p; s,^deb .*\(http[^ ]*/debian\)/* .*,\1,p' | head -n 1)
  mirror=${mirror:-http://deb.debian.org/debian}
fi
scratch=
if [ -z "$folder" ]; then scratch=$(mktemp -d); fi
folder=${folder:-$scratch}
mkdir -p "$folder/logs"
folder=$(cd "$folder" && pwd)
cell=$folder/cell job=

remove() { # only plain files, never what is mounted on them
  for path in "$@"; do
    if grep -qF " $path/" /proc/self/mountinfo; then fail "something is mounted in $path: unmount it first"; fi
    rm -rf "$path"
  done
}

finish() {
  if [ -n "$job" ]; then # the shell was stopped while a command ran: end it with all its processes
    kill -KILL "$job" 2>/dev/null && sleep 1
  fi
  remove "$cell"
  if [ -n "$scratch" ]; then
    for suite in $(listed "$suites"); do remove "$folder/$suite"; done
    printf '\nlogs: %s\n' "$folder/logs"
  fi
}
trap finish EXIT
trap 'exit 130' INT TERM

# in_cell COMMAND: with the cell's compiler and Python. It takes the place of the shell: call it in a subshell.
in_cell() {
  # shellcheck disable=SC2086
  exec sh "$here/in_root.sh" "$cell" "$1" NNCORE_WERROR=ON ${cxx:+"CXX=$cxx"} ${python:+"PYTHON=$python"} $settings
}

# A suite's root, made once.
bootstrap() {
  if [ -e "$folder/$1.made" ]; then return; fi
  remove "$folder/$1"
  script=/usr/share/debootstrap/scripts/$1
  [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid # a release that this debootstrap does not know yet
  unshare --mount --propagation private debootstrap --variant=minbase "$1" "$folder/$1" "$mirror" "$script" \
    >"$folder/logs/$1-debootstrap.log" 2>&1 || fail "no root of $1: see $folder/logs/$1-debootstrap.log"
  : >"$folder/$1.made"
}

# A copy of a suite's root with the checkout in it.
make_cell() {
  remove "$cell"
  cp -a "$folder/$1" "$cell"
  cp /etc/resolv.conf /etc/hosts "$cell/etc/"
  apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https|Check-[A-Za-z-]*)(::[^ ]*)? "' \
    >"$cell/etc/apt/apt.conf.d/90machine" || true
  echo force-unsafe-io >"$cell/etc/dpkg/dpkg.cfg.d/90cell" # a root that is thrown away need not reach the disk
  mkdir -p "$cell/srv/nncore"
  (cd "$checkout" && git ls-files -z --cached --others --exclude-standard |
    tar --create --null --ignore-failed-read --files-from - 2>/dev/null) | tar --extract --directory "$cell/srv/nncore"
}

# The Pythons to try in the cell: words such as "default" and "3.15".
pythons_here() {
  if [ "$pythons" != all ]; then listed "$pythons"; return; fi
  in_cell 'apt-get update -qq >/dev/null 2>&1; apt-cache depends python3; apt-cache pkgnames python3.' 2>/dev/null |
    awk '$1 == "Depends:" && $2 ~ /^python3\.[0-9]+$/ { own = $2 }
         $1 ~ /^python3\.1[1-5]$/ { found[$1] }
         END { printf "default"; for (name in found) if (name != own) printf " %s", substr(name, 7) }'
}

row() { printf '| %s | %s | %s | %s | %s | %s |\n' "$@" | tee -a "$folder/table.md"; }

versions() { # of compiler and Python, as the cell has them
  in_cell "${cxx:-c++} --version | head -n 1; .venv/bin/python -V" 2>/dev/null |
    sed -E 's/^c\+\+ /GCC /; s/^(Debian )?clang version/clang/; s/ \(.*\) / /; s/^Python //' | tr '\n' '|'
}

# try_cell SUITE COMPILER PYTHON: a line of the table for each command.
try_cell() {
  cxx='' python='' packages='' log=$folder/logs/$1-$2-$3
  case $2 in
    default) ;;
    clang++*) cxx=$2 packages=clang${2#clang++} ;;
    *) cxx=$2 packages=$2 ;;
  esac
  if [ "$3" != default ]; then python=python$3 packages="$packages python$3"; fi
  make_cell "$1"
  install='DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends'
  if [ -n "$packages" ] && ! (in_cell "apt-get update -qq && $install $packages" >"$log-install.log" 2>&1); then
    row "$1" "$2" "$3" install "**fails**" -
    failed=1
    return
  fi
  for command in $(listed "$commands"); do
    case $command in
      demo) line='sh cpp/setup.sh && .venv/bin/python -m nncore demo' ;;
      tests) line='sh cpp/setup.sh && .venv/bin/python -m pytest' ;;
      build) line='sh cpp/setup.sh' ;;
      *) fail "--commands: expected demo, tests, build, got $command" ;;
    esac
    started=$(date +%s) outcome=works
    in_cell "$line" >"$log-$command.log" 2>&1 & # in the background: a shell that waits can be stopped
    job=$!
    wait "$job" || outcome='**fails**' failed=1
    job=
    seconds=$(($(date +%s) - started))
    said=$(sed -n -E 's/^=+ (.*(passed|failed|error).*) in .*/: \1/p' "$log-$command.log" | tail -n 1)
    found=$(versions) || found=
    compiler=${found%%|*} version=${found#*|}
    row "$1" "${compiler:-$2}" "${version%%|*}" "$command" "$outcome$said" "$seconds"
  done
}

failed=0
printf 'nncore at %s, from %s, logs in %s\n\n' "$(git -C "$checkout" rev-parse --short HEAD)" "$mirror" "$folder/logs"
: >"$folder/table.md"
row system compiler Python command outcome seconds
row --- --- --- --- --- ---
for suite in $(listed "$suites"); do
  bootstrap "$suite"
  cxx='' python=''
  make_cell "$suite"
  for which in $(pythons_here); do
    for name in $(listed "$compilers"); do
      try_cell "$suite" "$name" "$which"
    done
  done
done
exit "$failed"
