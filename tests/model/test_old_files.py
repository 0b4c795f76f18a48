"""Run folders and `.keras` files made before the network moved into a package of its own.

`tests/data/old-run` was made at commit cbc1487, by a few steps of training two tiny models; of
the files of Keras only the compression of the zip archive was changed. `expected.npz` holds a
noisy picture and what each model made of it then.
"""

from pathlib import Path

import numpy as np
import pytest

import kdae
from kdae.cards import load_card, shipped_models
from kdae.model import describe
from kdae.train import load_config
from tests import warm
from tests.helpers import tiny_model

OLD = Path(__file__).parents[1] / "data" / "old-run"
# Rounding may differ between versions of TensorFlow and machines.
CLOSE = 1e-5

# The first argument is the statement to run before plain Keras loads the files. The process has
# imported kdae, and forgets it.
PLAIN_KERAS = """
import sys
import keras
for name in [name for name in sys.modules if name.partition(".")[0] == "kdae"]:
    del sys.modules[name]
registered = keras.saving.get_custom_objects()
registered.clear()
try:
    keras.saving.load_model(sys.argv[2], compile=False)
except TypeError as error:
    print("kdae" in str(error) and not registered)
exec(sys.argv[1])
for path in sys.argv[2:]:
    print(keras.saving.load_model(path, compile=False).name)
print(kdae.model.load_model("photo")[1]["name"])
"""


@pytest.mark.parametrize("family", ["plain", "skip"])
def test_an_old_run_denoises_as_it_did(family: str) -> None:
    stored = np.load(OLD / "expected.npz")
    noisy = stored["noisy"].astype(np.float32) / 255
    for name in (OLD / family, OLD / family / "model.keras"):
        denoiser = kdae.load(name)
        assert denoiser.card["training"]["steps"] == 60
        denoised = denoiser.denoise_float(noisy)
        np.testing.assert_allclose(denoised, stored[family], atol=CLOSE, rtol=0)
    assert np.abs(stored[family] - noisy).mean() > 0.01  # the model does something
    assert load_config(OLD / family / "config.yaml").model.family == family


def test_plain_keras_loads_old_and_shipped_files_after_the_import_that_the_card_names() -> None:
    weights = Path(kdae.__file__).parent / "weights"
    cards = [load_card(weights / f"{name}.json") for name in shipped_models()]
    (statement,) = {card["before_keras_load"] for card in cards}
    assert statement == describe(tiny_model(), "tiny")["before_keras_load"]
    files = [OLD / "plain" / "model.keras", OLD / "skip" / "model.keras"]
    files += [weights / f"{name}.keras" for name in shipped_models()]
    # Not in this process: tests that follow use the layers that are registered with Keras.
    ended = warm.ended("-c", PLAIN_KERAS, statement, *files)
    assert ended.code == 0, ended.err
    refused, *names, name = ended.out.split()
    assert refused == "True"  # without the statement
    assert names == ["kdae_plain", *["kdae_skip"] * (len(files) - 1)] and name == "photo"
