"""What a later run may leave out, and what it must not replace."""

import json
import os
from pathlib import Path

import pytest

from kdae.denoise import __main__ as command
from kdae.denoise.journal import JOURNAL, Journal, Settings, refuse_existing
from kdae.denoise.plan import Job
from kdae.engine import Strength
from kdae.errors import UserError
from tests.helpers import touch

MODEL = Settings("photo", "0123456789abcdef", 1.0)


def test_the_help_names_the_journal() -> None:
    # The command's help does without the import of the journal.
    assert JOURNAL in command._MORE


def job(folder: Path, name: str) -> Job:
    return Job(folder / "in" / name, folder / "out" / name)


def recorded(folder: Path, *steps: tuple[str, str], settings: Settings = MODEL) -> Journal:
    """Records each (name, status); all files exist."""
    journal = Journal(folder / "out", settings)
    with journal.recording():
        for name, status in steps:
            touch(*job(folder, name))
            journal.add(job(folder, name), status, "broken" if status == "failed" else "", 1.5)
    return Journal(folder / "out", settings)


def test_done_is_done(tmp_path: Path) -> None:
    jobs = [job(tmp_path, f"{name}.png") for name in "abcd"]
    journal = recorded(
        tmp_path,
        ("a.png", "writing"),
        ("a.png", "done"),
        ("b.png", "done"),
        ("c.png", "failed"),
    )
    touch(jobs[3].source)
    jobs[2].target.unlink()
    assert journal.pending(jobs) == jobs[2:]
    jobs[0].target.unlink()  # deleted by the user: to be made again
    jobs[1].source.write_bytes(b"another")
    assert journal.pending(jobs) == jobs
    os.utime(jobs[1].source, ns=(0, 0))
    assert journal.pending(jobs) == jobs
    lines = (tmp_path / "out" / JOURNAL).read_text().splitlines()
    assert [json.loads(line)["output"] for line in lines] == ["a.png", "b.png", "c.png"]
    first, _, last = map(json.loads, lines)
    assert set(first) == {
        "file", "output", "status", "reason", "seconds", "bytes", "modified", "model", "digest",
        "strength", "exact",
    }  # fmt: skip
    assert (first["status"], first["seconds"], first["bytes"]) == ("done", 1.5, 1)
    assert (last["status"], last["reason"]) == ("failed", "broken")


@pytest.mark.parametrize("end", ["", "\n", '{"output": "b.png", "stat', "\xff\x00[1]\n3\n"])
def test_a_line_cut_short(tmp_path: Path, end: str) -> None:
    recorded(tmp_path, ("a.png", "done"))
    path = tmp_path / "out" / JOURNAL
    path.write_bytes(path.read_bytes().rstrip() + b"\n" * bool(end) + end.encode("latin-1"))
    journal = recorded(tmp_path, ("c.png", "done"))
    assert list(journal.records) == ["a.png", "c.png"]
    assert journal.pending([job(tmp_path, "a.png"), job(tmp_path, "c.png")]) == []


def test_killed_while_writing(tmp_path: Path) -> None:
    journal = recorded(tmp_path, ("x/a.png", "done"), ("x/b.png", "writing"))
    left = tmp_path / "out" / "x" / ".kdae-0.tmp"
    touch(left)
    jobs = [job(tmp_path, "x/a.png"), job(tmp_path, "x/b.png")]
    assert journal.pending(jobs) == jobs[1:]
    with journal.recording():
        assert not left.exists()


@pytest.mark.parametrize(
    ("other", "strength"),
    [
        (Settings("photo", "another", 1.0), "1.0"),
        (Settings("photo", MODEL.digest, 0.5), "0.5"),
        (Settings("photo", MODEL.digest, 1.0, exact=True), "1.0, with exact tiles"),
        (
            Settings("photo", MODEL.digest, Strength(luma=0.5)),
            "luma 0.5, colour 1.0, keep_detail 0.0",
        ),
    ],
)
def test_settings_are_not_mixed(tmp_path: Path, other: Settings, strength: str) -> None:
    recorded(tmp_path, ("a.png", "done"), ("b.png", "done"))
    jobs = [job(tmp_path, f"{name}.png") for name in "abc"]
    made, asked = (rf"photo \({settings.digest}\) at" for settings in (MODEL, other))
    message = rf"out/b\.png made by {made} strength 1\.0, not by {asked} strength {strength};"
    with pytest.raises(UserError, match=message):
        Journal(tmp_path / "out", other).pending(jobs)
    renamed = Settings("runs/photo", MODEL.digest, 1.0)  # the same model all the same
    touch(jobs[2].source)
    assert Journal(tmp_path / "out", renamed).pending(jobs) == jobs[2:]


def test_a_journal_of_before_tiles_could_be_exact(tmp_path: Path) -> None:
    journal = recorded(tmp_path, ("a.png", "done"))
    path = tmp_path / "out" / JOURNAL
    record = json.loads(path.read_text())
    del record["exact"]
    path.write_text(json.dumps(record) + "\n")
    assert Journal(tmp_path / "out", MODEL).pending([job(tmp_path, "a.png")]) == []
    with pytest.raises(UserError, match=r"strength 1\.0, not by .*, with exact tiles;"):
        other = Settings("photo", MODEL.digest, 1.0, exact=True)
        Journal(tmp_path / "out", other).pending([job(tmp_path, "a.png")])
    assert journal.records


def test_what_is_not_from_here_stays(tmp_path: Path) -> None:
    journal = recorded(tmp_path, ("a.png", "done"), ("b.png", "failed"))
    touch(tmp_path / "out" / "x.png", tmp_path / "elsewhere" / "a.png")
    for source, name in (
        (tmp_path / "in" / "x.png", "x.png"),  # nothing is known of it
        (tmp_path / "elsewhere" / "a.png", "a.png"),  # made of another picture
        (tmp_path / "in" / "b.png", "b.png"),  # not made here: that failed
        (tmp_path / "out" / "a.png", "a.png"),  # would be denoised twice
    ):
        with pytest.raises(UserError, match=f"{name} would be replaced; .* --force"):
            journal.pending([Job(source, tmp_path / "out" / name)])


def test_a_picture_onto_itself_is_never_done(tmp_path: Path) -> None:
    onto = Job(tmp_path / "a.png", tmp_path / "a.png")
    touch(onto.source)
    journal = Journal(tmp_path, MODEL)
    with journal.recording():
        journal.add(onto, "done")
    with pytest.raises(UserError, match=r"a\.png would be replaced"):
        Journal(tmp_path, MODEL).pending([onto])


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    jobs = [job(tmp_path, f"{place}.png") for place in range(5)]
    refuse_existing(jobs, "out")
    touch(*(each.target for each in jobs))
    with pytest.raises(UserError, match=r"^--out out: .*2\.png and 2 more would be replaced"):
        refuse_existing(jobs, "out")


def test_one_process_at_a_time(tmp_path: Path) -> None:
    first, second = (Journal(tmp_path / "out", MODEL) for _ in range(2))
    with first.recording():
        with pytest.raises(UserError, match="out: another process is writing into it"):
            with second.recording():
                pass
    with second.recording():
        pass


def test_an_error_keeps_what_was_done(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "out", MODEL)
    with pytest.raises(KeyboardInterrupt), journal.recording():
        touch(*job(tmp_path, "a.png"))
        journal.add(job(tmp_path, "a.png"), "done")
        raise KeyboardInterrupt
    assert Journal(tmp_path / "out", MODEL).records["a.png"]["status"] == "done"


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "file" / "out", MODEL)
    touch(tmp_path / "file")
    with pytest.raises(UserError, match=rf"{JOURNAL}: cannot be written"):
        with journal.recording():
            pass
    with pytest.raises(UserError, match=rf"{JOURNAL}: cannot be read"):
        Journal(tmp_path / "file" / "out", MODEL)


def test_settings_of_a_model(tmp_path: Path) -> None:
    every = [
        Settings.of("photo", 1.0),
        Settings.of("gray", 1.0),
        Settings.of("gray", 1.0, fast=True),
        Settings.of("gray", 1.0, engine="keras"),
    ]
    assert len({settings.digest for settings in every}) == 4
    assert {len(settings.digest) for settings in every} == {16}
    with pytest.raises(UserError, match="nonesuch"):
        Settings.of("nonesuch", 1.0)
