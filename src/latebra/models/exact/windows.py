"""A picture cut into the windows that a convolution sums over."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def windows(
    pictures: NDArray[Any], kernel: tuple[int, ...], strides: tuple[int, ...], pads: tuple[int, ...]
) -> NDArray[Any]:
    """Returns each window as one row, zeros beyond the edges.

    Args:
        pictures: Shape ``(batch, channels, height, width)``.
        kernel: Height and width of a window.
        strides: Rows and columns from one window to the next.
        pads: Rows and columns of zeros on either side.

    Returns:
        Shape ``(batch, rows, columns, channels · kernel height · kernel width)``.
    """
    padded = np.pad(pictures, ((0, 0), (0, 0), (pads[0],) * 2, (pads[1],) * 2))
    cut = np.lib.stride_tricks.sliding_window_view(padded, kernel, (2, 3))
    cut = cut[:, :, :: strides[0], :: strides[1]].transpose(0, 2, 3, 1, 4, 5)
    return cut.reshape(*cut.shape[:3], -1)
