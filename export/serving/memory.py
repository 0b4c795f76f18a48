"""Gives memory back after large pictures, which TensorFlow keeps for itself otherwise.

Its own allocator never gives back what one large picture took; the system's, chosen by
`TF_ONEDNN_USE_SYSTEM_ALLOCATOR`, does when asked, by `malloc_trim`. Left alone it maps each
large buffer anew, which took a third more time at 1 megapixel; told not to, a tenth more, and
none at 256x256.
"""

import asyncio
import ctypes

SECONDS = 10.0  # between two givings back
_MMAP_MAX, _TRIM_THRESHOLD = -4, -1  # names of mallopt


def keep_buffers() -> None:
    """Has freed buffers kept for the next picture until `give_back`; of glibc alone."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**30)


async def give_back() -> None:
    """Gives back what is free, every now and then, for ever."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim:
        await asyncio.sleep(SECONDS)
        await asyncio.to_thread(trim, 0)
