"""Functions that `test_isolated` times in separate processes, without TensorFlow."""

import os
import time
from collections.abc import Callable

import numpy as np


def sleeper(seconds: float) -> Callable[[], None]:
    """Prepares for a while, which is not to be timed, then sleeps for some seconds."""
    time.sleep(0.3)
    return lambda: time.sleep(seconds)


def holder(megabytes: int) -> Callable[[], int]:
    """Allocates memory. Fails if it may use more than one processor."""
    if len(os.sched_getaffinity(0)) != 1:
        raise ValueError("not confined")
    return lambda: int(np.ones(megabytes * 10**6, np.uint8).sum())
