"""What only a terminal shows: questions without echo, binary refused, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.transcript import COMMAND, environment

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")

PASSPHRASE = "correct horse battery"


def talk(arguments, folder, answers=(), env=None):
    """Runs a command on a terminal, types an answer to each question; returns status and screen."""
    import pty

    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe(COMMAND[0], [*COMMAND, *arguments], environment(env or {}))
    screen = b""
    waiting = list(answers)
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other side has closed.
            break
        if not piece:
            break
        screen += piece
        if waiting and (screen.endswith((b"passphrase: ", b"more: "))):
            os.write(terminal, waiting.pop(0).encode() + b"\n")
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert not waiting, screen
    return os.waitstatus_to_exitcode(status), screen.decode()


def test_hide_asks_twice_without_echo_and_reveal_once(tmp_path):
    status, screen = talk(["hide", "at nine", "--out", "a.png"], tmp_path, [PASSPHRASE] * 2)
    assert status == 0, screen
    assert "once more" in screen
    assert PASSPHRASE not in screen
    status, screen = talk(["reveal", "a.png"], tmp_path, [PASSPHRASE])
    assert status == 0, screen
    assert screen.splitlines()[-1].endswith("at nine")  # The bar's escapes come before it.
    assert PASSPHRASE not in screen


def test_two_different_passphrases_are_refused(tmp_path):
    status, screen = talk(["hide", "x", "--out", "a.png"], tmp_path, [PASSPHRASE, "mistyped it"])
    assert status == 1
    assert "the two passphrases differ [L203]" in screen
    assert not (tmp_path / "a.png").exists()


def test_bytes_that_are_no_text_are_kept_off_the_terminal(tmp_path):
    (tmp_path / "raw").write_bytes(b"\x1b[2J\x00")
    env = {"OURS": PASSPHRASE}
    arguments = ["--passphrase-env", "OURS"]
    status, screen = talk(
        ["hide", "--file", "raw", "--out", "a.png", *arguments], tmp_path, env=env
    )
    assert status == 0, screen
    status, screen = talk(["reveal", "a.png", *arguments], tmp_path, env=env)
    assert status == 1
    assert "the message is 5 bytes that are not text, and this is a terminal" in screen
    assert "\x1b[2J" not in screen


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_run_leaves_no_half_written_file(tmp_path, number):
    long = "x" * 200_000  # Hundreds of pictures: minutes of work.
    with subprocess.Popen(
        [*COMMAND, "hide", "--passphrase-env", "OURS", "--out", "a.png"],
        cwd=tmp_path,
        env=environment({"OURS": PASSPHRASE}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        process.stdin.write(long.encode())
        process.stdin.close()
        time.sleep(4)
        assert process.poll() is None, process.stderr.read()
        os.killpg(process.pid, number)
        said = process.stderr.read().decode()
        status = process.wait(timeout=60)
    assert status == (130 if number == signal.SIGINT else 143), said
    assert "Traceback" not in said
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # Hidden files count too.


def test_an_end_that_is_asked_for_within_a_finaliser_comes_after_it():
    script = """
import os, signal, time
from latebra.cli.program import _terminated
signal.signal(signal.SIGTERM, _terminated)
class Held:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
Held()
time.sleep(20)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=15)
    assert (told.returncode, told.stderr) == (143, b"")


def test_a_reader_who_leaves_early_is_no_error(tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "config"],
        cwd=tmp_path,
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(timeout=60)


def test_help_is_quick_because_it_imports_no_command():
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "latebra.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in shown.stderr.splitlines()
    }
    assert imported & {"numpy", "numba", "onnxruntime", "openvino", "PIL", "cryptography"} == set()
    assert "cyclopts" in imported


def test_an_interrupt_within_text_that_a_library_runs_is_an_exit_status(tmp_path):
    # Whatever lands in the making of a dataclass, say, is raised by exec.
    (tmp_path / "interrupted.py").write_text(
        "from latebra.cli import program\n"
        "program.run = lambda arguments: exec('raise KeyboardInterrupt')\n"
        "program.main([])\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        cwd=tmp_path,
        env=environment({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")
