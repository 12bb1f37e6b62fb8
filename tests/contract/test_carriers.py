import pytest

import latebra as lb
from latebra.testing.carriers import carrier_checks, opened
from tests.unit.llama import tiny


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """What each carrier is opened with: a tiny language model, which nobody has to fetch."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATEBRA_CACHE", str(folder / "cache"))
        model = tiny(folder / "tiny.gguf", context_length=2048)
        yield {"language": {"model": str(model)}}


@pytest.mark.parametrize(("carrier", "promise"), list(carrier_checks(lb.carriers)))
def test_carrier(carrier, promise, options):
    promise(opened(carrier, **options.get(carrier, {})))


def test_what_one_compiler_writes_in_a_text_another_reads(options, tmp_path):
    key = lb.Key.generate()
    told = {**options["language"], "prompt": "Tell me of the sea.", "carrier": "language"}
    stego = lb.hide(b"meet at nine", key=key, compiler="onnxruntime", **told)
    (path,) = stego.save(tmp_path / "letter.txt")
    for compiler in ("ngraph", "iree"):
        assert lb.reveal(path, key=key, compiler=compiler, **told) == b"meet at nine"
    assert lb.reveal(stego.covers[0], key=key, **told) == b"meet at nine"
    other = {**told, "prompt": "Tell me of the hills."}
    for wrong in ({"key": lb.Key.generate(), **told}, {"key": key, **other}):
        with pytest.raises(lb.NothingRevealed):
            lb.reveal(path, **wrong)
    ordinary = lb.write(**told)
    with pytest.raises(lb.NothingRevealed):
        lb.reveal(ordinary.cover, key=key, **told)


def test_a_compiler_that_keeps_fewer_bits_is_passed_over(options):
    key = lb.Key.generate()
    told = {**options["language"], "carrier": "language", "numerics": "float64"}
    stego = lb.hide(b"in 64 bits", key=key, compiler="onnxruntime", **told)
    assert len(stego.report.verified_with) == 2
    assert "ngraph" not in stego.report.verified_with
    assert lb.reveal(stego, key=key, compiler="iree", **told) == b"in 64 bits"
    with pytest.raises(lb.NumericsMismatch, match="compiled by ngraph is off its golden vector"):
        lb.reveal(stego, key=key, compiler="ngraph", **told)
