"""A detector of which everybody knows what it finds: whatever isn't black, in the left and in the right half of a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from PIL import Image

from rgbir.index import CARD, DetectorBundle, DetectorCard, Fit, Modality, Thresholds, sha256

LEFT_SCORE, RIGHT_SCORE = 0.9, 0.5
THRESHOLDS = {Modality.RGB: Thresholds(0.55, 0.5, 0.15), Modality.IR: Thresholds(0.4, 0.35, 0.1)}


def halves(height: int, width: int) -> ModelProto:
    """Two boxes: round what is brighter than 24 in each half; of nothing there, a box of score 0."""
    nodes: list[Any] = []
    constants: list[TensorProto] = []

    def constant(name: str, value: Any, kind: Any = np.float32) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def step(operation: str, inputs: list[str], **attributes: Any) -> str:
        name = f"v{len(nodes)}"
        nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    bright = step("ReduceMax", [step("Cast", ["images"], to=TensorProto.FLOAT)], axes=[3], keepdims=0)
    mask = step("Cast", [step("Greater", [bright, constant("dark", 24)])], to=TensorProto.FLOAT)
    half = np.zeros((1, 2, 1, width))
    half[0, 0, 0, : width // 2], half[0, 1, 0, width // 2 :] = 1, 1
    both = step("Mul", [step("Unsqueeze", [mask, constant("one", [1], np.int64)]), constant("half", half)])
    sides = {}
    for name, axis, size in (("x", 2, width), ("y", 3, height)):
        seen = step("ReduceMax", [both], axes=[axis], keepdims=0)
        last = step("Mul", [seen, constant(f"up_{name}", np.arange(1, size + 1))])
        first = step("Mul", [seen, constant(f"down_{name}", np.arange(size, 0, -1))])
        sides[f"{name}1"] = step("ReduceMax", [last], axes=[2], keepdims=1)
        behind = step("ReduceMax", [first], axes=[2], keepdims=1)
        sides[f"{name}0"] = step("Sub", [constant(f"size_{name}", size), behind])
    nodes.append(helper.make_node("Concat", [sides[name] for name in ("x0", "y0", "x1", "y1")], ["boxes"], axis=2))
    anything = step("ReduceMax", [both], axes=[2, 3], keepdims=0)
    nodes.append(helper.make_node("Mul", [anything, constant("sure", [[LEFT_SCORE, RIGHT_SCORE]])], ["scores"]))
    graph = helper.make_graph(
        nodes,
        "halves",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", height, width, 3])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["n", 2, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2]),
        ],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def scene_of(pictures: Sequence[bytes], size: tuple[int, int] = (320, 192)) -> bytes:
    """A black picture with up to two people on it, one in each half: the first is the larger one. PNG, which loses nothing."""
    scene, buffer = Image.new("RGB", size), io.BytesIO()
    places = [((20, 10), (70, 170)), ((220, 30), (48, 120))]
    for picture, (corner, person) in zip(pictures, places, strict=False):
        scene.paste(Image.open(io.BytesIO(picture)).convert("RGB").resize(person), corner)
    scene.save(buffer, "PNG")
    return buffer.getvalue()


def written(folder: Path, model: ModelProto | None = None, fit: Fit = "letterbox", **about: Any) -> DetectorBundle:
    """A bundle of such a detector, whose input has 160 x 96 pixels unless the card says something else."""
    given = {"height": 96, "width": 160} | about
    folder.mkdir(parents=True)
    onnx.save_model(model or halves(given["height"], given["width"]), folder / "detect.onnx")
    card = DetectorCard(
        **{
            "name": "halves.nothing",
            "family": "yolox",
            "standing": "read from its documentation",
            "licence": "Apache-2.0",
            "graph": "detect.onnx",
            "files": {"detect.onnx": sha256(folder / "detect.onnx")},
            "fit": fit,
            "fill": 0,
            "candidates": 2,
            "person": 0,
            "nms": 0.6,
            "thresholds": THRESHOLDS,
            "parity": 0.0,
            **given,
        }
    )
    (folder / CARD).write_text(card.model_dump_json(indent=2), encoding="utf-8")
    return DetectorBundle(folder)
