"""A search from its first trial to the figures on new pictures.

DIR/search.yaml search.db   what is searched, and the trials so far
    trials/000 ...          a run folder each
    trials.csv search.png   the table and the plot
    chosen.yaml             the choice; from here on no trial is added
    final/                  the run folder of the choice, trained on train + held-out
    test.json               its figures on new pictures
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
        config: of every trial, but for the searched settings.
        choices: what is searched, from `parse_search`.
        out: the folder of the search; if it holds the same search, that goes on.
        trials: how many; needed for a range; default: every combination of the lists.
        test: pictures never seen, used whole; default: the test split of the source.
        command: how to repeat the search, for the model card.

    Returns:
        `trials` (see `Search.rows`), `settings` (the chosen ones, in YAML), `psnr` (theirs on
        the held-out pictures, in dB) and `test` (of the retrained model, see `measure_once`);
        None when another process is still at work, which will go on to the end.

    Raises:
        UserError: for anything the user can mend.
        KeyboardInterrupt: after everything has been saved.
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
        # All that was held out to choose by has done its service, and is trained on.
        both = {"data.train_on": "[train, validation]"}
        chosen = with_settings(config, settings | both)
        run = out / "final"
        train(chosen, run, resume=(run / CONFIG).is_file(), command=command)
        result = measure_once(out / "test.json", run, chosen, test)
        # What training measured is on pictures it was trained on: not a result.
        card = load_card(run / CARD)
        card["results"] = [result | {"command": command}]
        write_card(card, run / CARD)
    return {
        "trials": search.rows(), "settings": settings, "psnr": best.value, "test": result
    }  # fmt: skip


def report(search: Search, out: Path) -> None:
    """Writes the table and the plot of the trials so far."""
    rows = search.rows()
    keys = [choice.key for choice in search.choices]

    def write(path: Path) -> None:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["trial", *keys, "state", "step", "psnr"])
            writer.writeheader()
            writer.writerows(rows)

    # Processes that share the search would write over each other.
    with locked(out / "report.lock"):
        replace_file(out / "trials.csv", write)
        plot_search(rows, search.curves(), keys, out / "search.png")


def _run(search: Search, trial: optuna.Trial, config: Config, out: Path) -> None:
    """Runs one trial to its end, and says in the store how it ended."""
    folder = out / "trials" / f"{trial.number:03}"

    def watch(step: int, psnr: float, model: Any) -> None:
        # Measured again when the trial goes on from an earlier checkpoint.
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
    """Makes the folder, or makes sure that it holds this very search."""
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
