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
    """Returns what the texts carried: until their frames end, and over their whole length."""
    rows = []
    for row in result("texts")["carried"]:
        inside = row["until_the_frame_ends"]
        rows.append(
            (
                row["numerics"],
                f"{row['texts']:,}",
                f"{inside['entropy_a_token']:.2f}",
                f"{inside['bits_a_token']:.2f}",
                f"{100 * inside['share_of_entropy']:.1f} %",
                f"{inside['bits_a_token'] - inside['frame_bits_a_token']:.2f}",
                f"{row['tokens']:,}",
                f"{row['frame_bits_a_token']:.2f}",
                f"{row['message_bits_a_token']:.2f}",
            )
        )
    head = (
        "numerics|texts|tables' entropy, bits a token until the frame ends|bits carried|share"
        "|of these, ticks|tokens of whole texts|frame, bits a token of those|message"
    )
    return table(head, rows)


def texts_matrix() -> str:
    """Returns how many texts of each compiler the others read."""
    layouts = {"step": "a token a time", "cached": "32 a time", "full": "one pass"}
    cells = defaultdict(dict[tuple[str, str], str])
    found = result("texts")["cells"]
    writers = sorted({(cell["numerics"], cell["writer"]) for cell in found})
    for cell in found:
        reader = f"`{cell['reader']}`, {layouts[cell['layout']]}, batch {cell['batch']}"
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


def rivals() -> str:
    """Returns what published schemes carry on the same model, and who reads them."""
    rows = []
    for numerics in ("float32", "float64"):
        found = result("rivals").get(numerics)
        for row in found["rows"] if found else ():
            total = found["texts"]
            ours = row["scheme"].startswith("Latebra")
            rows.append(
                (
                    "Latebra" if ours else row["scheme"],
                    numerics,
                    f"{row['bits_a_token']:.2f}",
                    f"{100 * row['share_of_entropy']:.1f} %",
                    f"{row['speed_of_plain']:.2f}",
                    *(
                        f"{row[cell]} of {total}"
                        for cell in ("read_same", "read_32_at_a_time", "read_another")
                    ),
                )
            )
    head = (
        "scheme|floats|bits a token|share of the model's entropy|speed, of plain sampling's"
        "|read: same compiler, a token a time|same, 32 a time|another compiler"
    )
    return table(head, rows)


def robust() -> str:
    """Returns what texts that may be edited carried."""
    rows = [
        (
            _WRITERS[name],
            f"{row['texts']:,}",
            f"{row['refused']}",
            f"{row['tokens_a_text']:.0f}",
            f"{row['longest']:,}",
            f"{row['frame_bits_a_token']:.3f}",
            f"{row['salt_and_frame_bits_a_token']:.3f}",
            f"{row['message_bits_a_token']:.3f}",
        )
        for name, row in result("robust").items()
        if name in _WRITERS
    ]
    head = "written by|texts|refused|tokens, mean|longest|bits a token: frame|with salt|message"
    return table(head, rows)


def robust_read() -> str:
    """Returns how many edited copies were read, by whom."""
    rows = [
        (
            _WRITERS[name],
            "with the model" if reader == "model" else "alone",
            kind,
            f"{cell['read']} of {cell['copies']}",
            f"{100 * cell['share_95'][0]:.1f} to {100 * cell['share_95'][1]:.1f} %",
        )
        for name, row in result("robust").items()
        if name in _WRITERS
        for reader in ("alone", "model")
        for kind, cell in row.get(reader, {}).items()
    ]
    return table("written by|the reader|edits|read|95 % interval", rows)


_WRITERS = {"smollm2": "SmolLM2-135M", "ngram": "two tokens of context, 300 words"}

LANGUAGE_TABLES = (
    language_agreement,
    language_tables,
    language_speed,
    texts,
    texts_matrix,
    text_detection,
    rivals,
    robust,
    robust_read,
)
