"""Parameters of the noises: a number, or a range from which a picture's value is drawn.

A noise says what it accepts in its signature, `sigma: Annotated[Level, Limits(0, 255)]`;
`read_parameters` checks and converts what a config holds.
"""

import inspect
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kdae.draws import Level
from kdae.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Limits:
    """What a parameter may be.

    Attributes:
        low: smallest value allowed.
        high: largest value allowed.
        ranged: whether `[lo, hi]` is allowed beside a single number.
        whole: whether only whole numbers are allowed.
        log: whether a range is drawn from on a logarithmic scale, and so has to start
            above 0.
        words: names allowed in place of a number.
        none: whether `None` (YAML `null`) is allowed.
    """

    low: float
    high: float = math.inf
    ranged: bool = True
    whole: bool = False
    log: bool = False
    words: tuple[str, ...] = ()
    none: bool = False

    def read(self, value: object) -> Level | str | None:
        """Returns `value` with its numbers converted to float.

        Numbers written as text are accepted, because YAML 1.1 reads `1e-3` as text.

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
        """Says in words what is allowed, for error messages."""
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
    """Checks parameters against the signature of a noise, and converts their numbers.

    Args:
        label: beginning of error messages.
        function: takes `image`, `seed` and parameters annotated with limits.
        parameters: a mapping of parameter names to values, or None for none.

    Returns:
        Keyword arguments for `function`.

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


def _number(value: object) -> float:
    # NaN fails every comparison, so anything that is no number is outside the limits.
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        return float(value)
    except ValueError:
        return math.nan
