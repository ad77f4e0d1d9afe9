"""Heads that give a few hundred boxes, each with its scores: RT-DETR and its relatives, RF-DETR, SSD, OpenVINO's person detectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from rgbir.export.detectors.family import Decoded, Form, Outputs, columns, corners, described, expect_class, named
from rgbir.export.errors import ExportFailure
from rgbir.export.foreign import Steps


def _sized(form: Form) -> NDArray[np.float64]:
    return np.array([form.width, form.height, form.width, form.height], np.float64)


def _of_class(steps: Steps, labels: str, scores: str, which: int) -> str:
    """The scores where the label is that class, and 0 elsewhere."""
    whole = steps.step("Cast", labels, to=TensorProto.INT64)
    same = steps.step("Equal", whole, steps.constant(which, np.int64))
    return steps.step("Mul", scores, steps.step("Cast", same, to=TensorProto.FLOAT))


@dataclass(frozen=True, slots=True)
class Labelled:
    """`labels`, `boxes` and `scores` (N, K): the surest class of each box, and left, top, right, bottom in pixels."""

    def append(self, steps: Steps, outputs: Outputs, form: Form) -> tuple[str, str]:
        self._outputs(outputs)
        return steps.output("boxes"), _of_class(steps, steps.output("labels"), steps.output("scores"), form.person)

    def decode(self, outputs: Outputs, form: Form) -> Decoded:
        labels, boxes, scores = self._outputs(outputs)
        return boxes[0].astype(np.float64), np.where(labels[0] == form.person, scores[0], 0).astype(np.float64)

    @staticmethod
    def _outputs(outputs: Outputs) -> list[NDArray[np.float64]]:
        labels, boxes, scores = named(outputs, ("labels", "boxes", "scores"), "the authors' exporter")
        if not (boxes.ndim == 3 and boxes.shape[2] == 4 and labels.shape == scores.shape == boxes.shape[:2]):
            raise ExportFailure(
                f"the authors' exporter gives labels (1, K), boxes (1, K, 4) and scores (1, K); this one gives {described(outputs)}"
            )
        return [labels, boxes, scores]


@dataclass(frozen=True, slots=True)
class Logits:
    """Boxes (N, K, 4) as centre and size in 0..1 of the input, and logits (N, K, classes).

    Attributes:
        boxes, logits: the outputs' names.
    """

    boxes: str
    logits: str

    def append(self, steps: Steps, outputs: Outputs, form: Form) -> tuple[str, str]:
        self._outputs(outputs, form)
        boxes = steps.output(self.boxes)
        half = steps.step("Mul", columns(steps, boxes, [2, 3]), steps.constant(0.5, np.float32))
        shares = corners(steps, columns(steps, boxes, [0, 1]), half)
        scores = steps.step("Sigmoid", columns(steps, steps.output(self.logits), form.person))
        return steps.step("Mul", shares, steps.constant(_sized(form), np.float32)), scores

    def decode(self, outputs: Outputs, form: Form) -> Decoded:
        boxes, logits = (value[0].astype(np.float64) for value in self._outputs(outputs, form))
        centre, half = boxes[:, :2], boxes[:, 2:] / 2
        shares = np.concatenate([centre - half, centre + half], axis=1)
        return shares * _sized(form), 1 / (1 + np.exp(-logits[:, form.person]))

    def _outputs(self, outputs: Outputs, form: Form) -> list[NDArray[np.float64]]:
        boxes, logits = named(outputs, (self.boxes, self.logits), "the exporter")
        if not (boxes.ndim == logits.ndim == 3 and boxes.shape[2] == 4 and boxes.shape[1] == logits.shape[1]):
            raise ExportFailure(
                f"the exporter gives {self.boxes} (1, K, 4) and {self.logits} (1, K, classes); this one gives {described(outputs)}"
            )
        expect_class(form.person, logits.shape[2])
        return [boxes, logits]


@dataclass(frozen=True, slots=True)
class Ssd:
    """`detection_boxes` (N, K, 4): top, left, bottom, right in 0..1; `detection_scores`, `detection_classes` (N, K); `num_detections` (N,).

    Rows behind the last detection have score 0. A graph for which that isn't so differs from what `decode` says, and is refused.
    """

    def append(self, steps: Steps, outputs: Outputs, form: Form) -> tuple[str, str]:
        self._outputs(outputs)
        turned = columns(steps, steps.output("detection_boxes"), [1, 0, 3, 2])
        scores = _of_class(steps, steps.output("detection_classes"), steps.output("detection_scores"), form.person)
        return steps.step("Mul", turned, steps.constant(_sized(form), np.float32)), scores

    def decode(self, outputs: Outputs, form: Form) -> Decoded:
        count, boxes, scores, classes = (value[0].astype(np.float64) for value in self._outputs(outputs))
        real = (np.arange(len(scores)) < count) & (classes == form.person)
        return boxes[:, [1, 0, 3, 2]] * _sized(form), np.where(real, scores, 0)

    @staticmethod
    def _outputs(outputs: Outputs) -> list[NDArray[np.float64]]:
        names = ("num_detections", "detection_boxes", "detection_scores", "detection_classes")
        return named(outputs, names, "TensorFlow's detection API")


@dataclass(frozen=True, slots=True)
class OpenVino:
    """(1, 1, N, 7): image, label, score, left, top, right, bottom in 0..1. A negative image ends the rows."""

    def append(self, steps: Steps, outputs: Outputs, form: Form) -> tuple[str, str]:
        name, _ = self._output(outputs)
        rows = steps.step("Gather", steps.output(name), steps.constant(0, np.int64), axis=1)
        scores = _of_class(steps, columns(steps, rows, 1), columns(steps, rows, 2), form.person)
        scores = _of_class(steps, columns(steps, rows, 0), scores, 0)
        return steps.step("Mul", columns(steps, rows, [3, 4, 5, 6]), steps.constant(_sized(form), np.float32)), scores

    def decode(self, outputs: Outputs, form: Form) -> Decoded:
        _, rows = self._output(outputs)
        ends = np.flatnonzero(rows[:, 0] < 0)
        real = (np.arange(len(rows)) < (ends[0] if len(ends) else len(rows))) & (rows[:, 1] == form.person)
        return rows[:, 3:] * _sized(form), np.where(real, rows[:, 2], 0)

    @staticmethod
    def _output(outputs: Outputs) -> tuple[str, NDArray[np.float64]]:
        for name, value in outputs.items():
            if value.ndim == 4 and value.shape[:2] == (1, 1) and value.shape[3] == 7:
                return name, value[0, 0].astype(np.float64)
        raise ExportFailure(f"OpenVINO's person detectors give (1, 1, N, 7); this one gives {described(outputs)}")
