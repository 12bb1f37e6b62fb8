"""What happens to pictures while the autoencoder trains, and how gradients pass through it."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional


def jpeg(pictures: Tensor, quality: int) -> Tensor:
    """Returns pictures after a real JPEG; the gradient passes straight through."""
    arrays = pictures.detach().clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    back = []
    for each in arrays:
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(each)).save(
            file, "JPEG", quality=quality, subsampling="4:2:0"
        )
        back.append(np.asarray(Image.open(file).convert("RGB")))
    received = torch.from_numpy(np.stack(back)).permute(0, 3, 1, 2).float()
    return pictures + (received - pictures).detach()


def resized(pictures: Tensor, size: int, mode: str = "bicubic") -> Tensor:
    """Returns pictures of another size, filtered as Pillow does."""
    if mode == "area":
        return functional.interpolate(pictures, size, mode="area")
    return functional.interpolate(pictures, size, mode=mode, antialias=True, align_corners=False)


def texture(pictures: Tensor) -> Tensor:
    """Returns the standard deviation of what is lost at half the size, there."""
    half = pictures.shape[-1] // 2
    lost = pictures - resized(resized(pictures, half), 2 * half)
    energy = resized((lost**2).mean(1, keepdim=True), half, "bilinear")
    return energy.clamp(min=0.0).sqrt()


def gamma(pictures: Tensor, exponent: float) -> Tensor:
    """Returns pictures with another tone curve."""
    return 255.0 * (pictures.clamp(1e-3, 255.0) / 255.0) ** exponent


def edited(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Returns pictures after one edit, drawn by chance, rounded to grey levels."""
    kind = rng.choice(["none", "jpeg", "jpeg", "jpeg", "resize", "gamma", "gain", "noise", "both"])
    if kind == "gamma":
        pictures = gamma(pictures, float(rng.uniform(0.9, 1.1)))
    elif kind == "gain":
        pictures = pictures + float(rng.uniform(-12, 12))
    elif kind == "noise":
        pictures = pictures + float(rng.uniform(1, 5)) * torch.randn_like(pictures)
    elif kind in ("resize", "both"):
        mode = str(rng.choice(["bicubic", "bicubic", "bilinear", "area"]))
        pictures = resized(pictures, int(rng.integers(64, 193)), mode)
    pictures = pictures + (pictures.clamp(0, 255).round() - pictures).detach()
    if kind in ("jpeg", "both"):
        pictures = jpeg(pictures, int(rng.integers(45, 91)))
    return pictures
