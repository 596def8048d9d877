# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as plain data for Ansible and JSON, and back.

Words that are rendered from it are added for readers; reading back ignores them.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from . import words
from .types import Instance, RouterAddress, RouterUnit, ServerUnit, Worker

Kind = TypeVar("Kind")
BOOLEANS = {"true": True, "false": False}
RENDERED: dict[type, dict[str, Callable[[Any], Any]]] = {
    ServerUnit: {"files": words.files},
    RouterUnit: {"url": words.url},
    Worker: {"url": words.url},
    Instance: {"url": words.url},
    RouterAddress: {"url": words.url},
}


def to_dict(value: Any) -> dict[str, Any]:
    """Return a type of the plan as dicts, lists, strings, numbers and booleans, with the words rendered from it."""
    plain: dict[str, Any] = _writer(type(value))(value)
    return plain


def _writer(kind: type) -> Callable[[Any], Any]:
    """Return what writes a type; a plan has many values of few types, so their fields are looked at once."""
    if kind not in _WRITERS:
        nested = [(name, write) for name, hint in _hints(kind).items() if (write := _write(hint))]
        rendered = RENDERED.get(kind, {}).items()

        def write_fields(value: Any) -> dict[str, Any]:
            facts = dict(value.__dict__)
            for name, write in nested:
                facts[name] = write(facts[name])
            for name, render in rendered:
                facts[name] = render(value)
            return facts

        _WRITERS[kind] = write_fields
    return _WRITERS[kind]


def _write(hint: Any) -> Callable[[Any], Any] | None:
    """Return what writes a value of a type, None where it is plain already."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (tuple, dict):
        return _write_items(origin, _write(arguments[-1] if origin is dict else arguments[0]))
    return _writer(hint) if dataclasses.is_dataclass(hint) else None  # type: ignore[arg-type] # a type, not an instance


def _write_items(origin: Any, item: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    if item is None:
        return list if origin is tuple else dict
    write = item
    if origin is tuple:
        return lambda value: [write(one) for one in value]
    return lambda value: {key: write(one) for key, one in value.items()}


_WRITERS: dict[type, Callable[[Any], Any]] = {}


def from_dict(kind: type[Kind], data: Any, where: str) -> Kind:
    """Return a type of the plan from its plain form. where: how an error names it, such as servers[0]."""
    if not isinstance(data, Mapping):
        raise ValueError(f"{where}: it must be a mapping, as the module plan returns it, and is {type(data).__name__}")
    hints = _hints(kind)
    found = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type] # every kind is a dataclass
        if field.name in data:
            found[field.name] = _value(hints[field.name], data[field.name], f"{where}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{where}.{field.name}: it is missing; pass what the module plan returned")
    return kind(**found)


def each(kind: type[Kind], items: Iterable[Any], where: str) -> tuple[Kind, ...]:
    """Return several of them."""
    return tuple(from_dict(kind, item, f"{where}[{number}]") for number, item in enumerate(items))


def _hints(kind: type) -> dict[str, Any]:
    if kind not in _CACHE:
        _CACHE[kind] = typing.get_type_hints(kind)
    return _CACHE[kind]


_CACHE: dict[type, dict[str, Any]] = {}


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{where}: it must be a list")
        return tuple(_value(arguments[0], item, f"{where}[{number}]") for number, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ValueError(f"{where}: it must be a mapping")
        return {str(key): _value(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return from_dict(hint, value, where)  # type: ignore[arg-type] # a type, not an instance
    return _scalar(hint, value, where)


def _scalar(kind: type, value: Any, where: str) -> Any:
    """Return a text, a number or a boolean. Ansible has strings of its own types, and templates make text of others."""
    try:
        if value is None or isinstance(value, (list, tuple, Mapping)):
            raise TypeError
        return BOOLEANS[str(value).lower()] if kind is bool else kind(value)
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{where}: {value!r} is not of type {kind.__name__}") from None
