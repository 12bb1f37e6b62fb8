from __future__ import annotations

import pytest

from latebra.core.errors import InputError, UnreadableFile
from latebra.core.settings import Settings, names


def test_the_environment_outranks_the_file_and_the_file_the_default(tmp_path):
    (tmp_path / "latebra.toml").write_text('channel = "jpeg75"\ncompiler = "iree"\n')
    found = Settings.load(tmp_path, {"LATEBRA_COMPILER": "ngraph", "HOME": "/"})
    assert (found.carrier, found.channel, found.compiler) == ("diffusion", "jpeg75", "ngraph")
    assert found.origins == {
        "carrier": "default",
        "channel": str(tmp_path / "latebra.toml"),
        "compiler": "environment",
        "key": "default",
    }


def test_without_file_and_environment_all_is_default(tmp_path):
    found = Settings.load(tmp_path, {})
    assert found == Settings()
    assert set(found.origins) == set(names())
    assert set(found.origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ('chanel = "png"', InputError, r"'chanel', which is no setting \[L200\]\n.*'channel'\?"),
        ("zzz = 1", InputError, "choose from carrier, channel"),
        ("channel = 75", InputError, "sets channel to 75, which is no text"),
        ("channel", UnreadableFile, "is not TOML"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path, text, error, said):
    (tmp_path / "latebra.toml").write_text(text)
    with pytest.raises(error, match=said):
        Settings.load(tmp_path, {})
