"""Measures a server under load: `python load.py SAVEDMODEL [--minutes 10]`.

It first measures the rate of the model in a process without a server (`floor.py`), then that of
the server for 1, 8 and 64 clients at once. A client sends its next picture when it has got the
last one, or a second after a refusal. At the end it measures the memory over minutes of 8
clients. The exit status is 1 if a bound is missed.
"""

from __future__ import annotations

import locust  # first: it patches the standard library

# isort: split
import argparse
import base64
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import gevent
from locust.env import Environment
from running import HERE, Server

CLIENTS = (1, 8, 64)
BAR_CLIENTS = 8
SECONDS = {256: 20, 1024: 30}  # of a measurement, by pixels along a side
WARM = 3  # seconds before it
LEAST_RATE, MOST_SPREAD, MOST_GROWTH = 0.85, 4.0, 0.05
SAMPLE = 5  # seconds between two looks at the memory
PATIENCE = 300.0  # seconds for an answer
PATH = "/v1/models/photo:predict"


class Figures(NamedTuple):
    """The figures of one measurement.

    Attributes:
        rate: Pictures per second.
        p50: The median time from request to answer, in milliseconds.
        p99: The 99th percentile of that time, in milliseconds.
        refused: The number of answers with status 503.
        errors: The number of all other answers.
    """

    rate: float
    p50: float
    p99: float
    refused: int
    errors: int


class Load:
    """Clients that send pictures to a server until `stop`.

    Args:
        address: The address of the server.
        file: The picture that they send.
        clients: The number of clients.
    """

    def __init__(self, address: str, file: bytes, clients: int) -> None:
        picture = {"image_bytes": {"b64": base64.b64encode(file).decode()}, "strength": 1.0}
        body = json.dumps({"instances": [picture]}).encode()
        png = b'{"predictions":[{"b64":"iVBORw0KGgo'

        class User(locust.FastHttpUser):
            host = address
            network_timeout = connection_timeout = PATIENCE

            @locust.task
            def denoise(self) -> None:
                start = time.perf_counter()
                headers = {"Content-Type": "application/json"}
                answer = self.client.post(PATH, data=body, headers=headers)
                if answer.status_code == 200 and (answer.content or b"").startswith(png):
                    load.times.append(1000 * (time.perf_counter() - start))
                elif answer.status_code == 503:
                    load.refused += 1
                    gevent.sleep(float(answer.headers["Retry-After"]))
                else:
                    load.errors += 1

        load = self
        self.clients = clients
        self.reset()
        self.runner = Environment(user_classes=[User]).create_local_runner()
        self.runner.start(clients, spawn_rate=clients)
        gevent.sleep(WARM)
        self.reset()

    def reset(self) -> None:
        """Drops what was measured so far."""
        self.times: list[float] = []
        self.refused = self.errors = 0
        self.since = time.perf_counter()

    def figures(self) -> Figures:
        """Returns what was measured since the last `reset`."""
        seconds = time.perf_counter() - self.since
        times = sorted(self.times)
        p50, p99 = (times[int(share * (len(times) - 1))] for share in (0.5, 0.99))
        return Figures(len(times) / seconds, p50, p99, self.refused, self.errors)

    def stop(self) -> None:
        """Stops the clients."""
        self.runner.quit()


def measure(server: Server, file: bytes, clients: int, seconds: float) -> Figures:
    """Puts load on the server, and waits until all requests are answered."""
    load = Load(server.rest, file, clients)
    gevent.sleep(seconds)
    # At least as long as every client's first picture takes.
    while len(load.times) < clients and time.perf_counter() - load.since < PATIENCE:
        gevent.sleep(1)
    figures = load.figures()
    load.stop()
    last = Load(server.rest, file, 1)
    while not last.times:
        gevent.sleep(0.1)
    last.stop()
    return figures


def soak(server: Server, file: bytes, minutes: float) -> tuple[Figures, list[float]]:
    """Returns the memory in megabytes every `SAMPLE` seconds under the load of 8 clients."""
    load = Load(server.rest, file, BAR_CLIENTS)
    memory = []
    while time.perf_counter() - load.since < 60 * minutes:
        gevent.sleep(SAMPLE)
        memory.append(server.megabytes())
    figures = load.figures()
    load.stop()
    return figures, memory


def main() -> int:
    """Runs the command. Returns 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="folder of the SavedModel, with its version")
    parser.add_argument("--minutes", type=float, default=10, help="of watching memory (10)")
    args = parser.parse_args()
    missed: list[str] = []

    def bar(name: str, value: float, holds: bool) -> None:
        print(f"{name}: {value:.3g}{'' if holds else ': MISSED'}", flush=True)
        if not holds:
            missed.append(name)

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(HERE / "floor.py"), args.model, folder]
        subprocess.run(command, check=True)
        floors = json.loads((Path(folder) / "floor.json").read_text())
        files = {side: (Path(folder) / f"{side}.png").read_bytes() for side in SECONDS}
    print("pixels      clients  pictures/s  of floor  p50 ms  p99 ms  refused  errors    MB")
    for side, rates in floors.items():
        for threads, rate in rates.items():
            print(
                f"{side:>4}x{side:<4}  in process, {threads} thread(s): {rate:.2f} pictures/s"
            )
    with Server(args.model) as server:
        for side, file in files.items():
            floor = max(floors[str(side)].values())
            for clients in CLIENTS:
                found = measure(server, file, clients, SECONDS[side])
                print(row(side, clients, found, floor, server), flush=True)
                if found.errors:
                    missed.append(f"{side}, {clients} clients: {found.errors} errors")
                if clients == BAR_CLIENTS:
                    share, spread = found.rate / floor, found.p99 / found.p50
                    bar(f"{side}: rate to in-process rate", share, share >= LEAST_RATE)
                    bar(f"{side}: p99 to p50", spread, spread < MOST_SPREAD)
        found, memory = soak(server, files[256], args.minutes)
        print(row(256, BAR_CLIENTS, found, max(floors["256"].values()), server))
        fifth = max(len(memory) // 5, 1)
        early, late = (
            statistics.median(part) for part in (memory[fifth : 2 * fifth], memory[-fifth:])
        )
        print(f"memory over {args.minutes:g} minutes: {early:.0f} MB, at the end {late:.0f} MB")
        bar("growth of memory", late / early - 1, late / early - 1 <= MOST_GROWTH)
        bar("errors meanwhile", found.errors, not found.errors)
    print("missed: " + "; ".join(missed) if missed else "all bars held")
    return 1 if missed else 0


def row(side: int, clients: int, found: Figures, floor: float, server: Server) -> str:
    """Formats one line of the table."""
    return (
        f"{side:>4}x{side:<4}  {clients:>8}  {found.rate:>10.2f}  {found.rate / floor:>8.2f}  "
        f"{found.p50:>6.0f}  {found.p99:>6.0f}  {found.refused:>7}  {found.errors:>6}  "
        f"{server.megabytes():>4.0f}"
    )


if __name__ == "__main__":
    sys.exit(main())
