"""Timing in a separate process: its number of processors, its time and its memory."""

import os
import time

import pytest

from kdae.benchmark import isolated
from kdae.benchmark.isolated import measured
from kdae.benchmark.memory import format_table, measure_memory
from kdae.errors import UserError
from tests.benchmark.timed import holder, sleeper


@pytest.mark.alone
def test_the_clock_and_the_processor_time() -> None:
    start = time.perf_counter()
    usage = isolated._measure(sleeper, (0.1,), least=0.5)
    assert time.perf_counter() - start > 0.8  # the fastest of several calls counts
    assert 0.1 <= usage.seconds < 0.25
    assert usage.cpu_seconds < 0.05


def test_in_a_process_of_its_own() -> None:
    ours = os.sched_getaffinity(0)
    little, much = (measured(1, holder, size).peak_bytes for size in (1, 401))
    assert 320e6 < much - little < 440e6  # loading the libraries needs memory too
    with pytest.raises(ValueError, match="not confined"):
        measured(len(ours), holder, 1)
    with pytest.raises(UserError, match=f"needs 1000 processors, here are {len(ours)}"):
        measured(1000, holder, 1)
    assert os.sched_getaffinity(0) == ours


def test_memory_of_a_picture() -> None:
    (row,) = measure_memory("photo", 1, [100])
    assert row["megapixels"] == 0.01 and row["picture_bytes"] == 30_000
    assert 40e6 < row["peak_bytes"] < 300e6 and 0 < row["cpu_seconds"] < 60
    assert format_table([row]).splitlines()[-1].startswith("| 0 |")
