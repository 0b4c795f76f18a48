"""Dataclasses from plain dicts, strictly: unknown keys and wrong types are errors."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from typing import Any, Literal

import yaml

from kdae.errors import UserError


def apply_setting(tree: dict[str, Any], setting: str) -> None:
    """Puts one `key.key=value` (the value in YAML) into a tree of dicts.

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


def build(cls: Any, tree: Any, where: str = "") -> Any:
    """An instance of the dataclass `cls` from a tree of dicts; missing keys take defaults.

    Args:
        cls: a dataclass; its fields' types may be dataclasses, Literal, unions, tuples.
        tree: as read from YAML.
        where: dotted name of the tree, for messages.

    Raises:
        UserError: names the key, what was expected and what came.
    """
    if not isinstance(tree, dict):
        raise UserError(f"{where or 'config'}: expected settings, got {tree!r}")
    hints = typing.get_type_hints(cls)
    values = {}
    for key, value in tree.items():
        name = f"{where}.{key}" if where else str(key)
        if key not in hints:
            near = difflib.get_close_matches(str(key), hints, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(hints)}"
            raise UserError(f"{name}: unknown setting; {hint}")
        values[key] = _convert(hints[key], value, name)
    return cls(**values)


def _convert(kind: Any, value: Any, name: str) -> Any:
    """`value` as `kind`, or an error that names the setting."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return build(kind, value, name)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in args:
            return None
        options = [arg for arg in args if arg is not type(None)]
        matching = [a for a in options if isinstance(value, typing.get_origin(a) or a)]
        return _convert((matching or options)[0], value, name)
    if origin is Literal:
        if value in args and type(value) in {type(arg) for arg in args}:
            return value
        raise UserError(f"{name}: expected one of {', '.join(map(str, args))}, got {value!r}")
    if origin is tuple:
        if isinstance(value, list | tuple):
            return tuple(_convert(args[0], v, f"{name}[{i}]") for i, v in enumerate(value))
    elif origin in (dict, list):
        if isinstance(value, origin):
            return value
    elif kind is float and not isinstance(value, bool):
        # YAML 1.1 reads 1e-3, without a point, as a string.
        try:
            return float(value)
        except (TypeError, ValueError):
            pass
    elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    expected = "a list" if origin is tuple else getattr(origin or kind, "__name__", kind)
    raise UserError(f"{name}: expected {expected}, got {value!r}")
