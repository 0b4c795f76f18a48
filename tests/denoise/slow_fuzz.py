"""2,000 damaged files of all kinds: `make fuzz`."""

import gc
import re
import time
from pathlib import Path

import pytest

from tests.denoise.fuzz import fuzz


def memory() -> int:
    """Returns the bytes that this process has now."""
    gc.collect()
    (kilobytes,) = re.findall(r"^VmRSS:\s*(\d+)", Path("/proc/self/status").read_text(), re.M)
    return 1024 * int(kilobytes)


@pytest.mark.filterwarnings("ignore")
def test_two_thousand_damaged_files(tmp_path: Path) -> None:
    held = []
    start = time.monotonic()
    for seed in range(4):
        (tmp_path / str(seed)).mkdir()
        accepted, refused = fuzz(tmp_path / str(seed), 500, seed)
        held.append(memory())
        took = time.monotonic() - start
        print(f"accepted {accepted}, refused {refused}, {took:.0f} s, {held[-1] / 1e6:.0f} MB")
    # Memory returns: it does not grow with the number of files. The most that it ever was says
    # nothing of that, as a damaged size alone makes a picture large.
    assert held[3] < held[0] * 1.2
