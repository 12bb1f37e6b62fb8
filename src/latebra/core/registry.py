"""Plug-ins, found by the names of their files."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from latebra.core.errors import BrokenPlugin, UnknownPlugin

P = TypeVar("P")
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


class Registry(Mapping[str, type[P]], Generic[P]):
    """A read-only mapping from plug-in id to class.

    A built-in plug-in is one module of ``package`` that binds ``PLUGIN``; its file name is its id.
    Another distribution's is one entry point in the group called ``package``. Listing imports
    nothing; looking one up imports one module.

    Args:
        kind: What the plug-ins are, for errors: "carrier", "compiler".
        package: Where the modules live, and the entry-point group.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package

    @cached_property
    def _builtin(self) -> frozenset[str]:
        path = importlib.import_module(self._package).__path__
        return frozenset(m.name for m in pkgutil.iter_modules(path) if not m.name.startswith("_"))

    @cached_property
    def _external(self) -> Mapping[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=self._package):
            if not IDENTIFIER.fullmatch(point.name):
                raise BrokenPlugin(
                    f"{point.value!r} calls itself {point.name!r}, which is not a {self.kind} id",
                    fix="rename the entry point: lower case, digits and underscores",
                )
            if point.name in found or point.name in self._builtin:
                raise BrokenPlugin(
                    f"two {self.kind}s are called {point.name!r}; one is {point.value!r}",
                    fix="uninstall one of the two distributions",
                )
            found[point.name] = point
        return found

    def __getitem__(self, key: str) -> type[P]:
        if key in self._builtin:
            plugin = importlib.import_module(f"{self._package}.{key}").PLUGIN
        elif key in self._external:
            plugin = self._external[key].load()
        else:
            close = difflib.get_close_matches(key, list(self), n=1)
            raise UnknownPlugin(
                f"no {self.kind} is called {key!r}",
                fix=f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(self)}",
            )
        return cast("type[P]", plugin)

    def __contains__(self, key: object) -> bool:
        return key in self._builtin or key in self._external

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._builtin | set(self._external)))

    def __len__(self) -> int:
        return len(self._builtin) + len(self._external)
