"""Runs a search from its first trial to the figures on new pictures.

`kdae.tune.__main__` lists the files that it writes.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import TrialState
from tqdm import tqdm

from kdae.cards import CARD, load_card, write_card
from kdae.data import Source
from kdae.errors import UserError
from kdae.files import locked, replace_file, try_lock
from kdae.train import Config, train
from kdae.train.config import to_dict
from kdae.train.folder import CHECKPOINTS, CONFIG
from kdae.train.loop import Diverged
from kdae.train.plots import plot_search
from kdae.tune.sealed import check_unseen, measure_once
from kdae.tune.trials import LOCK, Choice, Search, with_settings


def tune(
    config: Config,
    choices: Sequence[Choice],
    out: str | Path,
    *,
    trials: int | None = None,
    test: Source | None = None,
    command: str = "",
) -> dict[str, Any] | None:
    """Searches, retrains with the best settings, and measures that model on new pictures.

    Args:
        config: The config of every trial, except for the searched settings.
        choices: The searched settings, from `parse_search`.
        out: The folder of the search. If it holds the same search, that is continued.
        trials: The number of trials, which a range needs. The default is every combination of
            the lists.
        test: A source of new pictures, all of which are used. The default is the test split of
            the training source.
        command: The command that repeats the search, for the model card.

    Returns:
        A dict with `trials` (see `Search.rows`), the chosen `settings` in YAML, their `psnr` on
        the held-out pictures in dB, and `test`, the result of the retrained model (see
        `measure_once`). None if another process is still running trials, which will then finish
        the search.

    Raises:
        UserError: If an argument is wrong, or `out` holds something else.
        KeyboardInterrupt: If the user stops the search, after everything has been saved.
    """
    out = Path(out)
    for choice in choices:
        for value in choice.values or (repr(choice.low), repr(choice.high)):
            with_settings(config, {choice.key: value})
    _open(out, config, choices, test)
    search = Search(out, choices, trials, config.train.steps, config.train.seed)
    with tqdm(total=search.count, unit="trial", disable=None, desc="trials") as bar:
        while (claimed := search.claim()) is not None:
            trial, settings, held = claimed
            with held:
                _run(search, trial, with_settings(config, settings), out)
            report(search, out)
            bar.n = sum(row["state"] not in ("running", "waiting") for row in search.rows())
            bar.refresh()
    best = search.close()
    final = try_lock(out / "final.lock") if best else None
    if best is None or final is None:
        return None
    with final:
        report(search, out)
        settings = {key: str(value) for key, value in best.params.items()}
        # The held-out pictures are not needed to choose any more, so they are trained on too.
        both = {"data.train_on": "[train, validation]"}
        chosen = with_settings(config, settings | both)
        run = out / "final"
        train(chosen, run, resume=(run / CONFIG).is_file(), command=command)
        result = measure_once(out / "test.json", run, chosen, test)
        # Training has validated on pictures that it was trained on, which is not a result.
        card = load_card(run / CARD)
        card["results"] = [result | {"command": command}]
        write_card(card, run / CARD)
    return {
        "trials": search.rows(), "settings": settings, "psnr": best.value, "test": result
    }  # fmt: skip


def report(search: Search, out: Path) -> None:
    """Writes `trials.csv` and `search.png`, the table and the plot of the trials so far."""
    rows = search.rows()
    keys = [choice.key for choice in search.choices]

    def write(path: Path) -> None:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["trial", *keys, "state", "step", "psnr"])
            writer.writeheader()
            writer.writerows(rows)

    # Processes that share the search write the same files, one after the other.
    with locked(out / "report.lock"):
        replace_file(out / "trials.csv", write)
        plot_search(rows, search.curves(), keys, out / "search.png")


def _run(search: Search, trial: optuna.Trial, config: Config, out: Path) -> None:
    """Runs one trial to its end and records in the store how it ended."""
    folder = out / "trials" / f"{trial.number:03}"

    def watch(step: int, psnr: float, model: Any) -> None:
        # A trial that continues from an earlier checkpoint measures some steps again.
        if step not in search.curves()[trial.number]:
            trial.report(psnr, step)
        if step < config.train.steps and trial.should_prune():
            raise optuna.TrialPruned

    resume = (folder / CONFIG).is_file()
    try:
        train(config, folder, resume=resume, on_validation=watch)
    except (optuna.TrialPruned, Diverged) as ended:
        pruned = isinstance(ended, optuna.TrialPruned)
        state = TrialState.PRUNED if pruned else TrialState.FAIL
        print(f"trial {trial.number}: {'pruned' if pruned else ended}", file=sys.stderr)
        search.study.tell(trial, state=state)
        shutil.rmtree(folder / CHECKPOINTS)
        return
    search.study.tell(trial, search.curves()[trial.number][config.train.steps])


def _open(out: Path, config: Config, choices: Sequence[Choice], test: Source | None) -> None:
    """Makes the folder, or makes sure that it holds the same search."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({error.strerror})") from error
    ours: dict[str, Any] = {
        "search": {c.key: list(c.values) or f"{c.low!r}..{c.high!r}" for c in choices},
        "test": test,
        "config": to_dict(config),
    }
    file = out / "search.yaml"
    with locked(out / LOCK):
        if file.is_file():
            theirs = yaml.safe_load(file.read_text(encoding="utf-8"))
            changed = [key for key in ours if theirs.get(key) != ours[key]]
            if changed:
                raise UserError(
                    f"--out {out}: holds a search with another {' and '.join(changed)} "
                    f"(see {file}); choose another folder"
                )
            return
        if {path.name for path in out.iterdir()} - {LOCK}:
            raise UserError(f"--out {out}: exists already and is no search; choose another")
        check_unseen(config, test)
        text = yaml.safe_dump(ours, sort_keys=False)
        replace_file(file, lambda temporary: temporary.write_text(text, encoding="utf-8"))
