"""The network of the encode figures, untrained, and torch's images a second with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rgbir.export.bench.settings import Figures, Settings, Steps, typical
from rgbir.export.graph import Served
from rgbir.index import Modality
from rgbir.training import Method, Run
from rgbir.training.methods import entry


def untrained(settings: Settings) -> tuple[Run, Method]:
    """expAT with random weights, the same in each process."""
    changes = {"backbone": settings.backbone, "height": settings.height, "width": settings.width, "validate_every": 0}
    run = Run(
        Path(settings.scratch) / "run", "expat", "bench", "random", 100, entry("expat").resolve().changed(changes)
    )
    torch.manual_seed(0)
    return run, run.build().eval()


def drawn(settings: Settings) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Random pixels: uint8 (batch, height, width, 3)."""
    shape = (settings.batch, settings.height, settings.width, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def steps(settings: Settings) -> Steps:
    """Images a second of `Served`, as the bundle computes it: uint8 on the device, embeddings there.

    `torch_float32_host` takes pixels from the processor's memory and brings embeddings there, as the encoder does.
    """
    network = Served(untrained(settings)[1], Modality.RGB).to(settings.device)
    host = torch.from_numpy(drawn(settings))
    images = host.to(settings.device)

    def eager() -> Tensor:
        return network(images)

    def plain() -> Figures:
        about = {
            "torch_conv_tf32": torch.backends.cudnn.allow_tf32,
            "torch_matmul_tf32": torch.backends.cuda.matmul.allow_tf32,
        }
        return {"torch_float32_per_s": _per_s(settings, eager), **about}

    def from_host() -> Figures:
        return {"torch_float32_host_per_s": _per_s(settings, lambda: network(host.to(settings.device)).cpu())}

    def bfloat16() -> Figures:
        _last(network)
        return {"torch_bfloat16_per_s": _per_s(settings, eager, _half(settings))}

    def compiled() -> Figures:
        settings.expect_gpu()
        _last(network)
        quick = torch.compile(network)
        return {"torch_compiled_bfloat16_per_s": _per_s(settings, lambda: quick(images), _half(settings))}

    return {
        "torch_float32": plain,
        "torch_float32_host": from_host,
        "torch_bfloat16": bfloat16,
        "torch_compiled_bfloat16": compiled,
    }


def _last(network: nn.Module) -> None:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _half(settings: Settings) -> AbstractContextManager[Any]:
    return torch.autocast(settings.device, torch.bfloat16)


def _per_s(settings: Settings, work: Callable[[], Tensor], within: AbstractContextManager[Any] | None = None) -> float:
    """Images a second, a batch after the other, each waited for."""

    def whole() -> None:
        work()
        if settings.on_gpu:
            torch.cuda.synchronize()

    with torch.inference_mode(), within or torch.no_grad():
        return settings.batch / typical(whole, settings.repeats)
