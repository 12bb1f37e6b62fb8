"""Tables of the documentation on texts, made from measured results."""

from __future__ import annotations

from collections import defaultdict

from tests.docs.tables import result, table


def language_agreement() -> str:
    """Returns how near the graphs come to a second loader and to 64-bit floats."""
    rows = [
        (
            name,
            f"{row['perplexity']:.3f}",
            f"{row['off transformers']:.1e}",
            f"{row['off numpy float64']:.1e}",
        )
        for name, row in result("language")["agreement"]["rows"].items()
    ]
    return table("computed by|perplexity|logits off transformers|off NumPy in float64", rows)


def language_tables() -> str:
    """Returns how many tables differ between a step with a cache and the full pass."""
    found = result("language")["steps"]["share of tables that differ"]
    rows = [
        (name, *(f"{100 * share:.1f} %" for share in row.values())) for name, row in found.items()
    ]
    head = "computed by|chances, rounded to 16 bits|to 30 bits|logits, rounded with a dither"
    return table(head, rows)


def language_speed() -> str:
    """Returns tokens a second of each compiler, and which keep 64-bit floats."""
    found = result("language")
    names = list(found["floats"])
    rows = []
    for name in sorted(set(names) - {"reference"}):
        cells = []
        for dtype in ("float32", "float64"):
            row = found["speed"].get(f"{name}:{dtype}")
            cells.append(f"{row['tokens_per_second']:.1f}" if row and row["word"] == "ok" else "")
        kept = "yes" if found["floats"][name]["word"] == "ok" else "no, refused"
        rows.append((f"`{name}`", *cells, kept))
    return table("compiler|tokens a second, float32|float64|keeps 64-bit floats", rows)


def texts() -> str:
    """Returns what the texts carried."""
    rows = [
        (
            row["numerics"],
            f"{row['texts']:,}",
            f"{row['tokens']:,}",
            f"{row['entropy_a_token']:.2f}",
            f"{row['frame_bits_a_token']:.2f}",
            f"{row['tick_bits_a_token']:.2f}",
            f"{row['message_bits_a_token']:.2f}",
        )
        for row in result("texts")["carried"]
    ]
    head = "numerics|texts|tokens|bits a token: tables' entropy|salt and frame|ticks|message"
    return table(head, rows)


def texts_matrix() -> str:
    """Returns how many texts of each compiler the others read."""
    cells = defaultdict(dict[tuple[str, str], str])
    writers = sorted({(cell["numerics"], cell["writer"]) for cell in result("texts")["cells"]})
    for cell in result("texts")["cells"]:
        layout = "one pass" if cell["layout"] == "full" else "cached step"
        reader = f"`{cell['reader']}`, {layout}, batch {cell['batch']}"
        told = f"{cell['right']} of {cell['texts']}"
        cells[reader][cell["numerics"], cell["writer"]] = told
    rows = [(reader, *(row.get(each, "") for each in writers)) for reader, row in cells.items()]
    head = "|".join(f"{numerics}: `{writer}`" for numerics, writer in writers)
    return table(f"read by, written by|{head}", sorted(rows))


def text_detection() -> str:
    """Returns what each detector made of texts with a message, and of its control."""
    rows = [
        (row["attack"], row["scheme"]["text"], row["control_scheme"], row["control"]["text"])
        for row in result("text_detection")["attacks"]
    ]
    return table("detector|Latebra|the bad scheme|the bad scheme, detected", rows)


LANGUAGE_TABLES = (
    language_agreement,
    language_tables,
    language_speed,
    texts,
    texts_matrix,
    text_detection,
)
