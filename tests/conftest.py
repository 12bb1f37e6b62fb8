"""Settings that every test shares."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine is no failure: examples are counted, not timed.
settings.register_profile(
    "steady", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("steady")
