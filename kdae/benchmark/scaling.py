"""Calculates where the network becomes the limit of training on many workers.

A step first computes and then exchanges the gradients of all workers, not both at once (see
`kdae.train.step`). Computing takes FLOP / rate, and the exchange takes `exchange_seconds`.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import tensorflow as tf

from kdae.benchmark.pipeline import seconds_per_step
from kdae.files import replace_file
from kdae.model import totals
from kdae.tables import markdown
from kdae.train import Config
from kdae.train.step import build_state, build_step

GPUS = (8, 16, 32, 64, 128, 256, 512)
GIGABITS = (10, 100, 400)
LATENCY = 20e-6  # seconds that a message takes to another machine; an assumption
PER_GPU = 32  # pictures per GPU in the table of shares and the plot


@dataclass(frozen=True)
class Step:
    """The cost of one training step on one device.

    Attributes:
        name: The name of the config.
        parameters: The number of parameters of the network.
        batch: The number of pictures per step.
        patch: The height and width of the pictures in pixels.
        flop: The operations of the step: forward, and twice as many backward.
        seconds: The time of the step, measured on the CPU.
    """

    name: str
    parameters: int
    batch: int
    patch: int
    flop: float
    seconds: float

    @property
    def bytes(self) -> int:
        """Bytes exchanged per step: a float32 per parameter and per term of the loss."""
        return 4 * (self.parameters + 2)

    def gpu_seconds(self, pictures: float, rate: float) -> float:
        """Returns the seconds to compute a step on so many pictures at `rate` FLOP/s."""
        return self.flop / self.batch * pictures / rate


def measure_step(name: str, config: Config, steps: int) -> Step:
    """Times steps with the last batch and patch size of a run, with the batch in memory.

    Args:
        name: The name of the config.
        config: The config of the run.
        steps: The number of steps to time.
    """
    train = config.train
    last = train.grow[-1] if train.grow else train
    shape = (last.batch, last.patch, last.patch, config.data.channels)
    batch = tuple(tf.random.stateless_uniform(shape, [0, number]) for number in range(2))
    in_memory = tf.data.Dataset.from_tensors(batch).repeat()
    strategy = tf.distribute.get_strategy()
    state = build_state(config, strategy)
    seconds = seconds_per_step(build_step(config, state, strategy), in_memory, steps)
    cost = totals(state.model)
    flop = 3 * cost.flop_per_pixel * last.batch * last.patch**2
    return Step(name, cost.parameters, last.batch, last.patch, flop, seconds)


def exchange_seconds(
    size: float, count: int, gigabits: float, latency: float = LATENCY
) -> float:
    """Returns the time to add `size` bytes over `count` machines and give all of them the sum.

    The sum is made by a ring (2 (N - 1) rounds of size / N bytes) or by trees (2 log2 N rounds,
    through which the whole size passes twice), whichever is faster, as in NCCL. The formulas
    are from Thakur, Rabenseifner, Gropp, "Optimization of collective communication operations
    in MPICH", 2005, and Sanders, Speck, Traeff, "Two-tree algorithms for full bandwidth
    broadcast, reduction and scan", 2009.

    Args:
        size: The number of bytes.
        count: The number of machines, N. Each has one link.
        gigabits: The rate of a link in Gbit/s, in each direction.
        latency: The time that a message takes to another machine, in seconds.

    Returns:
        The time in seconds.
    """
    bandwidth = gigabits * 1e9 / 8
    ring = 2 * (count - 1) * (latency + size / count / bandwidth)
    trees = 2 * (math.ceil(math.log2(count)) * latency + size / bandwidth)
    return min(ring, trees)


def limit(step: Step, count: int, gigabits: float, rate: float) -> int:
    """Returns how many pictures per GPU make computing take as long as the exchange."""
    return math.ceil(exchange_seconds(step.bytes, count, gigabits) / step.gpu_seconds(1, rate))


def share(step: Step, pictures: float, count: int, gigabits: float, rate: float) -> float:
    """Returns the share of a step spent computing; times `count`, the gain over one GPU."""
    computing = step.gpu_seconds(pictures, rate)
    return computing / (computing + exchange_seconds(step.bytes, count, gigabits))


def write_scaling(steps: Sequence[Step], teraflops: float, out: Path, command: str) -> str:
    """Writes `scaling.md` and `scaling.png`.

    Args:
        steps: The steps of each config, from `measure_step`.
        teraflops: The assumed speed of a GPU in TFLOP/s.
        out: The folder of the files. It is made if it does not exist.
        command: The command that made the page, which quotes it.

    Returns:
        The text of the page.
    """
    text = format_scaling(steps, teraflops, command)
    out.mkdir(parents=True, exist_ok=True)
    replace_file(out / "scaling.md", lambda path: path.write_text(text, encoding="utf-8"))
    replace_file(out / "scaling.png", lambda path: _plot(steps, teraflops, path))
    return text


def format_scaling(steps: Sequence[Step], teraflops: float, command: str) -> str:
    """Returns the page in Markdown; see `write_scaling` for the arguments."""
    rate = teraflops * 1e12
    slowest = exchange_seconds(max(s.bytes for s in steps), GPUS[-1], GIGABITS[0])
    fastest = min(s.seconds for s in steps)
    larger, shorter = ("larger", "shorter") if len(steps) == 2 else ("largest", "shortest")
    paragraphs = [
        "# How far training scales, calculated",
        _filled(f"This page is calculated, not measured on a cluster. `{command}` wrote it."),
        _item("**Measured:** the time of a training step on the CPU of one machine.")
        + _item(
            """**Counted:** the operations of a step (forward, and twice as many backward) and
            the bytes that the workers exchange: a float32 per parameter and two for the loss,
            summed over all workers (all-reduced) once per step, after the backward pass."""
        )
        + _item(
            f"""**Assumed,** since there was neither a GPU nor a network: a GPU does
            {teraflops:g} TFLOP/s on these convolutions; a message takes {1e6 * LATENCY:g}
            microseconds; each machine has one link; the sum is made by a ring or by trees,
            whichever is faster (the formulas are in `kdae/benchmark/scaling.py`). A ring enters
            and leaves each machine once, whether it holds one GPU or eight."""
        ).rstrip(),
        "A GPU that is twice as fast needs twice as many pictures as the tables say.",
        "## One step",
        _steps_table(steps),
        _filled(
            f"""Workers without a GPU are not limited by the network: {GPUS[-1]} of them
            exchange the {larger} of these in {1e3 * slowest:.1f} ms at {GIGABITS[0]} Gbit/s,
            while the {shorter} step takes {1e3 * fastest:.0f} ms."""
        ),
        "## Where the network becomes the limit",
        _filled(
            """The tables give the pictures that each GPU needs per step so that computing takes
            as long as the exchange, and in brackets the resulting `train.batch`. With fewer
            pictures the GPUs mostly wait."""
        ),
    ]

    def needed(step: Step, count: int, gigabits: int) -> str:
        need = limit(step, count, gigabits, rate)
        return f"{need:,} ({need * count:,})"

    def spent(step: Step, count: int, gigabits: int) -> str:
        return f"{100 * share(step, PER_GPU, count, gigabits, rate):.0f} %"

    for step in steps:
        paragraphs += [f"`{step.name}`, {step.patch}x{step.patch}:", _gpu_table(step, needed)]
    paragraphs += [
        "## What is gained",
        _filled(
            f"""The tables give the share of a step that is spent computing, with {PER_GPU}
            pictures per GPU. That share times the number of GPUs is the speed relative to one
            GPU."""
        ),
    ]
    for step in steps:
        paragraphs += [f"`{step.name}`, {step.patch}x{step.patch}:", _gpu_table(step, spent)]
    paragraphs.append("![Pictures per GPU at the limit, and the speed reached](scaling.png)")
    return "\n\n".join(paragraphs) + "\n"


def _filled(text: str, first: str = "", rest: str = "") -> str:
    return textwrap.fill(
        " ".join(text.split()),
        100,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )


def _item(text: str) -> str:
    return _filled(text, "- ", "  ") + "\n"


def _steps_table(steps: Sequence[Step]) -> str:
    rows = [
        [
            "config",
            "parameters",
            "all-reduced",
            "pictures",
            "FLOP",
            "CPU, measured",
            "FLOP/s",
        ],
        *(
            [
                f"`{s.name}`",
                f"{s.parameters:,}",
                f"{s.bytes / 1e6:.2f} MB",
                f"{s.batch} of {s.patch}x{s.patch}",
                f"{s.flop / 1e9:.1f} G",
                f"{1e3 * s.seconds:.0f} ms",
                f"{s.flop / s.seconds / 1e9:.0f} G",
            ]
            for s in steps
        ),
    ]
    return markdown(rows)


def _gpu_table(step: Step, cell: Callable[[Step, int, int], str]) -> str:
    """Makes a table with a row per number of GPUs and a column per rate of the links."""
    rows = [["GPUs", *(f"{gigabits} Gbit/s" for gigabits in GIGABITS)]]
    rows += [[str(n), *(cell(step, n, gigabits) for gigabits in GIGABITS)] for n in GPUS]
    return markdown(rows)


def _plot(steps: Sequence[Step], teraflops: float, path: Path) -> None:
    rate = teraflops * 1e12
    figure, grid = plt.subplots(
        len(steps), 2, figsize=(10, 3.6 * len(steps)), layout="constrained", squeeze=False
    )
    for (left, right), s in zip(grid, steps, strict=True):
        for gigabits in GIGABITS:
            label = f"{gigabits} Gbit/s"
            needs = [limit(s, count, gigabits, rate) for count in GPUS]
            left.plot(GPUS, needs, marker=".", label=label)
            gains = [count * share(s, PER_GPU, count, gigabits, rate) for count in GPUS]
            right.plot(GPUS, gains, marker=".", label=label)
        right.plot(GPUS, GPUS, "k:", label="no network")
        left.set(ylabel="pictures per GPU where the network is the limit")
        right.set(ylabel=f"times faster, {PER_GPU} pictures per GPU")
        for axes in (left, right):
            axes.set(xlabel="GPUs", title=f"{s.name}, {s.patch}x{s.patch}")
            axes.set_xscale("log", base=2)
            axes.set_yscale("log", base=2)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter("{x:g}")
            axes.legend(frameon=False)
            axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
