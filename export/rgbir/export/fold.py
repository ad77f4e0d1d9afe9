"""Folding batch norms: at test time each is y = a x + b a channel, and a convolution or a linear layer before it takes a
and b into its own weights. What is left, such as a neck after pooling, becomes one multiplication and one addition."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from rgbir.export.errors import UnfoldableGraph

Floats = NDArray[np.float64]


def fold_batch_norms(model: ModelProto) -> ModelProto:
    """The same function without a BatchNormalization node; `model` is changed and returned.

    Raises:
        UnfoldableGraph: statistics that are not constants of the graph.
    """
    folding = _Folding(model)
    for node in [node for node in model.graph.node if node.op_type == "BatchNormalization"]:
        folding.fold(node)
    folding.drop_unused()
    onnx.checker.check_model(model)
    return model


class _Folding:
    def __init__(self, model: ModelProto) -> None:
        self.graph = model.graph
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.producers = {name: node for node in model.graph.node for name in node.output}

    def fold(self, node: NodeProto) -> None:
        a, b = self._affine(node)
        before = self.producers.get(node.input[0])
        alone = before is not None and self._uses(before.output[0]) == 1
        if before is not None and alone and before.op_type == "Conv" and self._constant(before.input[1]):
            self._into(before, weight_axis=0, a=a, b=b)
        elif before is not None and alone and before.op_type == "Gemm" and self._constant(before.input[1]):
            transposed = any(attribute.name == "transB" and attribute.i for attribute in before.attribute)
            self._into(before, weight_axis=0 if transposed else 1, a=a, b=b)
        else:
            self._replace(node, a, b)
            return
        before.output[0] = node.output[0]
        self.producers[node.output[0]] = before
        self.graph.node.remove(node)

    def _affine(self, node: NodeProto) -> tuple[Floats, Floats]:
        parts = [self._value(name) for name in node.input[1:5]]
        if any(part is None for part in parts):
            raise UnfoldableGraph(
                f"batch norm {node.name!r} has statistics that are not constants; export in eval mode"
            )
        scale, shift, mean, variance = (part for part in parts if part is not None)
        eps = next((attribute.f for attribute in node.attribute if attribute.name == "epsilon"), 1e-5)
        a = scale / np.sqrt(variance + eps)
        return a, shift - mean * a

    def _into(self, node: NodeProto, weight_axis: int, a: Floats, b: Floats) -> None:
        weight = self._value(node.input[1])
        assert weight is not None
        bias = self._value(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros_like(a)
        if bias is None:
            raise UnfoldableGraph(f"{node.op_type} {node.name!r} has a bias that is not a constant")
        shape = [1] * weight.ndim
        shape[weight_axis] = -1
        names = (
            self._add(f"{node.output[0]}_weight", weight * a.reshape(shape)),
            self._add(f"{node.output[0]}_bias", bias * a + b),
        )
        inputs = [node.input[0], *names]
        del node.input[:]
        node.input.extend(inputs)

    def _replace(self, node: NodeProto, a: Floats, b: Floats) -> None:
        """One multiplication and one addition, in the node's place; channels are axis 1 of (n, c) or (n, c, h, w)."""
        rank = self._rank(node.input[0])
        shape = (-1,) if rank == 2 else (-1, *([1] * (rank - 2)))
        scaled = f"{node.output[0]}_scaled"
        factor, shift = (
            self._add(f"{node.output[0]}_factor", a.reshape(shape)),
            self._add(f"{node.output[0]}_shift", b.reshape(shape)),
        )
        place = list(self.graph.node).index(node)
        self.graph.node.remove(node)
        self.graph.node.insert(place, helper.make_node("Mul", [node.input[0], factor], [scaled]))
        self.graph.node.insert(place + 1, helper.make_node("Add", [scaled, shift], [node.output[0]]))

    def _rank(self, name: str) -> int:
        for value in (*self.graph.value_info, *self.graph.output, *self.graph.input):
            if value.name == name and value.type.tensor_type.HasField("shape"):
                return len(value.type.tensor_type.shape.dim)
        raise UnfoldableGraph(f"the shape of {name!r} is unknown; run shape inference before folding")

    def _uses(self, name: str) -> int:
        inner = sum(name in node.input for node in self.graph.node)
        return inner + sum(output.name == name for output in self.graph.output)

    def _constant(self, name: str) -> bool:
        return self._value(name) is not None

    def _value(self, name: str) -> Floats | None:
        if name in self.constants:
            return numpy_helper.to_array(self.constants[name]).astype(np.float64)
        producer = self.producers.get(name)
        if producer is not None and producer.op_type == "Constant":
            return numpy_helper.to_array(producer.attribute[0].t).astype(np.float64)
        return None

    def _add(self, name: str, value: Floats) -> str:
        self.constants[name] = numpy_helper.from_array(value.astype(np.float32), name)
        self.graph.initializer.append(self.constants[name])
        return name

    def drop_unused(self) -> None:
        used = {name for node in self.graph.node for name in node.input} | {output.name for output in self.graph.output}
        kept = [tensor for tensor in self.graph.initializer if tensor.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
