"""What the tests of training share."""

from pathlib import Path

import pytest

from kdae.train import train
from kdae.train.config import config_from_dict
from tests.helpers import blurred_photos, skip_plots
from tests.train.test_run import SGD, settings


@pytest.fixture(scope="session")
def plain_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return blurred_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="session")
def single(plain_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on `plain_photos`, of one device in one process, that several are compared with."""
    with pytest.MonkeyPatch.context() as patch:
        skip_plots(patch)
        out = tmp_path_factory.mktemp("runs") / "single"
        return train(config_from_dict(settings(plain_photos, **SGD)), out)
