"""Every name that our TensorRT file uses exists in the vendor's real bindings.

The bindings import where TensorRT's libraries are missing once the three that they link are there
by name: empty ones, made here with a C compiler. Nothing of TensorRT runs.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from latebra.compiling.backends import tensorrt as ours

CLASSES = {
    "builder": "Builder",
    "config": "IBuilderConfig",
    "context": "IExecutionContext",
    "engine": "ICudaEngine",
    "error": "ParserError",
    "parser": "OnnxParser",
    "runtime": "Runtime",
}
"""The class that each of the file's variables holds an object of."""

LIBRARIES = ("libnvinfer", "libnvinfer_plugin", "libnvonnxparser")
FUNCTIONS = (
    "createInferBuilder_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createInferRuntime_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "createNvOnnxParser_INTERNAL",
    "getBuilderPluginRegistry",
    "getNvOnnxParserVersion",
    "getPluginRegistry",
    "initLibNvInferPlugins",
)
"""What the bindings of 11.4 link against (``nm -D --undefined-only``)."""

ASK = """
import json, sys
import tensorrt_bindings
from functools import reduce
def has(name):
    try:
        return reduce(getattr, name.split("."), tensorrt_bindings) is not None
    except AttributeError:
        return False
told = json.load(sys.stdin)
print(json.dumps({"version": tensorrt_bindings.__version__,
                  "absent": [name for name in told if not has(name)]}))
"""


def used() -> set[str]:
    """Returns the names that the file uses, as ``Builder.create_network``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(Path(ours.__file__).read_text())):
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if parts and isinstance(node, ast.Name):
            if node.id == "trt":
                found.add(".".join(reversed(parts)))
            elif node.id in CLASSES:
                found.add(f"{CLASSES[node.id]}.{parts[-1]}")
    return found


def test_each_variable_is_used():
    assert {name.partition(".")[0] for name in used()} >= set(CLASSES.values())


def test_every_name_is_in_the_real_bindings(tmp_path):
    if importlib.util.find_spec("tensorrt_bindings") is None:
        pytest.skip("no bindings here: they come with the dev extra on 64-bit Linux for x86")
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("no C compiler, so no empty libraries to import the bindings with")
    source = tmp_path / "empty.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in FUNCTIONS))
    for library in LIBRARIES:
        target = tmp_path / f"{library}.so.11"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", target, source], check=True)
    # The last shows that a name which is missing is found to be missing.
    wanted = [*sorted(used()), "Builder.no_such_method"]
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path)},
    )
    told = json.loads(done.stdout)
    if int(told["version"].split(".")[0]) != 11:
        pytest.skip(f"the empty libraries are those of version 11, not {told['version']}")
    assert told["absent"] == ["Builder.no_such_method"]
