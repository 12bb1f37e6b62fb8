"""Threads that run one program together, each taking the next piece of work that is left.

A program is a list of phases; the pieces of a phase can be done in any order by anyone. Whoever
is slow, or not running at all just now, takes fewer pieces, and nobody waits for who took none.

The team is a piece of memory that whoever calls provides, ``TEAM_BYTES`` long and aligned to 64:

    0  phase << 32 | next piece      64  pieces that helpers have done
    128  threads, then the three addresses of a run, then whether to end
    192 + 64 i  the semaphore that helper ``i`` sleeps on between runs
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

from latebra.compiling.glow.emit import Emit
from latebra.compiling.glow.llvm import I8, I32, I64, POINTER, ir
from latebra.compiling.glow.target import Target

TEAM_BYTES: Final = 4096
MOST_THREADS: Final = 60
SLEEPS: Final = sys.platform == "linux"
"""Semaphores lie in memory of the caller's: POSIX, but not macOS."""

_DONE, _COUNT, _ADDRESSES, _END, _SEMAPHORES = 64, 128, 136, 160, 192
_LOW: Final = 0xFFFFFFFF
_PATIENCE: Final = 1 << 11
"""Looks at memory before the processor is offered to others."""


def write_team(module: Any, target: Target, name: str, step: Any, pieces: Sequence[int]) -> None:
    """Writes ``NAME_open``, ``NAME_worker``, ``NAME_run`` and ``NAME_close``.

    Args:
        module: Where to.
        target: For what.
        name: The program's.
        step: The function ``(constants, mutable, activations, phase, piece)``.
        pieces: How many each phase has; phases are numbered from 1.
    """
    if not SLEEPS:
        return
    kind = ir.ArrayType(I64, len(pieces) + 1)
    table = ir.GlobalVariable(module, kind, "pieces")
    table.linkage, table.global_constant = "internal", True
    table.initializer = ir.Constant(kind, [I64(each) for each in (0, *pieces)])
    _write_open(module, target, name)
    _write_worker(module, target, name, step, table)
    _write_run(module, target, name, step, table, len(pieces))
    e, (team,) = _begun(module, target, f"{name}_close", POINTER)
    e.b.atomic_rmw("xchg", _at(e, team, _END), I32(1), "release")
    _wake(e, team)
    e.b.ret_void()


def _write_open(module: Any, target: Target, name: str) -> None:
    e, (team, count) = _begun(module, target, f"{name}_open", POINTER, I64)
    e.b.store(count, _at(e, team, _COUNT))
    with e.loop(1, count) as i:
        signature = ir.FunctionType(I32, [POINTER, I32, I32])
        e.b.call(e.declared("sem_init", signature), [_semaphore(e, team, i), I32(0), I32(0)])
    e.b.ret_void()


def _write_worker(module: Any, target: Target, name: str, step: Any, table: Any) -> None:
    e, (team, index) = _begun(module, target, f"{name}_worker", POINTER, I64)
    b = e.b
    sleep, awake, look, take, work, wait, done = (b.append_basic_block() for _ in range(7))
    b.branch(sleep)

    b.position_at_end(sleep)
    b.call(_semaphore_call(e, "sem_wait"), [_semaphore(e, team, index)])
    end = b.load_atomic(_at(e, team, _END), "acquire", 4, typ=I32)
    b.cbranch(b.icmp_signed("==", end, I32(0)), awake, done)

    b.position_at_end(awake)
    looks = b.phi(I64)
    looks.add_incoming(I64(0), sleep)
    word = b.load_atomic(team, "acquire", 8, typ=I64)
    phase = b.lshr(word, I64(32))
    b.cbranch(b.icmp_signed("==", phase, I64(0)), sleep, look)

    b.position_at_end(look)
    left = b.icmp_unsigned("<", b.and_(word, I64(_LOW)), _entry(e, table, phase))
    b.cbranch(left, take, wait)

    b.position_at_end(wait)
    _rest(e, looks)
    looks.add_incoming(b.add(looks, I64(1)), b.block)
    b.branch(awake)

    b.position_at_end(take)  # The phase may have changed since; this answer is whole.
    word = b.atomic_rmw("add", team, I64(1), "acq_rel")
    phase, piece = b.lshr(word, I64(32)), b.and_(word, I64(_LOW))
    mine = b.icmp_unsigned("<", piece, _entry(e, table, phase))
    looks.add_incoming(I64(0), take)
    b.cbranch(mine, work, awake)

    b.position_at_end(work)
    b.call(step, [*_addresses(e, team), phase, piece])
    b.atomic_rmw("add", _at(e, team, _DONE), I64(1), "release")
    looks.add_incoming(I64(0), work)
    b.branch(awake)

    b.position_at_end(done)
    b.ret_void()


def _write_run(
    module: Any, target: Target, name: str, step: Any, table: Any, phases: int
) -> None:
    e, (team, *spaces) = _begun(module, target, f"{name}_run", *[POINTER] * 4)
    b = e.b
    for i, each in enumerate(spaces):
        b.store(each, _at(e, team, _ADDRESSES + 8 * i))
    awake = e.variable(I64, I64(0))
    with e.loop(1, phases + 1) as phase:
        count = _entry(e, table, phase)
        with b.if_else(b.icmp_signed("==", count, I64(1))) as (one, several):
            with one:
                b.call(step, [*spaces, phase, I64(0)])
            with several:
                b.atomic_rmw("xchg", _at(e, team, _DONE), I64(0), "monotonic")
                b.atomic_rmw("xchg", team, b.shl(phase, I64(32)), "release")
                # Helpers sleep until there is a phase for several.
                with b.if_then(b.icmp_signed("==", b.load(awake, typ=I64), I64(0))):
                    b.store(I64(1), awake)
                    _wake(e, team)
                _share(e, team, spaces, step, count)
    b.atomic_rmw("xchg", team, I64(0), "release")
    b.ret_void()


def _share(e: Emit, team: Any, spaces: Sequence[Any], step: Any, count: Any) -> None:
    """Takes pieces while there are any, then waits for those that helpers took."""
    b = e.b
    start = b.block
    take, work, settle, look, wait, done = (b.append_basic_block() for _ in range(6))
    b.branch(take)
    b.position_at_end(take)
    mine = b.phi(I64)
    mine.add_incoming(I64(0), start)
    word = b.atomic_rmw("add", team, I64(1), "acq_rel")
    piece = b.and_(word, I64(_LOW))
    b.cbranch(b.icmp_unsigned("<", piece, count), work, settle)
    b.position_at_end(work)
    b.call(step, [*spaces, b.lshr(word, I64(32)), piece])
    mine.add_incoming(b.add(mine, I64(1)), b.block)
    b.branch(take)
    b.position_at_end(settle)
    theirs = b.sub(count, mine)
    b.branch(look)
    b.position_at_end(look)
    looks = b.phi(I64)
    looks.add_incoming(I64(0), settle)
    finished = b.load_atomic(_at(e, team, _DONE), "acquire", 8, typ=I64)
    b.cbranch(b.icmp_signed("<", finished, theirs), wait, done)
    b.position_at_end(wait)
    _rest(e, looks)
    looks.add_incoming(b.add(looks, I64(1)), b.block)
    b.branch(look)
    b.position_at_end(done)


def _begun(module: Any, target: Target, name: str, *kinds: Any) -> tuple[Emit, Any]:
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    return Emit(ir.IRBuilder(function.append_basic_block()), target), function.args


def _rest(e: Emit, looks: Any) -> None:
    """Waits a moment; after many, lets another process have the processor."""
    if e.target.cpu.startswith("x86"):
        e.b.call(e.declared("llvm.x86.sse2.pause", ir.FunctionType(ir.VoidType(), [])), [])
    with e.b.if_then(e.b.icmp_signed(">", looks, I64(_PATIENCE))):
        e.b.call(e.declared("sched_yield", ir.FunctionType(I32, [])), [])


def _wake(e: Emit, team: Any) -> None:
    count = e.b.load(_at(e, team, _COUNT), typ=I64)
    with e.loop(1, count) as i:
        e.b.call(_semaphore_call(e, "sem_post"), [_semaphore(e, team, i)])


def _semaphore_call(e: Emit, name: str) -> Any:
    return e.declared(name, ir.FunctionType(I32, [POINTER]))


def _semaphore(e: Emit, team: Any, index: Any) -> Any:
    return e.at(team, e.b.add(e.b.mul(index, I64(64)), I64(_SEMAPHORES)), I8)


def _addresses(e: Emit, team: Any) -> list[Any]:
    return [e.b.load(_at(e, team, _ADDRESSES + 8 * i), typ=POINTER) for i in range(3)]


def _entry(e: Emit, table: Any, number: Any) -> Any:
    return e.b.load(e.at(table, number, I64), typ=I64)


def _at(e: Emit, team: Any, offset: int) -> Any:
    return e.at(team, offset, I8)
