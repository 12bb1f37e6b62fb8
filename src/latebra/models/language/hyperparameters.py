"""What a GGUF file says of the Llama in it, held against the tensors that are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from latebra.core.errors import InputError
from latebra.core.gguf import Contents

_ARCHITECTURE: Final = "llama"
_USUAL_BASE: Final = 10_000.0
_OUTSIDE: Final = ("token_embd.weight", "output_norm.weight", "output.weight")
_PLAIN: Final = "give a plain Llama, in one file"


@dataclass(frozen=True)
class Hyperparameters:
    """The lengths of a Llama's axes, and its two constants.

    Args:
        layers: Blocks.
        width: Of what passes from block to block.
        hidden: Width inside a block's second half.
        heads: Of queries.
        kv_heads: Of keys and values; each serves ``heads // kv_heads`` of queries.
        head_dim: Width of a head.
        vocabulary: Tokens.
        context: Positions it was trained for.
        rope_base: Of the angles of positions.
        epsilon: Added to a mean square before its root.
    """

    layers: int
    width: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    context: int
    rope_base: float
    epsilon: float


def read(contents: Contents, name: str) -> Hyperparameters:
    """Returns the hyperparameters of the model in a file.

    Args:
        contents: What the file holds.
        name: What to call it.

    Raises:
        InputError: It is another architecture, a variation that is not computed here, or tensors
            are missing, too many, or of other shapes.
    """
    facts = contents.facts
    told = facts.get("general.architecture")
    if told != _ARCHITECTURE:
        raise InputError(
            f"{name} holds a model of the architecture {told!r:.50}",
            fix="give a GGUF file of the architecture 'llama'",
        )
    scaling = facts.get("llama.rope.scaling.type", "none")
    experts = facts.get("llama.expert_count", 0)
    if scaling != "none" or experts:
        what = f"{experts} experts" if experts else f"positions scaled by {scaling!r:.50}"
        raise InputError(f"{name} has {what}", fix=_PLAIN)
    table = contents.tensors.get("token_embd.weight")
    if table is None or len(table.shape) != 2:
        raise InputError(f"{name} lacks 'token_embd.weight'", fix=_PLAIN)
    heads, width = (
        _count(facts, name, "attention.head_count"),
        _count(facts, name, "embedding_length"),
    )
    head_dim = _count(facts, name, "attention.key_length", width // heads)
    hyper = Hyperparameters(
        layers=_count(facts, name, "block_count"),
        width=width,
        hidden=_count(facts, name, "feed_forward_length"),
        heads=heads,
        kv_heads=_count(facts, name, "attention.head_count_kv", heads),
        head_dim=head_dim,
        vocabulary=table.shape[0],
        context=_count(facts, name, "context_length"),
        rope_base=_number(facts, name, "rope.freq_base", _USUAL_BASE),
        epsilon=_number(facts, name, "attention.layer_norm_rms_epsilon"),
    )
    turned = _count(facts, name, "rope.dimension_count", head_dim)
    if heads % hyper.kv_heads or head_dim % 2 or turned != head_dim:
        raise InputError(
            f"{name} has {heads} heads on {hyper.kv_heads}, and {turned} of {head_dim} numbers of "
            "each turned by position",
            fix=_PLAIN,
        )
    _check(contents, name, hyper)
    return hyper


def _check(contents: Contents, name: str, hyper: Hyperparameters) -> None:
    """Sees that the tensors are those of a Llama of these lengths.

    Raises:
        InputError: They are not.
    """
    tensors = contents.tensors
    if hyper.layers > len(tensors):  # Said before as many names are made up.
        raise InputError(f"{name} has {len(tensors)} tensors for {hyper.layers} layers", fix=_PLAIN)
    wanted = _shapes(hyper)
    if "output.weight" not in tensors:
        del wanted["output.weight"]
    if odd := sorted(wanted.keys() ^ tensors.keys()):
        how = "lacks" if odd[0] in wanted else "has more than a plain Llama:"
        raise InputError(f"{name} {how} {odd[0]!r:.80}", fix=_PLAIN)
    for each, shape in wanted.items():
        if tensors[each].shape != shape:
            raise InputError(
                f"{name} has {each} of shape {tensors[each].shape}, not {shape}", fix=_PLAIN
            )


def _count(facts: Mapping[str, Any], name: str, what: str, usual: int | None = None) -> int:
    found = facts.get(f"{_ARCHITECTURE}.{what}", usual)
    if type(found) is not int or not 0 < found < 2**31:
        raise InputError(f"{name} says {what} is {found!r:.50}", fix="fetch it again")
    return found


def _number(facts: Mapping[str, Any], name: str, what: str, usual: float | None = None) -> float:
    found = facts.get(f"{_ARCHITECTURE}.{what}", usual)
    if not isinstance(found, float) or not 0 < found < float("inf"):
        raise InputError(f"{name} says {what} is {found!r:.50}", fix="fetch it again")
    return found


def _shapes(hyper: Hyperparameters) -> dict[str, tuple[int, ...]]:
    """Returns the tensors of a Llama with their shapes."""
    queries, keys = hyper.heads * hyper.head_dim, hyper.kv_heads * hyper.head_dim
    width, hidden = hyper.width, hyper.hidden
    inside = {
        "attn_norm": (width,),
        "attn_q": (queries, width),
        "attn_k": (keys, width),
        "attn_v": (keys, width),
        "attn_output": (width, queries),
        "ffn_norm": (width,),
        "ffn_gate": (hidden, width),
        "ffn_up": (hidden, width),
        "ffn_down": (width, hidden),
    }
    rows = (hyper.vocabulary, width)
    outside = dict(zip(_OUTSIDE, (rows, (width,), rows), strict=True))
    blocks = {
        f"blk.{at}.{name}.weight": shape
        for at in range(hyper.layers)
        for name, shape in inside.items()
    }
    return {**outside, **blocks}
