"""Graphs that others wrote: reading them, making room for our names, and the preparation of pixels in front of them. No torch is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from rgbir.export.errors import ExportFailure

Order = Literal["rgb", "bgr"]
Layout = Literal["nchw", "nhwc"]
FLOATS: dict[int, Any] = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16}
"""Types of pixels that are scaled, as NumPy has them."""


def loaded(path: Path) -> ModelProto:
    """
    Raises:
        ExportFailure: no file, or no ONNX model.
    """
    try:
        model = onnx.load_model(path)
    except Exception as error:  # a missing file, or bytes that are no protobuf
        raise ExportFailure(f"{path}: no ONNX model that can be read: {error}") from error
    if not model.graph.node:
        raise ExportFailure(f"{path}: no ONNX model that can be read: it has no nodes")
    return model


def given_inputs(model: ModelProto) -> list[onnx.ValueInfoProto]:
    """What has to be given: its inputs that are no weights."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def rename(model: ModelProto, names: Mapping[str, str]) -> None:
    """Gives values other names, in the graphs inside of loops, too."""
    _rename(model.graph, names)


def _rename(graph: GraphProto, names: Mapping[str, str]) -> None:
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _rename(inner, names)


class Steps:
    """Nodes and constants of ours that are added to a foreign graph; names of ours begin with `rgbir_`.

    Args:
        outputs: what the foreign graph's outputs are called by now, by their first names.

    Attributes:
        nodes: in the order in which they compute.
        constants: what they need.
    """

    def __init__(self, prefix: str, outputs: Mapping[str, str] | None = None) -> None:
        self._prefix, self._outputs = prefix, outputs or {}
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, value: Any, kind: Any) -> str:
        """The name of a constant of that NumPy type."""
        name = f"rgbir_{self._prefix}_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def step(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """The name of what a node computes of these."""
        name = f"rgbir_{self._prefix}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [name], **attributes))
        return name

    def output(self, name: str) -> str:
        """What an output of the foreign graph is called by now."""
        return self._outputs[name]

    def named(self, source: str, name: str) -> None:
        """Gives a value the name by which it leaves."""
        self.nodes.append(helper.make_node("Identity", [source], [name]))


def pixels_for(
    steps: Steps, subtract: Sequence[float], scale: Sequence[float] | None, order: Order, layout: Layout, kind: int
) -> str:
    """Of `images`, uint8 (n, height, width, 3), RGB: what a foreign graph takes.

    Args:
        subtract: from a pixel's values in 0..255, in the order of its channels.
        scale: by which they are multiplied then; None where they stay whole numbers.
        order, layout: of its input.
        kind: ONNX's type of its input.

    Returns:
        The value's name.
    """
    source = "images"
    if order == "bgr":
        source = steps.step("Gather", source, steps.constant([2, 1, 0], np.int64), axis=3)
    if scale is not None:
        source = steps.step("Cast", source, to=TensorProto.FLOAT)
        source = steps.step("Sub", source, steps.constant(subtract, np.float32))
        source = steps.step("Mul", source, steps.constant(scale, np.float32))
    if layout == "nchw":
        source = steps.step("Transpose", source, perm=[0, 3, 1, 2])
    return steps.step("Cast", source, to=kind)


def joined(model: ModelProto, front: Steps, back: Steps, inputs: Iterable[onnx.ValueInfoProto]) -> None:
    """Puts steps before and behind a graph, and gives it these inputs in place of its own."""
    graph = model.graph
    nodes = [*front.nodes, *graph.node, *back.nodes]
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*front.constants, *back.constants])
    graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, 4)  # constants needn't be inputs from then on


def prepared(
    images: NDArray[np.uint8], subtract: Sequence[float], scale: Sequence[float] | None, order: Order, layout: Layout
) -> NDArray[Any]:
    """With NumPy what `pixels_for` does inside: uint8 (n, height, width, 3) → float64, or uint8 where `scale` is None."""
    turned = images[..., ::-1] if order == "bgr" else images
    values = turned if scale is None else (turned - np.asarray(subtract, np.float64)) * np.asarray(scale, np.float64)
    return values.transpose(0, 3, 1, 2) if layout == "nchw" else values
