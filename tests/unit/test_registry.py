from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pytest

from latebra.core import registry as registry_module
from latebra.core.errors import BrokenPlugin, UnknownPlugin
from latebra.core.registry import Registry

PACKAGE = "latebra.compiling.backends"


def compilers() -> Registry[object]:
    return Registry("compiler", PACKAGE)


@dataclass(frozen=True)
class Somebodys:
    title: str = "Somebody's"


def given(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> None:
    found = [EntryPoint(name, value, PACKAGE) for name, value in points]
    monkeypatch.setattr(
        registry_module, "entry_points", lambda group: found if group == PACKAGE else []
    )


def test_the_file_name_is_the_id():
    found = compilers()
    assert list(found) == sorted(found)
    assert {"null", "onnxruntime", "ngraph", "iree", "reference"} <= set(found)
    assert len(found) == len(list(found))
    assert found["null"].__module__ == f"{PACKAGE}.null"


def test_listing_imports_no_plugin():
    code = (
        "import sys; from latebra.core.registry import Registry;"
        f"names = list(Registry('compiler', {PACKAGE!r}));"
        f"print(names, [m for m in sys.modules if m.startswith({PACKAGE + '.'!r})])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
    assert "ngraph" in done.stdout


def test_an_unknown_id_says_what_was_meant():
    with pytest.raises(UnknownPlugin, match="no compiler is called 'onnxruntim'") as caught:
        compilers()["onnxruntim"]
    assert caught.value.fix == "did you mean 'onnxruntime'?"


def test_an_id_like_no_other_lists_them_all():
    with pytest.raises(UnknownPlugin) as caught:
        compilers()["zzz"]
    assert caught.value.fix.startswith("choose from ")
    assert "iree, " in caught.value.fix


def test_another_distributions_plugin_is_found(monkeypatch):
    given(monkeypatch, ("somebodys", f"{__name__}:Somebodys"))
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this_module())
    found = compilers()
    assert "somebodys" in found
    assert "somebodys" in list(found)
    assert found["somebodys"] is Somebodys


def test_two_plugins_of_one_name_are_an_error(monkeypatch):
    given(monkeypatch, ("ngraph", "elsewhere:NGraph"))
    with pytest.raises(BrokenPlugin, match=r"two compilers are called 'ngraph'.*elsewhere:NGraph"):
        list(compilers())


@pytest.mark.parametrize("name", ["NGraph", "my-compiler", "1st", "a b"])
def test_an_id_that_is_none_is_an_error(monkeypatch, name):
    given(monkeypatch, (name, "elsewhere:Thing"))
    with pytest.raises(BrokenPlugin, match="is not a compiler id"):
        list(compilers())


def _this_module():
    module = type(sys)(__name__)
    module.Somebodys = Somebodys
    return module
