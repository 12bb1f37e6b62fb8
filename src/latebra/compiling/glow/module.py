"""A planned program as an object file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from latebra.compiling.glow import contract_code, fold_code, map_code
from latebra.compiling.glow.emit import Emit
from latebra.compiling.glow.hazards import Hazards
from latebra.compiling.glow.llvm import I8, I32, I64, POINTER, binding, ir
from latebra.compiling.glow.low import (
    Contract,
    Fold,
    Instruction,
    Map,
    Program,
    Space,
    reads,
)
from latebra.compiling.glow.point import Bases
from latebra.compiling.glow.printing import written
from latebra.compiling.glow.target import Target
from latebra.compiling.glow.pieces import pieces
from latebra.compiling.glow.team import write_team
from latebra.compiling.glow.tiles import tiled

_SPACES: Final = (Space.CONSTANTS, Space.MUTABLE, Space.ACTIVATIONS)


def object_code(program: Program, name: str, target: Target) -> bytes:
    """Returns the object file of a planned program.

    It has ``int NAME(constants, mutable, activations)``, the same in shares for a team of threads,
    and nothing else that is seen from outside.

    Args:
        program: Its buffers have their places; see ``memory.plan``.
        name: What its functions are called.
        target: The processor it is for.
    """
    machine = target.machine()
    module = ir.Module(name)
    module.triple = binding.get_process_triple()
    module.data_layout = str(machine.target_data)
    _write(module, program, name, target)
    parsed = binding.parse_assembly(str(module))
    tuning = binding.create_pipeline_tuning_options(2)
    tuning.loop_vectorization = False
    tuning.slp_vectorization = False
    tuning.loop_unrolling = False
    builder = binding.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(parsed, builder)
    code: bytes = machine.emit_object(parsed)
    return code


def _write(module: Any, program: Program, name: str, target: Target) -> None:
    kernels: dict[str, Any] = {}
    phases: list[list[_Call]] = []
    hazards = Hazards()
    for instruction in program.instructions:
        bases = Bases([instruction.out, *reads(instruction)])
        text = written(instruction, lambda view, bases=bases: f"%{bases.number(view)}")
        if text not in kernels:
            kernels[text] = _kernel(module, instruction, bases, f"i{len(kernels)}", target)
        if hazards.met(instruction) or not phases:
            phases.append([])
        phases[-1].append(_Call(kernels[text], bases, pieces(instruction)))

    e, arguments = _begun(module, target, name, I32, *[POINTER] * 3)
    for call in (call for phase in phases for call in phase):
        _call(e, call, arguments, I64(0), 1)
    e.b.ret(I32(0))

    step = _write_step(module, target, phases)
    counts = [sum(call.pieces for call in phase) for phase in phases]
    write_team(module, target, name, step, counts)


@dataclass(frozen=True)
class _Call:
    """A function with the places of what it works on, and in how many pieces."""

    function: Any
    bases: Bases
    pieces: int


def _call(e: Emit, call: _Call, spaces: Sequence[Any], piece: Any, count: int) -> None:
    places = dict(zip(_SPACES, spaces, strict=True))
    starts = [
        e.at(places[buffer.space], buffer.start + offset, I8)
        for buffer, offset in call.bases.places
    ]
    e.b.call(call.function, [*starts, piece, I64(count)])


def _write_step(module: Any, target: Target, phases: list[list[_Call]]) -> Any:
    """Writes the function that does one piece of one phase; phases are numbered from 1."""
    kinds = [*[POINTER] * 3, I64, I64]
    e, (*spaces, phase, piece) = _begun(module, target, "step", ir.VoidType(), *kinds)
    e.b.function.linkage = "internal"
    done = e.b.append_basic_block()
    choice = e.b.switch(phase, done)
    for number, calls in enumerate(phases, 1):
        block = e.b.append_basic_block()
        choice.add_case(I64(number), block)
        e.b.position_at_end(block)
        first = 0
        for call in calls:
            last = call is calls[-1]
            following = done if last else e.b.append_basic_block()
            inside = e.b.icmp_signed("<", piece, I64(first + call.pieces))
            own = e.b.append_basic_block()
            e.b.cbranch(inside, own, following)
            e.b.position_at_end(own)
            _call(e, call, spaces, e.b.sub(piece, I64(first)), call.pieces)
            e.b.branch(done)
            if not last:
                e.b.position_at_end(following)
            first += call.pieces
    e.b.position_at_end(done)
    e.b.ret_void()
    return e.b.function


def _begun(module: Any, target: Target, name: str, result: Any, *kinds: Any) -> tuple[Emit, Any]:
    function = ir.Function(module, ir.FunctionType(result, kinds), name)
    return Emit(ir.IRBuilder(function.append_basic_block()), target), function.args


def _kernel(module: Any, instruction: Instruction, bases: Bases, name: str, target: Target) -> Any:
    kinds = [*[POINTER] * len(bases.places), I64, I64]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    *pointers, index, count = function.args
    bases.bind(pointers)
    e = Emit(ir.IRBuilder(function.append_basic_block()), target)
    if isinstance(instruction, Map):
        map_code.write_map(e, bases, map_code.prepared(instruction), index, count)
    elif isinstance(instruction, Fold):
        fold_code.write_fold(e, bases, fold_code.prepared(instruction), index, count)
    else:
        assert isinstance(instruction, Contract), instruction
        tiling = tiled(instruction, target)
        contract_code.write_contract(e, bases, tiling, instruction.right, index, count)
    e.b.ret_void()
    return function
