"""The targets that this machine can run, to compare their bits."""

from __future__ import annotations

from latebra.compiling.glow.target import AVX2, AVX512, NEON, SSE2, host

HERE = {
    AVX512: [AVX512, AVX2, SSE2],
    AVX2: [AVX2, SSE2],
    SSE2: [SSE2],
    NEON: [NEON],
}[host()]
