"""The processors that code is made for, and what each can do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from latebra.compiling.glow.llvm import binding, ready


@dataclass(frozen=True)
class Target:
    """A kind of processor.

    Whatever it is, the compiled program computes the same bits: lanes hold different outputs, and
    where there is no fused multiply-add one is spelt out.

    Args:
        name: How users call it.
        cpu: What LLVM calls it.
        features: LLVM's feature string.
        lanes: 32-bit floats in a register.
        registers: Vector registers.
        fma: Has it a fused multiply-add?
        rounds: Can it round vectors to whole numbers?
        dots: Has it an instruction that adds four products of bytes to each lane?
    """

    name: str
    cpu: str
    features: str
    lanes: int
    registers: int
    fma: bool
    rounds: bool
    dots: bool = False

    def machine(self) -> Any:
        """Returns LLVM's target machine: position-independent code for this system."""
        ready()
        triple = binding.get_process_triple()
        return binding.Target.from_triple(triple).create_target_machine(
            cpu=self.cpu, features=self.features, opt=2, reloc="pic", codemodel="small"
        )


AVX512: Final = Target("avx512", "x86-64-v4", "-prefer-256-bit", 16, 32, fma=True, rounds=True)
AVX512_VNNI: Final = replace(
    AVX512, name="avx512_vnni", features=f"{AVX512.features},+avx512vnni", dots=True
)
AVX2: Final = Target("avx2", "x86-64-v3", "", 8, 16, fma=True, rounds=True)
SSE2: Final = Target("sse2", "x86-64", "", 4, 16, fma=False, rounds=False)
NEON: Final = Target("neon", "generic", "+neon", 4, 32, fma=True, rounds=True)
TARGETS: Final = {each.name: each for each in (AVX512, AVX512_VNNI, AVX2, SSE2, NEON)}

_AVX512_FEATURES: Final = ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
_AVX2_FEATURES: Final = ("avx2", "fma", "bmi2", "f16c", "lzcnt", "movbe")


def host() -> Target:
    """Returns the best target that this machine runs.

    Raises:
        OSError: The processor is of a family without a target here.
    """
    ready()
    family = binding.get_process_triple().partition("-")[0]
    if family in ("aarch64", "arm64"):
        return NEON
    if family not in ("x86_64", "amd64"):
        raise OSError(f"no target for {family}")
    has: dict[str, bool] = binding.get_host_cpu_features()
    if all(has.get(each) for each in (*_AVX2_FEATURES, *_AVX512_FEATURES)):
        return AVX512
    if all(has.get(each) for each in _AVX2_FEATURES):
        return AVX2
    return SSE2


def host_for_bytes() -> Target:
    """Returns the best target of this machine's for products of bytes.

    Raises:
        OSError: The processor is of a family without a target here.
    """
    found = host()
    has: dict[str, bool] = binding.get_host_cpu_features()
    return AVX512_VNNI if found is AVX512 and has.get("avx512vnni") else found
