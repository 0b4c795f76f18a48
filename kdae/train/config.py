"""The settings of a run, and how they are read from YAML.

A config file is a small diff over the defaults below (`configs/default.yaml` lists them
all). A key that does not exist or a value of the wrong type is an error, never ignored:
a misspelt setting would otherwise cost a night of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from kdae.config import Section, Several, Share, read_section
from kdae.data import AugmentConfig, DataConfig, Supervision
from kdae.data.config import SupervisionName, usual_supervision
from kdae.errors import UserError
from kdae.model import ModelConfig
from kdae.noise import NoiseConfig, NoiseSpec
from kdae.train.losses import LossConfig

_CHANGES_NOISE = (
    "halved", "exposure", "stripes", "enlarged", "vivid", "patterns", "mirrored",
)  # fmt: skip


class GrowConfig(Section):
    """A later stage of training, with batches and patches of other sizes."""

    at: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The share of the steps after which the stage begins, between 0 and 1."""
    batch: PositiveInt = 16
    """Patches in a batch."""
    patch: PositiveInt = 64
    """Side of a patch in pixels, a multiple of the model's stride (8 for three widths)."""


class TrainConfig(Section):
    """How the filters are learned."""

    supervision: SupervisionName | None = None
    """What is learned from: `clean` pictures, to which noise is added; `pairs` of a noisy and a
    clean picture; or noisy pictures alone: `repeats` of the same scene, `neighbors` or
    `blind_spot`, see `kdae.data.alone`. null: `pairs` and `repeats` where `data.source` has
    them, else `clean`."""
    blind_mask: Annotated[Several[PositiveInt], Field(min_length=2, max_length=2)] = (1, 1)
    """For `blind_spot`, height and width in pixels, odd, of what is replaced around a pixel:
    twice as far as noise is correlated, and one pixel more. `[1, 9]` is for noise that four
    neighbours in a row share, `[1, 1]` for independent noise."""
    steps: PositiveInt = 3000
    """The number of batches trained on."""
    batch: PositiveInt = 16
    """Patches in a batch, of all devices together."""
    patch: PositiveInt = 64
    """Side of a patch in pixels, a multiple of the model's stride (8 for three widths)."""
    grow: Several[GrowConfig] = ()
    """Later stages, in the order of their `at`."""
    optimizer: Literal["sgd", "adam", "adamw", "muon"] = "adam"
    """What makes a step of a gradient; see `kdae.train.optimizers`."""
    learning_rate: PositiveFloat = 1e-3
    """The largest step size, reached after the warm-up."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """The share of the last step that `sgd` adds to the next one, from 0 to below 1."""
    schedule: Literal["constant", "step", "exponential", "cosine"] = "cosine"
    """How the step size falls after the warm-up."""
    warmup: NonNegativeInt = 100
    """Over how many steps the step size rises from 0."""
    decay: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The factor on the step size every `decay_steps`, of the schedules `step` and
    `exponential`; above 0, at most 1."""
    decay_steps: PositiveInt = 1000
    """See `decay`; in steps."""
    clip_norm: PositiveFloat | None = 0.5
    """The norm to which longer gradients are cut; null for no limit."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """The share of the averaged weights that stays at each step, from 0 (no average) to below
    1. The averaged weights are the model."""
    weight_decay: NonNegativeFloat = 0.0
    """Scale of the L2 regularizer of every kernel, part of the loss."""
    decoupled_decay: NonNegativeFloat = 0.0
    """Weight decay of `adamw` and `muon`, which shrink the weights beside the gradient."""
    eight_bits: Share = 0.0
    """The last share of the steps, 0 to 1, in which tensors are rounded to 8 bits, as phones
    calculate, so that the filters learn to bear it."""
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = "auto"
    """Of the arithmetic. `auto` is mixed_float16 on a GPU, mixed_bfloat16 on a processor with
    instructions for bfloat16, and float32 elsewhere; a run that moves to a machine of another
    kind is resumed bit for bit only if the precision is named."""
    init: Several[str] = ()
    """A model to start from: a run folder, a model file or the name of a shipped model; or
    several of the same shape, whose filters are averaged; none for random filters."""
    seed: int = 0
    """Of everything random; the same seed gives the same weights, bit for bit."""
    validate_every: PositiveInt = 1000
    """Steps between two validations."""
    checkpoint_every: PositiveInt = 1000
    """Steps between two checkpoints."""
    tensorboard: bool = False
    """Whether TensorBoard's files are written too."""

    @field_validator("init", mode="before")
    @classmethod
    def _of_one_or_none(cls, init: Any) -> Any:
        return [] if init is None else init if isinstance(init, list | tuple) else [init]

    @field_validator("grow")
    @classmethod
    def _in_order(cls, grow: tuple[GrowConfig, ...]) -> tuple[GrowConfig, ...]:
        if any(first.at > second.at for first, second in pairwise(grow)):
            raise ValueError("stages in the order of their `at`")
        return grow

    @field_validator("blind_mask")
    @classmethod
    def _odd(cls, mask: tuple[int, ...]) -> tuple[int, ...]:
        if any(side % 2 == 0 for side in mask):
            raise ValueError("two odd sizes, such as [1, 9]")
        return mask


class ValidationConfig(Section):
    """What is measured during training: the middle of held-out pictures, with fixed noise.

    Where there is no clean picture, the objective of training is measured, as PSNR.
    """

    noise: NoiseSpec | None = Field(default={"gaussian": {"sigma": 25}})
    """The noise, drawn once per picture; null for the training noise."""
    patch: PositiveInt = 256
    """Side in pixels of what is cut out of the middle, at least the model's stride."""
    limit: PositiveInt = 24
    """The largest number of pictures."""


class Config(Section):
    """One run, whole."""

    data: DataConfig = DataConfig()
    noise: NoiseConfig = NoiseConfig()
    augment: AugmentConfig = AugmentConfig()
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    train: TrainConfig = TrainConfig()
    validation: ValidationConfig = ValidationConfig()

    @property
    def supervision(self) -> Supervision:
        """What is learned from."""
        kind = self.train.supervision or usual_supervision(self.data.source)
        high, wide = self.train.blind_mask
        return Supervision(kind, (high, wide))

    @property
    def held_out_supervision(self) -> Supervision:
        """What is measured in validation: the same, unless clean pictures are given for it."""
        if self.data.validation is not None and self.supervision.alone:
            kind = usual_supervision(self.data.validation)
            if kind != "clean":
                return Supervision(kind)
        return self.supervision

    @property
    def size_multiple(self) -> int:
        """The number of pixels of which heights and widths of patches are multiples."""
        # The network sees half a patch.
        halves = 2 if self.supervision.kind == "neighbors" else 1
        return self.model.size_multiple * halves

    @model_validator(mode="before")
    @classmethod
    def _loss_of_noisy_targets(cls, tree: Any) -> Any:
        """Makes the L2 loss the default where targets are noisy.

        It leads to the mean of the targets, in which noise averages out. L1 leads to their
        median, which for skewed noise, such as that of few photons, is not the clean value.
        """
        if not isinstance(tree, dict) or "loss" in tree:
            return tree
        train, data = (
            dict(tree[name]) if isinstance(tree.get(name), dict | Section) else {}
            for name in ("train", "data")
        )
        kind = train.get("supervision") or usual_supervision(data.get("source", ""))
        if Supervision(kind).alone:
            return tree | {"loss": {"l1": 0.0, "l2": 1.0}}
        return tree

    @model_validator(mode="after")
    def _fitting_supervision(self) -> Config:
        supervision, usual = self.supervision, usual_supervision(self.data.source)
        if usual != supervision.kind and {usual, supervision.kind} & {"pairs", "repeats"}:
            raise UserError(
                f"train.supervision: expected {usual}, which data.source is for, "
                f"got {supervision.kind}"
            )
        if supervision.kind != "blind_spot" and supervision.blind_mask != (1, 1):
            raise UserError(
                "train.blind_mask: expected [1, 1] unless train.supervision is blind_spot, got "
                f"{list(supervision.blind_mask)}"
            )
        for name in _CHANGES_NOISE if supervision.alone else ():
            if value := getattr(self.augment, name):
                raise UserError(
                    f"augment.{name}: expected 0 with {supervision.kind}, as it would change "
                    f"the noise, got {value}"
                )
        return self

    @model_validator(mode="after")
    def _whole_strides(self) -> Config:
        stride = self.size_multiple
        stages = {"train": self.train.patch}
        stages |= {f"train.grow[{i}]": grow.patch for i, grow in enumerate(self.train.grow)}
        for where, patch in stages.items():
            if patch % stride:
                raise UserError(
                    f"{where}.patch: expected a multiple of the model's stride {stride}, "
                    f"got {patch}"
                )
        if self.validation.patch < stride:
            raise UserError(
                f"validation.patch: expected at least the model's stride {stride}, "
                f"got {self.validation.patch}"
            )
        return self


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
    """Makes a config of plain dicts and lists; the inverse of `to_dict`.

    Raises:
        UserError: names the key, what was expected and what came.
    """
    return read_section(Config, tree)


def apply_setting(tree: dict[str, Any], setting: str) -> None:
    """Puts one setting into a tree of dicts.

    Args:
        tree: is changed; missing sections are added.
        setting: `key.key=value`, the value in YAML.

    Raises:
        UserError: names the setting and what is wrong with it.
    """
    key, sign, text = setting.partition("=")
    if not sign or not key:
        raise UserError(f"--set {setting}: expected key=value, such as train.steps=100")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"--set {setting}: the value is not valid YAML: {error}") from error
    *parents, last = key.strip().split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise UserError(f"--set {setting}: {parent} has no settings of its own")
    tree[last] = value


def to_dict(section: Section) -> dict[str, Any]:
    """Returns a config, or one section of it, as plain dicts and lists for YAML or JSON."""
    return section.model_dump(mode="json")


def save_config(config: Config, path: str | Path) -> None:
    """Writes every setting, resolved, as YAML that `load_config` reads back."""
    text = yaml.safe_dump(to_dict(config), sort_keys=False, default_flow_style=None, width=96)
    Path(path).write_text(text, encoding="utf-8")
