"""ONNX Runtime's sessions for a bundle's graphs: on which device, with how many threads, from bytes that were compared."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from rgbir.index.errors import BadBundle, UsageError
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
    bundle: SealedFolder[Any], file: str, beside: Mapping[str, bytes], threads: int, providers: Sequence[str]
) -> Any:
    """A session of a graph, from memory: who writes over the file later changes no answer.

    Args:
        beside: the other files of the bundle, where a graph's weights may be.
        threads: of the session.
        providers: execution providers, best first.

    Raises:
        BadBundle: the file is altered, or ONNX Runtime can't load it.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0" if threads > 1 else "1")
    options.log_severity_level = 3
    content = bundle.read(file)
    try:
        if beside:
            names, contents = list(beside), list(beside.values())
            options.add_external_initializers_from_files_in_memory(names, contents, list(map(len, contents)))
        return ort.InferenceSession(content, options, providers=list(providers))
    except Exception as error:  # ONNX Runtime raises its own kinds, all plain Exceptions
        raise BadBundle(f"{bundle.folder / file}: ONNX Runtime can't load it: {error}") from error


def warn_without_gpu(asked: Sequence[str], runs_on: Sequence[str]) -> None:
    """Says so where a GPU was asked for and the processor computes."""
    if CUDA in asked and CUDA not in runs_on:
        _log.warning("ONNX Runtime can't use the GPU here and computes on the processor; its own messages say why")
