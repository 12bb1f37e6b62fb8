"""What a comparison of compilers found: a row for each, and how far each pair is apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import numpy as np

from latebra.compiling.contract import Outcome
from latebra.compiling.likeness import Difference
from latebra.core.network import Golden


@dataclass(frozen=True)
class Identity:
    """Whether results are the same, bit for bit; None where it was not tried.

    Args:
        runs: From one run to the next.
        threads: With one thread and with several.
        processes: In the process that built the artifact and in one that loaded it.
    """

    runs: bool | None = None
    threads: bool | None = None
    processes: bool | None = None

    @property
    def everywhere(self) -> bool:
        """Whether nothing that was tried changed a bit."""
        return False not in (self.runs, self.threads, self.processes)


@dataclass(frozen=True)
class Row:
    """What one compiler made of the model. Numbers are None where it did not get so far.

    Args:
        compiler: Its id.
        title: Its name for people.
        outcome: How it went, in one word.
        reason: Why, where it is not ``ok``.
        fix: What to do about it.
        said: What its process last printed, where it died.
        versions: Versions of what it needs, by distribution.
        build_s: Seconds of building, with one thread.
        load_s: Seconds of loading the artifact in a fresh process, already started.
        first_s: Seconds of the first run after that.
        cpu_s: CPU seconds of one run with one thread, all rounds.
        wall_s: Wall-clock seconds of one run with several threads, all rounds.
        items_s: Items a second at the report's batch, with several threads.
        artifact_bytes: Size of the artifact.
        peak_bytes: The most memory that the process held which loaded and ran, one thread.
        error: How far its result is from the judge's.
        same: Whether its results are the same every time.
        precision: Relative error that a variant's precision explains; 0 for what is no variant.
    """

    compiler: str
    title: str
    outcome: Outcome
    reason: str = ""
    fix: str = ""
    said: str = ""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    build_s: float | None = None
    load_s: float | None = None
    first_s: float | None = None
    cpu_s: tuple[float, ...] = ()
    wall_s: tuple[float, ...] = ()
    items_s: float | None = None
    artifact_bytes: int | None = None
    peak_bytes: int | None = None
    error: Difference | None = None
    same: Identity = Identity()
    precision: float = 0.0

    @property
    def cpu(self) -> float | None:
        """Median CPU seconds of one run with one thread."""
        return median(self.cpu_s) if self.cpu_s else None

    @property
    def wall(self) -> float | None:
        """Median wall-clock seconds of one run with several threads."""
        return median(self.wall_s) if self.wall_s else None

    def as_dict(self) -> dict[str, Any]:
        """Returns everything, ready for JSON; what is infinite becomes None."""
        return _plain({**asdict(self), "cpu_median_s": self.cpu, "wall_median_s": self.wall})


@dataclass(frozen=True)
class Report:
    """What every compiler made of one model, side by side.

    Args:
        model: The model's name.
        digest: SHA-256 of the model's file.
        inputs: What it was run on, one phrase each.
        threads: The several threads of the second measurement.
        batch: Items in a batch for ``items_s``; None where the model has no open batch axis.
        bound: Largest relative difference from the judge that is accepted.
        judge: Who judged: a compiler's id, or nothing where nobody could.
        verdict: One sentence on the judge.
        rows: One for each compiler.
        apart: Largest absolute difference of each pair that ran, by ids.
        notes: What else a reader should know, one sentence each.
        golden: The inputs, and the judge's outputs; None where nobody judged.
    """

    model: str
    digest: str
    inputs: tuple[str, ...]
    threads: int
    batch: int | None
    bound: float
    judge: str
    verdict: str
    rows: tuple[Row, ...]
    apart: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...] = ()
    golden: Golden | None = field(default=None, repr=False, compare=False)

    def __getitem__(self, compiler: str) -> Row:
        """Returns the row of one compiler.

        Raises:
            KeyError: It was not compared.
        """
        for row in self.rows:
            if row.compiler == compiler:
                return row
        raise KeyError(compiler)

    @property
    def right(self) -> tuple[Row, ...]:
        """The rows that are ``ok``."""
        return tuple(row for row in self.rows if row.outcome is Outcome.OK)

    def as_dict(self) -> dict[str, Any]:
        """Returns everything, ready for JSON; what is infinite becomes None."""
        plain = {
            **{name: getattr(self, name) for name in _PLAIN},
            "rows": [row.as_dict() for row in self.rows],
            "apart": {name: dict(others) for name, others in self.apart.items()},
        }
        return _plain(plain)


_PLAIN = (
    "model",
    "digest",
    "inputs",
    "threads",
    "batch",
    "bound",
    "judge",
    "verdict",
    "notes",
)


def ratio(one: Sequence[float], other: Sequence[float]) -> float:
    """Returns the median of ``ratios``.

    Args:
        one: A time for each round.
        other: The same.
    """
    return median(ratios(one, other))


def ratios(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """Returns ``one / other`` for each round that both have: they took turns.

    Args:
        one: A time for each round.
        other: The same.
    """
    return [a / b for a, b in zip(one, other, strict=False)]


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType] JSON is not typed
        case list() | tuple():
            return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType] JSON is not typed
        case float():
            return value if np.isfinite(value) else None
        case _:
            return value
