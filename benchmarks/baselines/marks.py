"""Other marks for photographs, as their packages ship them: invisible-watermark, blind-watermark.

Every one takes bits, zeros and ones, and gives bits back; none has a key or knows whether it is
right. Importing a scheme says which package is missing.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np


class RivaGan:
    """RivaGAN (Zhang et al. 2019, arXiv:1909.01285): 32 bits, the networks of the package."""

    bits = 32

    def __init__(self) -> None:
        import onnxruntime

        spec = find_spec("imwatermark")
        if spec is None or not spec.submodule_search_locations:
            raise ImportError("invisible-watermark")
        folder = Path(next(iter(spec.submodule_search_locations)))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._encoder, self._decoder = (
            onnxruntime.InferenceSession(
                str(folder / f"rivagan_{part}.onnx"), options, providers=["CPUExecutionProvider"]
            )
            for part in ("encoder", "decoder")
        )

    def mark(self, picture: np.ndarray, bits: np.ndarray) -> np.ndarray:
        feed = {"frame": self._frames(picture), "data": bits[None].astype(np.float32)}
        out = self._encoder.run(None, feed)[0][0, :, 0].transpose(1, 2, 0)
        return np.clip(np.rint((out + 1) * 127.5), 0, 255).astype(np.uint8)

    def read(self, picture: np.ndarray) -> np.ndarray:
        soft = self._decoder.run(None, {"frame": self._frames(picture)})[0][0]
        return (soft > 0.5).astype(np.uint8)

    @staticmethod
    def _frames(picture: np.ndarray) -> np.ndarray:
        return (picture.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None, :, None]


class DwtDct:
    """DWT-DCT of invisible-watermark: 32 bits, repeated."""

    bits = 32
    method = "maxDct"

    def __init__(self) -> None:
        from imwatermark import maxDct

        self._made = maxDct.EmbedMaxDct

    def mark(self, picture: np.ndarray, bits: np.ndarray) -> np.ndarray:
        marked = self._made(bits.tolist(), wmLen=self.bits).encode(picture[:, :, ::-1].copy())
        return np.clip(np.rint(marked), 0, 255).astype(np.uint8)[:, :, ::-1]

    def read(self, picture: np.ndarray) -> np.ndarray:
        found = self._made([], wmLen=self.bits).decode(picture[:, :, ::-1].copy())
        return np.asarray(found).astype(np.uint8).ravel()


class DwtDctSvd(DwtDct):
    """DWT-DCT-SVD of invisible-watermark: 32 bits, repeated."""

    def __init__(self) -> None:
        from imwatermark import dwtDctSvd

        self._made = dwtDctSvd.EmbedDwtDctSvd


class BlindWatermark:
    """blind-watermark (DWT-DCT-SVD): as many bits as our mark's message has."""

    bits = 128

    def __init__(self) -> None:
        import blind_watermark

        blind_watermark.bw_notes.close()
        self._made = lambda: blind_watermark.WaterMark(password_img=1, password_wm=1)

    def mark(self, picture: np.ndarray, bits: np.ndarray) -> np.ndarray:
        maker = self._made()
        maker.read_img(img=picture[:, :, ::-1].copy())
        maker.read_wm(bits.astype(bool).tolist(), mode="bit")
        marked = maker.embed()
        return np.clip(np.rint(marked), 0, 255).astype(np.uint8)[:, :, ::-1]

    def read(self, picture: np.ndarray) -> np.ndarray:
        found = self._made().extract(
            embed_img=picture[:, :, ::-1].copy(), wm_shape=self.bits, mode="bit"
        )
        return (np.asarray(found) > 0.5).astype(np.uint8)


class LowestBits:
    """The lowest bits of all values, the message repeated, read by majority."""

    bits = 128

    def mark(self, picture: np.ndarray, bits: np.ndarray) -> np.ndarray:
        flat = picture.ravel() & 254
        return (flat | np.resize(bits, flat.size).astype(np.uint8)).reshape(picture.shape)

    def read(self, picture: np.ndarray) -> np.ndarray:
        low = picture.ravel() & 1
        whole = low[: low.size // self.bits * self.bits].reshape(-1, self.bits)
        return (whole.mean(axis=0) > 0.5).astype(np.uint8)


MARKS = {
    "rivaGAN": RivaGan,
    "DWT-DCT": DwtDct,
    "DWT-DCT-SVD": DwtDctSvd,
    "blind-watermark": BlindWatermark,
    "lowest bits": LowestBits,
}
