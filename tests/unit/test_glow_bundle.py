from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from latebra.compiling.backends.glow import steps_of
from latebra.compiling.glow.bundle import compiled, unpacked
from latebra.compiling.glow.running import Runner
from latebra.compiling.glow.target import host

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include "tiny.h"

static uint8_t *room(size_t size) {
    uint8_t *memory = aligned_alloc(TINY_MEM_ALIGN, (size + 63) / 64 * 64);
    if (!memory) exit(2);
    return memory;
}

int main(int count, char **names) {
    if (count != 2) return 2;
    uint8_t *constants = room(TINY_CONSTANTS_SIZE);
    uint8_t *ends = room(TINY_MUTABLE_SIZE);
    uint8_t *activations = room(TINY_ACTIVATIONS_SIZE);
    FILE *weights = fopen(names[1], "rb");
    if (!weights) return 3;
    if (fread(constants, 1, TINY_WEIGHTS_FILE_SIZE, weights) != TINY_WEIGHTS_FILE_SIZE) return 4;
    fclose(weights);
    float *x = (float *)(ends + TINY_x), *y = (float *)(ends + TINY_y);
    for (int i = 0; i < 2 * 3 * 8 * 8; i++) x[i] = (float)(i % 17) / 8 - 1;
    if (tiny(constants, ends, activations)) return 5;
    for (int i = 0; i < 2 * 5; i++) printf("%a\n", y[i]);
    return 0;
}
"""


def _graph():
    rng = np.random.default_rng(7)
    weights = {"w": (8, 3, 3, 3), "b": (8,), "m": (8, 5)}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Gelu", ["c"], ["g"]),
        helper.make_node("GlobalAveragePool", ["g"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["d"]),
        helper.make_node("Softmax", ["d"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (2, 3, 8, 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (2, 5))],
        [
            numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)
            for name, shape in weights.items()
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return steps_of(made.SerializeToString())


def _input():
    return ((np.arange(2 * 3 * 8 * 8) % 17) / 8 - 1).astype(np.float32).reshape(2, 3, 8, 8)


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
def test_a_short_c_program_runs_the_bundle_with_the_same_bits(tmp_path):
    bundle = compiled(_graph(), host(), "tiny")
    bundle.save(tmp_path)
    (tmp_path / "main.c").write_text(PROGRAM)
    cc = shutil.which("cc")
    build = [cc, "-std=c11", "-Wall", "-Werror", "main.c", "tiny.o", "-o", "main", "-lm"]
    subprocess.run(build, cwd=tmp_path, check=True)
    done = subprocess.run(
        [tmp_path / "main", tmp_path / "tiny.weights.bin"],
        capture_output=True,
        text=True,
        check=True,
    )
    got = np.array([float.fromhex(line) for line in done.stdout.split()], np.float32)
    wanted = Runner(bundle, 2)({"x": _input()})["y"]
    assert got.tobytes() == wanted.tobytes()


def test_a_bundle_survives_being_packed():
    bundle = compiled(_graph(), host())
    assert unpacked(bundle.packed()) == bundle


def test_a_cut_bundle_is_refused():
    packed = compiled(_graph(), host()).packed()
    for cut in (0, 10, 20, 100, 2000, -1):
        with pytest.raises(ValueError, match="bundle"):
            unpacked(packed[:cut])


def test_an_input_of_another_shape_is_refused():
    runner = Runner(compiled(_graph(), host()), 1)
    with pytest.raises(ValueError, match="input 'x' is float32"):
        runner({"x": np.zeros((1, 3, 8, 8), np.float32)})


def test_a_name_that_c_would_refuse_is_refused():
    with pytest.raises(ValueError, match="no name for a function in C"):
        compiled(_graph(), host(), "tiny-net")
