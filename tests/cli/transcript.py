"""Runs one scenario of the command line and compares what it says, word for word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from latebra.testing import programs
from tests.unit.llama import tiny
from tests.unit.test_register import scene

COMMAND = [sys.executable, "-m", "latebra.cli"]


@dataclass(frozen=True)
class Scenario:
    """One file of ``scenarios``: the steps of a session in a fresh folder.

    comment   why the scenario is there
    needs     what this machine must be for it: "linux", "posix", "not root"
    files     name to text
    models    name to one of latebra.testing.programs, or to [program, how many of its bytes]
    language_models  names: a tiny Llama in a GGUF file
    arrays    name to shape: zeros, as numpy saves them
    pictures  name to [width, height]: grey pictures
    scenes    name to a seed: pictures of soft shapes
    folders   name to mode
    env       variables
    step      args, stdin, stdout, stderr, status (0), and the names that are ``there`` or
              ``not_there`` afterwards. In stdout and stderr ``[..]`` stands for anything on one
              line, ``[...]`` for any lines; what is left out must be empty, ``stdout_any`` is not
              looked at.
    """

    name: str
    content: dict

    @classmethod
    def load(cls, path: Path) -> Scenario:
        return cls(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))

    def missing(self) -> str:
        """Returns the reason why this machine cannot play it, or nothing."""
        for need in self.content.get("needs", []):
            if need == "linux" and sys.platform != "linux":
                return "needs Linux"
            if need == "posix" and os.name != "posix":
                return "needs a POSIX system"
            if need == "not root" and hasattr(os, "geteuid") and os.geteuid() == 0:
                return "root may write everywhere: run the tests as somebody else"
        return ""

    def play(self, folder: Path) -> None:
        """Makes the files in ``folder``, runs every step there, and asserts what came of it."""
        for name, text in self.content.get("files", {}).items():
            (folder / name).write_text(text, encoding="utf-8")
        for name, program in self.content.get("models", {}).items():
            whole, size = program if isinstance(program, list) else (program, None)
            (folder / name).write_bytes(_model(whole)[:size])
        for name in self.content.get("language_models", []):
            tiny(folder / name, context_length=2048)
        for name, shape in self.content.get("arrays", {}).items():
            np.save(folder / name, np.zeros(shape, np.float32))
        for name, (width, height) in self.content.get("pictures", {}).items():
            Image.fromarray(np.full((height, width, 3), 127, np.uint8)).save(folder / name)
        for name, seed in self.content.get("scenes", {}).items():
            Image.fromarray(scene(seed)).save(folder / name)
        for name, mode in self.content.get("folders", {}).items():
            (folder / name).mkdir(mode=mode)
        for number, step in enumerate(self.content["step"], start=1):
            _play(f"{self.name}, step {number}", step, folder, self.content.get("env", {}))


def _model(program: str) -> bytes:
    made = getattr(programs, program)()
    return getattr(made, "model", made).onnx


def environment(extra: dict[str, str]) -> dict[str, str]:
    """Returns this process's variables without its own settings, and with ``extra``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LATEBRA_") or k[8:] == "CACHE"}
    # A person's terminal must not change the wrapping of the help.
    return {**kept, "COLUMNS": "100", "NO_COLOR": "1", **extra}


def _play(title: str, step: dict, folder: Path, env: dict[str, str]) -> None:
    done = subprocess.run(
        [*COMMAND, *step["args"]],
        cwd=folder,
        env=environment(env),
        input=step.get("stdin", "").encode(),
        capture_output=True,
        timeout=300,
        check=False,
        start_new_session=os.name == "posix",  # Without a terminal nobody can be asked.
    )
    out, err = (each.decode().replace("\r\n", "\n") for each in (done.stdout, done.stderr))
    assert done.returncode == step.get("status", 0), f"{title}: {done.returncode}\n{out}{err}"
    assert "Traceback" not in err, f"{title}\n{err}"
    if not step.get("stdout_any"):
        assert matches(step.get("stdout", ""), out), f"{title}, stdout:\n{out}"
    assert matches(step.get("stderr", ""), err), f"{title}, stderr:\n{err}"
    for name in step.get("there", []):
        assert (folder / name).exists(), f"{title}: {name} is missing"
    for name in step.get("not_there", []):
        assert not (folder / name).exists(), f"{title}: {name} is there"
    assert not list(folder.rglob(".latebra-*")), f"{title}: a temporary file was left"


def matches(pattern: str, text: str) -> bool:
    """Returns whether ``text`` is what ``pattern`` says, placeholders standing for anything."""
    parts = re.split(r"(\[\.\.\.\]\n?|\[\.\.\])", pattern)
    rule = "".join(
        ".*?" if part.startswith("[...]") else "[^\n]*" if part == "[..]" else re.escape(part)
        for part in parts
    )
    return re.fullmatch(rule, text, re.DOTALL) is not None
