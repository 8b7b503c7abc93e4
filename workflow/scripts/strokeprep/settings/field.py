"""How a setting is declared, and what follows from that: its schema, and how it is read.

A section of the config is a frozen dataclass, its docstring says what it is about, and each of its
fields is declared by :func:`setting`. Jobs receive these objects, so this needs the standard
library alone.

>>> @dataclass(frozen=True)
... class Smoothing:
...     '''How images are smoothed.'''
...     fwhm_mm: float = setting(5, "Width of the kernel (mm).", at_least=0)
>>> schema(Smoothing)["properties"]["fwhm_mm"]
{'type': 'number', 'minimum': 0, 'default': 5, 'description': 'Width of the kernel (mm).'}
>>> typed(Smoothing, {"fwhm_mm": 2})
Smoothing(fwhm_mm=2)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
Schema = dict[str, Any]

DECLARED = "setting"  # the key of a field's metadata
NAMED = {bool: "boolean", int: "integer", float: "number", str: "string", NoneType: "null"}


@dataclass(frozen=True)
class Rule:
    """What a setting means and which values it may have.

    Limits of numbers, and choices and patterns of text, hold for each value of a list or mapping.
    ``called`` says in words what ``pattern`` asks for. ``fewest`` and ``unique`` are about a list
    itself, ``keys`` about those of a mapping. ``schema`` and ``read`` replace what else follows
    from the type of the field.
    """

    meaning: str
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    choices: Sequence[str] = ()
    keys: Sequence[str] = ()
    pattern: str | None = None
    called: str | None = None
    may_be_empty: bool = False
    fewest: int | None = None
    unique: bool = False
    schema: Schema | None = None
    read: Callable[[Any], Any] | None = None


def setting(default: Any, meaning: str, **rule: Any) -> Any:
    """A field that the config may set, or must set if its default is ``MISSING``."""
    metadata = {DECLARED: Rule(meaning, **rule)}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


# --- Schema ---------------------------------------------------------------------------------


def schema(section: type) -> Schema:
    """The JSON schema of a section; fields that were not declared as settings are left out."""
    hints = get_type_hints(section)
    properties = {}
    for field in dataclasses.fields(section):
        inner, rule = _section(hints[field.name]), field.metadata.get(DECLARED)
        if inner:
            properties[field.name] = schema(inner)
        elif rule:
            properties[field.name] = rule.schema or _of_setting(field, hints[field.name], rule)
    needed = [
        field.name
        for field in dataclasses.fields(section)
        if DECLARED in field.metadata and _default(field) is MISSING
    ]
    return {
        "type": "object",
        "description": section.__doc__,
        "additionalProperties": False,
        **({"required": needed} if needed else {}),
        "properties": properties,
    }


def _of_setting(field: Field, hint: Any, rule: Rule) -> Schema:
    default = _default(field)
    return {
        **_of_type(hint, rule),
        **({"uniqueItems": True} if rule.unique else {}),
        **({"minItems": rule.fewest} if rule.fewest else {}),
        **({} if default is MISSING else {"default": _plain(default)}),
        "description": rule.meaning,
    }


def _of_type(hint: Any, rule: Rule) -> Schema:
    """The schema of a type, with the rule's limits at the values themselves."""
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, UnionType):
        parts = [_of_type(each, rule) for each in inner]
        merged = {key: value for part in parts for key, value in part.items()}
        return merged | {"type": [part["type"] for part in parts]}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin is tuple:
        fixed = {} if inner[-1] is ... else {"minItems": len(inner), "maxItems": len(inner)}
        return {"type": "array", "items": _of_type(inner[0], rule), **fixed}
    if origin is Mapping:
        names = {"propertyNames": {"enum": list(rule.keys)}} if rule.keys else {}
        return {"type": "object", **names, "additionalProperties": _of_type(inner[1], rule)}
    if rule.choices:
        return {"enum": list(rule.choices)}
    return {"type": NAMED[hint], **_limits(hint, rule)}


def _limits(hint: type, rule: Rule) -> Schema:
    known: dict[str, Any]
    if hint is str:
        known = {"pattern": rule.pattern, "title": rule.called}
        known["minLength"] = None if rule.pattern or rule.may_be_empty else 1
    else:
        known = {"minimum": rule.at_least, "exclusiveMinimum": rule.above, "maximum": rule.at_most}
    return {key: value for key, value in known.items() if value is not None}


def _plain(value: Any) -> Any:
    """A value as YAML has it."""
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


# --- Reading --------------------------------------------------------------------------------


def typed(section: type[T], values: Mapping[str, Any]) -> T:
    """A section's values, as YAML has them, as its object; those left out keep their defaults."""
    hints = get_type_hints(section)
    rules = {each.name: each.metadata.get(DECLARED) for each in dataclasses.fields(section)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(rules))
    if unknown:
        raise ValueError(f"{section.__name__} has no setting {', '.join(unknown)}")
    return section(
        **{name: _read(value, hints[name], rules[name]) for name, value in values.items()}
    )


def _read(value: Any, hint: Any, rule: Rule | None) -> Any:
    if rule and rule.read:
        return rule.read(value)
    section = _section(hint)
    return typed(section, value) if section and value is not None else _frozen(value)


def _frozen(value: Any) -> Any:
    """A value with tuples for its lists."""
    if isinstance(value, list | tuple):
        return tuple(_frozen(each) for each in value)
    return {k: _frozen(v) for k, v in value.items()} if isinstance(value, Mapping) else value


# --- Fields ---------------------------------------------------------------------------------


def _section(hint: Any) -> type | None:
    """The section that a field of this type holds, if it holds one."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return next(
        (each for each in kinds if isinstance(each, type) and dataclasses.is_dataclass(each)), None
    )


def _default(field: Field) -> Any:
    """The default of a field, or MISSING."""
    return field.default if field.default_factory is MISSING else field.default_factory()
