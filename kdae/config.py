"""Reads sections of a config and makes the messages about wrong settings.

A section is a class of settings that stands beside the code which uses them, such as
`kdae.model.ModelConfig`. `kdae.train.Config` holds all sections. The type of each field states
which values a setting may have, and pydantic checks it.
"""

from __future__ import annotations

import contextlib
import types
import typing
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ValidationInfo

from kdae.errors import UserError, did_you_mean

T = TypeVar("T")
S = TypeVar("S", bound="Section")

Several = Annotated[tuple[T, ...], Strict(False)]
"""A list in YAML, a tuple in Python."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A part of the whole, or a probability."""

_KINDS = {
    int: "a whole number", float: "a number", bool: "true or false", str: "text",
    tuple: "a list",
}  # fmt: skip


class Section(BaseModel):
    """Settings that belong together. They cannot be changed, and compare by value.

    Types are not converted: True is not a number, and 1 is not True. A validator of a section
    raises a `ValueError` that says what was expected, or a `UserError` with the whole message.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: Any, info: ValidationInfo) -> Any:
        field, _ = _without_null(cls.model_fields[str(info.field_name)])
        # YAML 1.1 reads 1e-3, without a point, as text.
        if field.annotation is float and isinstance(value, str):
            with contextlib.suppress(ValueError):
                return float(value)
        # To Python, True is one of the literals 1 and 3.
        if typing.get_origin(field.annotation) is Literal and isinstance(value, bool):
            raise ValueError(_describe(field))
        return value


def read_section(kind: type[S], tree: Any) -> S:
    """Makes a section from plain dicts and lists. Missing settings take their defaults.

    Args:
        kind: The class of the section.
        tree: The settings, as read from YAML.

    Raises:
        UserError: If a setting is unknown or wrong. The message names the first such setting,
            what was expected and what came, or the nearest known name.
    """
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise UserError(_message(kind, error.errors()[0])) from None


def _message(kind: type[Section], error: ErrorDetails) -> str:
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error["loc"])[1:]
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return f"{key}: {cause}" if key else str(cause)
    if error["type"] in ("extra_forbidden", "invalid_key"):
        *parents, name = error["loc"]
        owner: Any = _field(kind, parents).annotation
        return f"{key}: unknown setting{did_you_mean(name, list(owner.model_fields))}"
    field, value = _field(kind, error["loc"]), error["input"]
    if isinstance(value, str) and (names := _literals(field)):
        return f"{key}: unknown name {value!r}{did_you_mean(value, names)}"
    expected = str(cause) if cause else _describe(field)
    return f"{key or 'config'}: expected {expected}, got {value!r}"


def _field(kind: type[Section], place: Sequence[int | str]) -> FieldInfo:
    """Returns the field at a place, which may be an item of a list."""
    field = FieldInfo.from_annotation(kind)
    for part in place:
        owner: Any = field.annotation
        if isinstance(part, int):
            field = FieldInfo.from_annotation(typing.get_args(owner)[0])
        else:
            field = owner.model_fields[part]
    return field


def _without_null(field: FieldInfo) -> tuple[FieldInfo, bool]:
    """Returns the field without None as a value, and whether None is allowed."""
    if typing.get_origin(field.annotation) not in (types.UnionType, typing.Union):
        return field, False
    options = typing.get_args(field.annotation)
    return FieldInfo.from_annotation(options[0]), type(None) in options


def _literals(field: FieldInfo) -> list[str]:
    """Returns the allowed values of a field that has a list of them, else nothing."""
    kind = _without_null(field)[0].annotation
    return [str(v) for v in typing.get_args(kind)] if typing.get_origin(kind) is Literal else []


def _describe(field: FieldInfo) -> str:
    """Returns in words which values a field may have."""
    inner, null = _without_null(field)
    kind: Any = typing.get_origin(inner.annotation) or inner.annotation
    if names := _literals(field):
        words = "one of " + ", ".join(names)
    else:
        words = _KINDS.get(kind, "settings") + _describe_limits(inner.metadata)
    return words + " or null" * null


def _describe_limits(limits: Sequence[Any]) -> str:
    low = high = words = ""
    for limit in limits:
        match limit:
            case Gt(gt=end):
                low, words = f"({end}", f" above {end}"
            case Ge(ge=end):
                low, words = f"[{end}", f" of at least {end}"
            case Lt(lt=end):
                high = f"{end})"
            case Le(le=end):
                high = f"{end}]"
            case MinLen(min_length=count):
                words = f" of at least {count}"
    return f" in {low}, {high}" if low and high else words
