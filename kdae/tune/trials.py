"""The trials of a search: their settings, and which process runs which trial.

The trials are kept in Optuna's SQLite store, so that a killed search can be continued and
several processes of one machine can share it. A process holds a file lock on the trial that it
runs. The system releases the lock when the process ends, however it ends. Another process then
continues the trial from its last checkpoint.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial, Trial, TrialState

from kdae.errors import UserError
from kdae.files import locked, try_lock
from kdae.train import Config
from kdae.train.config import apply_setting, config_from_dict, to_dict

STORE, LOCK, CLOSED = "search.db", "lock", "chosen.yaml"
_NUMBER = r"\s*([-+.\deE]+)\s*"


@dataclass(frozen=True)
class Choice:
    """One searched setting.

    Attributes:
        key: The name of the setting, with dots, as for `--set`.
        values: The values to try, each in YAML. Empty for a range.
        low: The lower end of a range, which is searched log-uniformly. If both ends are whole
            numbers, only whole numbers are tried.
        high: The upper end of a range.
    """

    key: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0

    def suggest(self, trial: Trial) -> str:
        """Returns the value of a trial in YAML, which is drawn if it has none yet."""
        if self.values:
            return str(trial.suggest_categorical(self.key, self.values))
        if isinstance(self.low, int) and isinstance(self.high, int):
            return str(trial.suggest_int(self.key, self.low, self.high, log=True))
        return repr(trial.suggest_float(self.key, self.low, self.high, log=True))


def parse_search(text: str) -> Choice:
    """Reads a searched setting.

    Args:
        text: `key=value,value,...` with the values in YAML, or `key=low..high`.

    Raises:
        UserError: If the text has neither form, or names a value twice.
    """
    key, sign, values = text.partition("=")
    expected = f"--search {text}: expected key=value,value,... or key=low..high with 0 < low"
    if not (sign and key.strip() and values.strip()):
        raise UserError(expected)
    try:
        if ends := re.fullmatch(rf"{_NUMBER}\.\.{_NUMBER}", values):
            low, high = (int(e) if e.isdigit() else float(e) for e in ends.groups())
            if 0 < low < high:
                return Choice(key.strip(), (), low, high)
            raise UserError(expected)
        listed = yaml.safe_load(f"[{values}]")
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(expected) from error
    texts = [
        yaml.safe_dump(v, default_flow_style=True).removesuffix("...\n").strip() for v in listed
    ]
    if len(set(texts)) < len(texts):
        raise UserError(f"--search {text}: the same value twice")
    return Choice(key.strip(), tuple(texts))


def with_settings(config: Config, settings: dict[str, str]) -> Config:
    """Returns a config with some settings replaced.

    Args:
        config: The config.
        settings: New values in YAML, by the name of the setting.

    Raises:
        UserError: If a setting is unknown or its value is wrong.
    """
    tree = to_dict(config)
    for key, value in settings.items():
        apply_setting(tree, f"{key}={value}")
    return config_from_dict(tree)


class Search:
    """The trials in a folder.

    Args:
        folder: The folder of the search, which must exist. Processes with the same arguments
            share it.
        choices: The searched settings.
        count: The number of trials. None means every combination of the lists.
        steps: The number of steps of a trial, for the pruner.
        seed: The seed of the values that are drawn from ranges.

    Raises:
        UserError: If a range is searched and `count` is None.
    """

    def __init__(
        self, folder: Path, choices: Sequence[Choice], count: int | None, steps: int, seed: int
    ) -> None:
        grid = all(choice.values for choice in choices)
        if count is None and not grid:
            raise UserError("--trials: needed to search a range low..high")
        combinations = list(itertools.product(*(c.values for c in choices))) if grid else []
        self.count = count or len(combinations)
        if grid:
            self.count = min(self.count, len(combinations))
        self.folder, self.choices, self.seed = folder, choices, seed
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with locked(folder / LOCK):
            new = not (folder / STORE).exists()
            self.study = optuna.create_study(
                storage=optuna.storages.RDBStorage(f"sqlite:///{folder / STORE}"),
                study_name="kdae", direction="maximize", load_if_exists=True,
                # A trial below the median of the others at the same step, late enough to
                # tell, is not worth its remaining steps.
                pruner=optuna.pruners.MedianPruner(2, n_warmup_steps=steps // 3),
            )  # fmt: skip
            known = len(self.study.get_trials(deepcopy=False)) if not new else 0
            for combination in combinations[known : self.count]:
                keys = [choice.key for choice in choices]
                self.study.enqueue_trial(dict(zip(keys, combination, strict=True)))

    def claim(self) -> tuple[Trial, dict[str, str], ExitStack] | None:
        """Takes the next trial to run: one whose process has ended, or else a new one.

        Returns:
            The trial, its settings, and the lock to close when the trial is over. None if no
            trial is left to begin.
        """
        with locked(self.folder / LOCK):
            if (self.folder / CLOSED).exists():
                return None
            trials = self.study.get_trials(deepcopy=False)
            for old in trials:
                if old.state == TrialState.RUNNING and (held := self._hold(old.number)):
                    # The state is read again, as the trial may have ended just before its lock
                    # was released.
                    if self.study.get_trials()[old.number].state == TrialState.RUNNING:
                        trial = Trial(self.study, old._trial_id)
                        return trial, self._settings(trial), held
                    held.close()
            waiting = any(trial.state == TrialState.WAITING for trial in trials)
            if not waiting and len(trials) >= self.count:
                return None
            # The seed depends on the number of the trial, so that processes draw different
            # values.
            self.study.sampler = optuna.samplers.TPESampler(seed=self.seed + len(trials))
            trial = self.study.ask()
            held = self._hold(trial.number)
            assert held is not None, "a new trial belongs to nobody"
            return trial, self._settings(trial), held

    def close(self) -> FrozenTrial | None:
        """Ends the search, so that no trial can be added.

        Returns:
            The best trial, or None if some trials are still running.

        Raises:
            UserError: If no trial ended well, or the search ended earlier with fewer trials.
        """
        with locked(self.folder / LOCK):
            trials = self.study.get_trials()
            if (self.folder / CLOSED).exists():
                if len(trials) < self.count:
                    raise UserError(
                        f"--trials: expected at most {len(trials)}, got {self.count}: "
                        f"{self.folder} has chosen already; begin a new search"
                    )
            elif len(trials) < self.count or not all(t.state.is_finished() for t in trials):
                return None
            done = [trial for trial in trials if trial.state == TrialState.COMPLETE]
            if not done:
                raise UserError(f"{self.folder}: none of the {len(trials)} trials ended well")
            best = max(done, key=lambda trial: trial.value or 0.0)
            (self.folder / CLOSED).write_text(
                yaml.safe_dump({"trial": best.number, "settings": best.params}),
                encoding="utf-8",
            )
            return best

    def rows(self) -> list[dict[str, Any]]:
        """Returns one row per trial: number, settings, state, last measured step and PSNR."""
        rows = []
        for trial in self.study.get_trials(deepcopy=False):
            seen = trial.intermediate_values
            last = max(seen, default=0)
            row = {"trial": trial.number, **trial.params, "state": trial.state.name.lower()}
            rows.append(row | {"step": last, "psnr": seen.get(last, float("nan"))})
        return rows

    def curves(self) -> dict[int, dict[int, float]]:
        """Returns the PSNR in dB by trial number and measured step."""
        trials = self.study.get_trials(deepcopy=False)
        return {trial.number: dict(trial.intermediate_values) for trial in trials}

    def _settings(self, trial: Trial) -> dict[str, str]:
        return {choice.key: choice.suggest(trial) for choice in self.choices}

    def _hold(self, number: int) -> ExitStack | None:
        (self.folder / "trials").mkdir(exist_ok=True)
        return try_lock(self.folder / "trials" / f"{number:03}.lock")
