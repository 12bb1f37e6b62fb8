"""Yesterday's bundles open, and hostile ones are refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latebra.compiling.bundle import Bundle
from latebra.core.errors import NumericsMismatch, UnreadableFile

FOLDER = Path(__file__).parents[2] / "vectors" / "bundle"
STAGES = {
    "success",
    "golden mismatch",
    "archive failure",
    "manifest failure",
    "digest failure",
    "weights failure",
    "model failure",
    "card failure",
    "golden failure",
}


def _read(path: Path) -> tuple[dict[str, str], bytes]:
    head, _, body = path.read_text().partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.split("\n"))
    return fields, bytes.fromhex(body.replace("\n", ""))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_vector(path, tmp_path):
    fields, content = _read(path)
    assert fields["expect"] in STAGES
    file = tmp_path / "vector.bundle"
    file.write_bytes(content)
    if fields["expect"] in ("success", "golden mismatch"):
        bundle = Bundle.open(file, trusted=True)
        if fields["expect"] == "golden mismatch":
            with pytest.raises(NumericsMismatch) as caught:
                bundle.network("onnxruntime", isolated=False, cache=None)
            assert fields["says"] in caught.value.what
            return
        network = bundle.network("onnxruntime", isolated=False, cache=None)
        x = np.ones((2, 8), np.float32)
        assert network.run({"x": x})["y"].shape == (2, 8)
        assert bundle.save(tmp_path / "again.bundle").read_bytes() == content
        return
    with pytest.raises(UnreadableFile) as caught:
        Bundle.open(file, trusted=True)
    assert fields["says"] in caught.value.what
    assert str(file) in caught.value.what
    assert caught.value.fix


def test_every_stage_has_a_vector():
    assert {_read(path)[0]["expect"] for path in FOLDER.glob("*.txt")} == STAGES
