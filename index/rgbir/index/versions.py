"""What this part runs on, for `rgbir --version`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import faiss
import numpy as np
import onnxruntime as ort
from PIL import __version__ as pillow


def versions() -> Iterator[str]:
    """A line each."""
    yield f"ONNX Runtime {ort.__version__}: {', '.join(ort.get_available_providers())}"
    yield f"OpenVINO {_openvino()}"
    yield f"FAISS {faiss.__version__}: {faiss.get_compile_options().strip()}, {_gpus()}"
    yield f"SQLite {sqlite3.sqlite_version}"
    yield f"NumPy {np.__version__}, Pillow {pillow}"


def _openvino() -> str:
    try:
        return version("openvino")
    except PackageNotFoundError:
        return "isn't installed (rgbir[openvino])"


def _gpus() -> str:
    if not hasattr(faiss, "get_num_gpus"):
        return "no GPUs in this build"
    return f"{faiss.get_num_gpus()} GPUs"
