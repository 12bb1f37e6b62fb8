"""What an artifact was built for: a system, an architecture and its instruction sets."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

_SETS: Final = re.compile(
    r"(sse|ssse|avx|amx|fma|f16c|bmi|adx|gfni|vaes|vpclmul|neon|asimd|sve|sme$|sme\d|i8mm|bf16|fphp)"
)
"""Flags that a code generator or a library of kernels looks at; others come and go with kernels."""
_ALIASES: Final = {"AMD64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Target:
    """A kind of machine.

    Args:
        system: Its system, as in ``Linux``.
        architecture: Its architecture, as in ``x86_64``.
        features: Its instruction sets, sorted; none where the system does not list them.
    """

    system: str
    architecture: str
    features: tuple[str, ...]

    def difference(self, here: Target) -> str:
        """Returns why something built for this target does not suit ``here``, or nothing.

        More instruction sets than it was built for are a difference too: some compilers choose how
        numbers lie in memory by them.
        """
        for mine, other in ((self.system, here.system), (self.architecture, here.architecture)):
            if mine != other:
                return f"it was built for {mine}, and this is {other}"
        lacking = sorted(set(self.features) - set(here.features))
        if lacking:
            return f"this processor lacks {', '.join(lacking)}"
        more = sorted(set(here.features) - set(self.features))
        return f"this processor also has {', '.join(more)}" if more else ""

    def told(self) -> dict[str, Any]:
        """Returns it as a manifest says it."""
        return {
            "system": self.system,
            "architecture": self.architecture,
            "features": list(self.features),
        }


@cache
def this_target() -> Target:
    """Returns what this machine is."""
    machine = platform.machine()
    return Target(platform.system(), _ALIASES.get(machine, machine), _features())


def _features() -> tuple[str, ...]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ()
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return tuple(sorted({flag for flag in flags.partition(":")[2].split() if _SETS.match(flag)}))
