from __future__ import annotations

import inspect
import re

import pytest

import latebra
from latebra.cli.program import COMMANDS
from latebra.core import errors
from latebra.core.settings import names
from tests.docs.pages import PAGES, ROOT, blocks, links, quoted, remade

DOCS = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
with_python = [path for path in PAGES if blocks(path.read_text(encoding="utf-8"))]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def test_there_are_pages_with_python():
    assert {"README.md", "tutorial.md"} <= {page.name for page in with_python}


@pytest.mark.parametrize("page", with_python, ids=lambda page: page.name)
def test_a_page_prints_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names_so_far: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page.read_text(encoding="utf-8")):
        printed = block.printed(names_so_far, str(page))
        assert printed == block.expected, f"{page.name}, line {block.line}"


@every_page
def test_links_lead_somewhere(page):
    for link in links(page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"


@every_page
def test_a_number_that_is_quoted_is_the_number_that_was_measured(page):
    for result in quoted(page.read_text(encoding="utf-8")):
        assert result.shown == result.measured(), f"{page.name}: {result}"


@every_page
def test_a_table_that_is_made_is_current(page):
    text = page.read_text(encoding="utf-8")
    assert remade(text) == text, "run: python -m tools.quote_results"


def test_numbers_are_quoted_and_tables_made():
    assert any(quoted(text) for text in DOCS.values())
    assert any("<!-- made: " in text for text in DOCS.values())


@pytest.mark.parametrize("name", latebra.__all__)
def test_every_public_name_is_in_the_reference(name):
    assert f"`{name}" in DOCS["reference.md"]


@pytest.mark.parametrize(
    "name",
    [
        "audit",
        "capacity",
        "check",
        "choose",
        "compare",
        "compile",
        "doctor",
        "hide",
        "load_model",
        "place",
        "repeat",
        "reveal",
        "scan",
        "scrub",
        "sign",
        "write",
    ],
)
def test_the_reference_shows_each_verb_as_it_is(name):
    plain = []
    for each in inspect.signature(getattr(latebra, name)).parameters.values():
        default = "silent" if each.name == "progress" else each.default
        if default is not each.empty and not isinstance(
            default, str | bytes | int | float | tuple | None
        ):
            default = default.__name__
        shown = each.replace(annotation=each.empty, default=each.empty)
        star = "**" if each.kind is each.VAR_KEYWORD else ""
        if each.default is each.empty:
            plain.append(f"{star}{shown.name}")
        else:
            plain.append(f"{shown.name}={'silent' if each.name == 'progress' else repr(default)}")
        if each.kind is each.KEYWORD_ONLY and not any(part == "*" for part in plain):
            plain.insert(-1, "*")
    expected = f"`{name}({', '.join(plain)})`"
    assert expected in DOCS["reference.md"]


def test_every_error_is_explained_with_its_code():
    for each in vars(errors).values():
        if inspect.isclass(each) and issubclass(each, errors.LatebraError):
            assert re.search(rf"^\| {each.code} \| `{each.__name__}` \|", DOCS["errors.md"], re.M)


def test_every_command_and_setting_is_listed():
    for name in COMMANDS:
        assert f"`latebra {name}" in DOCS["command-line.md"]
    for name in names():
        assert f"| `{name}` | `LATEBRA_{name.upper()}` |" in DOCS["command-line.md"]


def test_every_page_is_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f": {page.name}\n" in menu
