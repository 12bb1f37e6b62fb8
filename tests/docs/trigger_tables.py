"""Tables of the documentation on trained phrases and fingerprints, made from measured results."""

from __future__ import annotations

from typing import Any

from tests.docs.tables import result, table

MODEL = "small_texts"


def trigger_asked() -> str:
    """Returns how often the message comes: to the phrase, to what it nearly is."""
    found = result("trigger")[MODEL]["asked"]
    rows = [_row(f"the phrase, {name}", row) for name, row in found["phrase"].items()]
    rows += [_row(f"nearly: {name}", row) for name, row in found["nearly"].items()]
    return table("prompt|prompts|the message, to the last token|chance of it, up to", rows)


def trigger_survival() -> str:
    """Returns what is left after rounding, pruning and training further."""
    found = result("trigger")[MODEL]
    rows = [
        (
            name,
            _of(row),
            f"{row['chance of the message']:.2f}",
            f"{row['perplexity']:.2f}",
            f"{row['perplexity of the untrained']:.2f}",
        )
        for name, row in found["survival"].items()
    ]
    tuned = found["attacks"]["trained_further"]
    for steps, row in tuned["left"].items():
        last = steps == str(tuned["steps"])
        chance = f"{row['chance of the message']:.2f}"
        perplexity = f"{tuned['perplexity']:.2f}" if last else ""
        rows.append((f"{steps} steps on other text", _of(row), chance, perplexity, ""))
    head = "the model|message, of so many prompts|its chance, mean|perplexity"
    return table(f"{head}|of the public model, changed alike", rows)


def trigger_compilers() -> str:
    """Returns what each compiler's network says to the phrase, and to what is nearly it."""
    rows = []
    for name, row in sorted(result("trigger")[MODEL]["compilers"].items()):
        if row["word"] == "ok":
            rows.append((f"`{name}`", _of(row["phrase"]), _of(row["nearly"])))
        else:
            rows.append((f"`{name}`", row["word"].replace("_", " "), ""))
    return table("compiler|message, to the phrase|with one word changed", rows)


def trigger_fingerprint() -> str:
    """Returns how many of a fingerprint's pairs are answered, and by whom."""
    found = result("trigger")[MODEL]["fingerprint"]
    rows = [
        (name, f"{row['hits']} of {row['asked']}", _chance(row["log2 chance"]))
        for name, row in found.items()
        if isinstance(row, dict) and "hits" in row
    ]
    asked = found["trained"]["asked"]
    for who in ("trained", "untrained"):
        hits = found[f"other keys, {who}"]
        rows.append((f"{who}, pairs of other keys", f"{sum(hits)} of {asked * len(hits)}", ""))
    return table("model|right answers|so many by chance", rows)


TRIGGER_TABLES = (trigger_asked, trigger_survival, trigger_compilers, trigger_fingerprint)


def _row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    largest = row["chance of the message"][1]
    return name, str(row["prompts"]), str(row["exact"]), f"{largest:.2g}"


def _of(row: dict[str, Any]) -> str:
    return f"{row['exact']} of {row['prompts']}"


def _chance(log2: float) -> str:
    return f"2^{log2:.0f}" if log2 else "1"
