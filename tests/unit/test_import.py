from __future__ import annotations

import subprocess
import sys

import pytest

import latebra

HEAVY = {
    "PIL", "beartype", "cryptography", "cyclopts", "iree", "jaxtyping", "llvmlite", "matplotlib",
    "nacl", "numba", "numpy", "onnx", "onnxruntime", "openvino", "rich", "scipy", "torch",
}  # fmt: skip
"""Packages that ``import latebra`` leaves alone."""


def modules_after(statement: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-c", f"{statement}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in shown.stdout.split()}


def test_importing_latebra_imports_nothing_heavy():
    assert modules_after("import latebra") & HEAVY == set()


def test_the_list_is_of_packages_that_using_it_does_import():
    assert {"cryptography", "nacl"} <= modules_after("import latebra; latebra.Key") & HEAVY


def test_every_public_name_is_there():
    for name in latebra.__all__:
        assert getattr(latebra, name) is not None


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'hidden'"):
        latebra.hidden  # noqa: B018


def test_a_subpackage_does_not_hide_a_public_name():
    assert latebra.capacity() > 0  # Imports latebra.models on its way.
    assert list(latebra.models)
