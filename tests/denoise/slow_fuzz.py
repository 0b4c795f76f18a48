"""2,000 damaged files of all kinds: `make fuzz`."""

import resource
import time
from pathlib import Path

import pytest

from tests.denoise.fuzz import fuzz


@pytest.mark.filterwarnings("ignore")
def test_two_thousand_damaged_files(tmp_path: Path) -> None:
    peaks = []
    start = time.monotonic()
    for seed in range(4):
        (tmp_path / str(seed)).mkdir()
        accepted, refused = fuzz(tmp_path / str(seed), 500, seed)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        print(f"accepted {accepted}, refused {refused}, {time.monotonic() - start:.0f} s")
    # Memory returns: it does not grow with the number of files.
    assert peaks[3] < peaks[1] * 1.2
