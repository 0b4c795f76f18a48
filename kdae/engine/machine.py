"""What this machine has: processors, what they calculate in, and memory for a tile."""

from __future__ import annotations

import os
from pathlib import Path

# With 369 MB a JPEG of 100 megapixels stays below 1.2 GB. Larger tiles save little: with 512 MB
# the context adds 27 % to the work on 12 megapixels instead of 32 (docs/speed.md).
MOST = 11 << 25
_SHARE = 4  # the part of the free memory that a tile may take is one in so many
_UNKNOWN = 1 << 31  # assumed to be free where the system does not tell

_MEMORY, _PROCESSORS = Path("/proc/meminfo"), Path("/proc/cpuinfo")
_LIMIT, _USED = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))


def processors() -> int:
    """Returns the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_bfloat16() -> bool:
    """Whether the processors have instructions for bfloat16, as Linux tells; elsewhere False.

    They are AVX-512 BF16 and AMX, for which TensorFlow's oneDNN has kernels.
    """
    try:
        lines = _PROCESSORS.read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def tile_memory() -> int:
    """Returns the bytes that the network may take for one tile."""
    return min(free_memory() // _SHARE, MOST)


def free_memory() -> int:
    """Returns the bytes that this process can still have, as Linux tells; elsewhere 2 GiB.

    The limit of a container (cgroup, version 2) counts, too.
    """
    try:
        lines = dict(line.split(":") for line in _MEMORY.read_text().splitlines())
        free = 1024 * int(lines["MemAvailable"].split()[0])
    except (OSError, ValueError, KeyError):
        return _UNKNOWN
    try:
        return min(free, int(_LIMIT.read_text()) - int(_USED.read_text()))
    except (OSError, ValueError):  # No container, or one without a limit: "max".
        return free
