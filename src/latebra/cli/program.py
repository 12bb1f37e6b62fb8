"""The commands by name, and what their failures become."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from _thread import interrupt_main
from collections.abc import Sequence
from pathlib import Path
from threading import Timer, main_thread
from types import FrameType
from typing import Any, Final, NoReturn

from cyclopts import App, CycloptsError

from latebra import __version__
from latebra.cli import console
from latebra.cli.console import Usage
from latebra.core.errors import LatebraError, NotVerified, NumericsMismatch, Unavailable

COMMANDS: Final = {
    "key": ("keys:app", "Make a key, or show the public half of one."),
    "hide": ("hiding:hide", "Hide a message in a picture or a text that is made for it."),
    "reveal": ("hiding:reveal", "Reveal the message that pictures or texts carry."),
    "sign": ("signing:sign", "Sign photographs: a mark in each names a signed record of it."),
    "check": ("signing:check", "Check whether pictures are what somebody signed."),
    "write": ("hiding:write", "Write an ordinary text or picture, without a message."),
    "capacity": ("looking:capacity", "Show how long a message one cover carries."),
    "audit": ("looking:audit", "Show what a steganalyst would see in pictures or texts."),
    "scrub": (
        "looking:scrub",
        "Write a photograph in which nothing is left of what may be hidden.",
    ),
    "vault": (
        "vaulting:app",
        "Keep content in a model's weights, or behind a voice, a picture or a text, and a key.",
    ),
    "classes": (
        "classing:app",
        "Make class tables, name what a picture shows, and keep content behind a class.",
    ),
    "library": ("lending:app", "Keep documents in a file that only their key can search and read."),
    "fingerprint": (
        "fingerprinting:app",
        "Make questions that prove a model yours, and check what it answers.",
    ),
    "compare": ("comparing:compare", "Show what every compiler makes of a model, side by side."),
    "compile": ("bundling:compile", "Compile a model into a bundle, which runs elsewhere."),
    "run-model": ("bundling:run_model", "Run a bundle on arrays."),
    "doctor": ("looking:doctor", "Show what works on this machine, and what would mend the rest."),
    "carriers": ("looking:carriers", "List the ways to hide."),
    "compilers": ("looking:compilers", "List the compilers that can run the networks."),
    "config": ("looking:config", "Show the settings, and where each comes from."),
}
"""Command to the function that does it, imported when it is called, and its line in the help."""

STATUS: Final[tuple[tuple[type[LatebraError], int], ...]] = (
    (Usage, 2),
    (Unavailable, 3),
    (NumericsMismatch, 4),
    (NotVerified, 4),
)
"""Errors whose exit status is not 1."""
_AGAIN_S: Final = 0.05

app = App(
    name="latebra",
    help="Hide information in the latent space of neural networks; read it back on any hardware.",
    version=__version__,
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for _name, (_place, _help) in COMMANDS.items():
    app.command(f"latebra.cli.{_place}", name=_name, help=_help)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line, and exits with its status; no traceback ever reaches a person.

    Args:
        arguments: Words after ``latebra``; None for those the program was started with.
    """
    sys.unraisablehook = console.quiet
    signal.signal(signal.SIGINT, console.interrupt)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        status = run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        # Here and not in ``run``: it may come while another error is being told. A second one must
        # not end the clearing away.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # One that came while a library ran a piece of text, as dataclasses do, leaves a mark by
        # which ``python -m`` ends itself with the signal, whatever status is asked for. Running
        # another piece takes the mark away (run_eval_code_obj in CPython's pythonrun.c).
        exec("")  # noqa: S102  # It runs nothing.
        _complain("interrupted")
        status = 130
    except BrokenPipeError:
        # Whoever read the output has left; Python would complain once more at its own exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Returns the exit status of one command; errors are printed to stderr."""
    try:
        app(list(arguments), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        _complain(" ".join(str(error).split()), fix="see latebra --help")
        return 2
    except LatebraError as error:
        _complain(f"{error.what} [{error.code}]", fix=error.fix)
        return next((status for kind, status in STATUS if isinstance(error, kind)), 1)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  # The last border: a person gets a sentence.
        _complain(*_unforeseen(error))
        return 1
    return 0


def _unforeseen(error: Exception) -> tuple[str, str]:
    """Returns what and fix of an unforeseen error, without its text: it may hold a secret."""
    last: Any = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return (
        f"something went wrong inside: {type(error).__name__} at {place} [L000]",
        "report it, with the command and what latebra doctor prints",
    )


def _complain(what: str, fix: str = "") -> None:
    sys.stderr.write(f"error: {what}\n" + (f"  fix: {fix}\n" if fix else ""))


def _terminated(number: int, frame: FrameType | None) -> None:
    """Ends in order, so that temporary files are removed on the way out."""
    here = frame
    while here is not None:
        if here.f_code.co_name == "__del__":
            # What is raised in there is printed and lost: ask again once it is over.
            Timer(_AGAIN_S, _ask_again, [number]).start()
            return
        here = here.f_back
    sys.exit(128 + number)


def _ask_again(number: int) -> None:
    if sys.platform == "win32":
        interrupt_main(number)
    else:  # This wakes it from what it waits for, too.
        signal.pthread_kill(main_thread().ident or 0, number)
