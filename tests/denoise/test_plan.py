"""What is read and where it goes, decided before anything is done."""

from pathlib import Path

import pytest

from kdae.denoise.plan import Job, in_place, plan, writable
from kdae.errors import UserError
from tests.helpers import touch


def test_plan_one_file(tmp_path: Path) -> None:
    source, out = tmp_path / "a.png", tmp_path / "out"
    touch(source)
    new = tmp_path / "new.TIF"
    assert plan([str(source)], str(new)) == [Job(source, new)]
    assert plan([str(source)], str(out)) == [Job(source, out / "a.png")]
    assert plan([str(source)], f"{out}.v2/") == [Job(source, tmp_path / "out.v2" / "a.png")]
    (tmp_path / "folder.png").mkdir()
    inside = tmp_path / "folder.png" / "a.png"
    assert plan([str(source)], str(tmp_path / "folder.png")) == [Job(source, inside)]


def test_plan_keeps_the_structure_of_folders(tmp_path: Path) -> None:
    top, out = tmp_path / "in", tmp_path / "out"
    touch(top / "b.png", top / "x" / "b.jpg", top / "x" / "y" / "c.gif", tmp_path / "d.bmp")
    (top / "notes.txt").write_text("not a picture")
    assert plan([str(top), str(tmp_path / "d.bmp"), str(top / "b.png")], str(out)) == [
        Job(top / "b.png", out / "b.png"),  # named twice, done once
        Job(top / "x" / "b.jpg", out / "x" / "b.jpg"),
        Job(top / "x" / "y" / "c.gif", out / "x" / "y" / "c.png"),  # GIF is only read
        Job(tmp_path / "d.bmp", out / "d.bmp"),
    ]


def test_plan_does_not_read_what_was_written(tmp_path: Path) -> None:
    touch(tmp_path / "a.png", tmp_path / "out" / "a.png", tmp_path / "out" / "b.png")
    out = tmp_path / "out"
    assert plan([str(tmp_path)], str(out)) == [Job(tmp_path / "a.png", out / "a.png")]
    (tmp_path / "a.png").unlink()
    with pytest.raises(UserError, match="no picture in this folder but those in"):
        plan([str(tmp_path)], str(out))


def test_plan_refuses_two_inputs_for_one_output(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.png", tmp_path / "b" / "x.png", tmp_path / "a" / "x.gif")
    out = str(tmp_path / "out")
    with pytest.raises(UserError, match=r"a/x\.png and .*b/x\.png would both be written"):
        plan([str(tmp_path / "a" / "x.png"), str(tmp_path / "b")], out)


def test_plan_keeps_both_names(tmp_path: Path) -> None:
    touch(tmp_path / "x.gif", tmp_path / "x.png", tmp_path / "y.gif")
    out = tmp_path / "out"
    assert plan([str(tmp_path)], str(out)) == [
        Job(tmp_path / "x.gif", out / "x.gif.png"),
        Job(tmp_path / "x.png", out / "x.png"),
        Job(tmp_path / "y.gif", out / "y.png"),
    ]


def test_plan_of_one_format_with_a_suffix(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "b" / "a.png", tmp_path / "a.gif")
    out = tmp_path / "out"
    assert plan([str(tmp_path)], str(out), ending=".webp", suffix="-clean") == [
        Job(tmp_path / "a.gif", out / "a.gif-clean.webp"),
        Job(tmp_path / "a.jpg", out / "a.jpg-clean.webp"),
        Job(tmp_path / "b" / "a.png", out / "b" / "a-clean.webp"),
    ]


def test_plan_in_place(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "b.gif")
    a = tmp_path / "a.jpg"
    assert in_place([str(a), str(a)], ".orig") == [Job(a, a)]
    with pytest.raises(UserError, match=r"b\.gif: \.gif is not written"):
        in_place([str(tmp_path)], ".orig")
    with pytest.raises(UserError, match=r"an ending that no picture has, got '-old\.jpg'"):
        in_place([str(a)], "-old.jpg")


def test_plan_refuses_what_cannot_be(tmp_path: Path) -> None:
    touch(tmp_path / "a.png", tmp_path / "file")
    (tmp_path / "empty").mkdir()
    a = str(tmp_path / "a.png")
    for inputs, out, message in (
        ([str(tmp_path / "none.png")], "out", "none.png: no such file"),
        ([a, str(tmp_path / "empty")], "out", "empty: no picture in this folder"),
        ([a], str(tmp_path / "b.xyz"), r"cannot write \.xyz, expected one of \.png"),
        ([a], str(tmp_path / "b.gif"), r"cannot write \.gif"),
        ([a, a], str(tmp_path / "b.png"), "expected a folder"),
        ([str(tmp_path)], str(tmp_path / "b.png"), "expected a folder"),
        ([a, a], str(tmp_path / "file"), "expected a folder, this is a file"),
    ):
        with pytest.raises(UserError, match=message):
            plan(inputs, out)


def test_the_name_of_an_output() -> None:
    names = {
        "a.gif": "a.png",
        "x/b.JPG": "x/b.JPG",
        "c.d.tiff": "c.d.tiff",
        "e.d/f": "e.d/f.png",
    }
    assert {name: writable(name) for name in names} == names
