"""What recipes share, held against the files that they once wrote."""

import io

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import latebra as lb
from latebra.api.opened import models
from training.onnx_files import digest, in_double

WRITTEN = (
    "small_photographs",
    "mark_painter",
    "mark_extractor",
    "mark_refiner",
    "small_textures",
    "small_textures_extractor",
)


@pytest.mark.parametrize("name", WRITTEN)
def test_cards_and_golden_vectors_come_out_again(name):
    model = onnx.load(io.BytesIO(models.onnx(name)))
    card = lb.models[name]
    assert digest(model) == card.digest
    feed = {key: value.astype(np.float64) for key, value in card.golden.inputs.items()}
    outputs = ReferenceEvaluator(in_double(model)).run(None, feed)
    for value, found in zip(model.graph.output, outputs, strict=True):
        np.testing.assert_array_equal(found.astype(np.float32), card.golden.outputs[value.name])
