"""Starts `server.py` for tests and measurements. Needs the standard library only."""

from __future__ import annotations

import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).parent
SERVING = HERE.parent
PYTHON = SERVING / ".venv" / "bin" / "python"
START_SECONDS = 600


class Server:
    """A context manager that runs a server in a process, on free ports of this machine.

    Args:
        model: The folder of one version of the SavedModel.
        options: Options of `server.py`.
    """

    def __init__(self, model: str | Path, *options: str) -> None:
        self.port, self.grpc_port = free_ports()
        self.rest = f"http://127.0.0.1:{self.port}"
        self.grpc = f"kserve://127.0.0.1:{self.grpc_port}"
        ports = ["--port", str(self.port), "--grpc-port", str(self.grpc_port)]
        self.command = [str(PYTHON), str(SERVING / "server.py"), str(model), *ports, *options]

    def __enter__(self) -> Server:
        self.process = subprocess.Popen(self.command)
        end = time.monotonic() + START_SECONDS
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise RuntimeError("the server did not start")
            time.sleep(0.2)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def ready(self) -> bool:
        """Returns whether the server reports that it is ready."""
        try:
            with urllib.request.urlopen(f"{self.rest}/v2/health/ready", timeout=30) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def megabytes(self, field: str = "VmRSS") -> float:
        """Returns its memory; with `VmHWM`, the largest that it ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{field}:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024 / 1e6


def free_ports() -> tuple[int, int]:
    """Returns two free ports."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
