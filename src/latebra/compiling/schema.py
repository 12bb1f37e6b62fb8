"""Check JSON against a JSON Schema, as far as our own schemas use it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, cast

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_KNOWN: Final = {
    "$defs",
    "$id",
    "$ref",
    "$schema",
    "additionalProperties",
    "const",
    "description",
    "enum",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minimum",
    "pattern",
    "properties",
    "propertyNames",
    "required",
    "title",
    "type",
}


@cache
def load_schema(name: str) -> Mapping[str, Any]:
    """Returns the schema called ``name``, which ships with this package."""
    return json.loads((files("latebra.compiling") / f"{name}.schema.json").read_text())


def check_schema(told: Any, schema: Mapping[str, Any]) -> None:
    """Checks what was read from JSON.

    Raises:
        ValueError: It does not fit; the text says where, and why.
    """
    _check(told, schema, schema, "it")


def _check(told: Any, schema: Mapping[str, Any], root: Mapping[str, Any], where: str) -> None:
    unknown = set(schema) - _KNOWN
    if unknown:
        raise NotImplementedError(f"a schema uses {sorted(unknown)}")
    if "$ref" in schema:
        _check(told, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, where)
        return
    _check_kind(told, schema, where)
    if isinstance(told, str):
        if len(told) > schema.get("maxLength", len(told)):
            raise ValueError(f"{where} has {len(told)} characters")
        if "pattern" in schema and not re.search(schema["pattern"], told):
            raise ValueError(f"{where} is {told!r:.100}")
    elif isinstance(told, int | float):
        if not schema.get("minimum", told) <= told <= schema.get("maximum", told):
            raise ValueError(f"{where} is {told}")
    elif isinstance(told, list):
        entries = cast("list[Any]", told)
        if len(entries) > schema.get("maxItems", len(entries)):
            raise ValueError(f"{where} has {len(entries)} entries")
        for at, entry in enumerate(entries):
            _check(entry, schema.get("items", {}), root, f"{where}[{at}]")
    elif isinstance(told, dict):
        _check_members(cast("dict[str, Any]", told), schema, root, where)


def _check_kind(told: Any, schema: Mapping[str, Any], where: str) -> None:
    wanted: Any = schema.get("type")
    if wanted is not None:
        names = [wanted] if isinstance(wanted, str) else wanted
        fits = any(isinstance(told, _TYPES[name]) for name in names)
        if not fits or isinstance(told, bool):
            raise ValueError(f"{where} is {told!r:.100} and not of type {' or '.join(names)}")
    if "const" in schema and told != schema["const"]:
        raise ValueError(f"{where} is {told!r:.100} and not {schema['const']!r}")
    if "enum" in schema and told not in schema["enum"]:
        raise ValueError(f"{where} is {told!r:.100} and none of {', '.join(schema['enum'])}")


def _check_members(
    told: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], where: str
) -> None:
    missing = [name for name in schema.get("required", ()) if name not in told]
    if missing:
        raise ValueError(f"{where} lacks {missing[0]!r}")
    if len(told) > schema.get("maxProperties", len(told)):
        raise ValueError(f"{where} has {len(told)} members")
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    for name, value in told.items():
        if "propertyNames" in schema:
            _check(name, schema["propertyNames"], root, f"a name in {where}")
        if name not in properties and others is False:
            raise ValueError(f"{where} has a member {name!r:.100}")
        _check(value, properties.get(name, others), root, f"{where}.{name:.100}")
