"""Runs several workers on this machine, and kills one of them on request.

`run` starts this file in a network namespace of its own where that is allowed, since the
servers that TensorFlow starts listen on all interfaces.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ISOLATED = ["unshare", "--map-root-user", "--net"]
LIMIT = 900  # seconds for all workers together


@dataclass(frozen=True)
class Ended:
    """How a worker ended.

    Attributes:
        code: exit status, negative for a signal, None if it never ended.
        after: seconds from the kill (without one, the start) to its end.
        out: what it printed.
        err: what it printed on stderr.
    """

    code: int | None
    after: float
    out: str
    err: str


def run(
    commands: Sequence[Sequence[str]],
    *,
    kill: int | None = None,
    by: int = signal.SIGKILL,
    once: str = "",
    count: int = 1,
    patience: float = LIMIT,
) -> list[Ended]:
    """Runs `python ARGUMENTS` once for each worker, each with its TF_CONFIG.

    Args:
        commands: the arguments of each worker, the chief's first.
        kill: which of them, if any, gets a signal.
        by: that signal; what SIGSTOP froze is not waited for.
        once: as soon as so many files match this pattern.
        count: see `once`.
        patience: seconds after that for the others to end.
    """
    request = json.dumps([commands, kill, by, once, count, patience])
    isolated = subprocess.run([*ISOLATED, "true"], capture_output=True).returncode == 0
    done = subprocess.run(
        [*(ISOLATED if isolated else []), sys.executable, "-m", "tests.train.cluster",
         str(isolated)],
        input=request, capture_output=True, text=True, cwd=ROOT, timeout=LIMIT + 60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [Ended(**ended) for ended in json.loads(done.stdout)]


def _main() -> None:
    if sys.argv[1] == "True":
        _raise_loopback()
    commands, kill, by, once, count, patience = json.load(sys.stdin)
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(len(commands))]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        files = [
            [Path(folder, f"{index}.{name}") for name in ("out", "err")]
            for index in range(len(commands))
        ]
        processes = []
        for index, (command, paths) in enumerate(zip(commands, files, strict=True)):
            task = {"type": "worker", "index": index}
            config = json.dumps({"cluster": {"worker": addresses}, "task": task})
            out, err = (stack.enter_context(open(path, "w")) for path in paths)
            process = subprocess.Popen(
                [sys.executable, *command],
                stdout=out, stderr=err, env=os.environ | {"TF_CONFIG": config},
            )  # fmt: skip
            stack.callback(process.kill)
            processes.append(process)
        start, limit = time.monotonic(), float(LIMIT)
        if kill is not None:
            pattern = Path(once)
            while len(list(pattern.parent.glob(pattern.name))) < count:
                alive = all(process.poll() is None for process in processes)
                if not alive or time.monotonic() - start > LIMIT:
                    text = "\n".join(
                        path.read_text()[-3000:] for pair in files for path in pair
                    )
                    raise SystemExit(f"no moment came to kill a worker:\n{text}")
                time.sleep(0.01)
            processes[kill].send_signal(by)
            start, limit = time.monotonic(), patience
        after: dict[int, float] = {}
        ending = len(processes) - (kill is not None and by == signal.SIGSTOP)
        while len(after) < ending and time.monotonic() - start < limit:
            for index, process in enumerate(processes):
                if index not in after and process.poll() is not None:
                    after[index] = time.monotonic() - start
            time.sleep(0.01)
        ends = [
            {
                "code": process.poll(),
                "after": after.get(index, limit),
                "out": paths[0].read_text(),
                "err": paths[1].read_text(),
            }
            for index, (process, paths) in enumerate(zip(processes, files, strict=True))
        ]
    json.dump(ends, sys.stdout)


def _raise_loopback() -> None:
    """What `ip link set lo up` does."""
    set_flags, up = 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh22x", b"lo", up))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


if __name__ == "__main__":
    _main()
