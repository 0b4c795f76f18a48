"""Files as people have them: each comes back as its own kind, or the loss is named.

The files are in `tests/data/cases`; all were made by script.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, ImageSequence

from kdae.denoise.output import Output
from kdae.denoise.plan import Job
from kdae.denoise.stream import Result, denoise_file, denoise_files
from kdae.errors import UserError
from tests.denoise.halving import Halving, halving

CASES = Path(__file__).parents[1] / "data" / "cases"


def halved(folder: Path, name: str, target: str = "", output: Output | None = None) -> Path:
    """Denoises a case with the halving network; returns what was written."""
    written = folder / (target or name)
    denoise_file(halving(), Job(CASES / name, written), output=output or Output())
    return written


def notes(folder: Path, source: Path, target: str) -> list[str]:
    said: list[str] = []
    denoise_file(halving(), Job(source, folder / target), notice=said.append)
    return said


@pytest.mark.parametrize("name", ["stack16.tif", "pages8.tif"])
def test_every_page_is_denoised(tmp_path: Path, name: str) -> None:
    before, after = tifffile.imread(CASES / name), tifffile.imread(halved(tmp_path, name))
    assert before.shape[0] == 3 and before.dtype == after.dtype
    np.testing.assert_array_equal(after, before // 2)


def shown(path: Path) -> list[np.ndarray]:
    """What an animation shows in each millisecond, in RGB."""
    found: list[np.ndarray] = []
    with Image.open(path) as image:
        for frame in ImageSequence.Iterator(image):
            picture = np.asarray(frame.convert("RGB"))
            found += [picture] * max(1, round(frame.info["duration"]))
    return found


def test_every_frame_of_an_animation_keeps_its_time(tmp_path: Path) -> None:
    with Image.open(CASES / "anim.png") as before:
        expected = [np.asarray(frame) // 2 for frame in ImageSequence.Iterator(before)]
    assert len(expected) == 4
    with Image.open(halved(tmp_path, "anim.png", "a.png")) as after:
        frames = [np.asarray(frame) for frame in ImageSequence.Iterator(after)]
        np.testing.assert_array_equal(frames, expected)
    # The last three are equal, and WebP keeps equal frames as one, which is shown as long.
    np.testing.assert_array_equal(shown(halved(tmp_path, "anim.png", "a.webp")), expected)
    # Both ways of telling the times are those of the file: Pillow gives milliseconds.
    stored = [(CASES / "anim.png").read_bytes(), (tmp_path / "a.png").read_bytes()]
    controls = [[data[i + 24 : i + 28] for i in range(len(data)) if data[i : i + 4] == b"fcTL"]
                for data in stored]  # fmt: skip
    assert controls[0] == controls[1] and len(controls[0]) == 4


def gif(path: Path, durations: list[int], **options: Any) -> Path:
    frames = [Image.new("RGB", (9, 8), (90 * i, 40, 20)) for i in range(len(durations))]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, **options)
    return path


@pytest.mark.parametrize(("loop", "plays"), [(None, 1), (0, 0), (2, 3)])
@pytest.mark.parametrize("ending", [".png", ".webp"])
def test_a_gif_becomes_an_animation(
    tmp_path: Path, loop: int | None, plays: int, ending: str
) -> None:
    source = gif(tmp_path / "a.gif", [70, 200, 30], **({} if loop is None else {"loop": loop}))
    denoise_file(halving(), Job(source, tmp_path / f"b{ending}"))
    with Image.open(tmp_path / f"b{ending}") as after:
        times = []
        for frame in ImageSequence.Iterator(after):
            frame.load()
            times.append(round(frame.info["duration"]))
        assert times == [70, 200, 30]
        assert after.info["loop"] == plays


@pytest.mark.parametrize("name", ["stack16.tif", "anim.png"])
@pytest.mark.parametrize("ending", [".jpg", ".bmp"])
def test_pages_are_never_left_out_in_silence(tmp_path: Path, name: str, ending: str) -> None:
    with pytest.raises(UserError, match=rf"{name}: has [34] (pages|frames), of which {ending}"):
        halved(tmp_path, name, f"a{ending}")
    assert not list(tmp_path.iterdir())


def test_pages_that_break_off_leave_nothing(tmp_path: Path) -> None:
    data = bytearray((CASES / "pages8.tif").read_bytes())
    with tifffile.TiffFile(CASES / "pages8.tif") as tiff:
        place, size = tiff.pages[2].aspage().dataoffsets[0], 400
    data[place : place + size] = b"\xff" * size
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(UserError, match=r"a\.tif: cannot be read"):
        denoise_file(halving(), Job(tmp_path / "a.tif", tmp_path / "b.tif"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_thumbnail_page_is_not_the_picture(tmp_path: Path) -> None:
    with (
        tifffile.TiffFile(CASES / "thumbnail-first.tif") as before,
        tifffile.TiffFile(halved(tmp_path, "thumbnail-first.tif")) as after,
    ):
        small, large = (page.asarray() for page in before.pages)
        assert [page.aspage().subfiletype for page in after.pages] == [1, 0]
        np.testing.assert_array_equal(after.pages[0].asarray(), small)
        np.testing.assert_array_equal(after.pages[1].asarray(), large // 2)
    with Image.open(halved(tmp_path, "thumbnail-first.tif", "a.png")) as image:
        assert image.size == (128, 96)


def test_every_channel_is_denoised(tmp_path: Path) -> None:
    before = tifffile.imread(CASES / "rgb-nir.tif")
    network = Halving()
    job = Job(CASES / "rgb-nir.tif", tmp_path / "a.tif")
    denoise_file(network, job)  # type: ignore[arg-type]
    with tifffile.TiffFile(job.target) as after:
        np.testing.assert_array_equal(after.asarray(), before // 2)
        assert int(after.pages.first.photometric) == 2
    # Red, green and blue together, near infrared as a grey picture.
    assert [image.shape for image in network.shown] == [(96, 128, 3), (96, 128, 1)]
    np.testing.assert_array_equal(network.shown[1][..., 0], before[..., 3])
    with pytest.raises(UserError, match=r"rgb-nir\.tif: has 4 channels, which \.png cannot"):
        halved(tmp_path, "rgb-nir.tif", "b.png")


@pytest.mark.parametrize("name", ["float32.tif", "float32rgb.tif"])
def test_floats_stay_floats(tmp_path: Path, name: str) -> None:
    before, after = tifffile.imread(CASES / name), tifffile.imread(halved(tmp_path, name))
    assert after.dtype == np.float32
    np.testing.assert_allclose(after, before / 2, atol=1e-6)
    with pytest.raises(UserError, match=r"values of type float32, which \.jpg cannot hold"):
        halved(tmp_path, name, "a.jpg")


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_a_palette_is_turned_once(tmp_path: Path, orientation: int) -> None:
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    table = np.random.default_rng(0).integers(0, 256, (256, 3), np.uint8)
    image = Image.fromarray(values, mode="P")
    image.putpalette(table.tobytes())
    image.save(tmp_path / "a.tif", tiffinfo={0x0112: orientation})
    stored = table[values] // 2
    denoise_file(halving(), Job(tmp_path / "a.tif", tmp_path / "b.tif"))
    with tifffile.TiffFile(tmp_path / "b.tif") as after:
        np.testing.assert_array_equal(after.asarray(), stored)
        assert after.pages.first.tags["Orientation"].value == orientation
    denoise_file(halving(), Job(tmp_path / "a.tif", tmp_path / "b.png"))
    with Image.fromarray(stored) as expected:
        expected.getexif()[0x0112] = orientation
        upright = np.asarray(ImageOps.exif_transpose(expected))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.png")), upright)


def test_twelve_bits_become_sixteen(tmp_path: Path) -> None:
    said = notes(tmp_path, CASES / "d12_g.tif", "a.tif")
    assert said == [
        f"{CASES / 'd12_g.tif'}: its description is left out: it names a shape that it does "
        "not have; its 12 bits per value become 16"
    ]
    before, after = tifffile.imread(CASES / "d12_g.tif"), tifffile.imread(tmp_path / "a.tif")
    assert before.max() < 4096
    np.testing.assert_allclose(after, before / 4095 * 65535 / 2, atol=1)


def test_signed_values_are_not_white(tmp_path: Path) -> None:
    after = tifffile.imread(halved(tmp_path, "int8.tif"))
    assert after.dtype == np.int8
    np.testing.assert_array_equal(after, np.full((16, 16), -1))


def test_a_transparent_colour_of_sixteen_bits_is_kept(tmp_path: Path) -> None:
    with Image.open(CASES / "trns16.png") as image:
        assert image.info["transparency"] == (1000, 2000, 3000)
    data = halved(tmp_path, "trns16.png").read_bytes()
    assert data[24:26] == b"\x10\x06"  # 16 bits, RGB and alpha
    import imagecodecs

    alpha = imagecodecs.png_decode(data)[..., 3]
    assert (alpha[:48] == 0).all() and (alpha[48:] == 65535).all()


@pytest.mark.parametrize("name", ["sprite.png", "sprite-green-hidden.png"])
def test_hidden_colours_are_not_seen_and_stay(tmp_path: Path, name: str) -> None:
    network = Halving()
    denoise_file(network, Job(CASES / name, tmp_path / name))  # type: ignore[arg-type]
    # The visible colour is 230, 60, 40 everywhere; so is all that the network sees.
    (seen,) = network.shown
    assert np.abs(seen.astype(int) - [230, 60, 40]).max() <= 3
    before = np.asarray(Image.open(CASES / name))
    after = np.asarray(Image.open(tmp_path / name))
    hidden = before[..., 3] == 0
    np.testing.assert_array_equal(after[hidden], before[hidden])
    np.testing.assert_array_equal(after[..., 3], before[..., 3])
    np.testing.assert_array_equal(after[~hidden][:, :3], before[~hidden][:, :3] // 2)


def test_gamma_is_kept(tmp_path: Path) -> None:
    with Image.open(halved(tmp_path, "gama1.png")) as image:
        assert image.info["gamma"] == 1.0


def test_the_scale_of_imagej_is_kept(tmp_path: Path) -> None:
    with tifffile.TiffFile(halved(tmp_path, "imagej-scale.tif")) as tiff:
        page = tiff.pages.first
        top, bottom = page.tags["XResolution"].value
        assert top / bottom == pytest.approx(3.5)
        assert tiff.imagej_metadata is not None and tiff.imagej_metadata["unit"] == "um"


def test_formats_of_phones(tmp_path: Path) -> None:
    for name in ("phone.avif", "phone.heic"):
        with Image.open(halved(tmp_path, name, f"{name}.png")) as image:
            assert image.size == (128, 96)
        halved(tmp_path, name)
    # heix stands for a profile of HEVC above the simplest, here for colour at full resolution.
    assert (tmp_path / "phone.heic").read_bytes()[4:12] in (b"ftypheic", b"ftypheix")
    assert (tmp_path / "phone.avif").read_bytes()[4:12] == b"ftypavif"


def test_a_missing_end_marker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no-end-marker\.jpg: cannot be read, broken or cut"):
        halved(tmp_path, "no-end-marker.jpg")


def test_a_turned_png_is_upright(tmp_path: Path) -> None:
    with Image.open(CASES / "orientation6.png") as before:
        expected = np.rot90(np.asarray(before), -1) // 2
        assert before.size == (60, 40)
    with Image.open(halved(tmp_path, "orientation6.png")) as after:
        np.testing.assert_array_equal(np.asarray(after), expected)
        assert after.getexif().get(0x0112) == 1


def test_a_folder_of_all_cases(tmp_path: Path) -> None:
    jobs = [Job(path, tmp_path / path.name) for path in sorted(CASES.glob("*.*"))]
    results: list[Result] = []
    shares: list[float] = []
    denoise_files(halving(), jobs, finished=results.append, progress=shares.append)
    assert [r.job.source.name for r in results if r.reason] == ["no-end-marker.jpg"]
    assert sum(shares) == pytest.approx(len(jobs))
