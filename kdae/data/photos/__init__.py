"""`kdae_photos`: tiles cut from freely licensed photographs, as a TFDS data set.

Importing this registers the data set, so that `tfds.load("kdae_photos")` finds it. It is
made from the PNG files beside this module, without a network. `ATTRIBUTION.md` names the
photographs and their authors; `python -m kdae.data.photos.cut` makes the tiles.
"""

import atexit
import contextlib
import errno
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from kdae.data.tfds import quiet_tfds
from kdae.errors import UserError

FOLDER = Path(__file__).parent / "tiles"
MANIFEST = FOLDER / "tiles.json"


def read_manifest() -> dict[str, Any]:
    """Reads where the tiles come from.

    Returns:
        A dict of "version" (of the data set), "digest" (SHA-256 of all tiles), "pictures" (from
        name to split, author, license and source) and "tiles" (from file name to picture, x and
        y of the top left corner in pixels).
    """
    manifest: dict[str, Any] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return manifest


class KdaePhotos(tfds.core.GeneratorBasedBuilder):
    """The data set: splits train, validation and test, disjoint by photograph."""

    VERSION = tfds.core.Version(read_manifest()["version"])

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Textured tiles of freely licensed photographs, for denoising.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
                    "name": tfds.features.Text(doc="File name of the tile."),
                    "license": tfds.features.Text(doc="SPDX identifier or public-domain."),
                    "author": tfds.features.Text(doc="Of the photograph."),
                    "source": tfds.features.Text(doc="Where the photograph was published."),
                }
            ),
            supervised_keys=None,
            # As the file system gives them, by name: the same order on every machine.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[Any]]:
        return {split: self._generate_examples(split) for split in self._splits()}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, str]]]:
        manifest = read_manifest()
        pictures = manifest["pictures"]
        names = sorted(
            name
            for name, tile in manifest["tiles"].items()
            if pictures[tile["picture"]]["split"] == split
        )
        for place, name in enumerate(names):
            picture = pictures[manifest["tiles"][name]["picture"]]
            yield (
                place,
                {
                    "image": str(FOLDER / name),
                    "name": name,
                    **{key: picture[key] for key in ("license", "author", "source")},
                },
            )

    @staticmethod
    def _splits() -> list[str]:
        pictures = read_manifest()["pictures"].values()
        return sorted({picture["split"] for picture in pictures})


def prepared_builder(data_dir: str | os.PathLike[str] | None = None) -> KdaePhotos:
    """Returns the data set's builder, and makes the data set first if needed (takes 1 s).

    Several processes may do this at once. Where `data_dir` cannot be written, the data set is
    made in a temporary folder, which is removed when the process ends.

    Args:
        data_dir: folder of TFDS; default: TFDS_DATA_DIR of the environment, else TFDS's own.

    Raises:
        UserError: neither folder can be written.
    """
    root = Path(
        data_dir or os.environ.get("TFDS_DATA_DIR") or tfds.core.constants.DATA_DIR
    ).expanduser()
    with quiet_tfds():
        builder = KdaePhotos(data_dir=str(root))
        if builder.is_prepared():
            return builder
        try:
            _build(root)
        except OSError:
            try:
                wanted, root = root, Path(tempfile.mkdtemp(prefix="kdae_photos-"))
                atexit.register(shutil.rmtree, root, ignore_errors=True)
                _build(root)
            except OSError as error:
                raise UserError(
                    f"kdae_photos: cannot be written to {wanted} nor to a temporary folder "
                    f"({error.strerror}); set TFDS_DATA_DIR"
                ) from error
        return KdaePhotos(data_dir=str(root))


def _build(root: Path) -> None:
    """Makes the data set under `root`. Other processes see all of it or nothing.

    Raises:
        OSError: it cannot be written.
    """
    import tensorflow as tf  # takes seconds, and is needed only to make the data set

    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".kdae_photos-", dir=root) as temporary:
        builder = KdaePhotos(data_dir=temporary)
        try:
            with _without_progress():
                builder.download_and_prepare()
        except tf.errors.OpError as error:  # TensorFlow writes the files
            raise OSError(errno.EIO, error.message) from error
        made = Path(builder.data_path)
        target = root / made.relative_to(temporary)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            made.rename(target)
        except OSError:
            # Another process was first: a folder is not moved onto one with files in it.
            if not KdaePhotos(data_dir=str(root)).is_prepared():
                raise


@contextlib.contextmanager
def _without_progress() -> Iterator[None]:
    """Hides the banner and the progress bars of TFDS."""
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()
