"""Loops that Numba compiles: decoders and coders, where the loop is the algorithm."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numba


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns ``function`` compiled when it is first called, kept on disk for the next process.

    A checker of types that an import hook has wrapped around it is taken off first: Numba compiles
    the function itself.
    """
    compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True)(inspect.unwrap(function))
    return compiled
