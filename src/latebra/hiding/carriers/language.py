"""Hide a frame in the words that a language model chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import chain
from typing import Any, ClassVar, Final, Self

import numpy as np
from jaxtyping import Float32
from typing_extensions import override

from latebra.core.errors import InputError
from latebra.core.network import Network
from latebra.core.progress import Progress, silent
from latebra.hiding.channel.modem import Found
from latebra.hiding.channel.stream import Stream
from latebra.hiding.contract import Carrier
from latebra.hiding.media.texts import CHANNELS, Texts, settled
from latebra.hiding.medium import Cover, Medium, Text
from latebra.hiding.tokens import coupled, dense, edited
from latebra.hiding.tokens.agreement import NEVER, Agreement, Bits
from latebra.hiding.tokens.cached import ROOMS, CachedModel
from latebra.hiding.tokens.correcting import Correction
from latebra.hiding.tokens.latents import latents
from latebra.hiding.tokens.spelling import Spelling
from latebra.hiding.tokens.tables import Quantiser
from latebra.hiding.tokens.tree import buckets

SALT: Final = 8
_LARGEST: Final = 640
SIZES: Final = tuple(
    size
    for power in range(3, 8)
    for size in range(3 << power, 6 << power, 1 << (power - 2))
    if size <= _LARGEST
)
"""Sizes of frame in bytes: twelve to an octave from 24 to 640, some 1,400 tokens."""
AGREEMENTS: Final[Mapping[str, Agreement]] = {
    "float32": Agreement(),
    "float64": Agreement(Quantiser(step=0.125, depth=11.0, coarse=1), every=NEVER),
}
"""How tables are made. In float32 some have other tokens at another compiler, so that their steps
are wide enough for few to; in float64 none has, and no tick is needed."""
_USUAL: Final = "float32"
SURE: Final = 1e-9
"""What two float64 forward passes may differ by; measured: below 1e-12."""
PROMPT: Final = "Write a long letter to an old friend about an ordinary week."
READERS: Final = ("alone", "model")
"""Who reads edited texts: the tokenizer alone, or with the model's word for each token."""
EDITED: Final = "edited"
_SAMPLE: Final = 64
"""Bytes of frame that an ordinary text would have room for."""


@dataclass(frozen=True)
class Language(Carrier):
    """The choice of each word of a text.

    What it does: the model says how likely each token is to follow, its logits are rounded to an
    integer table, and the bits of salt and frame choose from the table by arithmetic decoding. The
    reader, with the same model and prompt, makes the same tables and encodes the tokens back to
    bits. Where rounding errors made another table, the 16-bit tick that is in every 160 bits is
    wrong, and the reader tries the logits that lay nearest to an edge.

    Why it hides: coin flips choose from a table as a sampler does, so that the text is distributed
    exactly as the texts of ``sample``, as far as the frame looks like coin flips; the dithers are
    a keyed function of the words before.

    Through the channel "edited" tokens are coupled with keyed hashes of themselves instead
    (``coupled``), by the same tables. Reading such a text takes the tokenizer, not the network.

    Known problems: the promise is relative to this sampler, not to people: a small model's texts
    are recognisable as such, whether or not they carry anything. Changing a single word loses
    everything after it, but through "edited". Who guesses prompt and model sees likely text.

    Equation: a token is the symbol whose cell holds the frame's binary fraction; Ziegler et al.
    2019, section 3.

    Args:
        networks: By role; "model" is the language model, as ``CachedModel`` drives it.
        prompt: What the text is to be about; the reader must have it.
        numerics: "float32" for every compiler, or "float64" for those that keep it, where tables
            are the same without any correction. The reader must choose the same.
        size: Bytes of frame that ``sample``'s texts would have room for.
        reader: "alone", or "model": whether a reader of edited texts runs the model.
    """

    title: ClassVar[str] = "Words of a language model"
    version: ClassVar[str] = "1.0.0"
    reference: ClassVar[str] = "Ziegler, Deng, Rush 2019, arXiv:1909.01496"
    roles: ClassVar[Mapping[str, str]] = {"model": "smollm2"}
    channels: ClassVar[Mapping[str, str]] = CHANNELS
    checks: ClassVar[bool] = False
    options: ClassVar[Mapping[str, str]] = {
        "model": "the language model: smollm2, or a GGUF file of the same architecture",
        "prompt": "what the text is to be about; the reader must say the same",
        "numerics": "float32, or float64 where both ends' compilers keep it",
        "size": "bytes that a text without a message would have room for",
        "reader": "of edited texts: alone, or model, which runs the model to read worse copies",
    }

    networks: Mapping[str, Network] = field(repr=False)
    prompt: str = PROMPT
    numerics: str = _USUAL
    size: int = _SAMPLE
    reader: str = READERS[0]

    @override
    @classmethod
    def models(cls, options: Mapping[str, str]) -> Mapping[str, str]:
        return {"model": options.get("model", cls.roles["model"])}

    @override
    @classmethod
    def create(cls, networks: Mapping[str, Network], options: Mapping[str, str]) -> Self:
        cls.refuse_unknown(options)
        numerics, size = options.get("numerics", _USUAL), options.get("size", str(_SAMPLE))
        if numerics not in AGREEMENTS:
            raise InputError(
                f"language knows no numerics {numerics!r}",
                fix=f"choose from {', '.join(AGREEMENTS)}",
            )
        if not (size.isdecimal() and 1 <= int(size) <= SIZES[-1]):
            raise InputError(
                f"a size of {size!r} is none", fix=f"give a number from 1 to {SIZES[-1]}"
            )
        reader = options.get("reader", READERS[0])
        if reader not in READERS:
            raise InputError(
                f"language knows no reader {reader!r}", fix=f"choose from {', '.join(READERS)}"
            )
        return cls(networks, options.get("prompt", PROMPT), numerics, int(size), reader)

    @property
    @override
    def medium(self) -> Medium:
        return Texts()

    @override
    def rooms(self, channel: str, cover: Cover | None = None) -> tuple[int, ...]:
        self.refuse_unknown(channels=[channel])
        return edited.SIZES if channel == EDITED else SIZES

    @override
    def salt_bytes(self, channel: str) -> int:
        return edited.SALT if channel == EDITED else SALT

    @override
    def embed(
        self,
        frame: bytes,
        salt: bytes,
        stream: Stream,
        channel: str,
        *,
        cover: Cover | None = None,
        progress: Progress = silent,
    ) -> Cover:
        bits = np.unpackbits(np.frombuffer(salt + frame, np.uint8))
        own = stream.child(channel)
        if channel != EDITED:
            return self._text(dense.write, bits, own, progress)
        trial = edited.Trial(self.spelling, own, bits)
        tokens = coupled.write(
            self.model,
            self.prompt_tokens,
            bits,
            own,
            self.spelling.ends,
            trial,
            opens=trial.opens,
            buckets=buckets(own, self.spelling.size),
            agreement=self.agreement,
            most=min(edited.most(len(frame)), ROOMS[-1] - len(self.prompt_tokens)),
            progress=progress,
        )
        return self._told(tokens)

    @override
    def extract(self, cover: Cover, stream: Stream, channels: Sequence[str]) -> Iterator[Found]:
        tokens = self.spelling.cut(str(cover))
        for channel in channels:
            way = self._edited if channel == EDITED else self._copied
            yield from way(tokens, stream.child(channel))

    def _copied(self, tokens: list[int], stream: Stream) -> Iterator[Found]:
        """Yields what may be frames where no word was changed."""
        prompt = self.prompt_tokens
        if len(prompt) + len(tokens) > ROOMS[-1]:
            return
        self.model.expect([*prompt, *tokens])
        told: dict[str, Any] = {"agreement": self.agreement, "correction": self.correction}
        for bits in dense.read(self.model, prompt, tokens, stream, **told):
            content = np.packbits(bits[: bits.size // 8 * 8]).tobytes()
            salt, rest = content[:SALT], content[SALT:]
            # The text goes on to the end of a sentence: the longest that fit come first.
            for size in reversed([size for size in SIZES if size <= len(rest)]):
                yield Found(salt, rest[:size])

    def _edited(self, tokens: list[int], stream: Stream) -> Iterator[Found]:
        """Yields what may be frames where words may be others, or fewer, or more."""
        shares = None
        if self.reader != READERS[0]:
            before = self.prompt_tokens
            tokens = tokens[: ROOMS[-1] - len(before)]
            self.model.expect([*before, *tokens])
            mine = buckets(stream, self.spelling.size)
            shares = edited.shares_of(self.model, before, tokens, mine, self.agreement)
        text = edited.received(stream, self.spelling, tokens, shares)
        yield from edited.find(text, edited.SIZES)

    @override
    def latents(self, covers: Sequence[Cover]) -> Float32[np.ndarray, "covers dims"]:
        texts = [self.spelling.cut(str(cover)) for cover in covers]
        return latents(self.model, self.prompt_tokens, texts, self.agreement)

    @override
    def sample(self, rng: np.random.Generator) -> Cover:
        return self._text(dense.sample, 8 * (SALT + self.size), Stream(rng.bytes(32)))

    def _text(
        self,
        maker: Callable[..., list[int]],
        what: Bits | int,
        stream: Stream,
        progress: Progress = silent,
    ) -> Text:
        tokens = maker(
            self.model,
            self.prompt_tokens,
            what,
            stream,
            self.spelling.ends,
            agreement=self.agreement,
            most=ROOMS[-1] - len(self.prompt_tokens),
            progress=progress,
        )
        return self._told(tokens)

    def _told(self, tokens: list[int]) -> Text:
        return Text(settled(self.spelling.text(tokens)))

    @cached_property
    def model(self) -> CachedModel:
        """The language model, a token at a time."""
        return CachedModel(self.networks["model"], self.numerics)

    @property
    def _about(self) -> Mapping[str, Any]:
        return self.networks["model"].card.about

    @cached_property
    def spelling(self) -> Spelling:
        """How the model's tokens are spelt."""
        return _spelling(self._about["tokenizer"], tuple(self._about["special"]))

    @cached_property
    def prompt_tokens(self) -> list[int]:
        """What stands before the text: the prompt, as the model's chat has it."""
        chat, begin = self._about["chat"], self._about["begin"]
        turns = [self.prompt]
        if chat is not None:
            turns = [chat["user"], self.prompt, chat["close"], chat["assistant"]]
            if "usual_system" in chat:
                turns = [chat["system"], chat["usual_system"], chat["close"], *turns]
        tokens = [] if begin is None else [begin]
        tokens += chain.from_iterable(map(self.spelling.prompt, turns))
        most = min(ROOMS[-1], self._about["context"]) // 2
        if not 0 < len(tokens) <= most:
            raise InputError(
                f"the prompt has {len(tokens)} tokens, and 1 to {most} leave room for a text",
                fix="give a shorter prompt" if tokens else "give a prompt",
            )
        return tokens

    @cached_property
    def agreement(self) -> Agreement:
        """How tables are made."""
        allowed = self.spelling.after(len(self.prompt_tokens))
        return replace(AGREEMENTS[self.numerics], allowed=allowed)

    @property
    def correction(self) -> Correction:
        """How hard a reader looks."""
        if self.numerics == "float64":
            return Correction(error=SURE)
        return Correction(error=float(self._about["error"]))


@cache
def _spelling(tokenizer: str, never: tuple[int, ...]) -> Spelling:
    """Returns the spelling of a tokenizer; making one takes most of a second."""
    return Spelling(tokenizer, never)


PLUGIN = Language
