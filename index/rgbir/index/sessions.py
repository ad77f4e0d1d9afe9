"""Sessions for a bundle's graphs: by which runner, on which device, with how many threads, from bytes that were compared."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from rgbir.index.errors import BadBundle, UsageError
from rgbir.index.openvino import OpenVinoSession
from rgbir.index.runner import Runner
from rgbir.index.sealed import SealedFolder
from rgbir.index.words import listed

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_log = logging.getLogger(__name__)


def preferred() -> list[str]:
    """CUDA where this ONNX Runtime has it and the machine a driver for it, and the processor.

    NVIDIA's libraries come as Python packages, where the system's loader doesn't look: without loading them here, ONNX Runtime would
    silently compute on the processor.
    """
    import onnxruntime as ort

    if CUDA not in ort.get_available_providers() or not _driver():
        return [CPU]
    ort.preload_dlls()
    return [CUDA, CPU]


def _driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def chosen(providers: Sequence[str] | None) -> list[str]:
    """The execution providers to ask for, best first: those named, or what is preferred here.

    Raises:
        UsageError: one that this ONNX Runtime doesn't have.
    """
    import onnxruntime as ort

    if providers is None:
        return preferred()
    available = ort.get_available_providers()
    if absent := [name for name in providers if name not in available]:
        raise UsageError(
            f"ONNX Runtime {ort.__version__} here has no provider {listed(absent, 'or')}; it has {listed(available)}"
        )
    return list(providers)


def started(
    bundle: SealedFolder[Any],
    file: str,
    beside: Mapping[str, bytes],
    threads: int,
    providers: Sequence[str],
    runner: Runner = Runner(),
) -> Any:
    """A session of a graph, from memory: who writes over the file later changes no answer.

    Args:
        beside: the other files of the bundle, where a graph's weights may be.
        threads: of the session.
        providers: ONNX Runtime's execution providers, best first.
        runner: what computes it.

    Raises:
        BadBundle: the file is altered, or the runner can't load it.
        UsageError: the runner can't do here what it is asked for.
    """
    if runner.library == "openvino":
        try:
            return OpenVinoSession({**beside, file: bundle.read(file)}, file, threads, runner)
        except RuntimeError as error:
            raise BadBundle(f"{bundle.folder / file}: OpenVINO can't load it: {error}") from error
    import onnxruntime as ort

    if runner.for_gpu and CUDA not in providers:
        raise UsageError(
            f"runner {runner}: gpu_bytes and gpu_growth are of a GPU's memory, and ONNX Runtime has none here; leave them out"
        )
    options = ort.SessionOptions()
    options.enable_cpu_mem_arena = runner.arena
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0" if threads > 1 else "1")
    options.log_severity_level = 3
    content = bundle.read(file)
    try:
        if beside:
            names, contents = list(beside), list(beside.values())
            options.add_external_initializers_from_files_in_memory(names, contents, list(map(len, contents)))
        session = ort.InferenceSession(content, options, providers=[_with_memory(name, runner) for name in providers])
    except Exception as error:  # ONNX Runtime raises its own kinds, all plain Exceptions
        raise BadBundle(f"{bundle.folder / file}: ONNX Runtime can't load it: {error}") from error
    if runner.for_gpu and CUDA not in session.get_providers():
        raise UsageError(f"runner {runner}: ONNX Runtime can't use the GPU here; its own messages say why")
    return session


def _with_memory(provider: str, runner: Runner) -> str | tuple[str, dict[str, str]]:
    """A provider, and what of the GPU's memory it may take if somebody says."""
    if provider != CUDA or not runner.for_gpu:
        return provider
    growth = {"doubled": "kNextPowerOfTwo", "as_needed": "kSameAsRequested"}[runner.gpu_growth]
    limit = {} if runner.gpu_bytes is None else {"gpu_mem_limit": str(runner.gpu_bytes)}
    return CUDA, {"arena_extend_strategy": growth, **limit}


def warn_without_gpu(asked: Sequence[str], runs_on: Sequence[str]) -> None:
    """Says so where a GPU was asked for and the processor computes."""
    if CUDA in asked and CUDA not in runs_on:
        _log.warning("ONNX Runtime can't use the GPU here and computes on the processor; its own messages say why")
