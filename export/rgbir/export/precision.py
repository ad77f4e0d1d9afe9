"""Smaller numbers: fp16 and int8 graphs, made from the proven fp32 ones, with what they cost written down."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, numpy_helper

from rgbir.export.difference import PROCESSOR
from rgbir.index import Bundle, Drift, Encoder, Modality

Images = Sequence[NDArray[np.uint8]]
"""uint8 (height, width, 3) each, RGB."""
CALIBRATION_BATCH = 8
RECTIFIERS = ("Relu", "Clip")
"""Plain, and ending at 6."""


def half(model: ModelProto) -> ModelProto:
    """Weights and arithmetic in float16; images and embeddings keep their types."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of weights below float16's smallest number, which the drift shows
        converted: ModelProto = convert_float_to_float16(_without_traces(model), keep_io_types=True)
    return converted


def _without_traces(model: ModelProto) -> ModelProto:
    """A copy that adds 0 where it added what float16 rounds to 0.

    The converter makes float16's smallest number, 6e-8, of all that are smaller, and the cube root of that is no trace.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    added = {name for node in copy.graph.node if node.op_type == "Add" for name in node.input}
    for tensor in copy.graph.initializer:
        if tensor.name in added and tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor)
            tensor.CopyFrom(
                numpy_helper.from_array(np.where(values.astype(np.float16) == 0, np.float32(0), values), tensor.name)
            )
    return copy


def int8(model: ModelProto, images: Images) -> ModelProto:
    """The network between normalisation and pooling in 8 bits: unsigned activations, signed weights a channel (QDQ).

    Args:
        model: an fp32 graph.
        images: some hundreds, at least one, of the modality that the graph embeds; their activations set the scales.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    assert images

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = _batches(images)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            return next(self.batches, None)

    named = ModelProto()
    named.CopyFrom(model)
    for number, node in enumerate(named.graph.node):
        node.name = f"{node.op_type}_{number}"
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        onnx.save_model(named, before)
        level = logging.root.level
        logging.root.setLevel(logging.ERROR)
        try:
            quantize_static(
                before,
                after,
                Reader(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=_outside(named),
            )
        finally:
            logging.root.setLevel(level)
        return onnx.load(after)


def _batches(images: Images) -> Iterator[dict[str, NDArray[np.uint8]]]:
    for start in range(0, len(images), CALIBRATION_BATCH):
        yield {"images": np.stack(images[start : start + CALIBRATION_BATCH])}


def _outside(model: ModelProto) -> list[str]:
    """What comes before the first convolution (normalisation) and after the last rectifier (pooling and neck)."""
    kinds = [node.op_type for node in model.graph.node]
    first, last = kinds.index("Conv"), max(place for place, kind in enumerate(kinds) if kind in RECTIFIERS)
    return [node.name for place, node in enumerate(model.graph.node) if not first <= place <= last]


def drift(exact: Bundle, other: Bundle, images: Mapping[Modality, Images]) -> Drift:
    """How the other bundle's embeddings turn away from the exact one's: the cosine between them, image by image.

    Args:
        exact, other: bundles of the same network.
        images: uint8 (height, width, 3) each, RGB, by modality; at least one in all.
    """
    cosines: list[float] = []
    encoders: list[Any] = [Encoder(bundle, providers=PROCESSOR) for bundle in (exact, other)]
    for modality, some in images.items():
        if some:
            a, b = (encoder.encode(np.stack(some), modality).astype(np.float64) for encoder in encoders)
            cosines += ((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).tolist()
    return Drift(cosine_mean=float(np.mean(cosines)), cosine_min=float(np.min(cosines)), images=len(cosines))
