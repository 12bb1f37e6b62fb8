from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from latebra.compiling.isolated import Isolated
from latebra.compiling.pipeline import WAITING, Pipeline, throughput
from latebra.testing.programs import PROGRAMS


def add(step):
    return lambda item: {"x": item["x"] + step}


def items(count):
    return [{"x": np.array(number)} for number in range(count)]


def test_everything_comes_out_in_order():
    pipeline = Pipeline((add(1), add(10), add(100)))
    found = [int(each["x"]) for each in pipeline.run(items(20))]
    assert found == [number + 111 for number in range(20)]
    assert found == [int(each["x"]) for each in pipeline.one_by_one(items(20))]


def test_nothing_in_nothing_out():
    assert list(Pipeline((add(1),)).run([])) == []


def test_stages_work_at_the_same_time():
    def wait(item):
        time.sleep(0.05)
        return dict(item)

    found = throughput([wait, wait, wait], items(8), rounds=1)
    assert found.sequential < 1 / 0.15
    assert found.gain > 1.8  # Three stages, ten steps for eight items: 2.4 at best.


def test_an_error_comes_after_the_items_before_it():
    def refuse_three(item):
        if item["x"] == 3:
            raise ValueError("three is not even")
        return dict(item)

    found = []
    with pytest.raises(ValueError, match="three is not even"):
        found.extend(int(each["x"]) for each in Pipeline((add(0), refuse_three)).run(items(9)))
    running = [each["x"] for each in Pipeline((add(0),)).run(items(3))]
    assert [int(each) for each in running] == [0, 1, 2]


def test_a_bad_source_is_an_error_too():
    def source():
        yield {"x": np.array(1)}
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(Pipeline((add(0),)).run(source()))


def test_whoever_leaves_early_leaves_no_thread_and_takes_little():
    before, taken = threading.active_count(), []

    def source():
        for number in range(1000):
            taken.append(number)
            yield {"x": np.array(number)}

    run = Pipeline((add(1), add(1))).run(source())
    next(run)
    run.close()
    assert threading.active_count() == before
    assert len(taken) <= 3 * (WAITING + 2)


def test_networks_of_several_workers_make_a_pipeline():
    program = PROGRAMS["integers"]()
    with (
        Isolated(threads=1, name="onnxruntime") as one,
        Isolated(threads=1, name="reference") as other,
    ):
        first = one.load(one.build(program.model), program.model.card)
        second = other.load(other.build(program.model), program.model.card)

        def again(found):
            return second.run({"x": np.concatenate([found["y"], found["y"]], axis=1)})

        pipeline = Pipeline((first.run, again))
        feed = [{"x": program.inputs["x"] * sign} for sign in (1, -1, 0, 1)]
        found = [each["y"] for each in pipeline.run(feed)]
        wanted = [each["y"] for each in pipeline.one_by_one(feed)]
    np.testing.assert_array_equal(found, wanted)
    assert np.ptp(found[0]) > 0
