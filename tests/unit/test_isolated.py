from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from latebra.compiling import arena
from latebra.compiling.contract import Model
from latebra.compiling.isolated import Isolated
from latebra.core.errors import BuildFailed, LoadFailed, RunFailed, TimedOut
from latebra.core.network import ModelCard

FAULTY = "latebra.testing.faults:Faulty"
INPUTS = {
    "x": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "flags": np.array([True, False, True]),
    "n": np.array(7, np.int64),
    "nothing": np.zeros((0, 5), np.float64),
}


def model(name: str) -> Model:
    return Model(b"", ModelCard(name, "0" * 64, "T3", 0.0))


@pytest.fixture
def faulty():
    with Isolated(name=FAULTY, threads=1, run_timeout_s=60.0) as compiler:
        yield compiler


def opened(compiler: Isolated, name: str):
    wanted = model(name)
    return compiler.load(compiler.build(wanted), wanted.card)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_arrays_of_any_type_and_shape_come_back_as_they_went(faulty):
    found = opened(faulty, "echo").run(INPUTS)
    assert set(found) == set(INPUTS)
    for name, wanted in INPUTS.items():
        assert found[name].dtype == wanted.dtype
        np.testing.assert_array_equal(found[name], wanted)
        assert found[name].shape == wanted.shape


def test_arrays_that_are_not_contiguous_come_back_whole(faulty):
    turned = np.arange(12, dtype=np.float32).reshape(3, 4).T[::-1]
    found = opened(faulty, "echo").run({"x": turned})
    np.testing.assert_array_equal(found["x"], turned)


def test_what_comes_back_may_be_written_to(faulty):
    found = opened(faulty, "echo").run(INPUTS)
    found["x"] += 1
    np.testing.assert_array_equal(found["x"], INPUTS["x"] + 1)


def test_large_arrays_cross_a_pipe_that_holds_less(faulty):
    large = np.random.default_rng(0).standard_normal((3, 700_000)).astype(np.float32)
    found = opened(faulty, "echo").run({"x": large})
    np.testing.assert_array_equal(found["x"], large)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are named on POSIX alone")
@pytest.mark.parametrize(
    ("name", "error", "verb"),
    [
        ("crash_in_build", BuildFailed, "build"),
        ("crash_in_load", LoadFailed, "load"),
        ("crash", RunFailed, "run"),
    ],
)
def test_a_crash_is_an_error_that_names_the_signal(faulty, name, error, verb):
    with pytest.raises(error, match=rf"died of SIGSEGV in {verb}") as caught:
        opened(faulty, name).run(INPUTS)
    assert "about to read where nothing is" in caught.value.what
    assert "run it alone" in caught.value.fix


def test_after_a_crash_the_next_build_gets_a_new_process(faulty):
    first = faulty.pid
    with pytest.raises(BuildFailed):
        faulty.build(model("crash_in_build"))
    found = opened(faulty, "echo").run(INPUTS)
    np.testing.assert_array_equal(found["x"], INPUTS["x"])
    assert faulty.pid != first


def test_a_crash_leaves_other_compilers_alone(faulty):
    with Isolated(name=FAULTY, threads=1) as other:
        network = opened(other, "echo")
        with pytest.raises(RunFailed):
            opened(faulty, "crash").run(INPUTS)
        np.testing.assert_array_equal(network.run(INPUTS)["x"], INPUTS["x"])


def test_a_run_after_the_crash_says_so_again(faulty):
    network = opened(faulty, "crash")
    for _ in range(2):
        with pytest.raises(RunFailed, match="died of"):
            network.run(INPUTS)


@pytest.mark.parametrize("verb", ["build", "load", "run"])
def test_what_hangs_is_ended_in_time(verb):
    name = "hang" if verb == "run" else f"hang_in_{verb}"
    limits = {f"{each}_timeout_s": 60.0 for each in ("build", "load", "run")}
    limits[f"{verb}_timeout_s"] = 0.4
    with Isolated(name=FAULTY, threads=1, **limits) as faulty:
        pid = faulty.pid
        opened(faulty, "print")  # The process has started: its imports are not timed.
        start = time.monotonic()
        with pytest.raises(TimedOut, match=rf"longer than 0.4 s to {verb}"):
            opened(faulty, name).run(INPUTS)
        assert time.monotonic() - start < 10
        assert not alive(pid)


def test_an_error_in_the_worker_is_the_same_error_here(faulty):
    with pytest.raises(RunFailed, match="ValueError: three is not even"):
        opened(faulty, "raise").run(INPUTS)
    np.testing.assert_array_equal(opened(faulty, "echo").run(INPUTS)["x"], INPUTS["x"])


def test_what_a_vendor_prints_reaches_neither_the_pipe_nor_the_terminal(faulty, capfd):
    found = opened(faulty, "print").run(INPUTS)
    np.testing.assert_array_equal(found["x"], INPUTS["x"])
    assert capfd.readouterr() == ("", "")


def test_closing_ends_the_process_and_what_it_had_loaded(faulty):
    network = opened(faulty, "echo")
    pid = faulty.pid
    faulty.close()
    assert not alive(pid)
    with pytest.raises(RunFailed, match="is closed"):
        network.run(INPUTS)


@pytest.mark.skipif(sys.platform == "win32", reason="interval timers are POSIX")
def test_an_interrupted_run_leaves_no_stale_answer(faulty):
    network = opened(faulty, "hang")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            network.run(INPUTS)
    finally:
        signal.signal(signal.SIGALRM, before)
    np.testing.assert_array_equal(opened(faulty, "echo").run(INPUTS)["x"], INPUTS["x"])


def test_two_threads_may_share_one_worker(faulty):
    network = opened(faulty, "echo")
    wrong: list[int] = []

    def ask(number: int) -> None:
        for _ in range(50):
            found = network.run({"x": np.full(1000, number)})
            if not (found["x"] == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


PARENT = f"""
import sys, time
from latebra.compiling.contract import Model
from latebra.compiling.isolated import Isolated
from latebra.core.network import ModelCard
compiler = Isolated(name={FAULTY!r}, threads=1)
print(compiler.pid, flush=True)
hang = Model(b"", ModelCard("hang", "0" * 64, "T3", 0.0))
network = compiler.load(compiler.build(hang), hang.card)
print("loaded", flush=True)
if sys.argv[1] == "exits":
    sys.exit()
network.run({{}})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("end", ["exits", "is killed"])
def test_a_worker_ends_with_its_parent_even_while_it_hangs(end):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, end], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert parent.stdout.readline() == "loaded\n"
        if end == "is killed":
            time.sleep(0.3)
            parent.send_signal(signal.SIGKILL)
        parent.wait(20)
        assert until(lambda: not alive(pid))


def test_equal_settings_are_equal_compilers():
    assert Isolated(name="reference", threads=2) == Isolated(name="reference", threads=2)
    assert Isolated(name="reference", threads=2) != Isolated(name="reference", threads=1)
    assert hash(Isolated(name="null")) == hash(Isolated(name="null"))


def test_a_missing_module_in_the_worker_is_an_error_with_the_reason():
    with (
        Isolated(name="latebra.testing.nowhere:Compiler", threads=1) as absent,
        pytest.raises(BuildFailed, match="No module named"),
    ):
        absent.build(model("echo"))


def test_objects_are_refused_before_they_cross(faulty):
    network = opened(faulty, "echo")
    with pytest.raises(RunFailed, match=r"'words' has the type object, which does not cross"):
        network.run({"words": np.array([{}, None], object)})
    np.testing.assert_array_equal(network.run(INPUTS)["x"], INPUTS["x"])


def test_types_that_numpy_lacks_cross_by_name(faulty):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    wanted = np.arange(5).astype(ml_dtypes.bfloat16)
    found = opened(faulty, "echo").run({"x": wanted})["x"]
    assert found.dtype == ml_dtypes.bfloat16
    assert found.tobytes() == wanted.tobytes()


def test_many_large_outputs_may_be_held_at_once(faulty):
    network = opened(faulty, "echo")
    held = [network.run({"x": np.full(300_000, number, np.float32)})["x"] for number in range(7)]
    faulty.close()
    for number, array in enumerate(held):
        assert (array == number).all()
        array += 1
    assert [array[0] for array in held] == [1, 2, 3, 4, 5, 6, 7]


def test_a_model_of_many_megabytes_crosses_and_its_pages_go_back(faulty):
    blob = np.random.default_rng(0).bytes(40 << 20)
    big = Model(blob, ModelCard("echo", "0" * 64, "T3", 0.0))
    held = resident_shared()
    for _ in range(3):
        assert faulty.build(big) == b"echo"
    assert resident_shared() - held < 8 << 20


def resident_shared() -> int:
    if not sys.platform.startswith("linux"):
        pytest.skip("resident memory is read from /proc")
    words = Path("/proc/self/statm").read_text().split()
    return int(words[2]) * os.sysconf("SC_PAGE_SIZE")


def test_where_nothing_is_shared_arrays_cross_the_pipe(monkeypatch):
    monkeypatch.setattr(arena, "SHARED", False)
    large = np.random.default_rng(0).standard_normal((3, 70_000)).astype(np.float32)
    with Isolated(name=FAULTY, threads=1) as faulty:
        found = opened(faulty, "echo").run({**INPUTS, "large": large})
        assert set(found) == {*INPUTS, "large"}
        for name, wanted in {**INPUTS, "large": large}.items():
            assert found[name].tobytes() == wanted.tobytes()
        pid = faulty.pid
    assert not alive(pid)


FORK = f"""
import os, sys
import numpy as np
from latebra.compiling.contract import Model
from latebra.compiling.isolated import Isolated
from latebra.core.errors import RunFailed
from latebra.core.network import ModelCard
compiler = Isolated(name={FAULTY!r}, threads=1)
echo = Model(b"", ModelCard("echo", "0" * 64, "T3", 0.0))
network = compiler.load(compiler.build(echo), echo.card)
child = os.fork()
if child == 0:
    try:
        network.run({{}})
    except RunFailed as error:
        assert "is closed" in error.what
    again = compiler.load(compiler.build(echo), echo.card)
    assert again.run({{"x": np.ones(3)}})["x"].sum() == 3
    compiler.close()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert network.run({{"x": np.ones(5)}})["x"].sum() == 5
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
def test_a_forked_child_leaves_its_parents_worker_alone():
    subprocess.run([sys.executable, "-W", "error", "-c", FORK], check=True, timeout=60)
