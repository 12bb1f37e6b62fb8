"""How long work says how far it is: silent in the library, a bar in the command line."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Told how far a piece of work is."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Takes note that ``done`` of ``total`` steps of ``stage`` are finished."""
        ...


def silent(stage: str, done: int, total: int) -> None:
    """Says nothing."""
    del stage, done, total
