# SPDX-License-Identifier: GPL-3.0-or-later
# From a fresh Debian 12 to a build: functions for tools/run and tests/run, which source this file.
#
#   SCRIPT   set by the sourcing script: its name in front of every line
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# What the program needs to be built; the second line is for tools/deps, which builds liburing and
# wolfSSL.
BUILD_PACKAGES=(
  g++ cmake ninja-build libmimalloc-dev libcli11-dev libtomlplusplus-dev libexpected-dev libidn2-dev
  libseccomp-dev nlohmann-json3-dev
  ca-certificates debian-archive-keyring dpkg-dev make
)

say() { echo "$SCRIPT: $*" >&2; }
die() { echo "$SCRIPT: error: $*" >&2; exit 1; }

# Runs a command with its output in a file; shows the end of it only when the command fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  [ "$status" -eq 0 ] || tail -n 20 "$log" >&2
  rm -f "$log"
  return "$status"
}

# sudo asks for a password on the terminal, so it must not go through quietly().
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

require_root() {
  [ "$(id -u)" -eq 0 ] && return
  command -v sudo >/dev/null || die "$1 needs root, and there is no sudo"
  sudo -v || die "$1 needs root, and sudo says no"
}

# Those of the given packages that are not installed, one a line.
missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      echo "$package"
  done
}

update_lists() {
  require_root "apt-get update"
  say "updating apt's lists"
  quietly as_root apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 update ||
    die "apt-get update failed"
}

# Installs what is missing; touches neither network nor root rights when nothing is.
need_packages() {
  local missing
  command -v apt-get >/dev/null || die "no apt-get: this script is for Debian 12 and its kin"
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  require_root "installing ${missing[*]}"
  update_lists
  say "installing ${missing[*]}"
  # --no-remove: a test suite must not cost anybody a package.
  quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-remove \
    --no-install-recommends -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 install \
    "${missing[@]}" || die "could not install ${missing[*]}"
}

# What is newer than Debian 12's: see tools/deps. It needs apt's lists, but only to fetch.
need_deps() {
  if [ -z "${LIBURING_TARBALL:-}${WOLFSSL_TARBALL:-}" ] &&
     [ -z "$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' 2>/dev/null)" ] &&
     ! LIBURING_TARBALL=/nonexistent WOLFSSL_TARBALL=/nonexistent \
       "$ROOT/tools/deps" >/dev/null 2>&1; then
    update_lists
  fi
  "$ROOT/tools/deps" >/dev/null || die "tools/deps failed"
}

# Configures if needed and builds: build_preset PRESET TESTS(ON|OFF) [TARGET...]
build_preset() {
  local preset=$1 tests=$2 cache=$ROOT/build/$1/CMakeCache.txt hint=
  shift 2
  # A tree with tests is also fine for the program alone; the other way round it is configured anew.
  if [ ! -f "$ROOT/build/$preset/build.ninja" ] ||
     { [ "$tests" = ON ] && ! grep -q '^MAILRACE_TESTS:BOOL=ON$' "$cache"; }; then
    say "configuring build/$preset"
    hint=", which takes minutes the first time"
    (cd "$ROOT" && quietly cmake --preset "$preset" -DMAILRACE_TESTS="$tests") ||
      die "cmake --preset $preset failed"
  fi
  say "building build/$preset${*:+ ($*)}$hint"
  (cd "$ROOT" && cmake --build "build/$preset" --parallel "$(nproc)" ${*:+--target "$@"} >&2) ||
    die "build/$preset did not build"
}
