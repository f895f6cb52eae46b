#!/bin/sh
# in_root.sh ROOT COMMAND [NAME=VALUE ...]: runs a shell command in another root, in the checkout there (try_systems.sh
# calls it). Of this machine the command sees /dev, the way to the network and what pip's configuration names.
#
# Everything is mounted in a namespace of this process's own, and processes get one, too: whatever ends the command, no
# mount and no process stays behind, and whoever removes the root afterwards finds plain files in it.
set -eu
if [ "${IN_ROOT:-}" != mounted ]; then
  IN_ROOT=mounted exec unshare --mount --propagation private --pid --fork --kill-child sh "$0" "$@"
fi
root=$1 command=$2
shift 2

configurations() {
  for file in /etc/pip.conf /etc/xdg/pip/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf"; do
    if [ -f "$file" ]; then printf '%s\n' "$file"; fi
  done
}

# Variables that say how to reach PyPI.
settings() { env | grep -E '^(PIP_[A-Z_]*|[A-Za-z]+_(proxy|PROXY))=' | grep -v '^PIP_CERT='; }

# The machine's certificates, if something names them; the root has a package that writes to /etc/ssl.
certificates() {
  for file in "${PIP_CERT:-}" "${SSL_CERT_FILE:-}" "${REQUESTS_CA_BUNDLE:-}" "${CURL_CA_BUNDLE:-}" \
    $(configurations | xargs -r sed -n 's/^cert *= *//p'); do
    if [ -f "$file" ]; then printf '%s\n' "$file"; return; fi
  done
}

# Files and folders of this machine that pip's configuration names: constraints, indexes on disk.
places() {
  configurations
  { configurations | xargs -r grep -hv '^cert'; settings; } | tr ' =' '\n\n' |
    sed 's,^file://,,; s,/simple/*$,,' | grep '^/.' || true
}

mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
places | sort -u | while read -r path; do
  case $path in
    "$HOME"/*) target=$root/root${path#"$HOME"} ;;
    *) target=$root$path ;;
  esac
  if [ -d "$path" ]; then
    mkdir -p "$target"
  elif [ -f "$path" ]; then
    mkdir -p "$(dirname "$target")"
    [ -e "$target" ] || : >"$target"
  else
    continue
  fi
  mount --bind "$path" "$target"
  mount -o remount,bind,ro "$target"
done

certificates=$(certificates)
if [ -n "$certificates" ]; then
  cp "$certificates" "$root/srv/certificates.pem"
  for name in PIP_CERT SSL_CERT_FILE CURL_CA_BUNDLE; do set -- "$name=/srv/certificates.pem" "$@"; done
fi
set -- HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
for name in $(settings | sed 's/=.*//'); do
  eval "set -- \"\$@\" \"$name=\$$name\""
done
exec env -i "$@" chroot "$root" sh -c "cd /srv/nncore 2>/dev/null; $command"
