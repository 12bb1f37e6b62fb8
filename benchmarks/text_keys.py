"""What wrong keys read off real texts: ticks of a million, and whole runs of a thousand."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.texts.wrong_keys import Cells, dithers, passes_a_tick
from benchmarks.text_batches import KEY, hidden, secrets_of
from latebra.api.language import LanguageNetwork
from latebra.core.errors import NothingRevealed
from latebra.core.keys import Key
from latebra.core.network import Arrays
from latebra.hiding import frame
from latebra.hiding.carriers.language import Language
from latebra.hiding.channel.stream import Stream
from latebra.hiding.coder import Encoder
from latebra.hiding.frame import Profile
from latebra.hiding.medium import Text
from latebra.hiding.tokens import dense
from latebra.hiding.tokens.agreement import Secrets
from latebra.hiding.tokens.correcting import Correction
from latebra.hiding.tokens.steps import steps

TEXTS = 4
"""Texts that wrong keys are tried on tick by tick."""
WHOLE = 8
"""Texts that are read whole."""
FIRST = 80
"""Tokens that are sure to hold a first tick."""
SPARE = 48
"""Bits that wrong keys may settle fewer of than the right one does, from the same tokens; of those
that settle fewer still, and read no tick, there is a count."""
BATCH = 20_000
CHECKED = 50
"""Keys of each text whose cells are compared with those of their own tables."""
CHANNEL = "copied"
HURRIED = 256
"""Sets of moved logits that a reader tries for each tick who has a thousand keys to try; the usual
one tries 65,536, with which a wrong key takes seconds."""


class Hurried(Language):
    """A reader with few tries."""

    @property
    def correction(self) -> Correction:
        return replace(super().correction, tries=HURRIED)


class Remembered:
    """A language model that runs each step once: other keys ask for the same ones.

    Args:
        network: The model.
    """

    def __init__(self, network: LanguageNetwork) -> None:
        self.card = network.card
        self._network = network
        self._known = dict[tuple[bytes, int], dict[str, NDArray[Any]]]()

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Returns the outputs; what they depend on before ``position`` is always the same here."""
        step = inputs["tokens"].tobytes(), int(inputs["position"][0])
        if step not in self._known:
            self._known[step] = self._network.run(inputs)
        return self._known[step]


def keys(seed: int, count: int) -> Iterator[Key]:
    """Yields keys that nobody used."""
    words = np.random.default_rng([2029, seed]).bytes(32 * count)
    yield from (Key(words[at : at + 32]) for at in range(0, len(words), 32))


def wrong_ticks(
    network: LanguageNetwork, texts: Sequence[dict[str, Any]], count: int
) -> dict[str, Any]:
    """Returns how many wrong keys find the first tick of a text right, and how many find all."""
    passed = dict.fromkeys(("in_no_table", "no_tick_reached", "first_tick", "all_ticks"), 0)
    secrets, begin = secrets_of(network), time.perf_counter()
    checked = right_passed = 0
    usable = list(islice(readable(network, texts), TEXTS))
    mine = count // len(usable)
    for number, (line, carrier, tokens, needed) in enumerate(usable):
        agreement, prompt = carrier.agreement, carrier.prompt_tokens
        whole = [*prompt, *tokens]
        contexts = [whole[: len(prompt) + at] for at in range(needed)]
        packed = [np.array(context, "<i8").tobytes() for context in contexts]
        cells = [
            Cells.of(carrier.model, context, token, agreement)
            for context, token in zip(contexts, tokens, strict=False)
        ]
        right, _ = hidden(line["number"], secrets, line["message_bytes"])
        first = np.array([[*each.at(one)[0]] for each, one in _each(cells, dithers(right, packed))])
        own = Secrets(right, agreement.tick_bits)
        right_passed += passes_a_tick(first, agreement, own) is True
        for start in range(0, mine, BATCH):
            streams = [
                secrets.stream(key).child(CHANNEL)
                for key in keys(number * 1_000_000 + start, min(BATCH, mine - start))
            ]
            theirs = np.array([dithers(stream, packed) for stream in streams])
            rows = np.stack([each.at(column) for each, column in zip(cells, theirs.T, strict=True)])
            for which, stream in enumerate(streams):
                own = Secrets(stream, agreement.tick_bits)
                if start == 0 and which < CHECKED:
                    _check(carrier, contexts, tokens, own, rows[:, which])
                    checked += 1
                found = passes_a_tick(rows[:, which], agreement, own)
                if isinstance(found, str):
                    passed[found] += 1
                elif found:
                    passed["first_tick"] += 1
                    passed["all_ticks"] += _reads(carrier, tokens, stream)
            print(f"text {number}: {start + len(streams)} keys, {passed}", flush=True)
    tries = mine * len(usable)
    chance = 2.0**-agreement.tick_bits
    expected = (tries - passed["in_no_table"] - passed["no_tick_reached"]) * chance
    return {
        "texts": len(usable),
        "right_key_passed": right_passed,
        "tries": tries,
        "upper_95": 3 / tries,
        "in_no_table": passed["in_no_table"],
        "no_tick_reached": passed["no_tick_reached"],
        "first_tick": {"passed": passed["first_tick"], "expected": round(expected, 1)},
        "all_ticks": {"passed": passed["all_ticks"]},
        "compared_with_their_own_tables": checked,
        "seconds": round(time.perf_counter() - begin, 1),
    }


def readable(
    network: LanguageNetwork, texts: Sequence[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], Language, list[int], int]]:
    """Yields texts whose first tick the right key finds right with no logit moved.

    With each come its carrier, its tokens, and how many of those wrong keys need for a first tick.
    """
    secrets = secrets_of(network)
    for line in texts:
        carrier = Language.create({"model": Remembered(network)}, {"prompt": line["prompt"]})
        tokens, agreement = carrier.spelling.cut(line["text"]), carrier.agreement
        right = Secrets(
            hidden(line["number"], secrets, line["message_bytes"])[0], agreement.tick_bits
        )
        carrier.model.expect([*carrier.prompt_tokens, *tokens])
        known = steps(carrier.model, carrier.prompt_tokens, tokens[:FIRST], agreement, right, 0.0)
        cells = [step.cell(()) for step in known or ()]
        if not cells or any(cell is None for cell in cells):
            continue
        if passes_a_tick(np.array(cells), agreement, right) is True:
            encoder, needed = Encoder(), 0
            most = agreement.every + agreement.tick_bits + SPARE
            while encoder.settled < most and needed < len(cells):
                encoder.push_cells(np.array(cells[needed : needed + 1]))
                needed += 1
            yield line, carrier, tokens, needed


def whole_runs(
    network: LanguageNetwork,
    texts: Sequence[dict[str, Any]],
    count: int,
    reader: type[Language] = Hurried,
) -> dict[str, Any]:
    """Returns how many wrong keys get a message out of a text, and how many get past its ticks."""
    secrets, begin = secrets_of(network), time.perf_counter()
    opened = past = candidates = right = 0
    tries = 0
    for number, line in enumerate(texts[:WHOLE]):
        carrier = reader.create({"model": Remembered(network)}, {"prompt": line["prompt"]})
        text, tries = Text(line["text"]), carrier.correction.tries
        right += _run(carrier, secrets, text, KEY)[1]
        for key in keys(10_000_000 + 100 * tries + number, count // WHOLE):
            tried, revealed = _run(carrier, secrets, text, key)
            past += tried > 0
            candidates += tried
            opened += revealed
        print(f"text {number}: {past} past the ticks, {opened} opened", flush=True)
    runs = count // WHOLE * WHOLE
    return {
        "texts": WHOLE,
        "tries": tries,
        "runs": runs,
        "upper_95": 3 / runs,
        "opened": opened,
        "past_the_ticks": past,
        "frames_tried": candidates,
        "right_key": {"runs": WHOLE, "opened": right},
        "seconds": round(time.perf_counter() - begin, 1),
    }


def _run(carrier: Language, secrets: Any, text: Text, key: Key) -> tuple[int, bool]:
    """Returns how many frames a key finds in a text, as ``reveal`` does, and whether one opens."""
    tried = 0
    for found in carrier.extract(text, secrets.stream(key), [CHANNEL]):
        tried += 1
        for profile in (Profile.COMPACT, Profile.FULL):
            try:
                frame.unseal(found.frame, secrets.binding(found.salt), key=key, profile=profile)
            except NothingRevealed:
                continue
            return tried, True
    return tried, False


def _reads(carrier: Language, tokens: list[int], stream: Stream) -> bool:
    """Returns whether all ticks of a text are right as they stand."""
    readings = dense.read(
        carrier.model,
        carrier.prompt_tokens,
        tokens,
        stream,
        agreement=carrier.agreement,
        correction=Correction(error=0.0),
    )
    return any(True for _ in readings)


def _check(
    carrier: Language,
    contexts: Sequence[list[int]],
    tokens: Sequence[int],
    own: Secrets,
    cells: np.ndarray,
) -> None:
    """Holds looked-up cells against those of the tables that a key makes."""
    for context, token, cell in zip(contexts, tokens, cells, strict=False):
        levels = carrier.agreement.levels(carrier.model, context, own.dither(context))
        weights, entry = levels.weights(), int(np.searchsorted(levels.tokens, token))
        low = int(weights[:entry].sum())
        want = [low, low + int(weights[entry]), int(weights.sum())]
        assert cell.tolist() == want, (context, token)


def _each(cells: Sequence[Cells], one: np.ndarray) -> Iterator[tuple[Cells, np.ndarray]]:
    yield from zip(cells, one[:, None], strict=True)
