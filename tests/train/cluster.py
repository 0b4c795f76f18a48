"""Runs several workers on this machine, and kills one of them on request.

`run` starts this file in a network of its own where that is allowed, since the servers that
TensorFlow starts listen on all interfaces.
"""

import contextlib
import ctypes
import fcntl
import json
import multiprocessing
import os
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import warm

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
    done = warm.ended("-m", "tests.train.cluster", request, timeout=LIMIT + 60)
    assert done.code == 0, done.err
    return [Ended(**ended) for ended in json.loads(done.out)]


def _main() -> None:
    commands, kill, by, once, count, patience = json.loads(sys.argv[1])
    _isolate()
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(len(commands))]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        files = [
            [Path(folder, f"{index}.{name}") for name in ("out", "err")]
            for index in range(len(commands))
        ]
        # TensorFlow, imported in this process, has begun nothing in it: see `tests.warm`.
        fork = multiprocessing.get_context("fork")
        processes = []
        for index, (command, paths) in enumerate(zip(commands, files, strict=True)):
            task = {"type": "worker", "index": index}
            config = json.dumps({"cluster": {"worker": addresses}, "task": task})
            process = fork.Process(
                target=warm.run,
                args=(command, os.environ | {"TF_CONFIG": config}, *paths, Path.cwd()),
            )
            process.start()
            stack.callback(process.kill)
            processes.append(process)
        start, limit = time.monotonic(), float(LIMIT)
        if kill is not None:
            pattern = Path(once)
            while len(list(pattern.parent.glob(pattern.name))) < count:
                alive = all(process.exitcode is None for process in processes)
                if not alive or time.monotonic() - start > LIMIT:
                    text = "\n".join(
                        path.read_text()[-3000:] for pair in files for path in pair
                    )
                    raise SystemExit(f"no moment came to kill a worker:\n{text}")
                time.sleep(0.01)
            pid = processes[kill].pid
            assert pid is not None
            os.kill(pid, by)
            start, limit = time.monotonic(), patience
        after: dict[int, float] = {}
        ending = len(processes) - (kill is not None and by == signal.SIGSTOP)
        while len(after) < ending and time.monotonic() - start < limit:
            for index, process in enumerate(processes):
                if index not in after and process.exitcode is not None:
                    after[index] = time.monotonic() - start
            time.sleep(0.01)
        ends = [
            {
                "code": process.exitcode,
                "after": after.get(index, limit),
                "out": paths[0].read_text(),
                "err": paths[1].read_text(),
            }
            for index, (process, paths) in enumerate(zip(processes, files, strict=True))
        ]
    json.dump(ends, sys.stdout)


def _isolate() -> None:
    """Does what `unshare --map-root-user --net` does, where that is allowed."""
    new_user, new_network = 0x10000000, 0x40000000
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None).unshare(new_user | new_network):
        return
    maps = {"setgroups": "deny", "uid_map": f"0 {user} 1", "gid_map": f"0 {group} 1"}
    for name, text in maps.items():
        Path("/proc/self", name).write_text(text)
    _raise_loopback()


def _raise_loopback() -> None:
    """Does what `ip link set lo up` does."""
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
