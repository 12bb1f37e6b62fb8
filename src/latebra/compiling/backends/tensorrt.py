# /// script
# requires-python = ">=3.11"
# dependencies = ["tensorrt>=10.0,<12"]
# ///
"""Compile a model for an NVIDIA GPU with TensorRT."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.contract import (
    Compiler,
    Executable,
    Model,
    Support,
    failing_as,
    standard,
    with_fixed_shapes,
)
from latebra.core.errors import BuildFailed, LoadFailed, RunFailed
from latebra.core.network import Arrays, ModelCard

_WORKSPACE_BYTES: Final = 1 << 30
"""A choice: enough for convolutions of our sizes, and within the smallest GPU that is sold."""
_DRIVER: Final = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_NO_DRIVER: Final = 2
_NO_DEVICE: Final = 3
_ASK: Final = f"""
import ctypes, sys
try:
    driver = ctypes.CDLL({_DRIVER!r})
except OSError:
    sys.exit({_NO_DRIVER})
count = ctypes.c_int()
fine = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
sys.exit(0 if fine and count.value else {_NO_DEVICE})
"""


@dataclass(frozen=True)
class TensorRT(Compiler):
    """TensorRT, on the first NVIDIA GPU.

    What it does: reads the ONNX file, times its kernels on this GPU and writes a plan for it. The
    plan fits this GPU and this version of TensorRT.

    Numerics: the network is strongly typed, so each value keeps the type it has in the file, and
    the TF32 flag, which is set by default and keeps 10 bits of each factor, is cleared.

    Known problems: *unverified here*. It is written against the documented interface of TensorRT
    10 and 11, and a test holds its every call against the real bindings of 11.4, but no GPU has
    run it yet. Shapes must be fixed in the file.

    Choose it: on NVIDIA's GPUs.

    Reference: https://docs.nvidia.com/deeplearning/tensorrt.
    """

    title: ClassVar[str] = "TensorRT (unverified here)"
    about: ClassVar[str] = "NVIDIA's compiler for its GPUs; strongly typed, TF32 off. Unverified."
    needs: ClassVar[dict[str, str]] = {"tensorrt": "tensorrt"}
    extra: ClassVar[str] = "tensorrt"
    rank: ClassVar[int] = 80

    @override
    def probe(self) -> Support:
        found = super().probe()
        lacking = {
            _NO_DRIVER: ("no NVIDIA driver is here", "install NVIDIA's driver"),
            _NO_DEVICE: ("the NVIDIA driver finds no GPU", "run where a GPU is visible"),
        }.get(_gpu())
        if lacking is None:
            return found
        reason, fix = lacking
        return Support((*found.reasons, reason), "; ".join(filter(None, (found.fix, fix))))

    @override
    def supports(self, model: Model) -> Support:
        return standard(model) and with_fixed_shapes(model)

    @override
    def build(self, model: Model) -> bytes:
        with failing_as(BuildFailed, "tensorrt could not build the model"):
            trt: Any = import_module("tensorrt")
            logger = trt.Logger(trt.Logger.ERROR)
            builder = trt.Builder(logger)
            network = builder.create_network(
                # Version 11 knows no other kind and ignores the flag.
                1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
            )
            parser = trt.OnnxParser(network, logger)
            if not parser.parse(model.onnx):
                raise BuildFailed(f"tensorrt refused the model: {_said(parser)}")
            config = builder.create_builder_config()
            config.clear_flag(trt.BuilderFlag.TF32)
            config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, _WORKSPACE_BYTES)
            plan = builder.build_serialized_network(network, config)
            if plan is None:
                raise BuildFailed("tensorrt built nothing and said no more; its log is on stderr")
            return bytes(plan)

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        with failing_as(LoadFailed, "tensorrt could not load its artifact"):
            trt: Any = import_module("tensorrt")
            gpu = _Gpu()
            logger = trt.Logger(trt.Logger.ERROR)
            runtime = trt.Runtime(logger)
            engine = runtime.deserialize_cuda_engine(artifact)
            if engine is None:
                raise LoadFailed(
                    "the plan is damaged, or for another GPU or version of tensorrt",
                    fix="build the model again on this machine",
                )
            return _Plan(trt, gpu, runtime, engine)


class _Plan(Executable):
    def __init__(self, trt: Any, gpu: _Gpu, runtime: Any, engine: Any) -> None:
        # An engine must not outlive the runtime that read it, nor its memory the GPU's context.
        self._gpu, self._runtime, self._engine = gpu, runtime, engine
        self._context = context = engine.create_execution_context()
        if context is None:
            raise LoadFailed("the GPU has no memory left for the model")
        self._inputs: dict[str, int] = {}
        self._outputs: dict[str, tuple[int, NDArray[Any]]] = {}
        self._dtypes: dict[str, np.dtype[Any]] = {}
        for name in [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]:
            self._dtypes[name] = dtype = np.dtype(trt.nptype(engine.get_tensor_dtype(name)))
            host = np.zeros(tuple(engine.get_tensor_shape(name)), dtype)
            address = gpu.memory(max(host.nbytes, 1))  # An empty tensor wants an address too.
            context.set_tensor_address(name, address)
            if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
                self._inputs[name] = address
            else:
                self._outputs[name] = (address, host)

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        gpu, context = self._gpu, self._context
        with failing_as(RunFailed, "tensorrt could not run the model"):
            gpu.use()
            for name, address in self._inputs.items():
                gpu.write(address, np.ascontiguousarray(inputs[name], self._dtypes[name]))
            if not context.execute_async_v3(gpu.stream):
                raise RunFailed("tensorrt refused to run; its log is on stderr")
            gpu.wait()
            for address, host in self._outputs.values():
                gpu.read(host, address)
        return {name: host.copy() for name, (_, host) in self._outputs.items()}


class _Gpu:
    """Memory and one stream of the first GPU, through the driver's own interface.

    Raises:
        LoadFailed: A call of the driver failed.

    Source: https://docs.nvidia.com/cuda/cuda-driver-api.
    """

    def __init__(self) -> None:
        self._driver = driver = ctypes.CDLL(_DRIVER)
        self._do(driver.cuInit, ctypes.c_uint(0))
        device, self._context = ctypes.c_int(), ctypes.c_void_p()
        self._do(driver.cuDeviceGet, ctypes.byref(device), ctypes.c_int(0))
        # The primary context is the one that TensorRT, through the runtime interface, works in.
        self._do(driver.cuDevicePrimaryCtxRetain, ctypes.byref(self._context), device)
        self.use()
        stream = ctypes.c_void_p()
        self._do(driver.cuStreamCreate, ctypes.byref(stream), ctypes.c_uint(0))
        self.stream = stream.value or 0
        self._held: list[int] = []
        weakref.finalize(self, _free, driver, self._held).atexit = False

    def use(self) -> None:
        """Makes this GPU the one that the calling thread works on."""
        self._do(self._driver.cuCtxSetCurrent, self._context)

    def memory(self, size_bytes: int) -> int:
        """Returns the address of new memory, which is freed with this object."""
        address = ctypes.c_uint64()
        size = ctypes.c_size_t(size_bytes)
        self._do(self._driver.cuMemAlloc_v2, ctypes.byref(address), size)
        self._held.append(address.value)
        return address.value

    def write(self, address: int, array: NDArray[Any]) -> None:
        """Copies an array to the GPU; it has arrived when this returns."""
        size = ctypes.c_size_t(array.nbytes)
        source = ctypes.c_void_p(array.ctypes.data)
        self._do(self._driver.cuMemcpyHtoD_v2, ctypes.c_uint64(address), source, size)
        # From memory that is not page-locked the copy may still be under way on the GPU's side.
        self._do(self._driver.cuCtxSynchronize)

    def read(self, array: NDArray[Any], address: int) -> None:
        """Fills an array from the GPU."""
        size = ctypes.c_size_t(array.nbytes)
        target = ctypes.c_void_p(array.ctypes.data)
        self._do(self._driver.cuMemcpyDtoH_v2, target, ctypes.c_uint64(address), size)

    def wait(self) -> None:
        """Waits until the stream has done all it was given."""
        self._do(self._driver.cuStreamSynchronize, ctypes.c_void_p(self.stream))

    @staticmethod
    def _do(call: Any, *arguments: Any) -> None:
        if status := call(*arguments):
            raise LoadFailed(f"the NVIDIA driver answered {call.__name__} with error {status}")


def _free(driver: Any, addresses: list[int]) -> None:
    for address in addresses:
        driver.cuMemFree_v2(ctypes.c_uint64(address))


def _said(parser: Any) -> str:
    """Returns the parser's errors in words, the first three."""
    told: list[str] = []
    for number in range(min(parser.num_errors, 3)):
        error = parser.get_error(number)
        where = f"{error.node_operator()} {error.node_name()!r}: " if error.node_name() else ""
        told.append(f"{where}{error.desc()}")
    return "; ".join(told) or "it gave no reason"


@cache
def _gpu() -> int:
    """Returns 0 where there is a GPU; asked elsewhere, since a broken driver ends its process."""
    ask: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run
    try:
        done = ask([sys.executable, "-I", "-S", "-c", _ASK], capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return _NO_DEVICE
    return done.returncode if done.returncode in (0, _NO_DRIVER) else _NO_DEVICE


PLUGIN = TensorRT
