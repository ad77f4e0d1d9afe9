"""Several graphs, one file of weights: a tensor that two graphs share is stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto, numpy_helper

WEIGHTS = "weights.bin"
_ALIGNMENT = 64
_SMALL = 1024  # bytes; constants that shape inference may want to read stay in the graph


def save(folder: Path, graphs: Mapping[str, ModelProto]) -> list[str]:
    """Writes the graphs by file name, and their weights once; returns the files' names."""
    stored: dict[str, tuple[int, int]] = {}
    with (folder / WEIGHTS).open("wb") as file:
        for model in graphs.values():
            for tensor in model.graph.initializer:
                content = numpy_helper.to_array(tensor).tobytes()
                if len(content) < _SMALL:
                    continue
                digest = hashlib.sha256(content).hexdigest()
                if digest not in stored:
                    file.write(b"\0" * (-file.tell() % _ALIGNMENT))
                    stored[digest] = (file.tell(), len(content))
                    file.write(content)
                _move_out(tensor, *stored[digest])
    for name, model in graphs.items():
        onnx.save_model(model, folder / name)
    return [*graphs, WEIGHTS]


def _move_out(tensor: TensorProto, offset: int, length: int) -> None:
    for field in ("raw_data", "float_data", "int64_data"):
        tensor.ClearField(field)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", WEIGHTS), ("offset", str(offset)), ("length", str(length))):
        place = tensor.external_data.add()
        place.key, place.value = key, value
