"""What compiling ends in: an object file, a header, weights, and one function to call.

``int NAME(constants, mutable, activations)`` takes three pieces of memory of the caller's, each
aligned to 64 bytes: the weights as they are in the file, room for inputs and outputs, and room for
everything in between. The header says how long each is and where each input and output lies.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from latebra.compiling.glow.low import Program, View
from latebra.compiling.glow.lowering import Steps, lowered
from latebra.compiling.glow.memory import ALIGN, Sizes, plan
from latebra.compiling.glow.module import object_code
from latebra.compiling.glow.target import Target

_MAGIC: Final = b"LATEBRA GLOW 1\n\0"
_C_TYPES: Final = {"float32": "float", "float64": "double", "bool": "uint8_t"}


@dataclass(frozen=True)
class End:
    """An input or an output.

    Args:
        name: Its name in the graph.
        dtype: Element type, as numpy spells it.
        shape: One length an axis.
        start: Its first byte in the mutable memory.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Bundle:
    """A compiled network.

    Args:
        name: What its function is called.
        target: The processor it is for, a key of ``target.TARGETS``.
        sizes: How much memory it works in.
        inputs: What the caller writes.
        outputs: What the caller reads.
        code: The object file.
        weights: The constants.
    """

    name: str
    target: str
    sizes: Sizes
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    code: bytes = field(repr=False)
    weights: bytes = field(repr=False)

    def header(self) -> str:
        """Returns the C header."""
        upper = self.name.upper()
        ends = [
            f"#define {upper}_{_identifier(each.name)} {each.start}  "
            f"/* {_C_TYPES.get(each.dtype, each.dtype + '_t')} {list(each.shape)} */"
            for each in (*self.inputs, *self.outputs)
        ]
        return "\n".join(
            [
                f"/* {self.name}: compiled for {self.target}. */",
                f"#ifndef {upper}_H",
                f"#define {upper}_H",
                "#include <stdint.h>",
                "",
                "/* Bytes of each piece of memory; all are aligned to MEM_ALIGN. */",
                f"#define {upper}_MEM_ALIGN {ALIGN}",
                f"#define {upper}_CONSTANTS_SIZE {self.sizes.constants}",
                f"#define {upper}_MUTABLE_SIZE {self.sizes.mutable}",
                f"#define {upper}_ACTIVATIONS_SIZE {self.sizes.activations}",
                f"#define {upper}_WEIGHTS_FILE_SIZE {len(self.weights)}",
                "",
                "/* Where each input and output begins in the mutable memory. */",
                *ends,
                "",
                "#ifdef __cplusplus",
                'extern "C"',
                "#endif",
                f"int {self.name}(const uint8_t *constants, uint8_t *mutable_memory,",
                f"        {' ' * (len(self.name) - 3)}uint8_t *activations);",
                "",
                "#endif",
                "",
            ]
        )

    def save(self, folder: Path) -> None:
        """Writes ``NAME.o``, ``NAME.h`` and ``NAME.weights.bin``."""
        (folder / f"{self.name}.o").write_bytes(self.code)
        (folder / f"{self.name}.h").write_text(self.header())
        (folder / f"{self.name}.weights.bin").write_bytes(self.weights)

    def packed(self) -> bytes:
        """Returns the bundle as one run of bytes."""
        told = asdict(self)
        lengths = [len(told.pop(key)) for key in ("code", "weights")]
        head = json.dumps({**told, "lengths": lengths}).encode()
        return b"".join([_MAGIC, len(head).to_bytes(8, "little"), head, self.code, self.weights])


def unpacked(written: bytes) -> Bundle:
    """Returns a bundle from its bytes.

    Raises:
        ValueError: They are no bundle, or were cut.
    """
    start = len(_MAGIC) + 8
    if written[: len(_MAGIC)] != _MAGIC:
        raise ValueError("these bytes are no bundle of this compiler's")
    size = int.from_bytes(written[len(_MAGIC) : start], "little")
    told: dict[str, Any] = json.loads(written[start : start + size])
    code, weights = told.pop("lengths")
    middle = start + size + code
    if len(written) != middle + weights:
        raise ValueError(f"the bundle has {len(written)} bytes, not {middle + weights}")
    sizes = Sizes(**told.pop("sizes"))
    ends = [
        tuple(End(**{**each, "shape": tuple(each["shape"])}) for each in told.pop(key))
        for key in ("inputs", "outputs")
    ]
    return Bundle(
        **told,
        sizes=sizes,
        inputs=ends[0],
        outputs=ends[1],
        code=written[start + size : middle],
        weights=written[middle:],
    )


def compiled(graph: Steps, target: Target, name: str = "network") -> Bundle:
    """Returns a graph compiled for a processor.

    Raises:
        NotImplementedError: An operator, or one of its forms, has no rule.
        ValueError: The name is no identifier of C's.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"{name!r} is no name for a function in C")
    program = lowered(graph, target)
    sizes = plan(program)
    code = object_code(program, name, target)
    return Bundle(
        name,
        target.name,
        sizes,
        _ends(program.inputs),
        _ends(program.outputs),
        code,
        _weights(program),
    )


def _ends(views: dict[str, View]) -> tuple[End, ...]:
    return tuple(
        End(name, view.dtype, view.shape, view.buffer.start) for name, view in views.items()
    )


def _weights(program: Program) -> bytes:
    size = max((b.start + b.size_bytes for b in program.constants), default=0)
    memory = np.zeros(size, np.uint8)
    for buffer, array in program.constants.items():
        raw = np.frombuffer(array.tobytes(), np.uint8)
        memory[buffer.start : buffer.start + len(raw)] = raw
    return memory.tobytes()


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)
