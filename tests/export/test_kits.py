"""The kits in `export/`: the settings of servers, the READMEs, the comparison with ARM."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from kdae.cards import shipped_models
from tests.helpers import Saved, noise_image, tiny_denoiser
from tests.servers import MODEL, Denoise, serving

EXPORT = Path(__file__).parents[2] / "export"


@pytest.fixture(scope="module")
def served(saved_models: Callable[[int], Saved]) -> Saved:
    return saved_models(3)


@pytest.fixture(scope="module")
def server(served: Saved) -> Iterator[str]:
    with serving("rest", Denoise(served.model)) as address:
        yield address


def test_the_curl_of_the_readme(server: str, tmp_path: Path) -> None:
    text = (EXPORT / "serving" / "README.md").read_text()
    (command,) = (
        block for block in re.findall(r"```sh\n(.*?)```", text, re.S) if "curl" in block
    )
    command = command.replace("http://127.0.0.1:8501", server).replace("photo", MODEL)
    picture = noise_image(20, 30, 3)
    (tmp_path / "noisy.jpg").write_bytes(tf.io.encode_png(picture).numpy())
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    answer = tf.io.decode_png((tmp_path / "clean.png").read_bytes()).numpy().astype(int)
    assert np.abs(answer - tiny_denoiser(3).denoise(picture)).max() <= 1


def test_the_python_of_the_readme(
    served: Saved, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (EXPORT / "serving" / "README.md").read_text()
    asking, loading = re.findall(r"```python\n(.*?)```", text, re.S)
    picture = noise_image(20, 30, 3)
    file = tf.io.encode_png(picture).numpy()
    names = {"pixels": picture, "jpeg": file}
    exec(asking.replace("http://127.0.0.1:8501", server).replace("photo", MODEL), names)
    assert np.abs(names["clean"].astype(int) - tiny_denoiser(3).denoise(picture)).max() <= 1
    half = tf.io.decode_png(names["file"]).numpy().astype(int)
    assert np.abs(half - tiny_denoiser(3).denoise(picture, 0.5)).max() <= 1
    (tmp_path / "exports" / "photo").mkdir(parents=True)
    (tmp_path / "exports" / "photo" / "savedmodel").symlink_to(served.folder)
    (tmp_path / "noisy.jpg").write_bytes(file)
    monkeypatch.chdir(tmp_path)
    exec(loading, {})
    answer = tf.io.decode_png(Path("clean.png").read_bytes()).numpy().astype(int)
    assert np.abs(answer - tiny_denoiser(3).denoise(picture)).max() <= 1


def test_served_models_are_shipped_and_mounted() -> None:
    text = (EXPORT / "serving" / "models.config").read_text()
    models = text_format.Parse(text, ModelServerConfig()).model_config_list.config
    assert {model.name for model in models} == set(shipped_models())
    for model in models:
        assert model.base_path == f"/models/{model.name}/savedmodel"
        assert model.model_platform == "tensorflow"
    compose = yaml.safe_load((EXPORT / "serving" / "compose.yaml").read_text())
    service = compose["services"]["kdae"]
    mounted = dict(volume.split(":")[:2] for volume in service["volumes"])
    assert mounted.pop("../../exports") == "/models"
    assert all((EXPORT / "serving" / name).is_file() for name in mounted)
    options = {option.partition("=")[2] for option in service["command"]} - {""}
    assert options == set(mounted.values())
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_health_check(server: str) -> None:
    compose = yaml.safe_load((EXPORT / "serving" / "compose.yaml").read_text())
    _, *command = compose["services"]["kdae"]["healthcheck"]["test"]
    script = command.pop().replace("8501", server.rpartition(":")[2])

    def status(model: str) -> int:
        return subprocess.run([*command, script.replace("photo", model)]).returncode

    assert status(MODEL) == 0
    assert status("other") != 0


def test_the_comparison_on_arm_can_fail(tmp_path: Path) -> None:
    def compare(shift: float) -> subprocess.CompletedProcess[str]:
        for name, add in (("x86", 0.0), ("arm", shift)):
            values = {"a-float32": np.full(4, 0.5 + add), "a-int8": np.full(4, 0.5 + 100 * add)}
            np.savez(tmp_path / name, **values)
        script = str(EXPORT / "mobile" / "arm" / "compare.py")
        return subprocess.run(
            [sys.executable, script, "diff", "x86.npz", "arm.npz"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    assert compare(9e-6).returncode == 0
    done = compare(5e-5)
    assert done.returncode == 1
    assert re.search(r"a-float32: .*5.0e-05, allowed 1.0e-05: MISSED", done.stdout)
    assert re.search(r"a-int8: .*5.0e-03, allowed 7.8e-03: ok", done.stdout)
