"""What a vendor is known to compute wrongly, and the way around it.

A model that holds such an operator reaches the vendor as the core graph says it, in simple
operators; where that cannot be, it is refused with the reason. So is nothing wrong in silence. What
a vendor refuses as it is written goes the same way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Final, TypeVar

from latebra.compiling.contract import Model, Support
from latebra.compiling.uses import Use, uses_of
from latebra.core.errors import BuildFailed, Unsupported

log = logging.getLogger(__name__)

T = TypeVar("T")
_NEEDS: Final = "the core graph would do, but onnx is not installed"
_FIX: Final = "choose another compiler"


@dataclass(frozen=True)
class Mistake:
    """Something that a vendor computes otherwise than ONNX defines it.

    Args:
        operator: The operator's name; nothing for any of them.
        reason: What is wrong, after the operator's name: ``moves values to wrong places``.
        when: Whether a use of the operator meets it; every one unless told.
    """

    operator: str
    reason: str
    when: Callable[[Use], bool] = lambda use: True

    def __str__(self) -> str:
        return f"{self.operator or 'it'} {self.reason}"


def shrinks_between_corners(use: Use) -> bool:
    """Does a Resize shrink by scales from corner to corner? Vendors start from other lengths."""
    scales = use.numbers(2)
    return use.told.get("coordinate_transformation_mode") == "align_corners" and (
        use.has(2) and not use.has(3) and (scales is None or min(scales, default=1) < 1)
    )


def met(model: Model, mistakes: Sequence[Mistake]) -> list[Mistake]:
    """Returns the mistakes that a model would meet as it is written."""
    uses = uses_of(model.onnx)
    return [
        each
        for each in mistakes
        if any(each.operator in ("", use.operator) and each.when(use) for use in uses)
    ]


def takes(model: Model, mistakes: Sequence[Mistake]) -> Support:
    """Can a vendor with these mistakes take a model, as written or as the core graph says it?"""
    if not (found := met(model, mistakes)):
        return Support()
    try:
        around(model, found, mistakes)
    except Unsupported as error:
        return Support((error.what,), error.fix)
    return Support()


def built(model: Model, mistakes: Sequence[Mistake], build: Callable[[Model], T]) -> T:
    """Returns what a vendor builds of a model: as written, or as the core graph says it.

    Args:
        model: The model.
        mistakes: What the vendor gets wrong.
        build: The vendor.

    Raises:
        Unsupported: It would be wrong, and the core graph cannot say it otherwise.
        BuildFailed: The vendor failed both ways; what it said of the model as written.
    """
    if found := met(model, mistakes):
        return build(around(model, found, mistakes))
    try:
        return build(model)
    except (BuildFailed, Unsupported) as refusal:
        log.info("%s: %s; trying the core graph", model.card.name, refusal.what)
        try:
            other = around(model, (), mistakes)
        except Unsupported:
            raise refusal from None
        try:
            return build(other)
        except (BuildFailed, Unsupported):
            raise refusal from None


def around(model: Model, found: Sequence[Mistake], mistakes: Sequence[Mistake]) -> Model:
    """Returns a model as the core graph says it.

    Args:
        model: The model.
        found: What is wrong with it as it is written, for the message.
        mistakes: What the vendor gets wrong.

    Raises:
        Unsupported: The core graph cannot say it, or not without a mistake.
    """
    why = "; ".join(map(str, found)) or "the vendor refused it"
    if find_spec("onnx") is None:
        raise Unsupported(f"{why}; {_NEEDS}", fix="pip install 'latebra[reference]'")
    from latebra.compiling.ir.legalise import legalised

    try:
        # Floats of 16 bits are computed in 32: each vendor rounds on the way as it likes.
        other = legalised(model, wide=True)
    except Unsupported as error:
        raise Unsupported(f"{why}; and {error.what}", fix=_FIX) from error
    if again := met(other, mistakes):
        raise Unsupported(f"{why}; and, without it, {again[0]}", fix=_FIX)
    return replace(other, card=model.card)
