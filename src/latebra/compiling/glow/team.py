"""Threads that run one program together: a barrier between instructions, and a place to sleep.

The team is a piece of memory that whoever calls provides, ``TEAM_BYTES`` long and aligned to 64:

    0  threads that have arrived     64  turns of the barrier     128  threads, then the three
    addresses of a run, then whether to end     192 + 64 i  the semaphore thread ``i`` sleeps on
"""

from __future__ import annotations

import sys
from typing import Any, Final

from latebra.compiling.glow.emit import Emit
from latebra.compiling.glow.llvm import I8, I32, I64, POINTER, ir
from latebra.compiling.glow.target import Target

TEAM_BYTES: Final = 4096
MOST_THREADS: Final = 60
SLEEPS: Final = sys.platform == "linux"
"""Semaphores lie in memory of the caller's: POSIX, but not macOS."""

_TURNS, _COUNT, _ADDRESSES, _END, _SEMAPHORES = 64, 128, 136, 160, 192
_PATIENCE: Final = 1 << 13
"""Looks at the barrier before the processor is offered to others."""


def write_barrier(module: Any, target: Target) -> Any:
    """Writes the function where each thread waits for all others; returns it."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, I64]), "barrier")
    function.linkage = "internal"
    function.attributes.add("noinline")
    team, count = function.args
    e = Emit(ir.IRBuilder(function.append_basic_block()), target)
    b = e.b
    turns = _at(e, team, _TURNS)
    turn = b.load_atomic(turns, "acquire", 4, typ=I32)
    before = b.atomic_rmw("add", team, I32(1), "acq_rel")
    last = b.icmp_signed("==", b.add(before, I32(1)), b.trunc(count, I32))
    with b.if_then(last):
        b.atomic_rmw("xchg", team, I32(0), "monotonic")
        b.atomic_rmw("xchg", turns, b.add(turn, I32(1)), "release")
        b.ret_void()
    wait = function.append_basic_block("wait")
    patient, tired = function.append_basic_block(), function.append_basic_block()
    again, done = function.append_basic_block(), function.append_basic_block()
    start = b.block
    b.branch(wait)
    b.position_at_end(wait)
    looks = b.phi(I32)
    looks.add_incoming(I32(0), start)
    now = b.load_atomic(turns, "acquire", 4, typ=I32)
    b.cbranch(b.icmp_signed("==", now, turn), patient, done)
    b.position_at_end(patient)
    _pause(e)
    b.cbranch(b.icmp_signed("<", looks, I32(_PATIENCE)), again, tired)
    b.position_at_end(tired)
    if SLEEPS:
        b.call(e.declared("sched_yield", ir.FunctionType(I32, [])), [])
    b.branch(again)
    b.position_at_end(again)
    looks.add_incoming(b.add(looks, I32(1)), again)
    b.branch(wait)
    b.position_at_end(done)
    b.ret_void()
    return function


def write_team(module: Any, target: Target, name: str, part: Any) -> None:
    """Writes ``NAME_open``, ``NAME_worker``, ``NAME_run`` and ``NAME_close`` around ``part``.

    Args:
        module: Where to.
        target: For what.
        name: The program's.
        part: The function that runs one thread's share.
    """
    if not SLEEPS:
        return
    void = ir.VoidType()

    def begun(suffix: str, *kinds: Any) -> tuple[Emit, Any]:
        function = ir.Function(module, ir.FunctionType(void, kinds), f"{name}_{suffix}")
        return Emit(ir.IRBuilder(function.append_basic_block()), target), function.args

    e, (team, count) = begun("open", POINTER, I64)
    e.b.store(count, _at(e, team, _COUNT))
    with e.loop(1, count) as i:
        signature = ir.FunctionType(I32, [POINTER, I32, I32])
        e.b.call(e.declared("sem_init", signature), [_semaphore(e, team, i), I32(0), I32(0)])
    e.b.ret_void()

    e, (team, index) = begun("worker", POINTER, I64)
    again, done = e.b.append_basic_block(), e.b.append_basic_block()
    work = e.b.append_basic_block()
    e.b.branch(again)
    e.b.position_at_end(again)
    _signal(e, "sem_wait", _semaphore(e, team, index))
    end = e.b.load_atomic(_at(e, team, _END), "acquire", 4, typ=I32)
    e.b.cbranch(e.b.icmp_signed("==", end, I32(0)), work, done)
    e.b.position_at_end(work)
    spaces = [e.b.load(_at(e, team, _ADDRESSES + 8 * i), typ=POINTER) for i in range(3)]
    count = e.b.load(_at(e, team, _COUNT), typ=I64)
    e.b.call(part, [*spaces, index, count, team])
    e.b.branch(again)
    e.b.position_at_end(done)
    e.b.ret_void()

    e, (team, *spaces) = begun("run", POINTER, POINTER, POINTER, POINTER)
    for i, each in enumerate(spaces):
        e.b.store(each, _at(e, team, _ADDRESSES + 8 * i))
    count = e.b.load(_at(e, team, _COUNT), typ=I64)
    with e.loop(1, count) as i:
        _signal(e, "sem_post", _semaphore(e, team, i))
    e.b.call(part, [*spaces, I64(0), count, team])
    e.b.ret_void()

    e, (team,) = begun("close", POINTER)
    e.b.atomic_rmw("xchg", _at(e, team, _END), I32(1), "release")
    count = e.b.load(_at(e, team, _COUNT), typ=I64)
    with e.loop(1, count) as i:
        _signal(e, "sem_post", _semaphore(e, team, i))
    e.b.ret_void()


def _at(e: Emit, team: Any, offset: int) -> Any:
    return e.at(team, offset, I8)


def _semaphore(e: Emit, team: Any, index: Any) -> Any:
    return e.at(team, e.b.add(e.b.mul(index, I64(64)), I64(_SEMAPHORES)), I8)


def _signal(e: Emit, name: str, semaphore: Any) -> None:
    e.b.call(e.declared(name, ir.FunctionType(I32, [POINTER])), [semaphore])


def _pause(e: Emit) -> None:
    if e.target.cpu.startswith("x86"):
        e.b.call(e.declared("llvm.x86.sse2.pause", ir.FunctionType(ir.VoidType(), [])), [])
