#!/bin/sh
# Runs TFLite files with the aarch64 build of LiteRT under qemu and compares with x86:
#
#     sudo export/mobile/arm/run.sh exports/photo/tflite [PYTHON]
#
# `make test-arm` exports a model and calls this script.
# PYTHON (default .venv/bin/python) has kdae with its extra `tflite`. The script needs root (for a
# bind mount), a Debian or Ubuntu with Python 3.11 packages, and a network the first time. Downloads
# are kept in $KDAE_ARM (default ~/.cache/kdae-arm). It checks that the files run on ARM and give
# the same pictures; it does not measure speed.
set -eu

files=${1:?"usage: run.sh FOLDER_OF_TFLITE_FILES [PYTHON]"}
python=${2:-.venv/bin/python}
here=$(cd "$(dirname "$0")" && pwd)
cache=${KDAE_ARM:-$HOME/.cache/kdae-arm}
root=$cache/root
site=$root/opt/site

fail() { echo "error: $*" >&2; exit 2; }
[ "$(id -u)" = 0 ] || fail "run.sh needs root, to bind-mount an ARM /proc/cpuinfo"
[ -d "$files" ] || fail "$files: no such folder; export one with --format tflite"
"$python" -c 'import ai_edge_litert' || fail "$python: pip install 'kdae[tflite]' is missing"

command -v qemu-aarch64-static >/dev/null ||
  { apt-get update -qq && apt-get install -y -qq qemu-user-static; }

# An ARM Python: packages of this distribution, resolved in an apt state of their own.
if [ ! -e "$cache/python-done" ]; then
  apt=$cache/apt
  mkdir -p "$root" "$apt/lists/partial" "$apt/archives/partial"
  : >"$apt/status"
  set -- -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State="$apt" \
    -o Dir::State::status="$apt/status" -o Dir::Cache="$apt" -o Debug::NoLocking=1 \
    -o APT::Install-Recommends=0 -o APT::Sandbox::User=root
  apt-get "$@" update
  apt-get "$@" install -y --download-only python3.11-minimal libpython3.11-stdlib libstdc++6
  for package in "$apt"/archives/*.deb; do dpkg -x "$package" "$root"; done
  touch "$cache/python-done"
fi

# The same LiteRT and numpy as on this side, built for ARM.
version() { "$python" -c "from importlib.metadata import version; print(version('$1'))"; }
litert=$(version ai-edge-litert) numpy=$(version numpy)
if [ ! -e "$cache/litert-$litert-numpy-$numpy" ]; then
  rm -rf "$site" "$cache/wheels"
  # The oldest platform tag last: pip takes the first that fits.
  "$python" -m pip --version >/dev/null 2>&1 && pip="$python -m pip" || pip="python3 -m pip"
  $pip download -qq --no-deps --only-binary=:all: --python-version 3.11 \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
    --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 --platform any \
    --dest "$cache/wheels" "ai-edge-litert==$litert" "numpy==$numpy" \
    flatbuffers typing_extensions backports.strenum protobuf tqdm
  mkdir -p "$site"
  for wheel in "$cache"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$site"; done
  touch "$cache/litert-$litert-numpy-$numpy"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/cpuinfo" <<'CPU'
processor	: 0
BogoMIPS	: 100.00
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x4
CPU part	: 0xd0b
CPU revision	: 1

CPU
"$python" "$here/compare.py" run "$files" "$work/x86.npz"
# Without an ARM cpuinfo, LiteRT crashes when it chooses its kernels.
unshare -m sh -eu -c '
  mount --bind "$1/cpuinfo" /proc/cpuinfo
  exec env PYTHONPATH="$2" PYTHONHOME="$3/usr" qemu-aarch64-static -cpu cortex-a76 -L "$3" \
    "$3/usr/bin/python3.11" "$4/compare.py" run "$5" "$1/arm.npz"
' sh "$work" "$site" "$root" "$here" "$files"
"$python" "$here/compare.py" diff "$work/x86.npz" "$work/arm.npz"
