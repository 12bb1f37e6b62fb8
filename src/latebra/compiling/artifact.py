"""What one compiler made of a model, and where it may be loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from latebra.compiling.contract import Compiler
from latebra.compiling.target import Target, this_target


@dataclass(frozen=True)
class Artifact:
    """What one compiler made of a model.

    Args:
        compiler: The id of who built it.
        content: What it built.
        settings: The compiler's settings, as it prints them.
        threads: How many threads it was built for.
        versions: Versions of what the compiler needs to load it, by distribution.
        target: The machine it was built for.
    """

    compiler: str
    content: bytes = field(repr=False)
    settings: str
    threads: int
    versions: Mapping[str, str]
    target: Target

    def difference(self, here: Compiler) -> str:
        """Returns why ``here`` should not load it, or nothing.

        What the compiler needs to load may be absent; what is there must be what it was.
        """
        if self.settings != repr(here):
            return f"it was built with {self.settings}"
        told = {*needed_to_load(here), *self.versions}
        for distribution, found in here.versions().items():
            if distribution in told and found != self.versions.get(distribution):
                wanted = self.versions.get(distribution, "nothing of that name")
                return f"it was built with {distribution} {wanted}, and {found} is here"
        return self.target.difference(this_target())


def needed_to_load(compiler: Compiler) -> dict[str, str]:
    """Returns the versions that what a compiler builds depends on, by distribution."""
    return {
        name: version
        for name, version in compiler.versions().items()
        if name not in compiler.needs_to_build
    }
