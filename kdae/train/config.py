"""What a run is made of: frozen dataclasses, read strictly from YAML.

A config file is a small diff over the defaults below (`configs/default.yaml` lists them
all). A key that does not exist or a value of the wrong type is an error, never ignored:
a misspelt setting would otherwise cost a night of training.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from kdae.data import AugmentConfig, DataConfig
from kdae.errors import UserError
from kdae.model import ModelConfig
from kdae.noise import NoiseConfig, NoiseSpec, check_noise
from kdae.train.losses import LossConfig
from kdae.train.strict import apply_setting, build


@dataclass(frozen=True)
class GrowConfig:
    """From the share `at` of the steps on, train with this batch and patch size."""

    at: float = 0.5
    batch: int = 16
    patch: int = 64


@dataclass(frozen=True)
class TrainConfig:
    """How the filters are learned.

    `decay` is the factor of the `step` and `exponential` schedules over `decay_steps`;
    `weight_decay` the scale of the L2 kernel regularizers; `decoupled_decay` that of
    AdamW and Muon, which shrink the weights beside the gradient. In the last share
    `eight_bits` of the steps tensors are rounded to 8 bits, as phones calculate, so that
    the filters learn to bear it.
    """

    steps: int = 3000
    batch: int = 16
    patch: int = 64
    grow: tuple[GrowConfig, ...] = ()
    optimizer: Literal["sgd", "adam", "adamw", "muon"] = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    schedule: Literal["constant", "step", "exponential", "cosine"] = "cosine"
    warmup: int = 100
    decay: float = 0.5
    decay_steps: int = 1000
    clip_norm: float | None = 0.5
    ema: float = 0.999
    weight_decay: float = 0.0
    decoupled_decay: float = 0.0
    eight_bits: float = 0.0
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = "auto"
    init: str | None = None
    seed: int = 0
    validate_every: int = 1000
    checkpoint_every: int = 1000
    tensorboard: bool = False


@dataclass(frozen=True)
class ValidationConfig:
    """What is measured during training: fixed noise on the middle of held-out pictures.

    `noise` defaults to the training noise, drawn once per picture.
    """

    noise: NoiseSpec | None = field(default_factory=lambda: {"gaussian": {"sigma": 25}})
    patch: int = 256
    limit: int = 24


@dataclass(frozen=True)
class Config:
    """One run, whole."""

    data: DataConfig = field(default_factory=DataConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)


def load_config(path: str | Path | None = None, settings: Sequence[str] = ()) -> Config:
    """Reads a YAML file (none: the defaults), applies `key=value` settings, checks it all.

    Args:
        path: the file, a diff over the defaults.
        settings: as given to `--set`: dotted key, `=`, and the value in YAML, such as
            `train.steps=100` or `noise.kind={poisson: {peak: 30}}`.

    Raises:
        UserError: names the key, what was expected and what came.
    """
    tree: dict[str, Any] = {}
    if path is not None:
        try:
            tree = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
        except OSError as error:
            raise UserError(f"config {path}: cannot be read ({error.strerror})") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"config {path}: not valid YAML: {error}") from error
        if not isinstance(tree, dict):
            raise UserError(f"config {path}: expected sections such as `train:`, got {tree!r}")
    for setting in settings:
        apply_setting(tree, setting)
    return config_from_dict(tree)


def config_from_dict(tree: dict[str, Any]) -> Config:
    """The inverse of `to_dict`; checks names, types and the values that depend on others."""
    config: Config = build(Config, tree)
    _check(config)
    return config


def to_dict(config: Any) -> dict[str, Any]:
    """A config, or one section of it, as plain lists and dicts for YAML or JSON."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    result: dict[str, Any] = plain(dataclasses.asdict(config))
    return result


def save_config(config: Config, path: str | Path) -> None:
    """Writes every setting, resolved, as YAML that `load_config` reads back."""
    text = yaml.safe_dump(to_dict(config), sort_keys=False, default_flow_style=None, width=96)
    Path(path).write_text(text, encoding="utf-8")


def _check(config: Config) -> None:
    check_noise(config.noise.kind)
    if config.validation.noise is not None:
        check_noise(config.validation.noise)
    model, train = config.model, config.train
    stride = 2 ** len(model.widths)
    sizes = [("train", train.batch, train.patch)]
    sizes += [(f"train.grow[{i}]", g.batch, g.patch) for i, g in enumerate(train.grow)]
    rules = [
        ("model.widths", bool(model.widths) and min(model.widths) > 0, "positive widths"),
        ("model.blocks", len(model.blocks) == len(model.widths), "one number per width"),
        ("model.blocks", min(model.blocks, default=0) >= 0, "numbers of at least 0"),
        ("model.kernel", model.kernel > 0 and model.kernel % 2 == 1, "an odd size"),
        ("noise.quantize", 0 <= config.noise.quantize <= 1, "a probability in [0, 1]"),
        ("loss", config.loss.l1 >= 0 and config.loss.l2 >= 0, "weights of at least 0"),
        ("loss", config.loss.l1 + config.loss.l2 > 0, "l1 or l2 above 0"),
        ("augment.windows", config.augment.windows > 0, "at least 1"),
        ("augment.halved", 0 <= config.augment.halved <= 1, "a share, 0 to 1"),
        ("augment.exposure", config.augment.exposure >= 0, "stops, at least 0"),
        ("augment.stripes", 0 <= config.augment.stripes <= 1, "a share, 0 to 1"),
        ("data.train_on", bool(config.data.train_on), "train, validation or both"),
        ("data.limit", config.data.limit is None or config.data.limit > 0, "at least 1"),
        ("validation.limit", config.validation.limit > 0, "at least 1"),
        ("train.eight_bits", 0 <= train.eight_bits <= 1, "a share in [0, 1]"),
        ("train.ema", 0 <= train.ema < 1, "a number in [0, 1)"),
        ("train.momentum", 0 <= train.momentum < 1, "a number in [0, 1)"),
        ("train.decay", 0 < train.decay <= 1, "a factor in (0, 1]"),
        ("train.clip_norm", train.clip_norm is None or train.clip_norm > 0, "above 0 or null"),
        ("train.grow", all(0 < g.at < 1 for g in train.grow), "`at` in (0, 1)"),
        ("train.grow", list(train.grow) == sorted(train.grow, key=lambda g: g.at), "order"),
    ]
    for name in ("steps", "validate_every", "checkpoint_every", "decay_steps", "learning_rate"):
        rules.append((f"train.{name}", getattr(train, name) > 0, "a number above 0"))
    for name in ("warmup", "weight_decay", "decoupled_decay"):
        rules.append((f"train.{name}", getattr(train, name) >= 0, "a number of at least 0"))
    for where, batch, patch in sizes:
        rules.append((f"{where}.batch", batch > 0, "at least 1"))
        multiple = patch > 0 and patch % stride == 0
        rules.append((f"{where}.patch", multiple, f"a multiple of the model's stride {stride}"))
    for name, holds, expected in rules:
        if not holds:
            value: Any = config
            for part in name.split("[")[0].split("."):
                value = getattr(value, part)
            raise UserError(f"{name}: expected {expected}, got {value!r}")
