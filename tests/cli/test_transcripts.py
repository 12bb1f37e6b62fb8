from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.transcript import Scenario, matches

FILES = sorted((Path(__file__).parent / "scenarios").glob("*.toml"))
SCENARIOS = [Scenario.load(path) for path in FILES]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_session_goes_as_written(scenario, tmp_path):
    if reason := scenario.missing():
        pytest.skip(reason)
    scenario.play(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "text", "same"),
    [
        ("a [..] c\n", "a b c\n", True),
        ("a [..] c\n", "a b\n c\n", False),
        ("a\n[...]\nc\n", "a\nb\nb\nc\n", True),
        ("a.c\n", "abc\n", False),
        ("", "x", False),
    ],
)
def test_placeholders_stand_for_no_more_than_they_say(pattern, text, same):
    assert matches(pattern, text) is same
