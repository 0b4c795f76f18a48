"""What lies in `export/`: a client of TF Serving, its settings, the comparison with ARM."""

import base64
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import yaml

from kdae.exporters import Job
from kdae.exporters import savedmodel as exporter
from kdae.runs import shipped_models
from tests.helpers import noise_image, tiny_card, tiny_denoiser, tiny_model

EXPORT = Path(__file__).parents[1] / "export"


class TFServing(BaseHTTPRequestHandler):
    """The REST form of TF Serving, columns, for one model: what is documented of it."""

    model: Any
    path_expected = "/v1/models/tiny:predict"

    def do_POST(self) -> None:
        assert self.path == self.path_expected
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        signature = self.model.signatures[request["signature_name"]]
        _, wanted = signature.structured_input_signature
        assert set(request["inputs"]) == set(wanted)  # also those with a default
        files = [base64.b64decode(item["b64"]) for item in request["inputs"]["image_bytes"]]
        strength = tf.constant(request["inputs"]["strength"], tf.float32)
        try:
            answer = signature(image_bytes=tf.constant(files), strength=strength)
            data = [{"b64": base64.b64encode(f).decode()} for f in answer["png_bytes"].numpy()]
            status, body = 200, {"outputs": data}
        except tf.errors.InvalidArgumentError as error:
            status, body = 400, {"error": error.message}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body, indent=4).encode())

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    exporter.export(Job("tiny", tiny_model(3), tiny_card(3), folder, 10_000))
    return folder


@pytest.fixture(scope="module")
def server(served: Path) -> Iterator[str]:
    TFServing.model = tf.saved_model.load(str(served / "1"))
    with ThreadingHTTPServer(("127.0.0.1", 0), TFServing) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def client(folder: Path, server: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXPORT / "serving" / "client.py"), "noisy.png", "clean.png"]
    return subprocess.run(
        [*command, "--model", "tiny", "--server", server, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_the_client_denoises_a_file(server: str, tmp_path: Path) -> None:
    picture = noise_image(20, 30, 3)
    (tmp_path / "noisy.png").write_bytes(tf.io.encode_png(picture).numpy())
    for strength in (1.0, 0.5):
        done = client(tmp_path, server, "--strength", str(strength))
        assert done.returncode == 0, done.stderr
        answer = tf.io.decode_png((tmp_path / "clean.png").read_bytes()).numpy().astype(int)
        expected = tiny_denoiser(3).denoise(picture, strength)
        assert np.abs(answer - expected).max() <= 1


def test_the_client_says_why_not(server: str, tmp_path: Path) -> None:
    (tmp_path / "noisy.png").write_text("not a picture")
    done = client(tmp_path, server)
    assert done.returncode == 1 and "expected a PNG or JPEG file" in done.stderr
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1
    done = client(tmp_path, "http://127.0.0.1:1")
    assert done.returncode == 1 and "Connection refused" in done.stderr
    assert not (tmp_path / "clean.png").exists()


def test_the_python_of_the_readme(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (EXPORT / "serving" / "README.md").read_text()
    (tmp_path / "exports" / "photo").mkdir(parents=True)
    (tmp_path / "exports" / "photo" / "savedmodel").symlink_to(served)
    picture = noise_image(20, 30, 3)
    (tmp_path / "noisy.jpg").write_bytes(tf.io.encode_png(picture).numpy())
    monkeypatch.chdir(tmp_path)
    exec(text.split("```python\n")[1].split("```")[0], {})
    answer = tf.io.decode_png(Path("clean.png").read_bytes()).numpy().astype(int)
    assert np.abs(answer - tiny_denoiser(3).denoise(picture)).max() <= 1


def test_served_models_are_shipped_and_mounted() -> None:
    text = (EXPORT / "serving" / "models.config").read_text()
    found = re.findall(r'config { name: "(\w+)" base_path: "/models/(\w+)/savedmodel"', text)
    assert found and {name for pair in found for name in pair} <= set(shipped_models())
    compose = yaml.safe_load((EXPORT / "serving" / "compose.yaml").read_text())
    service = compose["services"]["kdae"]
    assert "../../exports:/models:ro" in service["volumes"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


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
