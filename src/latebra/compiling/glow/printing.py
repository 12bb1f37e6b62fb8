"""Low-level programs as text: for people, and to know two instructions with the same code."""

from __future__ import annotations

from collections.abc import Callable

from latebra.compiling.glow.low import (
    Acc,
    Const,
    Contract,
    Expr,
    Fold,
    Instruction,
    Load,
    Map,
    Op,
    Program,
    View,
)


def written(instruction: Instruction, name: Callable[[View], str]) -> str:
    """Returns an instruction as text.

    Args:
        instruction: What to write.
        name: What to call a view's first element.
    """
    shared: dict[int, str] = {}

    def view(each: View) -> str:
        axes = " ".join(f"{n}:{s}" for n, s in zip(each.shape, each.strides, strict=True))
        return f"{each.dtype} {name(each)}[{axes}]"

    def expr(each: Expr) -> str:
        if isinstance(each, Load):
            tables = "".join(f" + {step}*{view(table)}" for table, step in each.tables)
            return view(each.view) + tables
        if isinstance(each, Const):
            return f"{each.dtype} {each.value!r}"
        if isinstance(each, Acc):
            return "acc"
        assert isinstance(each, Op), each
        if id(each) in shared:
            return shared[id(each)]
        arguments = ", ".join(expr(arg) for arg in each.args)
        shared[id(each)] = f"${len(shared)}"
        return f"{shared[id(each)]}={each.dtype} {each.name}({arguments})"

    out = view(instruction.out)
    if isinstance(instruction, Map):
        return f"map {out} = {expr(instruction.expr)}"
    if isinstance(instruction, Fold):
        factor = f" by {expr(instruction.factor)}" if instruction.factor else ""
        lengths = " ".join(str(each) for each in instruction.folded)
        return (
            f"fold {out} = {expr(instruction.expr)} of {instruction.kind} over ({lengths}) "
            f"of {expr(instruction.source)}{factor}"
        )
    assert isinstance(instruction, Contract), instruction
    right = instruction.right
    return (
        f"contract {out} = {expr(instruction.expr)} along {instruction.columns} "
        f"of {view(instruction.left)} by {view(right.view)} "
        f"panels {right.vectors} {right.panel_stride} {right.k_stride}"
    )


def listing(program: Program) -> str:
    """Returns a program as text: one line an instruction, views by where they lie."""

    def name(view: View) -> str:
        return f"{view.buffer.space}@{view.buffer.start + view.offset * view.item_bytes}"

    return "\n".join(written(each, name) for each in program.instructions)
