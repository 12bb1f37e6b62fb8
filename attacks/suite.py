"""All attacks on one set of pictures, each beside the bad scheme that it must catch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, UInt8

from attacks import controls, keystream_reuse, lsb, norm, rank, syndrome
from attacks.bits import Places
from attacks.rows import Row, Scores, figures, row_of
from latebra.hiding.audit import statistics
from latebra.hiding.audit.fit import anderson_darling, kolmogorov_smirnov
from latebra.hiding.channel.codes import Code, code

POOLS = (10, 100)
"""Pictures looked at together: of single ones the norm and the keystream say too little."""
LSB_RATES = (0.4, 1.0)
MARGIN = 0.25
"""How far the bad scheme of the marginal tests keeps from 0: it moves 20 % of all values."""

Latents = Float32[np.ndarray, "pictures dims"]
Words = UInt8[np.ndarray, "pictures bits"]


@dataclass(frozen=True)
class Evidence:
    """What the analyst was given: see ``benchmarks/detection.py`` for the arrays' names.

    Args:
        arrays: Pictures, latents and the code.
        seed: Of the controls and of the network.
    """

    arrays: Mapping[str, np.ndarray]
    seed: int

    @cached_property
    def stego(self) -> Latents:
        """Latents read back from pictures that carry something."""
        return self.arrays["stego_latents"].astype(np.float32)

    @cached_property
    def cover(self) -> Latents:
        """Latents read back from ordinary pictures."""
        return self.arrays["cover_latents"].astype(np.float32)

    @cached_property
    def places(self) -> Places:
        """Where the coded bits are."""
        names = ("coded_dims", "coded_planes", "coded_depths")
        return Places(*(self.arrays[name].astype(np.int64) for name in names))

    @cached_property
    def code(self) -> Code:
        """The code below the mask."""
        return code(int(self.arrays["message_bits"]), self.places.dims.size)

    def noise(self, kind: str) -> Latents:
        """Returns what pictures of a kind were painted from."""
        return self.arrays[f"{kind}_noise"].astype(np.float32)

    def control(self, name: str) -> Latents:
        """Returns latents of a bad scheme read back: painted ones, or put together from covers'."""
        if self.painted(name):
            return self.arrays[f"control_{name}_latents"].astype(np.float32)
        return self.unpainted(name) + (self.cover - self.noise("cover"))

    def painted(self, name: str) -> bool:
        """Says whether a control went through the painter."""
        return f"control_{name}_latents" in self.arrays

    def unpainted(self, name: str) -> Latents:
        """Returns latents of a bad scheme before painting."""
        noise = self.noise("cover")
        if name == "fixed_radius":
            return controls.fixed_radius(noise)
        if name == "margin":
            return controls.margin(noise, MARGIN)
        words = self.masked(len(noise))
        if name == "fixed_keystream":
            noise = np.tile(noise[:1], (len(noise), 1))
        return self.places.write(noise, words)

    def masked(self, count: int) -> Words:
        """Returns random codewords under one mask, as many as there are covers or stego bits."""
        return self._masked[:count]

    @cached_property
    def _masked(self) -> Words:
        rng = np.random.default_rng(self.seed)
        count = max(len(self.arrays[name]) for name in ("cover_noise", "stego_noise"))
        count = max(count, len(self.arrays.get("stego_bits", ())))
        messages = rng.integers(0, 2, (count, self.code.k), dtype=np.uint8)
        mask = rng.integers(0, 2, self.code.n, dtype=np.uint8)
        return np.stack([self.code.encode(one) for one in messages]) ^ mask


def evaluate(evidence: Evidence, cnn_seconds: float) -> Row:
    """Returns the whole report, ready for JSON.

    Args:
        evidence: Everything the analyst was given.
        cnn_seconds: Time for each training of the network; 0 leaves it out.
    """
    stego, cover = evidence.stego, evidence.cover
    mean = cover.mean(axis=0)
    changes = {"values": np.array, "signs": np.sign, "magnitudes": np.abs}
    return {
        "stego": len(stego),
        "cover": len(cover),
        "dims": stego.shape[1],
        "sign_errors": float(np.mean((stego > 0) != (evidence.noise("stego") > 0))),
        "interval": "95 %, DeLong et al. (1988); rule of three where nothing overlaps",
        "controls": {
            name: "painted" if evidence.painted(name) else "latents, with covers' noise"
            for name in ("margin", "fixed_radius", "fixed_keystream", "static_mask")
        },
        "attacks": [
            *marginals(evidence),
            *norms(evidence),
            *streams(evidence),
            *syndromes(evidence),
            ranks(evidence),
            *pictures(evidence, cnn_seconds),
        ],
        # The noise before painting must pass these; what is read back is noisy for covers too.
        "statistics": {
            name: {row.name: [row.statistic, row.p_value] for row in statistics(latents)}
            for name, latents in (
                ("stego_noise", evidence.noise("stego")),
                ("cover_noise", evidence.noise("cover")),
                ("stego_latents", stego),
                ("cover_latents", cover),
            )
        },
        "likeness": {
            name: {
                kind: vars(keystream_reuse.likeness(change(latents - mean)))
                for kind, change in changes.items()
            }
            for name, latents in (("stego", stego), ("cover", cover))
        },
    }


def marginals(evidence: Evidence) -> Iterator[Row]:
    """Yields the two tests against N(0, 1), picture by picture."""
    kinds = evidence.stego, evidence.cover, evidence.control("margin")
    for name, test in (
        ("kolmogorov-smirnov", kolmogorov_smirnov),
        ("anderson-darling", anderson_darling),
    ):
        stego, cover, bad = (np.array([test(one)[0] for one in kind]) for kind in kinds)
        yield row_of(name, f"no value within {MARGIN} of 0", (stego, cover), (bad, cover))


def norms(evidence: Evidence) -> Iterator[Row]:
    """Yields the likelihood ratio on norms; the first quarter of each kind trains it."""
    cover = norm.levels(evidence.cover)
    start = cover.size // 4
    for pool in POOLS:
        found: list[tuple[Scores, Scores]] = []
        for latents in (evidence.stego, evidence.control("fixed_radius")):
            suspect = norm.levels(latents)
            first = suspect.size // 4
            ratio = norm.Ratio.fit(suspect[:first], cover[:start])
            found.append((ratio.scores(suspect[first:], pool), ratio.scores(cover[start:], pool)))
        yield row_of(f"norm, pools of {pool}", "fixed radius", *found)


def streams(evidence: Evidence) -> Iterator[Row]:
    """Yields the correlation within pools, less what half of the covers have in common."""
    half = len(evidence.cover) // 2
    mean = evidence.cover[:half].mean(axis=0)
    kinds = evidence.stego, evidence.cover[half:], evidence.control("fixed_keystream")
    size = POOLS[0]
    stego, cover, bad = (keystream_reuse.pooled(kind - mean, size) for kind in kinds)
    name = f"same keystream, pools of {size}"
    yield row_of(name, "fixed keystream", (stego, cover), (bad, cover))


def syndromes(evidence: Evidence) -> Iterator[Row]:
    """Yields parity checks on pairs and pools; the analyst has the code and the key's order."""
    checks = syndrome.Checks.of(evidence.code.checks())
    kinds = evidence.stego, evidence.cover, evidence.control("static_mask")
    parities = [checks.parities(evidence.places.read(kind)) for kind in kinds]
    stego, cover, bad = (syndrome.pair_scores(one) for one in parities)
    row = row_of("syndrome, pairs", "static mask", (stego, cover), (bad, cover))
    row["checks"] = checks.count
    for name, one in zip(("scheme", "cover", "control"), parities, strict=True):
        row[f"{name}_all_pairs"] = [syndrome.pool_score(one), syndrome.pool_p_value(one)]
    yield row
    for pool in POOLS:
        stego, cover, bad = (syndrome.pooled(one, pool) for one in parities)
        yield row_of(f"syndrome, pools of {pool}", "static mask", (stego, cover), (bad, cover))


def ranks(evidence: Evidence) -> Row:
    """Returns ranks of coded bits before painting, where they have no errors."""
    packed = evidence.arrays.get("stego_bits")
    size = evidence.code.n
    if packed is None:
        scheme = evidence.places.read(evidence.noise("stego"))
    else:
        scheme = np.unpackbits(packed, axis=1)[:, :size]
    rng = np.random.default_rng(evidence.seed)
    flips = rng.integers(0, 2, scheme.shape, dtype=np.uint8)
    row: Row = {"attack": "rank before painting", "control_scheme": "static mask"}
    row["enough"] = len(scheme) > evidence.code.k + 1
    kinds = {"scheme": scheme, "cover": flips, "control": evidence.masked(len(scheme))}
    for name, words in kinds.items():
        missing = rank.deficit(words)
        row[name] = {
            "text": f"{missing} of {min(words.shape)} missing",
            "deficit": missing,
            "shape": list(words.shape),
            "p_value": rank.p_value(missing, words.shape),
        }
    return row


def pictures(evidence: Evidence, cnn_seconds: float) -> Iterator[Row]:
    """Yields the attacks on the pictures themselves, where there are any."""
    if "stego_pictures" not in evidence.arrays:
        return
    stego, cover = (evidence.arrays[f"{kind}_pictures"] for kind in ("stego", "cover"))
    rng = np.random.default_rng(evidence.seed)
    half = min(len(stego), len(cover)) // 2
    other = cover[half : 2 * half]
    replaced = {
        f"lowest bits, {rate} bit a sample": controls.replace_lowest_bits(cover[:half], rate, rng)
        for rate in LSB_RATES
    }
    for name, bad in replaced.items():
        usual = lsb.rates(other)
        yield row_of("weighted stego", name, (lsb.rates(stego), usual), (lsb.rates(bad), usual))
    if cnn_seconds:
        from attacks import cnn  # Needs torch, which nothing else here does.

        found = cnn.detect(stego[: 2 * half], cover[: 2 * half], cnn_seconds, evidence.seed)
        for name, bad in replaced.items():
            row: Row = {"attack": "convolutional network", "control_scheme": name}
            caught = cnn.detect(bad, other, cnn_seconds, evidence.seed)
            for kind, outcome in (("scheme", found), ("control", caught)):
                extra = {"error_at_1_percent": outcome.error, "epochs": outcome.epochs}
                row[kind] = {**figures(outcome.area), **extra, "train": outcome.train}
            yield row
