"""TIFF of all sorts comes back in its own: compression, byte order, pages, channels, values."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from kdae.denoise.plan import Job
from kdae.denoise.stream import denoise_file
from tests.denoise.halving import Halving, halving
from tests.images.samples import RGB, RGB16


def halved(folder: Path, data: np.ndarray, **options: Any) -> tuple[Path, list[str]]:
    """Writes a TIFF and denoises it; returns what was written, and what was said."""
    said: list[str] = []
    tifffile.imwrite(folder / "a.tif", data, **options)
    denoise_file(halving(), Job(folder / "a.tif", folder / "b.tif"), notice=said.append)
    return folder / "b.tif", said


@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("compression", ["none", "lzw", "zlib", "adobe_deflate", "zstd"])
def test_lossless_compressions_stay(tmp_path: Path, compression: str, predictor: bool) -> None:
    predictor = predictor and compression != "none"
    path, said = halved(
        tmp_path,
        RGB16,
        photometric="rgb",
        compression=None if compression == "none" else compression,
        predictor=predictor,
    )
    assert said == []
    with tifffile.TiffFile(tmp_path / "a.tif") as before, tifffile.TiffFile(path) as after:
        one, other = before.pages.first, after.pages.first
        assert (one.compression, one.predictor) == (other.compression, other.predictor)
        np.testing.assert_array_equal(other.asarray(), RGB16 // 2)


@pytest.mark.parametrize("compression", ["jpeg", "webp"])
def test_compressions_with_loss_become_deflate(tmp_path: Path, compression: str) -> None:
    path, said = halved(tmp_path, RGB, photometric="rgb", compression=compression)
    assert said == [
        f"{tmp_path / 'a.tif'}: its compression ({compression.upper()}) becomes deflate"
    ]
    shown = tifffile.imread(tmp_path / "a.tif")
    np.testing.assert_array_equal(tifffile.imread(path), shown // 2)


def test_a_stack_of_imagej(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 65536, (3, 2, 16, 20), np.uint16)
    path, said = halved(
        tmp_path, data, imagej=True, metadata={"axes": "ZCYX", "unit": "um", "spacing": 2.5}
    )
    assert said == []
    with tifffile.TiffFile(tmp_path / "a.tif") as before, tifffile.TiffFile(path) as after:
        assert before.imagej_metadata == after.imagej_metadata
        assert after.series[0].axes == "ZCYX"
        np.testing.assert_array_equal(after.asarray(), data // 2)


def test_a_stack_of_ome(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 65536, (2, 3, 16, 20), np.uint16)
    source = tmp_path / "a.ome.tif"
    tifffile.imwrite(source, data, ome=True, metadata={"axes": "CZYX", "PhysicalSizeX": 0.25})
    denoise_file(halving(), Job(source, tmp_path / "b.ome.tif"))
    with (
        tifffile.TiffFile(source) as before,
        tifffile.TiffFile(tmp_path / "b.ome.tif") as after,
    ):
        assert before.ome_metadata == after.ome_metadata and after.is_ome
        assert after.series[0].axes == "CZYX"
        np.testing.assert_array_equal(after.asarray(), data // 2)


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_every_channel_of_fluorescence(tmp_path: Path, count: int, planar: str) -> None:
    shape = (16, 20, count) if planar == "contig" else (count, 16, 20)
    data = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif",
        data,
        photometric="minisblack",
        planarconfig=planar,
        extrasamples=["unspecified"] * (count - 1),
        metadata=None,
    )
    network = Halving()
    denoise_file(network, Job(tmp_path / "a.tif", tmp_path / "b.tif"))  # type: ignore[arg-type]
    # Each as a grey picture: no three of them are red, green and blue.
    assert [image.shape for image in network.shown] == [(16, 20, 1)] * count
    with tifffile.TiffFile(tmp_path / "b.tif") as after:
        np.testing.assert_array_equal(after.asarray(), data // 2)
        assert after.pages.first.planarconfig == (1 if planar == "contig" else 2)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_of_any_range_are_scaled_and_scaled_back(tmp_path: Path, kind: Any) -> None:
    data = np.random.default_rng(0).normal(100, 20, (40, 50)).astype(kind)
    data[0, 0], data[0, 1], data[0, 2] = np.nan, np.inf, 700
    path, _ = halved(tmp_path, data)
    after = tifffile.imread(path)
    assert after.dtype == kind
    values = data.astype(np.float64)
    low, high = np.quantile(values[np.isfinite(values)], [0.001, 0.999])
    # What lies within is halved above `low`, what lies beyond is added again.
    inside = np.clip(values, low, high)
    expected = low + (inside - low) / 2 + (values - inside)
    expected[0, 0], expected[0, 1] = np.nan, np.inf
    np.testing.assert_allclose(after, expected, rtol=2e-3 if kind is np.float16 else 1e-5)
    assert after[0, 2] > 600


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.uint32])
def test_integers_of_other_kinds(tmp_path: Path, kind: Any) -> None:
    top = np.iinfo(kind).max
    data = np.linspace(np.iinfo(kind).min, top, 32 * 32).reshape(32, 32).astype(kind)
    path, _ = halved(tmp_path, data)
    after = tifffile.imread(path)
    assert after.dtype == kind
    low, high = np.quantile(data.astype(np.float64), [0.001, 0.999])
    inside = np.clip(data.astype(np.float64), low, high)
    expected = low + (inside - low) / 2 + (data - inside)
    # The network calculates in float32: 24 bits of the range.
    np.testing.assert_allclose(after, expected, atol=1 + (high - low) * 2**-23)


@pytest.mark.parametrize("options", [{"bigtiff": True}, {"byteorder": ">"}])
def test_size_of_offsets_and_order_of_bytes(tmp_path: Path, options: dict[str, Any]) -> None:
    path, _ = halved(tmp_path, RGB16, photometric="rgb", **options)
    assert path.read_bytes()[:4] == (tmp_path / "a.tif").read_bytes()[:4]
    np.testing.assert_array_equal(tifffile.imread(path), RGB16 // 2)


def test_white_as_zero(tmp_path: Path) -> None:
    data = RGB[..., 0]
    path, _ = halved(tmp_path, data, photometric="miniswhite")
    with tifffile.TiffFile(path) as after:
        assert int(after.pages.first.photometric) == 0
        # Half as bright: the network sees black as 0.
        np.testing.assert_array_equal(after.asarray(), 255 - (255 - data) // 2)


def test_inks_stay_inks(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 256, (16, 20, 4), np.uint8)
    path, said = halved(tmp_path, data, photometric="separated")
    assert said == []
    with tifffile.TiffFile(path) as after:
        assert int(after.pages.first.photometric) == 5
        np.testing.assert_array_equal(after.asarray(), data // 2)
