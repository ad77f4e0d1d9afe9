"""Images a second of the bundle in ONNX Runtime: our encoder, and bare sessions with ever more set up by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: F401  first: it loads CUDA's libraries, which ONNX Runtime needs

from rgbir.export.bench.network import drawn, untrained
from rgbir.export.bench.settings import Figures, NotMeasured, Settings, Steps, typical
from rgbir.export.bundle import export
from rgbir.index import Bundle, Encoder, Modality
from rgbir.index.sessions import CPU, CUDA, preferred

TENSORRT = "TensorrtExecutionProvider"
Options = dict[str, Any]


def steps(settings: Settings) -> Steps:
    """Each takes random uint8 pixels, a batch at a time.

    `encode_ours` brings pixels and embeddings from and to the processor's memory; the sessions that are bound have both
    on the device.
    """
    bound = partial(_bound, settings)
    graph, nhwc = {"enable_cuda_graph": "1"}, {"prefer_nhwc": "1"}
    return {
        "export_s": lambda: _export(settings),
        "encode_ours": lambda: _ours(settings),
        "encode_bound": lambda: bound("encode_bound"),
        "encode_cuda_graph": lambda: bound("encode_cuda_graph", graph),
        "fp16_s": lambda: _halve(settings),
        "encode_fp16": lambda: bound("encode_fp16", half=True),
        "encode_fp16_cuda_graph": lambda: bound("encode_fp16_cuda_graph", graph, half=True),
        "encode_fp16_nhwc_cuda_graph": lambda: bound("encode_fp16_nhwc_cuda_graph", graph | nhwc, half=True),
        "encode_nhwc_cuda_graph": lambda: bound("encode_nhwc_cuda_graph", graph | nhwc),
        "encode_tensorrt": lambda: bound("encode_tensorrt", {}, provider=TENSORRT),
    }


def _export(settings: Settings) -> Figures:
    run, method = untrained(settings)
    return {"export_s": _seconds(lambda: export(run, settings.bundle, method=method))}


def _halve(settings: Settings) -> Figures:
    """The graph in float16, beside the bundle's."""
    import onnx

    from rgbir.export.precision import half

    file = _graph(settings, half=False)

    def made() -> None:
        onnx.save_model(half(onnx.load(file)), _half_of(settings))

    return {"fp16_s": _seconds(made)}


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _ours(settings: Settings) -> Figures:
    _graph(settings, half=False)
    encoder = Encoder(Bundle(settings.bundle), providers=None if settings.on_gpu else [CPU], batch=settings.batch)
    _expect(encoder.providers, CUDA if settings.on_gpu else CPU)
    pixels = drawn(settings)
    taken = typical(lambda: encoder.encode(pixels, Modality.RGB), settings.repeats)
    return {"encode_ours_per_s": settings.batch / taken}


def _bound(
    settings: Settings, name: str, options: Options | None = None, half: bool = False, provider: str = CUDA
) -> Figures:
    """A session whose input and output stay on the device, for batches of one size alone."""
    import onnxruntime as ort

    if options is not None:
        settings.expect_gpu()
    if not settings.on_gpu:
        provider = CPU
    if provider not in ort.get_available_providers():
        raise NotMeasured(f"this ONNX Runtime has no {provider}")
    preferred()  # loads NVIDIA's libraries
    how = ort.SessionOptions()
    how.log_severity_level = 3
    how.add_free_dimension_override_by_name("n", settings.batch)
    providers = [(provider, options or {}), *([CUDA] if provider == TENSORRT else []), CPU]
    providers = providers if provider != CPU else [CPU]
    session = ort.InferenceSession(str(_graph(settings, half)), how, providers=providers)
    _expect(session.get_providers(), provider)
    place = "cuda" if settings.on_gpu else "cpu"
    pixels = ort.OrtValue.ortvalue_from_numpy(drawn(settings), place, 0)
    shape = [settings.batch, session.get_outputs()[0].shape[-1]]
    embeddings = ort.OrtValue.ortvalue_from_shape_and_type(shape, np.float32, place, 0)
    binding = session.io_binding()
    binding.bind_ortvalue_input(session.get_inputs()[0].name, pixels)
    binding.bind_ortvalue_output(session.get_outputs()[0].name, embeddings)

    def run() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    taken = typical(run, settings.repeats)
    result = embeddings.numpy()
    if not np.isfinite(result).all() or not result.any():
        raise NotMeasured("its embeddings are not finite, or all 0")
    return {f"{name}_per_s": settings.batch / taken}


def _expect(runs_on: list[str], provider: str) -> None:
    if runs_on[0] != provider:
        raise NotMeasured(f"ONNX Runtime fell back from {provider} to {', '.join(runs_on)}")


def _graph(settings: Settings, half: bool) -> Path:
    file = _half_of(settings) if half else settings.bundle / "embed.onnx"
    if not file.exists():
        raise NotMeasured("the graph could not be made")
    return file


def _half_of(settings: Settings) -> Path:
    return Path(settings.scratch) / "fp16.onnx"
