"""The verbs of fingerprints: make questions, check answers, commit to a key."""

from __future__ import annotations

from latebra.hiding.fingerprint import check as fingerprint_check
from latebra.hiding.fingerprint import commitment as fingerprint_commitment
from latebra.hiding.fingerprint import make as fingerprint_make

__all__ = ["fingerprint_check", "fingerprint_commitment", "fingerprint_make"]
