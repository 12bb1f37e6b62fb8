import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latebra.core import tensors
from latebra.core.errors import InputError, UnreadableFile, UnwritableFile
from latebra.hiding.media import class_tables
from latebra.hiding.media.class_tables import CHANNELS, ClassTables
from latebra.hiding.medium import Text


def some(count=7, dims=12, seed=1):
    prototypes = np.random.default_rng(seed).standard_normal((count, dims)).astype(np.float32)
    names = [f"class {number}, straße" for number in range(count)]
    return class_tables.table(names, prototypes)


def same(one, two):
    return one["name"].tolist() == two["name"].tolist() and np.array_equal(
        one["prototype"], two["prototype"]
    )


@pytest.mark.parametrize("name", ["t.npz", "t.safetensors"])
def test_a_table_comes_out_of_a_file_as_it_went_in(tmp_path, name):
    path = tmp_path / name
    ClassTables().save(some(), path)
    assert same(ClassTables().take(path), some())
    with pytest.raises(UnwritableFile, match="exists"):
        ClassTables().save(some(), path)


@pytest.mark.parametrize("name", ["t.npz", "t.safetensors"])
@pytest.mark.parametrize(("kind", "error"), [("float16", 2e-3), ("int8", 2e-2)])
def test_what_is_written_in_fewer_bits_is_near(tmp_path, name, kind, error):
    path = tmp_path / name
    class_tables.write(some(), path, kind)
    found, told = class_tables.read(path)
    assert told == kind
    np.testing.assert_allclose(found["prototype"], some()["prototype"], atol=error)
    medium = ClassTables().like(path)
    assert medium == ClassTables("float16" if kind == "float16" else "float32")


def test_bfloat16_is_read(tmp_path):
    words = some()["prototype"].view(np.uint32) >> 16
    entries = tensors.from_arrays({"names": np.frombuffer(b"a\nb\nc\nd\ne\nf\ng", np.uint8)})
    content = words.astype("<u2").tobytes()
    path = tmp_path / "t.safetensors"
    entry = tensors.Entry("BF16", some()["prototype"].shape, content)
    path.write_bytes(tensors.written({**entries, "prototypes": entry})[0])
    found = ClassTables().take(path)
    np.testing.assert_allclose(found["prototype"], some()["prototype"], rtol=2**-7)


@pytest.mark.parametrize("channel", list(CHANNELS))
def test_a_channel_harms_little_and_leaves_the_table_alone(channel):
    before = some()
    sent = ClassTables().send(before, channel, np.random.default_rng(1))
    assert same(before, some())
    step = {"float": 0.01, "int8": 0.02, "int4": 0.4}[channel]
    assert 0 < np.abs(sent["prototype"] - before["prototype"]).max() < step


def test_there_is_no_other_channel():
    with pytest.raises(KeyError):
        ClassTables().send(some(), "png", np.random.default_rng(1))


@given(st.binary(max_size=200))
def test_no_bytes_make_a_traceback(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("t") / "t.npz"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile):
        ClassTables().take(path)


def arrays(**other):
    whole = {"names": np.asarray(["a", "b"]), "prototypes": np.ones((2, 3), np.float32), **other}
    return {name: array for name, array in whole.items() if array is not None}


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"names": None}, "has no array 'names'"),
        ({"prototypes": None}, "has no array 'prototypes'"),
        ({"names": np.asarray(["a"])}, "1 names and prototypes of shape"),
        ({"names": np.asarray(["a", "a"])}, "two classes called 'a'"),
        ({"names": np.asarray(["a", ""])}, "a class called ''"),
        ({"names": np.asarray(["a", "b\nc"])}, "a class called"),
        ({"names": np.asarray([1, 2])}, "names of the type int64"),
        ({"names": np.asarray(["a", "b" * 300])}, "a name of 300 characters"),
        ({"prototypes": np.zeros((2, 3), np.float32)}, "the prototype of 'a' .* has the length 0"),
        ({"prototypes": np.full((2, 3), np.nan, np.float32)}, "has the length nan"),
        ({"prototypes": np.ones((2, 3), np.int32)}, "prototypes of the type int32"),
        ({"prototypes": np.ones((2, 3), np.int8)}, "has no array 'scales'"),
        ({"prototypes": np.ones(2, np.float32)}, "prototypes of shape"),
        ({"names": np.asarray([], "U1"), "prototypes": np.ones((0, 3), "f4")}, "has no classes"),
        ({"names": np.asarray([{}, {}], object)}, "pickle"),
    ],
)
def test_a_file_that_is_no_table_says_why(tmp_path, other, what):
    path = tmp_path / "t.npz"
    np.savez(path, **arrays(**other))
    with pytest.raises(UnreadableFile, match=what):
        ClassTables().take(path)


def test_what_is_no_file_of_a_table_says_so(tmp_path):
    with pytest.raises(UnreadableFile, match="there is no file"):
        ClassTables().take(tmp_path / "t.npz")
    with pytest.raises(UnreadableFile, match="no class table"):
        ClassTables().take(tmp_path)
    with pytest.raises(UnreadableFile, match="a text is no class table"):
        ClassTables().take(Text("hello"))
    with pytest.raises(UnreadableFile, match="no array of names and prototypes"):
        ClassTables().take(np.zeros((4, 4)))
    with pytest.raises(InputError, match=r"ends? in"):
        ClassTables().save(some(), tmp_path / "t.png")


def test_a_file_that_claims_too_much_is_refused(tmp_path, monkeypatch):
    for name in ("t.npz", "t.safetensors"):
        ClassTables().save(some(), tmp_path / name)
    monkeypatch.setattr(class_tables, "LARGEST", 100)
    for name in ("t.npz", "t.safetensors"):
        with pytest.raises(UnreadableFile, match=r"the limit is 100|more than 100 bytes"):
            ClassTables().take(tmp_path / name)
