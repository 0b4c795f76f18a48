"""What `test_isolated` times in processes of their own: they need not import TensorFlow."""

import os
import time
from collections.abc import Callable

import numpy as np


def sleeper(seconds: float) -> Callable[[], None]:
    """Takes a while to prepare, which is not to be counted, then so many seconds."""
    time.sleep(0.3)
    return lambda: time.sleep(seconds)


def holder(megabytes: int) -> Callable[[], int]:
    """Holds so much memory; fails where it may use more than one processor."""
    if len(os.sched_getaffinity(0)) != 1:
        raise ValueError("not confined")
    return lambda: int(np.ones(megabytes * 10**6, np.uint8).sum())
