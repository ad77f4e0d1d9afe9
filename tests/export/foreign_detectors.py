"""Tiny random detectors that take and give what those of each family do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

FLOAT, INT64, UINT8 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.UINT8


class Sketch:
    """A graph in the making, with weights drawn from a seed."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.rng = np.random.default_rng(seed)

    def weight(self, value: Any, kind: Any = np.float32) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def step(self, operation: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"s{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [name], **attributes))
        return name

    def drawn(self, source: str, shape: tuple[int, ...], spread: float, middle: float = 0.0, name: str = "") -> str:
        """(1, *shape) that depends on the means of (1, 3) and varies by about that spread round the middle."""
        count = int(np.prod(shape))
        mixed = self.step("MatMul", source, self.weight(self.rng.normal(0, spread, (3, count))))
        moved = self.step("Add", mixed, self.weight(self.rng.normal(middle, spread, (1, count))))
        return self.step("Reshape", moved, self.weight([1, *shape], np.int64), name=name)

    def means(self, source: str, axes: list[int]) -> str:
        """(1, 3): of each channel, in about -1..1 whatever the pixels' scale."""
        mean = self.step("ReduceMean", source, axes=axes, keepdims=0)
        return self.step("Tanh", mean)

    def model(
        self,
        inputs: Sequence[tuple[str, int, Sequence[Any]]],
        outputs: list[str],
        opset: int = 13,
        whole: tuple[str, ...] = (),
    ) -> ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "sketch",
            [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs],
            [helper.make_tensor_value_info(name, INT64 if name in whole else FLOAT, None) for name in outputs],
            self.weights,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)

    def grid(self, source: str, stride: int, channels: int, spread: float) -> str:
        """(1, channels, rows, columns) of (1, 3, h, w): something of every cell."""
        pooled = self.step("AveragePool", source, kernel_shape=[stride] * 2, strides=[stride] * 2)
        small = self.step("Tanh", pooled)
        weights = self.weight(self.rng.normal(0, spread, (channels, 3, 1, 1)))
        return self.step("Conv", small, weights, self.weight(self.rng.normal(0, spread, channels)))


def yolox(size: int, batch: Any = 1) -> ModelProto:
    sketch = Sketch(1)
    cells = []
    for stride in (8, 16, 32):
        grid = sketch.grid("images", stride, 85, 0.6)
        flat = sketch.step("Reshape", grid, sketch.weight([0, 85, -1], np.int64))
        cells.append(sketch.step("Transpose", flat, perm=[0, 2, 1]))
    whole = sketch.step("Concat", *cells, axis=1)
    raw = sketch.step("Gather", whole, sketch.weight(range(4), np.int64), axis=2)
    likely = sketch.step("Sigmoid", sketch.step("Gather", whole, sketch.weight(range(4, 85), np.int64), axis=2))
    sketch.step("Concat", raw, likely, axis=2, name="output")
    return sketch.model([("images", FLOAT, [batch, 3, size, size])], ["output"], opset=11)


def nanodet(size: int, strides: tuple[int, ...], bins: int, joined: bool) -> ModelProto:
    sketch = Sketch(2)
    outputs, parts = [], []
    for stride in strides:
        padded = -size % stride
        source = "data"
        if padded:
            source = sketch.step("Pad", "data", sketch.weight([0, 0, 0, 0, 0, 0, padded, padded], np.int64))
        grid = sketch.grid(source, stride, 80 + 4 * bins, 1.5)
        flat = sketch.step("Reshape", grid, sketch.weight([0, 80 + 4 * bins, -1], np.int64))
        rows = sketch.step("Transpose", flat, perm=[0, 2, 1])
        classes = sketch.step("Gather", rows, sketch.weight(range(80), np.int64), axis=2)
        far = sketch.step("Gather", rows, sketch.weight(range(80, 80 + 4 * bins), np.int64), axis=2)
        if joined:
            parts.append(sketch.step("Concat", sketch.step("Sigmoid", classes), far, axis=2))
        else:
            outputs.append(sketch.step("Sigmoid", classes, name=f"cls_pred_stride_{stride}"))
            outputs.insert(0, sketch.step("Identity", far, name=f"dis_pred_stride_{stride}"))
    if joined:
        outputs.append(sketch.step("Concat", *parts, axis=1, name="output"))
    return sketch.model([("data", FLOAT, [1, 3, size, size])], outputs)


def ultralytics(size: int) -> ModelProto:
    sketch = Sketch(3)
    parts = []
    for stride in (8, 16, 32):
        flat = sketch.step("Reshape", sketch.grid("images", stride, 84, 1.0), sketch.weight([0, 84, -1], np.int64))
        box = sketch.step("Sigmoid", sketch.step("Gather", flat, sketch.weight(range(4), np.int64), axis=1))
        scores = sketch.step("Sigmoid", sketch.step("Gather", flat, sketch.weight(range(4, 84), np.int64), axis=1))
        parts.append(sketch.step("Concat", sketch.step("Mul", box, sketch.weight(size)), scores, axis=1))
    sketch.step("Concat", *parts, axis=2, name="output0")
    return sketch.model([("images", FLOAT, [1, 3, size, size])], ["output0"])


def rtdetr(height: int, width: int, queries: int = 300) -> ModelProto:
    """As its authors export it: the inner values have the names that the bundle wants, too."""
    sketch = Sketch(4)
    means = sketch.means("images", [2, 3])
    shares = sketch.step("Sigmoid", sketch.drawn(means, (queries, 4), 1.0))
    sizes = sketch.step("Cast", "orig_target_sizes", to=FLOAT)
    scale = sketch.step("Unsqueeze", sketch.step("Concat", sizes, sizes, axis=1), sketch.weight([1], np.int64))
    sketch.step("Mul", shares, scale, name="boxes")
    sketch.step("Sigmoid", sketch.drawn(means, (queries,), 1.0), name="scores")
    wild = sketch.step("Abs", sketch.drawn(means, (queries,), 1.5))
    sketch.step("Cast", wild, to=INT64, name="labels")
    inputs = [("images", FLOAT, ["N", 3, height, width]), ("orig_target_sizes", INT64, ["N", 2])]
    return sketch.model(inputs, ["labels", "boxes", "scores"], opset=16, whole=("labels",))


def logits(height: int, width: int, image: str, boxes: str, scores: str, classes: int) -> ModelProto:
    sketch = Sketch(5)
    means = sketch.means(image, [2, 3])
    sketch.step("Sigmoid", sketch.drawn(means, (300, 4), 1.0), name=boxes)
    sketch.drawn(means, (300, classes), 2.0, name=scores)
    return sketch.model([(image, FLOAT, [1, 3, height, width])], [boxes, scores], opset=17)


def ssd(suffix: str = "") -> ModelProto:
    """A hundred rows, of which 60 are detections; the converters' `:0` is the suffix."""
    sketch = Sketch(6)
    means = sketch.means(sketch.step("Cast", "image_tensor", to=FLOAT), [1, 2])
    sketch.step("Sigmoid", sketch.drawn(means, (100, 4), 1.0), name=f"detection_boxes{suffix}")
    likely = sketch.step("Sigmoid", sketch.drawn(means, (100,), 1.0))
    real = sketch.weight([[1] * 60 + [0] * 40])
    sketch.step("Mul", likely, real, name=f"detection_scores{suffix}")
    wild = sketch.step("Abs", sketch.drawn(means, (100,), 1.5, 1.0))
    sketch.step("Floor", wild, name=f"detection_classes{suffix}")
    sketch.step("Identity", sketch.weight([60.0]), name=f"num_detections{suffix}")
    names = [
        f"{name}{suffix}" for name in ("num_detections", "detection_boxes", "detection_scores", "detection_classes")
    ]
    return sketch.model([("image_tensor", UINT8, ["b", "h", "w", 3])], names)


def openvino(height: int, width: int) -> ModelProto:
    """Two hundred rows; from row 150 on there are none."""
    sketch = Sketch(7)
    means = sketch.means("image", [2, 3])
    likely = sketch.step("Sigmoid", sketch.drawn(means, (1, 200, 5), 1.0))
    rng = np.random.default_rng(8)
    first: NDArray[Any] = np.stack([np.zeros(200), rng.integers(0, 3, 200)], axis=1)
    first[150:, 0] = -1
    sketch.step("Concat", sketch.weight(first[None, None]), likely, axis=3, name="detection_out")
    return sketch.model([("image", FLOAT, [1, 3, height, width])], ["detection_out"])


def always(box: tuple[float, float, float, float], score: float, size: int) -> ModelProto:
    """As RT-DETR's authors export it: one person at the same place of every picture, in shares of it."""
    sketch = Sketch(9)
    sizes = sketch.step("Cast", "orig_target_sizes", to=FLOAT)
    scale = sketch.step("Unsqueeze", sketch.step("Concat", sizes, sizes, axis=1), sketch.weight([1], np.int64))
    sketch.step("Mul", sketch.weight([[box]]), scale, name="boxes")
    nothing = sketch.step("Mul", sketch.means("images", [2, 3]), sketch.weight(0))
    one = sketch.step("ReduceSum", nothing, sketch.weight([1], np.int64), keepdims=1)
    sketch.step("Add", one, sketch.weight([[score]]), name="scores")
    sketch.step("Cast", one, to=INT64, name="labels")
    inputs = [("images", FLOAT, [1, 3, size, size]), ("orig_target_sizes", INT64, [1, 2])]
    return sketch.model(inputs, ["labels", "boxes", "scores"], whole=("labels",))
