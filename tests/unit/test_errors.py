from __future__ import annotations

import inspect
import pickle
import re

import pytest

from latebra.core import errors
from latebra.core.errors import DoesNotFit, LatebraError, NothingRevealed, NumericsMismatch

CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, LatebraError)
]


def test_codes_are_unique_and_grow_from_their_parent():
    codes = [each.code for each in CLASSES]
    assert len(set(codes)) == len(codes)
    for each in CLASSES:
        parent = each.__mro__[1]
        if parent not in (Exception, LatebraError):
            assert each.code[:2] == parent.code[:2]


def test_the_drawing_shows_every_error_with_its_code():
    drawn = dict(re.findall(r"(\w+)\s+(L\d{3})", errors.__doc__))
    assert drawn == {each.__name__: each.code for each in CLASSES}


def test_an_error_reads_what_code_fix():
    error = DoesNotFit("message is 993 bytes, cover holds 464", fix="send less")
    assert str(error) == "message is 993 bytes, cover holds 464 [L301]\n  fix: send less"
    assert str(DoesNotFit("too long")) == "too long [L301]"


def test_nothing_revealed_takes_no_words():
    with pytest.raises(TypeError):
        NothingRevealed("wrong key")  # type: ignore[call-arg]
    assert str(NothingRevealed()) == str(NothingRevealed())


def test_a_mismatch_keeps_its_numbers():
    error = NumericsMismatch("output 'y' is off", error=0.5, bound=0.1)
    assert (error.error, error.bound) == (0.5, 0.1)


@pytest.mark.parametrize(
    "error",
    [NothingRevealed(), DoesNotFit("no", fix="do"), NumericsMismatch("off", error=0.5, bound=0.1)],
)
def test_an_error_crosses_to_another_process_whole(error):
    back = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))
