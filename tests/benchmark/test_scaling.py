"""The calculation of training on many workers, and the page with its results."""

import re
from pathlib import Path

import pytest

from kdae.benchmark import scaling
from kdae.benchmark.__main__ import main
from kdae.benchmark.scaling import Step, exchange_seconds, limit, share
from kdae.errors import UserError
from kdae.model import build_denoiser, totals
from kdae.train import load_config

# It exchanges 1 MB of gradients and computes 1 GFLOP per picture.
STEP = Step("x.yaml", 249_998, batch=4, patch=96, flop=4e9, seconds=0.1)
RATE = 1e12


def test_what_is_exchanged() -> None:
    assert STEP.bytes == 1_000_000
    # Each of two machines sends half of the data twice, 1 MB at 1.25 GB/s.
    assert exchange_seconds(1e6, 2, 10, latency=0) == pytest.approx(0.8e-3)
    # Many machines send everything twice.
    assert exchange_seconds(1e6, 512, 10, latency=0) == pytest.approx(1.6e-3, rel=0.01)
    assert exchange_seconds(1e6, 512, 100, latency=0) == pytest.approx(0.16e-3, rel=0.01)
    # With a tiny message only the 2 * 9 rounds of the trees count; the ring has 1022.
    assert exchange_seconds(1, 512, 400, latency=1e-5) == pytest.approx(18e-5, rel=1e-3)


def test_the_limit_is_where_computing_takes_as_long() -> None:
    for count in scaling.GPUS:
        for gigabits in scaling.GIGABITS:
            pictures = limit(STEP, count, gigabits, RATE)
            exchange = exchange_seconds(STEP.bytes, count, gigabits)
            assert pictures * 1e-3 >= exchange > (pictures - 1) * 1e-3
            assert share(STEP, pictures, count, gigabits, RATE) >= 0.5
    assert limit(STEP, 8, 10, 100 * RATE) > limit(STEP, 8, 100, 100 * RATE)
    assert limit(STEP, 512, 10, 100 * RATE) > limit(STEP, 8, 10, 100 * RATE)


def test_the_page_in_docs_is_the_one_that_is_written() -> None:
    page = (Path(__file__).parents[2] / "docs/scaling.md").read_text()
    steps = []
    for name, milliseconds, rate in re.findall(
        r"^\| `(.*?)` .* (\d+) ms \| (\d+) G \|$", page, re.M
    ):
        config = load_config(name)
        last = config.train.grow[-1] if config.train.grow else config.train
        cost = totals(build_denoiser(config.model, config.data.channels))
        flop = 3 * cost.flop_per_pixel * last.batch * last.patch**2
        # The page shows two rounded figures of the time. This is the middle of the times that
        # give both.
        shortest = max((int(milliseconds) - 0.5) / 1e3, flop / ((int(rate) + 0.5) * 1e9))
        longest = min((int(milliseconds) + 0.5) / 1e3, flop / ((int(rate) - 0.5) * 1e9))
        assert shortest < longest
        seconds = (shortest + longest) / 2
        steps.append(Step(name, cost.parameters, last.batch, last.patch, flop, seconds))
    command = " ".join(re.findall(r"`(python .*?)`", page, re.S)[0].split())
    assert scaling.format_scaling(steps, 20, command) == page


def test_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(
        "model: {widths: [4], blocks: [1]}\n"
        "train: {batch: 2, patch: 8, grow: [{at: 0.5, batch: 3, patch: 16}]}\n"
    )
    out = tmp_path / "out"
    words = ["scaling", "--config", str(config), "--steps", "2", "--out", str(out)]
    assert main([*words, "--gpu-teraflops", "0.001"]) == 0
    text = (out / "scaling.md").read_text()
    assert text.strip() == capsys.readouterr().out.strip()
    # The line may be broken anywhere.
    assert f"--gpu-teraflops 0.001 --out {out}" in " ".join(text.split())
    assert re.search(r"\| 3 of 16x16 \| 0\.0 G \| \d+ ms \|", text)
    rows = re.findall(r"^\| (\d+) \| (\d+) \((\d+)\) \|", text.replace(",", ""), re.M)
    assert [int(count) for count, _, _ in rows] == list(scaling.GPUS)
    assert all(int(count) * int(need) == int(batch) for count, need, batch in rows)
    assert (out / "scaling.png").stat().st_size > 10_000
    with pytest.raises(UserError, match="--gpu-teraflops: expected above 0, got 0"):
        main([*words, "--gpu-teraflops", "0"])
