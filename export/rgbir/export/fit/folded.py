"""A map folded into a bundle's graphs: two graphs, the trunk stored once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, helper, numpy_helper

from rgbir.export.difference import MANY, PROCESSOR, difference
from rgbir.export.errors import ExportFailure, ParityFailure
from rgbir.export.folder import write, write_card
from rgbir.index import CARD, Bundle, Card, Encoder, Fitted, FittedMap, Metric, Modality, Parity, sha256

MAP = "map.npz"
TOLERANCE = 1e-5
"""Largest difference allowed between the folded graphs and the map of the graphs' own answers, relative to the largest value."""
_BEFORE = "rgbir_fit_embeddings"
_LEAST = float(np.finfo(np.float32).tiny)


def folded(bundle: Bundle, fitted: FittedMap, about: Fitted, folder: Path, people: Collection[str] = ()) -> Card:
    """Writes the bundle with the map after its graphs, one graph a modality, and proves that both compute the same.

    Args:
        bundle: with a graph for each modality.
        fitted: from its embeddings.
        about: for the card.
        folder: a folder that doesn't exist yet; its parent does.
        people: sums of those whom it was fitted to, where they are known, for the card.

    Raises:
        ParityFailure: the graphs compute something else; the folder is to be thrown away.
    """
    models = {f"{modality}.onnx": with_map(bundle.graph(modality), fitted, modality) for modality in Modality}
    card = bundle.card.model_copy(
        update={
            "name": f"{bundle.card.name}.{'centred' if about.only_centred else 'fitted'}",
            "dimension": fitted.dimension,
            "metric": Metric.COSINE,
            "graphs": {modality: f"{modality}.onnx" for modality in Modality},
            "files": {},
            "parity": None,
            "drift": None,
            "measured": {},
            "reaction": None,
            "fitted": about,
            "trained_on": tuple(sorted({*bundle.card.trained_on, *people})),
        }
    )
    write(folder, models, card)
    (folder / MAP).write_bytes(fitted.to_bytes())
    files = {name: sha256(folder / name) for name in sorted(path.name for path in folder.iterdir()) if name != CARD}
    card = Card.model_validate(card.model_dump() | {"files": files})
    write_card(folder, card)
    card = card.model_copy(update={"parity": _proven(bundle, Bundle(folder), fitted)})
    write_card(folder, card)
    return card


def with_map(graph: Path, fitted: FittedMap, modality: Modality) -> ModelProto:
    """The graph, its embeddings brought to length 1 and then mapped. Its weights come along.

    Raises:
        ExportFailure: it has such a map already.
    """
    model = onnx.load_model(graph)
    if any(_BEFORE in node.output for node in model.graph.node):
        raise ExportFailure(f"{graph.name} has a map of `rgbir fit` inside; fit the bundle that it was made of")
    name = model.graph.output[0].name
    _rename(model, name, _BEFORE)
    tail = _Tail(model)
    squares = tail.step("Mul", _BEFORE, _BEFORE)
    ones = tail.constant("ones", np.ones((len(fitted.means[modality]), 1), np.float32))
    length = tail.step("Sqrt", tail.step("MatMul", squares, ones))
    unit = tail.step("Div", _BEFORE, tail.step("Max", length, tail.constant("least", np.array([_LEAST], np.float32))))
    mapped = tail.step("Sub", unit, tail.constant("mean", fitted.means[modality]))
    if fitted.matrix is not None:
        mapped = tail.step("MatMul", mapped, tail.constant("matrix", fitted.matrix))
    model.graph.node[-1].output[0] = name
    del model.graph.output[:]
    shape: list[str | int | None] = ["n", fitted.dimension]
    model.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    return model


@dataclass(frozen=True, slots=True)
class _Tail:
    """Nodes and constants at a graph's end."""

    model: ModelProto

    def step(self, operation: str, *inputs: str) -> str:
        name = f"rgbir_fit_{len(self.model.graph.node)}"
        self.model.graph.node.append(helper.make_node(operation, inputs, [name]))
        return name

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.model.graph.initializer.append(numpy_helper.from_array(value, f"rgbir_fit_{name}"))
        return f"rgbir_fit_{name}"


def _rename(model: ModelProto, was: str, becomes: str) -> None:
    for node in model.graph.node:
        node.input[:] = [becomes if name == was else name for name in node.input]
        node.output[:] = [becomes if name == was else name for name in node.output]
    for value in model.graph.value_info:
        value.name = becomes if value.name == was else value.name


def _proven(bundle: Bundle, made: Bundle, fitted: FittedMap) -> Parity:
    """The folded graphs beside the map of the first graphs' answers, on one image and on many, in each modality.

    Raises:
        ParityFailure: they differ by more than rounding.
    """
    rng = np.random.default_rng(0)
    shape = (bundle.card.height, bundle.card.width, 3)
    encoders = [Encoder(some, batch=1024, providers=PROCESSOR) for some in (bundle, made)]
    worst, cases = 0.0, 0
    for modality in Modality:
        for n in (1, MANY):
            images = rng.integers(0, 256, (n, *shape), np.uint8)
            before, after = (encoder.encode(images, modality) for encoder in encoders)
            worst = max(worst, difference(after, fitted.exact(before, modality)))
            cases += 1
    if not worst <= TOLERANCE:
        raise ParityFailure(
            f"with the map inside, the graphs differ by {worst:.2e} from the map of their answers, relative to the largest value;"
            f" at most {TOLERANCE:.0e} is allowed, no bundle was written"
        )
    return Parity(largest_relative_difference=worst, tolerance=TOLERANCE, cases=cases)
