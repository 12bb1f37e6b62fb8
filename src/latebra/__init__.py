"""Hide information in the latent space of neural networks; read it back on any hardware.

Importing this is light: each name is looked up in the module that makes it when it is first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from latebra.core.errors import (
    BadKey,
    DoesNotFit,
    InputError,
    LatebraError,
    NothingRevealed,
    NumericsMismatch,
    PartsMissing,
    TriedTooOften,
    Unavailable,
)

if TYPE_CHECKING:
    from latebra.api.checking import Checked, Verdict, check
    from latebra.api.classes import (
        Likeness,
        Lock,
        class_list,
        class_lock,
        class_open,
        class_table,
        classify,
    )
    from latebra.api.compared import choose, compare, load_model
    from latebra.api.compiled import compile
    from latebra.api.credentials import Certificate
    from latebra.api.fingerprint import (
        fingerprint_check,
        fingerprint_commitment,
        fingerprint_make,
    )
    from latebra.api.identity import VaultFacts, vault_enrol, vault_info, vault_revoke
    from latebra.api.library import Library, open_library
    from latebra.api.looking import Audit, audit, doctor
    from latebra.api.opened import carriers, compilers
    from latebra.api.placed import place, repeat
    from latebra.api.provenance import Signed, sign
    from latebra.api.register import Register
    from latebra.api.scrubbing import Trace, scan, scrub
    from latebra.api.stego import HideReport, Ordinary, Stego
    from latebra.api.vault import vault_open, vault_put, vault_room
    from latebra.api.verbs import capacity, hide, reveal, write
    from latebra.compiling.bundle import Bundle
    from latebra.compiling.choosing import Choice
    from latebra.compiling.contract import Model
    from latebra.compiling.pipeline import Pipeline
    from latebra.compiling.report import Report
    from latebra.core.keys import Identity, Key, Recipient
    from latebra.hiding.medium import Text
    from latebra.hiding.vault import VaultReport, VaultRoom
    from latebra.models.catalogue import Catalogue

    models: Catalogue

__version__ = "0.1.0"

__all__ = [
    "Audit",
    "BadKey",
    "Bundle",
    "Certificate",
    "Checked",
    "Choice",
    "DoesNotFit",
    "HideReport",
    "Identity",
    "InputError",
    "Key",
    "LatebraError",
    "Library",
    "Likeness",
    "Lock",
    "Model",
    "NothingRevealed",
    "NumericsMismatch",
    "Ordinary",
    "PartsMissing",
    "Pipeline",
    "Recipient",
    "Register",
    "Report",
    "Signed",
    "Stego",
    "Text",
    "Trace",
    "TriedTooOften",
    "Unavailable",
    "VaultFacts",
    "VaultReport",
    "VaultRoom",
    "Verdict",
    "audit",
    "capacity",
    "carriers",
    "check",
    "choose",
    "class_list",
    "class_lock",
    "class_open",
    "class_table",
    "classify",
    "compare",
    "compile",
    "compilers",
    "doctor",
    "fingerprint_check",
    "fingerprint_commitment",
    "fingerprint_make",
    "hide",
    "load_model",
    "models",
    "open_library",
    "place",
    "repeat",
    "reveal",
    "scan",
    "scrub",
    "sign",
    "vault_enrol",
    "vault_info",
    "vault_open",
    "vault_put",
    "vault_revoke",
    "vault_room",
    "write",
]

_HOMES = {
    "Audit": "latebra.api.looking",
    "Bundle": "latebra.compiling.bundle",
    "Certificate": "latebra.api.credentials",
    "Checked": "latebra.api.checking",
    "Choice": "latebra.compiling.choosing",
    "HideReport": "latebra.api.stego",
    "Identity": "latebra.core.keys",
    "Key": "latebra.core.keys",
    "Library": "latebra.api.library",
    "Likeness": "latebra.api.classes",
    "Lock": "latebra.api.classes",
    "Model": "latebra.compiling.contract",
    "Ordinary": "latebra.api.stego",
    "Pipeline": "latebra.compiling.pipeline",
    "Recipient": "latebra.core.keys",
    "Register": "latebra.api.register",
    "Report": "latebra.compiling.report",
    "Signed": "latebra.api.provenance",
    "Stego": "latebra.api.stego",
    "Text": "latebra.hiding.medium",
    "Trace": "latebra.api.scrubbing",
    "VaultFacts": "latebra.api.identity",
    "VaultReport": "latebra.hiding.vault",
    "VaultRoom": "latebra.hiding.vault",
    "Verdict": "latebra.api.checking",
    "audit": "latebra.api.looking",
    "capacity": "latebra.api.verbs",
    "carriers": "latebra.api.opened",
    "check": "latebra.api.checking",
    "choose": "latebra.api.compared",
    "class_list": "latebra.api.classes",
    "class_lock": "latebra.api.classes",
    "class_open": "latebra.api.classes",
    "class_table": "latebra.api.classes",
    "classify": "latebra.api.classes",
    "compare": "latebra.api.compared",
    "compile": "latebra.api.compiled",
    "compilers": "latebra.api.opened",
    "doctor": "latebra.api.looking",
    "fingerprint_check": "latebra.api.fingerprint",
    "fingerprint_commitment": "latebra.api.fingerprint",
    "fingerprint_make": "latebra.api.fingerprint",
    "hide": "latebra.api.verbs",
    "load_model": "latebra.api.compared",
    "open_library": "latebra.api.library",
    "place": "latebra.api.placed",
    "repeat": "latebra.api.placed",
    "reveal": "latebra.api.verbs",
    "scan": "latebra.api.scrubbing",
    "scrub": "latebra.api.scrubbing",
    "sign": "latebra.api.provenance",
    "vault_enrol": "latebra.api.identity",
    "vault_info": "latebra.api.identity",
    "vault_open": "latebra.api.vault",
    "vault_put": "latebra.api.vault",
    "vault_revoke": "latebra.api.identity",
    "vault_room": "latebra.api.vault",
    "write": "latebra.api.verbs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'latebra' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


class _Package(ModuleType):
    """The package, whose name ``models`` is the catalogue and not the subpackage that makes it."""

    @property
    def models(self) -> Catalogue:
        """The bundled networks: name to card."""
        return import_module("latebra.api.opened").models

    @models.setter
    def models(self, _: object) -> None:
        """Heeds no import of the subpackage, which would bind its name here."""


sys.modules[__name__].__class__ = _Package
