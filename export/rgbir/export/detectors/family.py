"""What a family of detectors is to adoption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rgbir.export.errors import ExportFailure
from rgbir.export.foreign import Layout, Order, Steps
from rgbir.index import Fit, Standing, listed

Outputs = Mapping[str, NDArray[Any]]
"""What a foreign graph says of one image, by the names of its outputs; the first dimension is the image."""
Decoded = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Boxes (K, 4) in pixels of the input, left, top, right, bottom; and scores (K,)."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a head has to know.

    Attributes:
        height, width: of the input, in pixels.
        person: the class index of persons.
    """

    height: int
    width: int
    person: int


class Head(Protocol):
    """How what a foreign graph gives becomes boxes and scores of persons: once in ONNX, and once in NumPy to compare it with."""

    def append(self, steps: Steps, outputs: Outputs, form: Form) -> tuple[str, str]:
        """Adds the steps from the outputs, which are float32 or whole numbers by now.

        Returns:
            The names of boxes (N, K, 4) and scores (N, K).

        Raises:
            ExportFailure: the outputs aren't the family's.
        """
        ...

    def decode(self, outputs: Outputs, form: Form) -> Decoded:
        """The same of one image, by the family's definition.

        Raises:
            ExportFailure: the outputs aren't the family's.
        """
        ...


@dataclass(frozen=True, slots=True)
class Family:
    """Detectors that take and give the same.

    Attributes:
        name: as a card writes it.
        licence: of the authors' code; that of weights may be another.
        standing: whether this version ever ran one with real weights.
        order, layout: of the input.
        subtract, divide: a pixel's value v in 0..255 reaches the graph as (v - subtract) / divide; both in the order of its channels.
            None where it takes whole numbers.
        fit, fill: how a picture becomes the input's size.
        person: the class index of persons, where nothing else is said.
        nms: IoU past which boxes are suppressed, where nothing else is said; None where the model does it itself.
        head: from outputs to boxes.
        sizes: the input that wants the picture's size, int64 (1, 2), width first; None where there is none.
        single: the graph is for one image at a time, whatever its input says.
    """

    name: str
    licence: str
    standing: Standing
    head: Head
    order: Order = "rgb"
    layout: Layout = "nchw"
    subtract: tuple[float, float, float] | None = (0, 0, 0)
    divide: tuple[float, float, float] | None = (255, 255, 255)
    fit: Fit = "stretch"
    fill: int = 114
    person: int = 0
    nms: float | None = None
    sizes: str | None = None
    single: bool = False


def named(outputs: Outputs, names: Sequence[str], form: str) -> list[NDArray[Any]]:
    """The outputs of these names, each (1, …).

    Raises:
        ExportFailure: one is missing.
    """
    if missing := [name for name in names if name not in outputs]:
        raise ExportFailure(f"{form} gives {listed(names)}; {listed(missing)} is missing of {described(outputs)}")
    return [outputs[name] for name in names]


def described(outputs: Outputs) -> str:
    """The outputs' names and shapes, for messages."""
    return listed(f"{name} {tuple(value.shape)}" for name, value in outputs.items())


def expect_class(person: int, classes: int) -> None:
    """
    Raises:
        ExportFailure: there is no such class.
    """
    if person >= classes:
        raise ExportFailure(
            f"the model has {classes} classes, from 0 on, and person = {person} is none of them; correct it"
        )


def corners(steps: Steps, centre: str, half: str) -> str:
    """Boxes (N, K, 4) of their centres and half sizes, (N, K, 2) each."""
    return steps.step("Concat", steps.step("Sub", centre, half), steps.step("Add", centre, half), axis=2)


def columns(steps: Steps, source: str, places: Sequence[int] | int) -> str:
    """Of (N, K, c) those columns: (N, K, m), or (N, K) of one alone."""
    return steps.step("Gather", source, steps.constant(places, np.int64), axis=2)
