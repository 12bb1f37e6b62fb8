"""A planned program as an object file."""

from __future__ import annotations

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
from latebra.compiling.glow.team import write_barrier, write_team
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
    kinds = [POINTER, POINTER, POINTER, I64, I64, POINTER]
    part = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), f"{name}_part")
    *spaces, index, count, team = part.args
    places = dict(zip(_SPACES, spaces, strict=True))
    e = Emit(ir.IRBuilder(part.append_basic_block()), target)
    barrier = write_barrier(module, target)
    hazards = Hazards()
    shared = e.b.icmp_signed(">", count, I64(1))
    for instruction in program.instructions:
        bases = Bases([instruction.out, *reads(instruction)])
        text = written(instruction, lambda view, bases=bases: f"%{bases.number(view)}")
        if text not in kernels:
            kernels[text] = _kernel(module, instruction, bases, f"i{len(kernels)}", target)
        starts = [
            e.at(places[buffer.space], buffer.start + offset, I8) for buffer, offset in bases.places
        ]
        if hazards.met(instruction):
            with e.b.if_then(shared):
                e.b.call(barrier, [team, count])
        e.b.call(kernels[text], [*starts, index, count])
    with e.b.if_then(shared):
        e.b.call(barrier, [team, count])
    e.b.ret_void()

    kinds = [POINTER, POINTER, POINTER]
    alone = ir.Function(module, ir.FunctionType(I32, kinds), name)
    e = Emit(ir.IRBuilder(alone.append_basic_block()), target)
    nobody = ir.Constant(POINTER, None)
    e.b.call(part, [*alone.args, I64(0), I64(1), nobody])
    e.b.ret(I32(0))
    write_team(module, target, name, part)


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
