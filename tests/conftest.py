"""Settings that every test shares."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no failure: examples are counted, not timed.
settings.register_profile(
    "steady", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Keeps what Python makes of sources in pytest's cache, for every process that tests start.

    Where the packages' folders have none and may get none, as in many containers, each of some
    hundred processes would compile its imports again: two seconds rather than a half.
    """
    cache = getattr(config, "cache", None)
    if cache is not None:
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(cache.mkdir("bytecode"))
        sys.dont_write_bytecode = False
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
