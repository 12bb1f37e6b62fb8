"""Write the golden and the hostile bundles: one text file, one scenario.

They were made by this implementation and checked by it alone; the hostile ones are edits of the
golden one. A vector is never edited: a new format gets new files.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from latebra.compiling.artifact import Artifact
from latebra.compiling.bundle import Bundle
from latebra.compiling.contract import Model
from latebra.compiling.target import Target
from latebra.core.network import Golden, ModelCard

FOLDER = Path(__file__).parents[1] / "vectors" / "bundle"
Members = dict[str, bytes]
Said = dict[str, Any]


def product(shift: float = 0.0) -> Model:
    """Returns a model of one matrix product, with a golden vector that is off by ``shift``."""
    held = (np.arange(64).reshape(8, 8) % 7 - 3).astype(np.float32)
    x = (np.arange(16).reshape(2, 8) % 5 - 2).astype(np.float32)
    helper = onnx.helper
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    given = helper.make_tensor_value_info("x", 1, [2, 8])
    taken = helper.make_tensor_value_info("y", 1, [2, 8])
    graph = helper.make_graph(
        [node], "product", [given], [taken], [onnx.numpy_helper.from_array(held, "w")]
    )
    opsets = [helper.make_opsetid("", 18)]
    written = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    golden = Golden({"x": x}, {"y": x @ held + np.float32(shift)})
    digest = hashlib.sha256(held.tobytes()).hexdigest()
    return Model(written, ModelCard("product", digest, "T1", 0.0, golden, {"licence": "CC0-1.0"}))


def members_of(bundle: Bundle) -> Members:
    """Returns the members of a bundle as they are saved."""
    with tempfile.TemporaryDirectory() as folder:
        path = bundle.save(Path(folder) / "bundle")
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: Members, edit: Callable[[zipfile.ZipInfo], None] | None = None) -> bytes:
    """Returns members as one file, as ``archive`` writes it; ``edit`` may change each header."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o100644 << 16
            if edit:
                edit(info)
            archive.writestr(info, content, info.compress_type)
    return out.getvalue()


def resaid(members: Members, change: Callable[[Said], None]) -> Members:
    """Returns members whose manifest was changed."""
    said = json.loads(members["manifest.json"])
    change(said)
    return {**members, "manifest.json": json.dumps(said, indent=1).encode()}


def swapped(members: Members, name: str, content: bytes) -> Members:
    """Returns members of which one was swapped, and the manifest says so."""
    digest = hashlib.sha256(content).hexdigest()

    def change(said: Said) -> None:
        said["members"][name] = {"size": len(content), "sha256": digest}

    return resaid({**members, name: content}, change)


def edited(members: Members, name: str, change: Callable[[Said], None]) -> Members:
    """Returns members of which one, in JSON, was changed, and the manifest says so."""
    said = json.loads(members[name])
    change(said)
    return swapped(members, name, json.dumps(said).encode())


def headed(file: bytes, change: Callable[[Said], None]) -> bytes:
    """Returns a file of safetensors whose header was changed."""
    (size,) = struct.unpack_from("<Q", file)
    head = json.loads(file[8 : 8 + size])
    change(head)
    told = json.dumps(head).encode()
    return struct.pack("<Q", len(told)) + told + file[8 + size :]


def write(name: str, expect: str, file: bytes, says: str = "", comment: str = "") -> None:
    """Writes one vector."""
    fields = {"expect": expect, "says": says, "comment": comment}
    lines = [f"{label}: {value}" for label, value in fields.items() if value]
    hexadecimal = file.hex()
    body = [hexadecimal[at : at + 96] for at in range(0, len(hexadecimal), 96)]
    (FOLDER / f"{name}.txt").write_text("\n".join([*lines, "", *body]) + "\n")


def write_sound() -> Members:
    """Writes the bundles that open; returns the members of the first."""
    plain = Bundle(product(), licence="CC0-1.0\n")
    members = members_of(plain)
    write("hello", "success", zipped(members), comment="one matrix product, no artifact")
    target = Target("Nowhere", "abacus", ("beads",))
    told = {"onnxruntime": "0.0.1"}
    alien = Artifact("onnxruntime", b"\x00not code", "OnnxRuntime(threads=1)", 1, told, target)
    strange = replace(alien, compiler="of_another_day", settings="", versions={})
    write(
        "artifacts_of_another_machine",
        "success",
        zipped(members_of(replace(plain, artifacts=(alien, strange)))),
        comment="neither suits any machine: the model is compiled",
    )
    bare = Model(product().onnx, replace(product().card, golden=None, bound=float("inf")))
    write("no_golden_vector", "success", zipped(members_of(Bundle(bare))))
    off = members_of(Bundle(product(shift=1.0)))
    write("golden_vector_off_by_one", "golden mismatch", zipped(off), "off its golden vector by 1")
    return members


def write_archives(members: Members) -> None:
    """Writes files that are no archive of ours."""
    sound = zipped(members)
    stage = "archive failure"
    write("empty_file", stage, b"", "not a zip file")
    write("not_an_archive", stage, b"\x89PNG\r\n\x1a\n" * 20, "not a zip file")
    write("cut_in_the_middle", stage, sound[: len(sound) // 2], "not a zip file")
    write("cut_by_a_byte", stage, sound[:-1], "not a zip file")
    for name, file in {
        "path_traversal": "../evil",
        "path_traversal_inside": "artifacts/../../evil",
        "absolute_name": "/etc/evil",
        "windows_name": "C:\\evil",
        "hidden_name": ".evil",
        "folder_entry": "artifacts/",
        "name_with_a_zero": "card\x01json",
    }.items():
        write(name, stage, zipped({**members, file: b""}), "is no name for a member")

    def link(info: zipfile.ZipInfo) -> None:
        if info.filename == "LICENCE":
            info.external_attr = 0o120777 << 16

    linked = zipped({**members, "LICENCE": b"/etc/passwd"}, link)
    write("symbolic_link", stage, linked, "'LICENCE' is no plain file")
    twice = zipped({**members, "LICENCF": b"another"}).replace(b"LICENCF", b"LICENCE")
    write("member_twice", stage, twice, "two members called 'LICENCE'")
    capital = zipped({**members, "Card.json": b"{}"})
    write("member_twice_but_for_a_capital", stage, capital, "two members called")

    def deflate(info: zipfile.ZipInfo) -> None:
        info.compress_type = zipfile.ZIP_DEFLATED

    bomb = zipped({**members, "LICENCE": bytes(1 << 20)}, deflate)
    write("zip_bomb", stage, bomb, "is compressed")
    at = sound.index(b"PK\x01\x02")
    flagged = bytearray(sound)
    flagged[at + 8] |= 1
    write("encrypted", stage, bytes(flagged), "has the flags 0x1")
    write("bytes_before", stage, b"#!/bin/sh\n" + sound, "starts at 10 and not at 0")
    write("bytes_after", stage, sound + b"more", "bytes that belong to no member")
    commented = sound[:-2] + b"\4\0more"
    write("comment", stage, commented, "bytes that belong to no member")
    between = sound[:at] + b"more" + sound[at:-6] + struct.pack("<IH", at + 4, 0)
    write("bytes_between", stage, between, "bytes that belong to no member")
    renamed = bytearray(sound)
    place = _local_name(sound, b"LICENCE")
    renamed[place : place + 7] = b"license"
    write("called_otherwise_where_it_lies", stage, bytes(renamed), "is called otherwise")
    overlap = bytearray(sound)
    second = sound.index(b"PK\x01\x02", at + 4)
    overlap[second + 42 : second + 46] = overlap[at + 42 : at + 46]
    write("members_overlap", stage, bytes(overlap), "starts at")


def _local_name(file: bytes, name: bytes) -> int:
    """Returns where the local header of a member says its name."""
    at = file.index(b"PK\x03\x04")
    while file[at + 30 : at + 30 + len(name)] != name:
        at = file.index(b"PK\x03\x04", at + 4)
    return at + 30


def write_manifests(members: Members) -> None:
    """Writes bundles whose manifest is at fault."""
    stage = "manifest failure"
    rest = {name: each for name, each in members.items() if name != "manifest.json"}
    write("no_manifest", stage, zipped(rest), "it has no manifest.json")
    for name, content, says in (
        ("manifest_is_no_json", b"\x80pickle", "manifest.json: "),
        ("manifest_is_a_list", b"[]", "it is [] and not of type object"),
        ("manifest_says_it_twice", b'{"bundle": 1, "bundle": 1}', "it says 'bundle' twice"),
        ("manifest_with_nan", b'{"bundle": NaN}', "it holds NaN"),
        ("manifest_of_version_2", b'{"bundle": 2, "new": true}', "it is of version 2"),
    ):
        write(name, stage, zipped({**members, "manifest.json": content}), says)
    changes: dict[str, tuple[Callable[[Said], Any], str]] = {
        "manifest_lacks_the_card": (lambda said: said.pop("card"), "it lacks 'card'"),
        "manifest_with_more": (lambda said: said.update(run="rm"), "it has a member 'run'"),
        "size_is_text": (
            lambda said: said["members"]["LICENCE"].update(size="8"),
            "it.members.LICENCE.size is '8' and not of type integer",
        ),
        "size_is_true": (
            lambda said: said["members"]["LICENCE"].update(size=True),
            "is True and not of type integer",
        ),
        "size_is_negative": (
            lambda said: said["members"]["LICENCE"].update(size=-1),
            "it.members.LICENCE.size is -1",
        ),
        "members_are_a_list": (lambda said: said.update(members=[]), "not of type object"),
        "manifest_names_a_way_up": (
            lambda said: said["members"].update({"../x": said["members"]["LICENCE"]}),
            "a name in it.members is '../x'",
        ),
        "one_member_for_two_things": (
            lambda said: said.update(licence="card.json"),
            "it says two things of one member",
        ),
        "member_without_a_meaning": (lambda said: said.pop("licence"), "'LICENCE' is listed"),
        "manifest_of_another_model": (
            lambda said: said.update(name="other"),
            "it is of 'product', and the manifest of 'other'",
        ),
    }
    for name, (change, says) in changes.items():
        write(name, stage, zipped(resaid(members, change)), says)
    write("member_not_listed", stage, zipped({**members, "evil": b""}), "does not list 'evil'")
    lacking = {name: each for name, each in members.items() if name != "LICENCE"}
    write("member_lacking", stage, zipped(lacking), "it lacks 'LICENCE'")


def write_members(members: Members) -> None:
    """Writes bundles of which one member is at fault."""
    for name in ("weights.safetensors", "card.json", "golden.safetensors", "LICENCE"):
        flipped = bytearray(members[name])
        flipped[-3] ^= 1
        file = zipped({**members, name: bytes(flipped)})
        says = f"'{name}' is not what its digest says"
        write(f"flipped_bit_in_{name.partition('.')[0].lower()}", "digest failure", file, says)
    longer = zipped({**members, "LICENCE": members["LICENCE"] + b"x"})
    write("member_longer_than_listed", "digest failure", longer, "'LICENCE' is not what its")

    weights = members["weights.safetensors"]
    stage = "weights failure"

    def hole(head: Said) -> None:
        head["w"]["data_offsets"] = [4, 256]

    def kind(head: Said) -> None:
        head["w"]["dtype"] = "PICKLE"

    def shape(head: Said) -> None:
        head["w"]["shape"] = [1 << 62, 1 << 62]

    for name, content, says in (
        ("weights_header_of_a_terabyte", struct.pack("<Q", 1 << 40) + weights[8:], "claims 10995"),
        ("weights_cut", weights[:-4], "ends at 256"),
        ("weights_with_more", weights + b"more", "4 bytes belong to no array"),
        ("weights_with_a_hole", headed(weights, hole), "starts at 4 and not at 0"),
        ("weights_of_no_type", headed(weights, kind), "has the type 'PICKLE'"),
        ("weights_of_endless_shape", headed(weights, shape), "ends at 256"),
        ("weights_too_short", b"\x00", "too short for a header"),
    ):
        write(name, stage, zipped(swapped(members, "weights.safetensors", content)), says)

    stage = "model failure"
    graph = members["model.onnx"]
    away = graph.replace(b"weights.safetensors", b"../../../etc/passwd")
    write("weights_elsewhere", stage, zipped(swapped(members, "model.onnx", away)), "a weight lies")
    where = graph.index(b"offset") + 8
    far = graph[:where] + b"9" + graph[where + 1 :]
    write("weights_not_there", stage, zipped(swapped(members, "model.onnx", far)), "no weight lies")
    cut = zipped(swapped(members, "model.onnx", graph[:-5]))
    write("graph_cut", stage, cut, "model.onnx: ")
    renamed = zipped(swapped(members, "model.onnx", graph.replace(b"product", b"PRODUCT")))
    write("graph_of_another_model", stage, renamed, "is not what the manifest's digest says")

    stage = "card failure"
    for name, change, says in (
        ("card_of_no_tier", {"tier": "T9"}, "it.tier is 'T9' and none of T1, T2, T3"),
        ("card_with_negative_bound", {"bound": -1}, "it.bound is -1"),
        ("card_with_no_digest", {"digest": "00"}, "it.digest is '00'"),
    ):
        edit = edited(members, "card.json", lambda said, change=change: said.update(change))
        write(name, stage, zipped(edit), says)

    stage = "golden failure"
    golden = members["golden.safetensors"]

    def rename(old: str, new: str) -> bytes:
        return headed(golden, lambda head: head.update({new: head.pop(old)}))

    def reshape(head: Said) -> None:
        head["out.y"]["shape"] = [16]

    for name, content, says in (
        ("golden_of_no_side", rename("out.y", "y"), "array 'y' is neither input nor output"),
        ("golden_of_another_output", rename("out.y", "out.z"), "the model gives no 'z'"),
        ("golden_of_another_input", rename("in.x", "in.z"), "inputs are called z"),
        ("golden_without_an_output", rename("out.y", "in.y"), "inputs are called x, y"),
        ("golden_of_another_shape", headed(golden, reshape), "has the shape (16,)"),
    ):
        write(name, stage, zipped(swapped(members, "golden.safetensors", content)), says)


def main() -> None:
    """Writes all vectors."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    members = write_sound()
    write_archives(members)
    write_manifests(members)
    write_members(members)
    print(f"{len(list(FOLDER.glob('*.txt')))} vectors in {FOLDER}")


if __name__ == "__main__":
    main()
