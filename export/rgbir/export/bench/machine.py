"""What is measured on: the device, its memory, the versions."""

from __future__ import annotations

import platform
import subprocess

import torch

from rgbir.export.bench.settings import Figures, Settings, Steps, typical
from rgbir.index import cores


def steps(settings: Settings) -> Steps:
    return {
        "gpu": lambda: _device(settings),
        "driver": lambda: _driver(settings),
        "versions": _versions,
        "onnxruntime": _onnxruntime,
        "faiss": _faiss,
        "copy_gb_per_s": lambda: _copy(settings),
    }


def _device(settings: Settings) -> Figures:
    about: Figures = {"gpu": "none", "cores": cores()}
    if settings.on_gpu:
        free, whole = torch.cuda.mem_get_info()
        about |= {"gpu": torch.cuda.get_device_name(), "gpu_gib": whole / 2**30, "gpu_free_gib": free / 2**30}
    return about


def _driver(settings: Settings) -> Figures:
    settings.expect_gpu()
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    said_by_it = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout
    return {"driver": said_by_it.splitlines()[0].strip()}


def _versions() -> Figures:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "none",
        "cudnn": torch.backends.cudnn.version() or "none",
    }


def _onnxruntime() -> Figures:
    import onnxruntime as ort

    return {"onnxruntime": ort.__version__, "onnxruntime_providers": ", ".join(ort.get_available_providers())}


def _faiss() -> Figures:
    import faiss

    return {"faiss": faiss.__version__, "faiss_options": faiss.get_compile_options().strip()}


def _copy(settings: Settings) -> Figures:
    """Gigabytes a second of a copy within the device's memory, each byte counted when read and when written."""
    source = torch.empty(settings.copied, dtype=torch.uint8, device=settings.device).random_(0, 256)
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)
        if settings.on_gpu:
            torch.cuda.synchronize()

    return {"copy_gb_per_s": 2 * settings.copied / typical(copy, settings.repeats) / 1e9}
