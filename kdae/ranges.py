"""Parameters of the noises: a number, or a range from which a picture's value is drawn.

A noise says what it accepts in its signature, ``sigma: Annotated[Level, Limits(0, 255)]``;
:func:`read_parameters` checks and converts what a config holds. The draws are stateless.
Arithmetic on tensors is written so that ``tf.data`` gives the bits of eager mode: its graph
optimizer turns ``x / constant`` into a product and pulls out common factors, so neither is
left for it to find.
"""

import difflib
import inspect
import math
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kdae.errors import UserError

Level = float | Sequence[float]
"""A fixed number, or ``[low, high]``."""


@dataclass(frozen=True)
class Limits:
    """What a parameter may be.

    Attributes:
        low: smallest value allowed.
        high: largest value allowed.
        ranged: whether ``[lo, hi]`` is allowed beside a single number.
        whole: whether only whole numbers are allowed.
        log: whether a range is drawn from on a logarithmic scale, and so has to start
            above 0.
        words: names allowed in place of a number.
        none: whether ``None`` (YAML ``null``) is allowed.
    """

    low: float
    high: float = math.inf
    ranged: bool = True
    whole: bool = False
    log: bool = False
    words: tuple[str, ...] = ()
    none: bool = False

    def read(self, value: object) -> Level | str | None:
        """Return ``value`` with its numbers converted, or raise.

        Numbers written as text are taken as numbers: YAML reads ``1e-3`` as a string.

        Raises:
            ValueError: says what was expected.
        """
        if (value is None and self.none) or (isinstance(value, str) and value in self.words):
            return value
        if isinstance(value, list | tuple):
            numbers = tuple(_number(end) for end in value)
            if self.ranged and len(numbers) == 2 and self._holds(*numbers):
                if numbers[0] <= numbers[1] and (numbers[0] > 0 or not self.log):
                    return numbers
        elif self._holds(number := _number(value)):
            return number
        raise ValueError(f"expected {self.describe()}")

    def describe(self) -> str:
        """Say in words what is allowed, for error messages."""
        what = "a whole number" if self.whole else "a number"
        if math.isinf(self.high):
            what += f" of at least {self.low:g}"
        else:
            what += f" from {self.low:g} to {self.high:g}"
        choices = [what]
        if self.ranged:
            choices.append(
                "[lo, hi] with 0 < lo <= hi" if self.log else "[lo, hi] with lo <= hi"
            )
        choices += [f"'{word}'" for word in self.words]
        if self.none:
            choices.append("null")
        return " or ".join(choices)

    def _holds(self, *numbers: float) -> bool:
        return all(
            self.low <= number <= self.high and (number.is_integer() or not self.whole)
            for number in numbers
        )


def read_parameters(
    label: str, function: Callable[..., object], parameters: object
) -> dict[str, Any]:
    """Check parameters against a noise's signature, and convert their numbers.

    Args:
        label: what messages begin with.
        function: takes ``image``, ``seed`` and parameters annotated with limits.
        parameters: a mapping of parameter names to values, or None for none.

    Returns:
        keyword arguments for ``function``.

    Raises:
        UserError: names the parameter, what was expected and what came.
    """
    signature = inspect.signature(function).parameters
    known = [name for name in signature if name not in ("image", "seed")]
    if parameters is None:
        parameters = {}
    if not isinstance(parameters, Mapping):
        names = ", ".join(known) or "none"
        raise UserError(f"{label}: expected parameters by name ({names}), got {parameters!r}")
    for name in parameters:
        if name not in known:
            raise UserError(f"{label}: unknown parameter {name!r}{did_you_mean(name, known)}")
    hints = typing.get_type_hints(function, include_extras=True)
    values = {}
    for name in known:
        (limits,) = hints[name].__metadata__
        if name in parameters:
            try:
                values[name] = limits.read(parameters[name])
            except ValueError as error:
                raise UserError(f"{label}: {name}: {error}, got {parameters[name]!r}") from None
        elif signature[name].default is inspect.Parameter.empty:
            raise UserError(f"{label}: {name} is missing: expected {limits.describe()}")
    return values


def did_you_mean(name: object, known: Sequence[str]) -> str:
    """End of a message about an unknown name: the closest known one, and all of them."""
    close = difflib.get_close_matches(str(name), known, n=1)
    meant = f", did you mean {close[0]!r}?" if close else ""
    return f"{meant} (known: {', '.join(known) or 'none'})"


def _number(value: object) -> float:
    # NaN fails every comparison, so what is not a number fails the limits.
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        return float(value)
    except ValueError:
        return math.nan


def uniform(seed: tf.Tensor, shape: Sequence[int] | tf.Tensor) -> tf.Tensor:
    """Draw float32 numbers from [0, 1) with a stateless seed ``[2]``."""
    return tf.raw_ops.StatelessRandomUniformV2(shape=shape, **_generator(seed))


def normal(seed: tf.Tensor, shape: Sequence[int] | tf.Tensor) -> tf.Tensor:
    """Draw float32 numbers from the standard normal distribution, seed ``[2]``."""
    return tf.raw_ops.StatelessRandomNormalV2(shape=shape, **_generator(seed))


def split(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Derive ``count`` independent seeds ``[2]`` from one."""
    seeds = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[count, 2], dtype=seed.dtype, **_generator(seed)
    )
    return tf.unstack(seeds)


def _generator(seed: tf.Tensor) -> dict[str, Any]:
    """Philox, for the raw ops.

    The same bits as `tf.random.stateless_uniform(..., alg="philox")`, which spends twenty
    small ops on a seed where this spends one: on patches they cost more than the drawing.
    Philox by name, since TensorFlow left to itself may choose differently on another device.
    """
    philox = tf.random.Algorithm.PHILOX.value
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    return {"key": key, "counter": counter, "alg": philox}


def pick(level: Level, u: tf.Tensor) -> tf.Tensor | float:
    """Value at position ``u`` in [0, 1) of a range; a number stands for itself."""
    if isinstance(level, Sequence):
        low, high = level
        return low + u * (high - low)
    return float(level)


def pick_log(level: Level, u: tf.Tensor) -> tf.Tensor | float:
    """Like :func:`pick`, on a logarithmic scale: each doubling is equally likely."""
    if isinstance(level, Sequence):
        low, high = level
        return low * tf.exp(u * math.log(high / low))
    return float(level)


def pick_whole(level: Level, u: tf.Tensor) -> tf.Tensor | float:
    """Like :func:`pick`, for whole numbers (as float32), both ends included."""
    if isinstance(level, Sequence):
        low, high = level
        return low + tf.floor(u * (high - low + 1))
    return float(level)
