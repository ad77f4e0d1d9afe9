"""OpenVINO's sessions for a bundle's graphs, with the methods of ONNX Runtime's that are used here."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import UsageError
from rgbir.index.runner import Runner

PROVIDER = "OpenVINO:CPU"


@dataclass(frozen=True, slots=True)
class Port:
    """An input or an output, as ONNX Runtime describes one.

    Attributes:
        name: in the graph.
        type: of its values, such as `tensor(uint8)`.
        shape: its lengths; one that isn't fixed is None.
    """

    name: str
    type: str
    shape: list[int | None]


class OpenVinoSession:
    """A graph, compiled for the processor. Thread-safe: a request to OpenVINO serves one caller at a time.

    Args:
        files: the graph and the files that its weights may be in, by name.
        graph: which of them is the graph.
        threads: that compute; callers wait for each other.
        runner: whether it rounds to bfloat16.

    Raises:
        UsageError: OpenVINO isn't installed, or doesn't compute in bf16 here.
        RuntimeError: OpenVINO can't load the graph.
    """

    def __init__(self, files: Mapping[str, bytes], graph: str, threads: int, runner: Runner) -> None:
        core = _library().Core()
        if runner.bf16 and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise UsageError(
                "this processor has no instructions for bf16 (AMX or AVX512-BF16), where OpenVINO computes in fp32 without a"
                " word; say --runner openvino, or make an int8 bundle"
            )
        core.set_property({"ENABLE_MMAP": False})
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": "bf16" if runner.bf16 else "f32",
        }
        # OpenVINO finds a graph's weights in files beside it alone; they are read by the time it is compiled.
        with tempfile.TemporaryDirectory(prefix="rgbir-") as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            self.compiled: Any = core.compile_model(core.read_model(Path(folder) / graph), "CPU", options)
        if runner.bf16:
            self._expect_bf16()
        self._idle: deque[Any] = deque()

    def _expect_bf16(self) -> None:
        """
        Raises:
            UsageError: it computes in something else, or nothing of the graph in bf16.
        """
        hint = self.compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        steps = self.compiled.get_runtime_model().get_ops()
        used = {str(step.get_rt_info()["runtimePrecision"].value) for step in steps}
        if hint != "bf16" or "bf16" not in used:
            raise UsageError(
                f"bf16 was asked for, and OpenVINO computes this graph in {', '.join(sorted(used - {'i32', 'u8'}))}; say --runner"
                " openvino"
            )

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Computes outputs, all if no names are given.

        Args:
            feeds: for each input's name an array of that input's type, such as uint8 (n, height, width, 3).

        Returns:
            For each an array of its own, such as float32 (n, dimension).
        """
        try:
            request = self._idle.pop()
        except IndexError:
            request = self.compiled.create_infer_request()
        try:
            results = request.infer(dict(feeds), share_inputs=True)
            return [np.array(results[name]) for name in names or [port.name for port in self.get_outputs()]]
        finally:
            self._idle.append(request)

    def get_inputs(self) -> list[Port]:
        return [_port(given) for given in self.compiled.inputs]

    def get_outputs(self) -> list[Port]:
        return [_port(given) for given in self.compiled.outputs]

    def get_providers(self) -> list[str]:
        return [PROVIDER]


def _port(given: Any) -> Port:
    lengths = [length.get_length() if length.is_static else None for length in given.partial_shape]
    kind = given.element_type.to_dtype().name
    return Port(given.any_name, f"tensor({'float' if kind == 'float32' else kind})", lengths)


def _library() -> Any:
    """OpenVINO, imported without the package that tells its makers of each import.

    Raises:
        UsageError: it isn't installed.
    """
    reporter = "openvino_telemetry"
    known = sys.modules.get(reporter)
    sys.modules[reporter] = None  # type: ignore[assignment]  # which Python takes for a package that isn't there
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise UsageError(f"--runner openvino needs OpenVINO: pip install 'rgbir[openvino]' ({error})") from error
    finally:
        del sys.modules[reporter]
        if known is not None:
            sys.modules[reporter] = known
