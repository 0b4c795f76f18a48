"""The page: its own tests, and tests of the built page in Chromium.

Needs what `make web` makes: Node in .venv, `web/public/models`, and the goldens in
`web/tests/golden`. `tools/chromium.ts` finds the browser. Where none starts, the tests in it
are skipped, but in CI (`CI` is set) they fail.
"""

import gzip
import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from tools.litert import skeleton
from tools.models import choose, compress

from kdae.cards import CARD, load_card, locate_model, shipped_models, weights_folder
from kdae.errors import UserError

WEB = Path(__file__).parent
MODELS = WEB / "public" / "models"


def npm(*args: str, timeout: float) -> str:
    """Runs npm in web/; a failure shows what the command printed."""
    done = subprocess.run(
        ["npm", *args],
        cwd=WEB,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    if done.returncode:
        pytest.fail(f"npm {' '.join(args)} failed:\n{done.stdout[-8000:]}", pytrace=False)
    return done.stdout


@pytest.fixture(scope="module")
def packages() -> None:
    """The packages of web/package-lock.json."""
    if not shutil.which("npm"):
        pytest.fail("npm is missing: run `make install`", pytrace=False)
    lock = WEB / "package-lock.json"
    installed = WEB / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm("ci", timeout=300)


@pytest.fixture(scope="module")
def page(packages: None) -> None:
    """web/dist, built from the exported models."""
    if not (MODELS / "models.json").exists():
        pytest.fail("web/public/models is missing: run `make web`", pytrace=False)
    npm("run", "build", timeout=120)


@pytest.fixture(scope="module")
def chromium(packages: None) -> None:
    """A browser that starts."""
    found = subprocess.run(
        ["node", "tools/chromium.ts"], cwd=WEB, capture_output=True, text=True, timeout=120
    )
    if found.returncode:
        missing = found.stderr.strip() or "node tools/chromium.ts failed"
        if os.environ.get("CI"):
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    print(found.stdout)


def row(variant: str, size: int, loss: float, levels: float) -> dict[str, object]:
    return {
        "variant": variant,
        "bytes": size,
        "psnr_change": -loss,
        "max_difference": levels / 255,
        "failures": [],
    }


def test_the_first_light_and_right_variant_is_taken() -> None:
    bytes_, half = row("uint8", 1_000_000, 0.05, 1.9), row("float16", 1_999_999, 0.0, 0.2)
    rows = iter([bytes_, half])
    assert choose("x", rows) == "uint8"
    assert next(rows) == half  # has not been measured
    assert choose("x", [bytes_ | {"psnr_change": -0.06}, half]) == "float16"
    assert choose("x", [bytes_ | {"max_difference": 3.1 / 255}, half]) == "float16"
    assert choose("x", [bytes_ | {"failures": ["differs"]}, half]) == "float16"
    with pytest.raises(UserError, match=r"uint8 has 1,000,000 bytes, loses 0\.060 dB"):
        choose("x", [bytes_ | {"psnr_change": -0.06}, half | {"bytes": 2_000_000}])
    with pytest.raises(UserError, match="Node"):
        choose("x", [{"variant": "uint8", "not_run": "Node.js is not installed"}])


def test_compressed_weights_are_the_weights(tmp_path: Path) -> None:
    shards = {"group1-shard1of2.bin": bytes(4000), "group1-shard2of2.bin": b"weights"}
    for name, content in shards.items():
        (tmp_path / name).write_bytes(content)
    model = {
        "format": "graph-model",
        "weightsManifest": [{"paths": list(shards), "weights": []}],
    }
    (tmp_path / "model.json").write_text(json.dumps(model))
    compress(tmp_path)
    (group,) = json.loads((tmp_path / "model.json").read_text())["weightsManifest"]
    assert {path.name for path in tmp_path.iterdir()} == {"model.json", *group["paths"]}
    packed = [(tmp_path / name).read_bytes() for name in group["paths"]]
    assert [gzip.decompress(content) for content in packed] == list(shards.values())
    assert len(packed[0]) < 100


def test_a_file_without_weights_becomes_the_model_again() -> None:
    content = (weights_folder() / "gray.tflite").read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    kernels = {}
    for number, tensor in enumerate(model.subgraphs[0].tensors):
        data = model.buffers[tensor.buffer].data
        if data is not None and len(tensor.shape) == 4:
            kernel = np.frombuffer(bytes(data), "<f4").reshape(tensor.shape)
            kernels[f"layer{number}"] = kernel.transpose(1, 2, 3, 0)
    assert len(kernels) == 22
    packed, plan = skeleton(content, kernels, [f"net/{name}_1/kernel" for name in kernels])
    assert len(gzip.compress(packed)) < 10_000

    # As `src/maths/weights.ts` does it.
    filled = bytearray(packed)
    for name, place in plan["weights"].items():
        data = kernels[name.split("/")[1][:-2]].transpose(3, 0, 1, 2).tobytes()
        filled[place : place + len(data)] = data
    height, width = 24, 40
    for place, length in plan["shapes"]:
        struct.pack_into("<2i", filled, place, length * height // 64, length * width // 64)
    picture = np.random.default_rng(0).random((1, height, width, 1), np.float32)
    results = []
    for file in (bytes(filled), content):
        interpreter = Interpreter(model_content=file)
        (given,), (got,) = interpreter.get_input_details(), interpreter.get_output_details()
        if file == content:
            interpreter.resize_tensor_input(given["index"], picture.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], picture)
        interpreter.invoke()
        results.append(interpreter.get_tensor(got["index"]))
    np.testing.assert_array_equal(*results)
    assert np.abs(results[0] - picture).max() > 0.05  # the weights are there


def test_models_are_the_shipped_ones(page: None) -> None:
    names = json.loads((MODELS / "models.json").read_text())
    assert sorted(names) == shipped_models()
    for name in names:
        _, card = locate_model(name)
        assert card is not None
        exported = load_card(MODELS / name / CARD)
        assert exported.items() >= load_card(card).items(), "stale: run `make web`"


def test_lock_file_has_no_addresses() -> None:
    assert '"resolved"' not in (WEB / "package-lock.json").read_text()


def test_types(packages: None) -> None:
    npm("run", "check", timeout=120)


def test_maths_and_jobs(packages: None) -> None:
    npm("test", timeout=120)


SUITES = [
    "seam",
    "clean",
    "keep",
    "focus",
    "first",
    "errors",
    "redeploy",
    "app",
    "site",
    "lab",
    "backends",
]


@pytest.fixture(scope="module")
def faults(
    chromium: None,
    page: None,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[str]]:
    """Runs the chosen suites of `e2e/` in one process; what failed, by suite."""
    items = [item for item in request.session.items if item.path == request.path]
    chosen = [suite for suite in SUITES if any(f"[{suite}]" in item.name for item in items)]
    report = tmp_path_factory.mktemp("e2e") / "report.json"
    options = ["--reporter=default", "--reporter=json", f"--outputFile.json={report}"]
    command = ["node_modules/.bin/vitest", "run", "--config=e2e/vitest.config.ts", *options]
    done = subprocess.run(
        [*command, *(f"{suite}.test.ts" for suite in chosen)],
        cwd=WEB,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1500,
    )
    print(done.stdout)
    if not report.is_file():
        pytest.fail(f"vitest has ended without a report:\n{done.stdout[-8000:]}", pytrace=False)
    found: dict[str, list[str]] = {}
    for suite in json.loads(report.read_text())["testResults"]:
        tests = [test for test in suite["assertionResults"] if test["status"] != "passed"]
        told = ["\n".join([test["fullName"], *test["failureMessages"]]) for test in tests]
        if suite["status"] != "passed":  # also where a file, or what precedes its tests, fails
            told.append(suite["message"] or f"{suite['name']}: {suite['status']}")
        found[Path(suite["name"]).name.removesuffix(".test.ts")] = told
    return found


@pytest.mark.parametrize("suite", SUITES)
def test_in_chromium(faults: dict[str, list[str]], suite: str) -> None:
    if faults[suite]:
        pytest.fail("\n\n".join(faults[suite]), pytrace=False)


@pytest.mark.alone  # measures time and memory
def test_big_pictures_in_chromium(chromium: None, page: None) -> None:
    print(npm("run", "e2e", "--", "big", timeout=600))
