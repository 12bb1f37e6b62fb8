"""Every error that this package raises.

LatebraError                        L000
├── PluginError                     L100
│   ├── UnknownPlugin               L101   no plug-in has that id
│   ├── BrokenPlugin                L102   the plug-in breaks its contract
│   └── Unavailable                 L103   the plug-in needs something this machine lacks
├── InputError                      L200
│   ├── UnreadableFile              L201   the file cannot be read, or is not what it should be
│   ├── UnwritableFile              L202   the file cannot be written, or would be overwritten
│   └── BadKey                      L203   the key, passphrase or reference cannot be used
├── HidingError                     L300
│   ├── DoesNotFit                  L301   the message is longer than the cover can carry
│   ├── NothingRevealed             L302   this key opens nothing here
│   ├── PartsMissing                L303   some pictures of a set were not given
│   ├── TriedTooOften               L304   a vault may not be tried again yet
│   └── NotVerified                 L305   a picture is not what somebody signed
└── CompileError                    L400
    ├── Unsupported                 L401   the compiler cannot take this model
    ├── BuildFailed                 L402   the compiler failed while building
    ├── LoadFailed                  L403   the built artifact could not be loaded
    ├── RunFailed                   L404   the compiled model failed, or its process died
    ├── TimedOut                    L405   the compiler took longer than it was given
    └── NumericsMismatch            L406   the compiled model disagrees with its golden vector
"""

from __future__ import annotations

from typing import Any, ClassVar, final


class LatebraError(Exception):
    """The root of every error that this package raises.

    Args:
        what: One sentence that says what happened, with the offending value in it; lower case, no
            full stop.
        fix: One imperative that the reader can act on, or nothing.
    """

    code: ClassVar[str] = "L000"

    def __init__(self, what: str, *, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what} [{self.code}]" + (f"\n  fix: {self.fix}" if self.fix else "")

    def __reduce__(self) -> tuple[Any, ...]:
        """Lets an error cross to another process whole, whatever its arguments were."""
        return _restored, (type(self), self.what, vars(self))


class PluginError(LatebraError):
    """Something is wrong with a plug-in, or with the name of one."""

    code = "L100"


class UnknownPlugin(PluginError):
    """No plug-in has that id."""

    code = "L101"


class BrokenPlugin(PluginError):
    """A plug-in breaks its contract."""

    code = "L102"


class Unavailable(PluginError):
    """A plug-in needs something that this machine lacks."""

    code = "L103"


class InputError(LatebraError):
    """Something that was handed in cannot be used."""

    code = "L200"


class UnreadableFile(InputError):
    """A file cannot be read, or is not what it should be."""

    code = "L201"


class UnwritableFile(InputError):
    """A file cannot be written, or would be overwritten."""

    code = "L202"


class BadKey(InputError):
    """A key, a passphrase or a reference to one cannot be used."""

    code = "L203"


class HidingError(LatebraError):
    """Hiding or revealing came to nothing."""

    code = "L300"


class DoesNotFit(HidingError):
    """The message is longer than the cover can carry."""

    code = "L301"


@final
class NothingRevealed(HidingError):
    """This key opens nothing here.

    Wrong key, damaged cover and empty cover all say this, in the same words: telling them apart
    would tell an outsider which covers carry something. The class takes no arguments, so that
    nobody can add any.
    """

    code = "L302"

    def __init__(self) -> None:
        super().__init__(
            "nothing was revealed",
            fix="check the key, the carrier and that the file came through its channel unharmed",
        )


class PartsMissing(HidingError):
    """Some pictures of a set were not given; the caller holds the right key."""

    code = "L303"


class TriedTooOften(HidingError):
    """A vault was tried in vain so often that this machine waits before the next try."""

    code = "L304"


class NotVerified(HidingError):
    """Pictures were checked, and not all of them are what somebody signed."""

    code = "L305"


class CompileError(LatebraError):
    """A compiler did not get a model to run, or to run rightly."""

    code = "L400"


class Unsupported(CompileError):
    """The compiler cannot take this model."""

    code = "L401"


class BuildFailed(CompileError):
    """The compiler failed while it built the model."""

    code = "L402"


class LoadFailed(CompileError):
    """The built artifact could not be loaded."""

    code = "L403"


class RunFailed(CompileError):
    """The compiled model failed while it ran, or its process died."""

    code = "L404"


class TimedOut(CompileError):
    """The compiler took longer than it was given."""

    code = "L405"


class NumericsMismatch(CompileError):
    """The compiled model disagrees with its golden vector."""

    code = "L406"

    def __init__(self, what: str, *, error: float, bound: float, fix: str = "") -> None:
        super().__init__(what, fix=fix)
        self.error = error
        self.bound = bound


def _restored(kind: type[LatebraError], what: str, state: dict[str, Any]) -> LatebraError:
    error = kind.__new__(kind, what)
    vars(error).update(state)
    return error
