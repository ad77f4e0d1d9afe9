"""Heads that give something of every cell of their grids: YOLOX, NanoDet, and YOLO as Ultralytics exports it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgbir.export.detectors.family import Decoded, Form, Outputs, columns, corners, described, expect_class
from rgbir.export.errors import ExportFailure
from rgbir.export.foreign import Steps
from rgbir.index import listed


def cells(form: Form, strides: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Every cell of every grid, row by row, the finest grid first.

    Returns:
        Its column and row (n, 2), and its stride (n, 1) in pixels.
    """
    places, sizes = [], []
    for stride in strides:
        rows, across = math.ceil(form.height / stride), math.ceil(form.width / stride)
        row, column = np.mgrid[:rows, :across]
        places.append(np.stack([column.ravel(), row.ravel()], axis=1))
        sizes.append(np.full((rows * across, 1), stride))
    return np.concatenate(places).astype(np.float64), np.concatenate(sizes).astype(np.float64)


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of float64 (…, n): shares of the last dimension, which add up to 1, in the same shape."""
    grown = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=-1, keepdims=True), np.float64)


@dataclass(frozen=True, slots=True)
class YoloxHead:
    """Of each cell: centre and size as raw numbers, objectness, a score for each class.

    Attributes:
        strides: pixels between the cells of each grid.

    Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021"; `demo/ONNXRuntime` of its repository decodes in the same way.
    """

    strides: tuple[int, ...] = (8, 16, 32)

    def append(self, steps: Steps, outputs: Outputs, form: Form) -> tuple[str, str]:
        name = steps.output(self._output(outputs, form)[0])
        places, strides = cells(form, self.strides)
        cell, stride = steps.constant(places, np.float32), steps.constant(strides, np.float32)
        centre = steps.step("Mul", steps.step("Add", columns(steps, name, [0, 1]), cell), stride)
        half = steps.step(
            "Mul", steps.step("Exp", columns(steps, name, [2, 3])), steps.constant(strides / 2, np.float32)
        )
        scores = steps.step("Mul", columns(steps, name, 4), columns(steps, name, 5 + form.person))
        return corners(steps, centre, half), scores

    def decode(self, outputs: Outputs, form: Form) -> Decoded:
        _, rows = self._output(outputs, form)
        places, strides = cells(form, self.strides)
        centre, half = (rows[:, :2] + places) * strides, np.exp(rows[:, 2:4]) * strides / 2
        return np.concatenate([centre - half, centre + half], axis=1), rows[:, 4] * rows[:, 5 + form.person]

    def _output(self, outputs: Outputs, form: Form) -> tuple[str, NDArray[np.float64]]:
        count = len(cells(form, self.strides)[0])
        for name, value in outputs.items():
            if value.ndim == 3 and value.shape[1] == count and value.shape[2] > 5:
                expect_class(form.person, value.shape[2] - 5)
                return name, value[0].astype(np.float64)
        raise ExportFailure(
            f"YOLOX gives (1, {count}, 5 + classes) for {form.height} x {form.width} pixels; this one gives {described(outputs)}"
        )


@dataclass(frozen=True, slots=True)
class NanoDetHead:
    """Of each cell: a score for each class, and for each side of the box how likely it is so many strides away.

    Scores and distances come by stride, or joined. Scores are in 0..1 already.

    Attributes:
        strides: pixels between the cells of each grid.
        bins: distances that a side may have, from 0 on.
        centred: a box's centre is the middle of its cell; otherwise the cell's first pixel.

    Source: Li et al., "Generalized Focal Loss", NeurIPS 2020, equation 6, and the repository's heads.
    """

    strides: tuple[int, ...]
    bins: int
    centred: bool

    def append(self, steps: Steps, outputs: Outputs, form: Form) -> tuple[str, str]:
        classes, distances = self._outputs(outputs, form)
        score = [columns(steps, steps.output(name), form.person) for name in classes]
        sides = [self._sides(steps, name, outputs) for name in distances]
        scores = score[0] if len(score) == 1 else steps.step("Concat", *score, axis=1)
        far = sides[0] if len(sides) == 1 else steps.step("Concat", *sides, axis=1)
        middles, strides = self._middles(form)
        signed = strides * np.array([-1, -1, 1, 1])
        away = steps.step("Mul", far, steps.constant(signed, np.float32))
        middle = steps.constant(np.concatenate([middles, middles], axis=1), np.float32)
        return steps.step("Add", away, middle), scores

    def _sides(self, steps: Steps, name: str, outputs: Outputs) -> str:
        """Expected distances (N, n, 4), in strides."""
        width, wanted, rows = outputs[name].shape[2], 4 * self.bins, steps.output(name)
        if width > wanted:
            rows = columns(steps, rows, list(range(width - wanted, width)))
        split = steps.step("Reshape", rows, steps.constant([0, -1, 4, self.bins], np.int64))
        likely = steps.step("Softmax", split, axis=3)
        expected = steps.step("MatMul", likely, steps.constant(np.arange(self.bins)[:, None], np.float32))
        return steps.step("Reshape", expected, steps.constant([0, -1, 4], np.int64))

    def decode(self, outputs: Outputs, form: Form) -> Decoded:
        classes, distances = self._outputs(outputs, form)
        scores = np.concatenate([outputs[name][0, :, form.person] for name in classes]).astype(np.float64)
        rows = np.concatenate([outputs[name][0, :, -4 * self.bins :] for name in distances]).astype(np.float64)
        middles, strides = self._middles(form)
        far = softmax(rows.reshape(-1, 4, self.bins)) @ np.arange(self.bins) * strides
        return np.concatenate([middles - far[:, :2], middles + far[:, 2:]], axis=1), scores

    def _middles(self, form: Form) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        places, strides = cells(form, self.strides)
        return places * strides + ((strides - 1) / 2 if self.centred else 0), strides

    def _outputs(self, outputs: Outputs, form: Form) -> tuple[list[str], list[str]]:
        """Names of the outputs with scores, and of those with distances, the finest grid first; the same one where they are joined."""
        counts = [len(cells(form, [stride])[0]) for stride in self.strides]
        wanted = 4 * self.bins
        threes = {name: value for name, value in outputs.items() if value.ndim == 3}
        for name, value in threes.items():
            if value.shape[1] == sum(counts) and value.shape[2] > wanted:
                expect_class(form.person, value.shape[2] - wanted)
                return [name], [name]
        by_count = sorted(threes, key=lambda name: -threes[name].shape[1])
        distances = [name for name in by_count if threes[name].shape[2] == wanted]
        classes = [name for name in by_count if threes[name].shape[2] != wanted]
        if not all([threes[name].shape[1] for name in names] == counts for names in (classes, distances)):
            raise ExportFailure(
                f"NanoDet gives (1, {sum(counts)}, classes + {wanted}) for {form.height} x {form.width} pixels, or classes and {wanted}"
                f" values apart for each of {listed(counts)} cells; this one gives {described(outputs)}"
            )
        expect_class(form.person, min(threes[name].shape[2] for name in classes))
        return classes, distances


@dataclass(frozen=True, slots=True)
class UltralyticsHead:
    """Columns of centre, size and a score for each class, in pixels, one column for each cell; no objectness."""

    def append(self, steps: Steps, outputs: Outputs, form: Form) -> tuple[str, str]:
        name, _ = self._output(outputs, form)
        rows = steps.step("Transpose", steps.output(name), perm=[0, 2, 1])
        half = steps.step("Mul", columns(steps, rows, [2, 3]), steps.constant(0.5, np.float32))
        return corners(steps, columns(steps, rows, [0, 1]), half), columns(steps, rows, 4 + form.person)

    def decode(self, outputs: Outputs, form: Form) -> Decoded:
        _, rows = self._output(outputs, form)
        centre, half = rows[:, :2], rows[:, 2:4] / 2
        return np.concatenate([centre - half, centre + half], axis=1), rows[:, 4 + form.person]

    def _output(self, outputs: Outputs, form: Form) -> tuple[str, NDArray[np.float64]]:
        count = len(cells(form, (8, 16, 32))[0])
        for name, value in outputs.items():
            if value.ndim == 3 and value.shape[2] == count and value.shape[1] > 4:
                expect_class(form.person, value.shape[1] - 4)
                return name, value[0].T.astype(np.float64)
        raise ExportFailure(
            f"YOLO of Ultralytics gives (1, 4 + classes, {count}) for {form.height} x {form.width} pixels; this one gives"
            f" {described(outputs)}. Export it without its own suppression (nms=False, end2end=False)"
        )
