"""Where a bundle's network reacted: graphs of its last feature map, kept only if two tests say that they mean something.

Source: the two tests are those of J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018 (weights at random), and
of W. Samek et al., "Evaluating the Visualization of What a Deep Neural Network Has Learned", IEEE TNNLS 2017 (covering).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from scipy.stats import rankdata

from rgbir.export.difference import PROCESSOR
from rgbir.export.errors import ExportFailure
from rgbir.export.folder import write_card
from rgbir.index import Bundle, Card, Encoder, Modality, Reaction, listed, sha256

LEAST_IMAGES = 20
ALIKE = 0.5
"""A map must have less rank correlation than this with that of shuffled weights."""
CLEAR = 2.0
"""Covering what is marked must move an embedding further by so many standard errors."""
SHARE = 0.2
_AXES = "rgbir_reaction_axes"


class Measured(NamedTuple):
    """What the two tests measured on some images.

    Attributes:
        shuffled: mean rank correlation of maps with those of shuffled weights.
        covered, covered_at_random: mean distance that covering moves an embedding, of the marked fifth and of another, which
            has no place in common with it.
        spread: standard error of the mean of their difference.
        images: how many.
    """

    shuffled: float
    covered: float
    covered_at_random: float
    spread: float
    images: int

    @classmethod
    def of(
        cls, shuffled: NDArray[np.float64], covered: NDArray[np.float64], at_random: NDArray[np.float64]
    ) -> Measured:
        """From what was measured on each image, float64 (images,) each."""
        gain = covered - at_random
        return cls(
            float(shuffled.mean()),
            float(covered.mean()),
            float(at_random.mean()),
            float(gain.std(ddof=1) / np.sqrt(len(gain))),
            len(gain),
        )

    def failed(self) -> list[str]:
        """Which of them don't hold, in words."""
        reasons = []
        if not self.shuffled < ALIKE:
            reasons.append(
                f"with its weights shuffled the network gives maps like its own (rank correlation {self.shuffled:.2f}, less than"
                f" {ALIKE} is needed)"
            )
        gain = self.covered - self.covered_at_random
        if not gain > CLEAR * self.spread:
            reasons.append(
                f"covering the marked fifth of an image moves its embedding by {self.covered:.3g}, another fifth by"
                f" {self.covered_at_random:.3g}: {gain:.2g} more, and more than {CLEAR:g} x {self.spread:.2g} is needed"
            )
        return reasons


def explain(
    folder: Path, images: Mapping[Modality, Sequence[NDArray[np.uint8]]], data: str, command: str, seed: int = 0
) -> Card:
    """Adds graphs of reaction maps to a bundle, whose fingerprint stays, if both tests hold on the images of each modality.

    The card's figures are over the images of all modalities.

    Args:
        folder: the bundle's.
        images: uint8 (height, width, 3) each, by modality.
        data: whose images they are, and `command`: what measures again; both for the card.
        seed: of the shuffling, and of the fifths that are drawn.

    Raises:
        ExportFailure: too few images, a network without a last feature map of several rows and columns, or with more than
            one of an image, or a test that doesn't hold; the bundle is as it was.
        BadBundle: the folder holds no bundle.
    """
    bundle = Bundle(folder)
    card = bundle.card.model_copy(update={"reaction": None})
    if card.tta != "none":
        raise ExportFailure(
            f"{card.name} embeds mirror images too, so a map would be of two images; export the run with --tta none, and"
            " explain that bundle"
        )
    made: dict[str, ModelProto] = {}
    graphs: dict[Modality, str] = {}
    parts: list[tuple[NDArray[np.float64], ...]] = []
    size = (0, 0)
    for modality in card.graphs:
        given = list(images.get(modality, ()))
        if len(given) < LEAST_IMAGES:
            raise ExportFailure(
                f"the tests need {LEAST_IMAGES} {modality} images at least, {len(given)} came; name a data set that has them"
            )
        name = f"{Path(card.graphs[modality]).stem}.reaction.onnx"
        model = onnx.load_model(bundle.graph(modality), load_external_data=False)
        made[name], size = with_map(model, card.name)
        graphs[modality] = name
        parts.append(_measured(bundle, modality, np.stack(given), size, seed))
    failed = [
        f"{modality} images: {reason}"
        for modality, part in zip(graphs, parts, strict=True)
        for reason in Measured.of(*part).failed()
    ]
    if failed:
        raise ExportFailure(
            f"maps of {card.name} would say nothing of it: {listed(failed)}. Nothing was written; where a network reacts can't be"
            " shown for every network"
        )
    measured = Measured.of(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    for name, model in made.items():
        onnx.save_model(model, folder / name)
    files = {name: total for name, total in card.files.items() if (folder / name).exists()}
    files |= {name: sha256(folder / name) for name in made}
    about = Reaction(
        graphs=graphs, rows=size[0], columns=size[1], data=data, command=command,
        **{name: round(value, 6) if isinstance(value, float) else value for name, value in measured._asdict().items()},
    )  # fmt: skip
    card = Card.model_validate(card.model_dump() | {"files": dict(sorted(files.items())), "reaction": about})
    write_card(folder, card)
    return card


def with_map(model: ModelProto, name: str) -> tuple[ModelProto, tuple[int, int]]:
    """The part of a graph that makes its last feature map, and the length of that map's vector at each place.

    Its weights stay where they are, in the bundle's file.

    Returns:
        The graph, `images` uint8 (n, height, width, 3) to `reaction` float32 (n, rows, columns); and (rows, columns).

    Raises:
        ExportFailure: there is no map of several rows and columns.
    """
    shapes = {value.name: _shape(value) for value in onnx.shape_inference.infer_shapes(model).graph.value_info}
    maps = [
        out for node in model.graph.node for out in node.output if min(shapes.get(out, (0,) * 4)[2:], default=0) > 1
    ]
    maps = [out for out in maps if len(shapes[out]) == 4]
    if not maps:
        raise ExportFailure(f"{name} has no feature map with several rows and columns to look at")
    last = maps[-1]
    needed, wanted = [], {last}
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            needed.append(node)
            wanted |= set(node.input)
    cast = helper.make_node("Cast", [last], ["rgbir_reaction_map"], to=TensorProto.FLOAT)
    length = helper.make_node("ReduceL2", ["rgbir_reaction_map", _AXES], ["reaction"], keepdims=0)
    constants = [tensor for tensor in model.graph.initializer if tensor.name in wanted]
    constants.append(numpy_helper.from_array(np.array([1], np.int64), _AXES))
    rows, columns = shapes[last][2:]
    output = helper.make_tensor_value_info("reaction", TensorProto.FLOAT, ["n", rows, columns])
    graph = helper.make_graph(
        [*reversed(needed), cast, length], "reaction", list(model.graph.input), [output], constants
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version), (rows, columns)


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(size.dim_value for size in value.type.tensor_type.shape.dim)


def _measured(
    bundle: Bundle, modality: Modality, images: NDArray[np.uint8], size: tuple[int, int], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each image: the correlation with the map of shuffled weights, and how far covering moves its embedding, of the
    marked fifth and of another."""
    rng = np.random.default_rng(seed)
    whole = onnx.load_model(bundle.graph(modality))
    maps = _run(with_map(whole, bundle.card.name)[0], images)
    if len(maps) != len(images):
        raise ExportFailure(
            f"{bundle.card.name} makes {len(maps) // len(images)} last feature maps of an image, so none of them is where it reacted"
        )
    others = _run(with_map(shuffled(whole, rng), bundle.card.name)[0], images)
    alike = np.array([rank_correlation(*pair) for pair in zip(maps, others, strict=True)])
    encoder = Encoder(bundle, providers=PROCESSOR)
    embeddings = encoder.encode(images, modality).astype(np.float64)
    count = max(1, round(SHARE * size[0] * size[1]))
    ordered = [np.argsort(-each.ravel(), kind="stable") for each in maps]
    marked = [each[:count] for each in ordered]
    drawn = [rng.permutation(each[count:])[:count] for each in ordered]

    def moved(cells: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        without = np.stack([covered(image, each, size) for image, each in zip(images, cells, strict=True)])
        return np.asarray(np.linalg.norm(encoder.encode(without, modality) - embeddings, axis=1), np.float64)

    return alike, moved(marked), moved(drawn)


def _run(model: ModelProto, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    import onnxruntime as ort

    session = ort.InferenceSession(model.SerializeToString(), providers=PROCESSOR)
    parts = [session.run(None, {model.graph.input[0].name: images[i : i + 32]})[0] for i in range(0, len(images), 32)]
    return np.concatenate(parts)


def shuffled(model: ModelProto, rng: np.random.Generator) -> ModelProto:
    """The graph with the values of each of its weights in another order."""
    copy = ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind == "f" and values.size > 1:
            tensor.CopyFrom(numpy_helper.from_array(rng.permutation(values.ravel()).reshape(values.shape), tensor.name))
    return copy


def rank_correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Spearman's; 1 where a map is the same everywhere, since it then says nothing.

    Args:
        first, second: float32 (rows, columns).
    """
    ranks = rankdata(first), rankdata(second)
    if min(each.std() for each in ranks) == 0:
        return 1.0
    return float(np.corrcoef(*ranks)[0, 1])


def covered(image: NDArray[np.uint8], cells: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image with its own mean colour at some places of a map.

    Args:
        image: uint8 (height, width, 3).
        cells: places of the map, counted row by row.
        size: of the map, (rows, columns).
    """
    rows = np.arange(image.shape[0]) * size[0] // image.shape[0]
    columns = np.arange(image.shape[1]) * size[1] // image.shape[1]
    hidden = np.isin(rows[:, None] * size[1] + columns[None], cells)
    without = image.copy()
    without[hidden] = image.reshape(-1, 3).mean(axis=0).round()
    return without
