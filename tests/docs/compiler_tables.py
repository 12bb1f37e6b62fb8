"""What the page on compilers says of each: made from its class and from measured results."""

from __future__ import annotations

import inspect
import re
from typing import Any

from latebra.compiling.worker import compilers as plugins
from tests.docs.tables import result, table

_BACKTICKS = re.compile("``")


def each_compiler() -> str:
    """Returns a section for each compiler: what its class says, then what was measured."""
    found = result("compilers")
    told = found["summary"]["compilers"]
    names = sorted(plugins, key=lambda name: (plugins[name].rank, name))
    sections = []
    for name in names:
        plugin = plugins[name]
        parts = [f"### `{name}`: {plugin.title}", _BACKTICKS.sub("`", inspect.getdoc(plugin) or "")]
        if plugin.extra:
            parts.append(f"Install: `pip install 'latebra[{plugin.extra}]'`.")
        for variant, facts in plugin.variants.items():
            parts.append(
                f"Variant `{name}:{variant}`: {facts.about}; "
                f"errors up to {facts.bound:g} of the largest value are put down to it."
            )
        if name in told:
            parts.append(_measured(name, told[name], found["versions"], plugin.needs.values()))
        sections.append("\n\n".join(parts))
    return "\n\n".join(sections) + "\n"


def _measured(name: str, row: dict[str, Any], versions: dict[str, str], needs: Any) -> str:
    known = ", ".join(f"{each} {versions[each]}" for each in needs if each in versions)
    said = (
        f"Measured{f' with {known}' if known else ''}: right on {row['ok']} of {row['of']} networks"
    )
    if row["cpu_ratio"] is not None and name != "onnxruntime":
        said += f", {row['cpu_ratio']:.2f} times ONNX Runtime's CPU time on one thread"
    return f"{said}, the same bits from run to run on {row['same_bits']}."


def onnx_nodes() -> str:
    """Returns what each compiler makes of those of ONNX's own cases that inference models use."""
    rows = []
    for name, row in sorted(
        result("onnx_nodes")["rows"].items(), key=lambda item: -item[1]["inference"]["share"]
    ):
        if row["todo"]:
            continue
        counts = row["inference"]
        words = ("pass", "constant", "unsupported", "failed", "wrong")
        label = name if " " in name else f"`{name}`"
        shares = (f"{100 * row[which]['share']:.1f} %" for which in ("inference", "all"))
        rows.append((label, *(f"{counts.get(word, 0):,}" for word in words), *shares))
    head = "|right|nothing left to run|refused, with a reason|failed|wrong|share right|of all cases"
    return table(head, rows)


def glow_speed() -> str:
    """Returns Glow's time against ONNX Runtime's, its error and how long it compiles."""
    rows = [
        (
            name,
            *(f"{row[f'threads_{threads}']['ratio']:.2f}" for threads in (1, 2)),
            f"{row['error']:.1e}",
            f"{row['onnxruntime_error']:.1e}",
            f"{row['compile_s']:.1f} s",
        )
        for name, row in result("glow")["networks"].items()
    ]
    head = "network|ratio, 1 thread|ratio, 2 threads|error|ONNX Runtime's error|compiled in"
    return table(head, rows)


def measured_on() -> str:
    """Returns on which processor, and when, each file of this page's results was measured."""
    names = ("compilers", "glow", "int8", "threads", "chains", "isolation", "onnx_nodes")
    rows = []
    for name in names:
        found = result(name)
        rows.append((f"`{name}.json`", found["machine"]["processor"], found["date"]))
    return table("results|processor|date", rows)


def threads() -> str:
    """Returns how XLA and TVM do with one thread and with two, beside ONNX Runtime."""
    networks = result("threads")["networks"]
    names = [name for name in networks["resnet"]["threads_1"] if name != "onnxruntime"]

    def told(row: dict[str, float]) -> str:
        return f"{row['ratio']:.2f} ({row['ratio_of_minima']:.2f})"

    rows = [
        (network, *(told(row[f"threads_{n}"][name]) for name in names for n in (1, 2)))
        for network, row in networks.items()
    ]
    heads = [f"`{name}`, {n} thread{'s' * (n > 1)}" for name in names for n in (1, 2)]
    return table("|".join(["network", *heads]), rows)


def int8_speed() -> str:
    """Returns time and error of each lower precision, as shares of ONNX Runtime's time."""
    networks = result("int8")["speed"]
    kinds = [kind for kind in next(iter(networks.values())) if kind != "onnxruntime"]
    rows = [
        (
            name,
            *(f"{row[kind]['ratio']:.2f}" for kind in kinds),
            *(f"{100 * row[kind]['error']:.1f} %" for kind in kinds),
        )
        for name, row in networks.items()
    ]
    labels = [kind if " " in kind else f"`{kind}`" for kind in kinds]
    return table("|".join(["network", *labels, *(f"{each}, error" for each in labels)]), rows)


def int8_targets() -> str:
    """Returns what bytes take of the time of floats on each kind of processor, by Glow."""
    networks = result("int8")["targets"]
    kinds = list(next(iter(networks.values())))
    rows = [(name, *(f"{row[kind]:.2f}" for kind in kinds)) for name, row in networks.items()]
    return table("|".join(["network", *(kind.replace("_", " ") for kind in kinds)]), rows)


def int8_tasks() -> str:
    """Returns what each precision gets right of what real networks are for."""
    tasks = result("int8")["tasks"]
    kinds = list(next(iter(tasks.values()))["right"])
    rows = [
        (name, task["of"], *(f"{100 * task['right'][kind]:.1f} %" for kind in kinds))
        for name, task in tasks.items()
    ]
    return table("|".join(["task", "right", *(f"`{kind}`" for kind in kinds)]), rows)


def bundled() -> str:
    """Returns each compiler's time and error on the bundled network."""
    rows = []
    for row in result("compilers")["networks"]["small_photographs"]["rows"]:
        if row["outcome"] != "ok":
            rows.append((f"`{row['compiler']}`", row["outcome"].replace("_", " "), "", ""))
            continue
        error, milliseconds = row["error"]["largest"], 1e3 * row["cpu_median_s"]
        times = (f"{milliseconds:.1f}", f"{row['cpu_ratio']:.2f}")
        rows.append((f"`{row['compiler']}`", *times, f"{error:.1e}"))
    return table("compiler|milliseconds|ratio to `onnxruntime`|largest error", rows)


def zoo() -> str:
    """Returns each network of the zoo with each compiler's CPU time against ONNX Runtime's."""
    found = result("compilers")
    names = list(found["summary"]["compilers"])
    rows = []
    for network, each in found["networks"].items():
        told = {row["compiler"]: row for row in each["rows"]}
        cells = [_zoo_cell(told.get(name)) for name in names]
        rows.append((f"`{network}`", each["kind"], *cells))
    return table("network|what it is|" + "|".join(f"`{name}`" for name in names), rows)


def _zoo_cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    if row["outcome"] != "ok":
        return row["outcome"].replace("_", " ")
    return "ok" if row["cpu_ratio"] is None else f"{row['cpu_ratio']:.2f}"


def coverage() -> str:
    """Returns how many networks of the zoo each compiler gets right, and how fast."""
    rows = []
    found = result("compilers")
    for name, row in found["summary"]["compilers"].items():
        others = [
            f"{count} {word.replace('_', ' ')}"
            for word, count in row["outcomes"].items()
            if word != "ok"
        ]
        rows.append(
            (
                f"`{name}`",
                f"{row['ok']} of {row['of']}",
                ", ".join(others),
                *(_ratio(row[which]) for which in ("cpu_ratio", "wall_ratio")),
                "" if row["relative_error"] is None else f"{row['relative_error']:.0e}",
                f"{row['same_bits']} of {row['ok']}",
            )
        )
    threads = "1 thread" if found["threads"] == 1 else f"{found['threads']} threads"
    times = f"CPU time, 1 thread|wall time, {threads}"
    return table(f"compiler|right|else|{times}|median error|same bits", rows)


def chains() -> str:
    """Returns what a pipeline over two workers brings, and what one program for all steps does."""
    rows = [
        (
            f"`{name}`",
            f"{row['pipeline']['gain_over_one_by_one']:.2f}",
            f"{row['pipeline']['gain_over_two_threads']:.2f}",
            f"{row['three_networks']['gain_over_one_by_one']:.2f}",
            f"{row['one_program']['ratio']:.2f}" if "ratio" in row["one_program"] else "failed",
        )
        for name, row in result("chains")["rows"].items()
    ]
    head = "compiler|pipeline, against one by one|against one worker with two threads"
    head += "|three networks, against one by one"
    return table(f"{head}|one program, share of the time of 16 calls", rows)


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


COMPILER_TABLES = (
    each_compiler,
    onnx_nodes,
    glow_speed,
    measured_on,
    threads,
    int8_speed,
    int8_targets,
    int8_tasks,
    bundled,
    zoo,
    coverage,
    chains,
)
