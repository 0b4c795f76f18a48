"""Many pictures around one model: the same results, bounded memory, nothing lost."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kdae.denoise import stream
from kdae.denoise.plan import Job
from kdae.denoise.stream import Result, denoise_file, denoise_files
from kdae.errors import UserError
from kdae.images import Picture, read_image, write_image
from tests.helpers import noise_image, tiny_denoiser, touch


def save(path: Path, pixels: np.ndarray) -> None:
    write_image(path, Picture(pixels))


def jobs_in(folder: Path, count: int, side: int = 8) -> list[Job]:
    (folder / "in").mkdir()
    jobs = []
    for place in range(count):
        jobs.append(Job(folder / "in" / f"{place:03}.png", folder / "out" / f"{place:03}.png"))
        save(jobs[-1].source, noise_image(side, side + place, 1, seed=place))
    return jobs


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise_image(4, 4, 1))
    touch(tmp_path / "file")
    job = Job(tmp_path / "a.png", tmp_path / "file" / "out" / "a.png")
    with pytest.raises(UserError, match=r"file/out: cannot make this folder"):
        denoise_file(tiny_denoiser(), job)


def test_progress_adds_up(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise_image(600, 40, 1))
    shares: list[Any] = []
    job = Job(tmp_path / "a.png", tmp_path / "b.png")
    denoise_file(tiny_denoiser(), job, progress=shares.append)
    assert len(shares) > 1 or shares == [1.0]
    assert sum(shares) == pytest.approx(1.0)


def test_results_in_order_equal_to_one_by_one(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, 30)
    touch(jobs[4].source)
    jobs[7] = Job(jobs[7].source, tmp_path / "x.jpeg" / "7.png")
    touch(tmp_path / "x.jpeg")
    results: list[Result] = []
    shares: list[float] = []
    denoise_files(tiny_denoiser(), jobs, 0.5, finished=results.append, progress=shares.append)
    assert [result.job for result in results] == jobs
    assert sum(shares) == pytest.approx(len(jobs))
    reasons = {place: r.reason for place, r in enumerate(results) if r.reason}
    assert sorted(reasons) == [4, 7]
    assert "004.png: not a picture" in reasons[4]
    assert "x.jpeg: cannot make this folder" in reasons[7]
    assert all(result.seconds > 0 for result in results)
    for place, job in enumerate(jobs):
        if place not in reasons:
            expected = tiny_denoiser().denoise(read_image(job.source).pixels, 0.5)
            np.testing.assert_array_equal(read_image(job.target).pixels, expected)


class Counted:
    """Counts the pixels that were read and not yet written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held: dict[str, int] = {}
        self.most = self.pictures = 0
        self.lock = threading.Lock()
        monkeypatch.setattr(stream, "read_image", self.read)
        monkeypatch.setattr(stream, "write_image", self.write)

    def read(self, path: Path) -> Picture:
        picture = read_image(path)
        with self.lock:
            self.held[path.name] = picture.pixels.size
            self.most = max(self.most, sum(self.held.values()))
            self.pictures = max(self.pictures, len(self.held))
        return picture

    def write(self, path: Path, picture: Picture) -> None:
        write_image(path, picture)
        with self.lock:
            del self.held[path.name]


@pytest.mark.skipif(sys.platform != "linux", reason="no priorities of threads there")
def test_reading_and_writing_step_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = jobs_in(tmp_path, 3)
    seen: dict[str, set[int]] = {"read_image": set(), "write_image": set()}

    def spy(name: str) -> None:
        call = getattr(stream, name)

        def spied(*given: Any) -> Any:
            seen[name].add(os.getpriority(os.PRIO_PROCESS, 0))  # of this thread
            return call(*given)

        monkeypatch.setattr(stream, name, spied)

    for name in seen:
        spy(name)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    denoise_files(tiny_denoiser(), jobs, finished=lambda result: None)
    assert seen == {"read_image": {19}, "write_image": {19}}
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = jobs_in(tmp_path, 24, 300)  # 90,000 to 97,000 pixels
    save(jobs[9].source, noise_image(700, 700, 1))  # more than may be held: alone
    seen = Counted(monkeypatch)
    results: list[Result] = []
    denoise_files(tiny_denoiser(), jobs, finished=results.append, held=300_000)
    assert [result.reason for result in results] == [None] * 24
    assert seen.most == 490_000 and not seen.held
    counted = Counted(monkeypatch)
    denoise_files(tiny_denoiser(), jobs[10:], finished=results.append, held=300_000)
    assert 180_000 < counted.most <= 300_000 and counted.pictures in (2, 3)


def test_many_small_pictures_are_not_all_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Counted(monkeypatch)
    denoise_files(tiny_denoiser(), jobs_in(tmp_path, 40), finished=id, held=10 << 16)
    assert seen.pictures <= 10


@pytest.mark.parametrize("where", ["finished", "progress", "jobs"])
def test_an_exception_ends_it_cleanly(tmp_path: Path, where: str) -> None:
    jobs = jobs_in(tmp_path, 40)
    calls = 0

    def stop(*_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt

    def stopping() -> Iterator[Job]:
        for job in jobs:
            stop()
            yield job

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        denoise_files(
            tiny_denoiser(),
            stopping() if where == "jobs" else jobs,
            finished=stop if where == "finished" else id,
            progress=stop if where == "progress" else None,
        )
    assert threading.active_count() == before
    written = list((tmp_path / "out").glob("*")) if where != "jobs" else []
    assert len(written) < 20
    for path in written:  # whole, and no temporary file among them
        assert path.suffix == ".png"
        read_image(path)


def test_a_bug_is_not_a_failed_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path, picture: Picture) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(stream, "write_image", broken)
    with pytest.raises(ZeroDivisionError):
        denoise_files(tiny_denoiser(), jobs_in(tmp_path, 3), finished=id)


def test_out_of_memory_is_a_failed_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(tiny_denoiser(), "_map", exhausted)
    results: list[Result] = []
    denoise_files(tiny_denoiser(), jobs_in(tmp_path, 2), finished=results.append)
    assert [str(r.reason).split(": ")[1] for r in results] == ["not enough memory"] * 2
