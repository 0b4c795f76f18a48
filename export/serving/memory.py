"""Returns memory to the system after large pictures.

TensorFlow's own allocator never returns the memory of a large picture. The system's allocator,
which `TF_ONEDNN_USE_SYSTEM_ALLOCATOR` selects, returns it when `malloc_trim` is called. By
default it maps each large buffer anew, which took a third more time at 1 megapixel. With the
settings of `keep_buffers` it took a tenth more at 1 megapixel and no more at 256x256.
"""

import asyncio
import ctypes

SECONDS = 10.0  # between two calls of `malloc_trim`
_MMAP_MAX, _TRIM_THRESHOLD = -4, -1  # parameters of mallopt in glibc


def keep_buffers() -> None:
    """Makes glibc keep freed buffers for the next picture until `give_back` returns them."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**30)


async def give_back() -> None:
    """Returns free memory to the system every `SECONDS` seconds, without end."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim:
        await asyncio.sleep(SECONDS)
        await asyncio.to_thread(trim, 0)
