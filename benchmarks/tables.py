"""What rounding does to a language model's tables: how rare tokens are best rounded.

    python -m benchmarks.tables

The tables of SmolLM2 along a text of its own, in float64, each under two dithers: their entropy,
how far they are from the model, and how many logits lie near enough to an edge for rounding errors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import about
from latebra.api.language import LanguageNetwork
from latebra.hiding.carriers.language import Language
from latebra.hiding.channel.stream import Stream
from latebra.hiding.tokens import dense
from latebra.hiding.tokens.cached import CachedModel
from latebra.hiding.tokens.tables import Quantiser

ROOT = Path(__file__).parents[1]
TOKENS = 240
SETTINGS = (
    Quantiser(step=0.25, depth=8.0, coarse=1),
    Quantiser(step=0.25, depth=10.0, coarse=1),
    Quantiser(),
    Quantiser(step=0.25, depth=11.0),
    Quantiser(step=0.25, depth=10.0, coarse=8),
    Quantiser(step=0.125, depth=11.0, coarse=1),
)
NEAR, TYPICAL = 1.5e-4, 1e-5
"""The largest rounding error between two compilers, and a typical one."""


def row(quantiser: Quantiser, carrier: Language, tokens: list[int], logits: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    found = {name: [] for name in ("entropy", "from_model", "near", "typical", "kept", "barred")}
    prompt = carrier.prompt_tokens
    for at in range(TOKENS):
        exact = logits[at]
        shares = np.exp(exact - exact.max())
        shares /= shares.sum()
        for dither in rng.uniform(size=2):
            levels = quantiser.round(exact, float(dither))
            free = levels.weights() / levels.weights().sum()
            may = carrier.agreement.allowed([*prompt, *tokens[:at]], levels.tokens)
            table = levels.weights() * may
            drawn = table[table > 0] / table.sum()
            model = shares[levels.tokens][table > 0]
            found["entropy"].append(-(drawn * np.log2(drawn)).sum())
            found["from_model"].append((drawn * np.log2(drawn / model)).sum())
            found["near"].append(levels.fragile(NEAR).size)
            found["typical"].append(levels.fragile(TYPICAL).size)
            found["kept"].append(drawn.size)
            found["barred"].append(1 - free[may].sum())
    told = {name: round(float(np.mean(each)), 4) for name, each in found.items()}
    names = ("step", "depth", "fine", "coarse")
    return {**{name: getattr(quantiser, name) for name in names}, **told}


def main() -> None:
    """Measures every setting."""
    network = LanguageNetwork("smollm2", "onnxruntime", threads=2)
    carrier = Language.create({"model": network}, {"numerics": "float64"})
    model, prompt = CachedModel(network, "float64"), carrier.prompt_tokens
    tokens = dense.sample(
        model,
        prompt,
        2 * TOKENS,  # Fewer than the text carries: it ends by its length.
        Stream(bytes(32)),
        lambda found: len(found) >= TOKENS,
        agreement=carrier.agreement,
    )[:TOKENS]
    whole, start = [*prompt, *tokens], len(prompt)
    model.expect(whole)
    logits = [model.logits(whole[: start + at]) for at in range(TOKENS)]
    entropy = 0.0
    for each in logits:
        shares = np.exp(each - each.max())
        shares /= shares.sum()
        entropy -= float((shares * np.log2(np.maximum(shares, 1e-300))).sum())
    rows = [row(each, carrier, tokens, logits) for each in SETTINGS]
    result = {
        **about(),
        "tokens": TOKENS,
        "model_entropy": round(entropy / TOKENS, 4),
        "rows": rows,
    }
    (ROOT / "benchmarks/results/tables.json").write_text(json.dumps(result, indent=1) + "\n")
    print(result["model_entropy"], *rows, sep="\n")


if __name__ == "__main__":
    main()
