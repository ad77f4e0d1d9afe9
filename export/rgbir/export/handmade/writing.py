"""A fitted hand-made system as a bundle: a graph for each modality, proven to compute what the system computes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from rgbir.export.errors import ExportFailure
from rgbir.export.folder import write, write_card
from rgbir.export.foreign import Steps, rename
from rgbir.export.graph import from_pixels
from rgbir.export.parity import prove_networks
from rgbir.index import Bundle, Card, ImageRecord, Modality, pixels, writing_to
from rgbir.training.handmade.fit import Fitted
from rgbir.training.handmade.projection import Projection
from rgbir.training.handmade.recipe import HEIGHT, WIDTH

ON_AXES = "rgbir_on_axes"
SAMPLES = 8
"""Training images of each modality that the bundle is proven on, beside random ones."""


def write_bundle(
    fitted: Fitted,
    out: Path,
    training_data: str,
    images: Mapping[Modality, Sequence[NDArray[np.uint8]]] | None = None,
    trained_on: Sequence[str] = (),
    licence: str = "",
) -> Card:
    """Writes the system into a folder that doesn't exist yet.

    Args:
        fitted: the system.
        out: the bundle's folder.
        training_data: the data set's name in a bundle's.
        images: real ones by modality for the proof, uint8 (128, 48, 3) each.
        trained_on: sums of the people whom it was fitted to, where they are own pictures.
        licence: of the data, for the card.

    Raises:
        ExportFailure: `out` exists, or the system's distances are not those of vectors.
        ParityFailure: the graphs compute something else; nothing is written.
        CantWrite: the disk is full, or closed to us; nothing is written.
    """
    expect_a_bundle(fitted)
    if out.exists():
        raise ExportFailure(f"{out} exists; remove it, or choose another name")
    networks = {modality: fitted.network(modality) for modality in Modality}
    names = {modality: "embed.onnx" if fitted.projection.one_map else f"{modality}.onnx" for modality in Modality}
    on_axes = from_pixels(fitted.on_axes, HEIGHT, WIDTH)
    models = {name: with_map(on_axes, fitted.projection, modality) for modality, name in names.items()}
    system = fitted.system
    card = Card(
        name=f"{system.metric}_{system.descriptor}.{training_data}",
        method=system.metric,
        backbone=system.descriptor,
        training_data=training_data,
        recipe=system.described(fitted.recipe),
        height=HEIGHT,
        width=WIDTH,
        dimension=len(fitted.projection.signs),
        metric=fitted.projection.metric,
        trained_on=tuple(sorted(trained_on)),
        graphs=names,
        files=dict.fromkeys(models, ""),
        note=f"hand-made, fitted in closed form to {fitted.images:,} images of {fitted.people:,} people",
        licence=licence,
        made_with={name: version(name) for name in ("rgbir", "torch", "onnx", "onnxruntime")},
    )
    with writing_to(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".handmade-") as made:
            folder = Path(made) / "bundle"
            card = write(folder, models, card)
            card = card.model_copy(update={"parity": prove_networks(networks, Bundle(folder), images)})
            write_card(folder, card)
            shutil.move(folder, out)
    return card


def with_map(on_axes: ModelProto, projection: Projection, modality: Modality) -> ModelProto:
    """A copy of the graph that images of both modalities go through, with one modality's map at its end."""
    model, map_ = ModelProto(), projection.of(modality)
    model.CopyFrom(on_axes)
    rename(model, {model.graph.output[0].name: ON_AXES})
    steps = Steps("map")
    mapped = steps.step("MatMul", ON_AXES, steps.constant(map_.matrix, np.float32))
    mapped = steps.step("Add", mapped, steps.constant(map_.offset, np.float32))
    if projection.posterior:
        mapped = steps.step("Softmax", mapped, axis=1)
        mapped = steps.step("Sub", mapped, steps.constant(1 / len(map_.offset), np.float32))
    steps.named(mapped, "embeddings")
    model.graph.node.extend(steps.nodes)
    model.graph.initializer.extend(steps.constants)
    del model.graph.output[:]
    shape: list[str | int | None] = ["n", len(map_.offset)]
    model.graph.output.append(helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, shape))
    return model


def expect_a_bundle(fitted: Fitted) -> None:
    """Refuses what no bundle can hold.

    Raises:
        ExportFailure: the system's distances are not those of vectors, or not the same on every machine.
    """
    if reason := fitted.no_bundle():
        raise ExportFailure(f"{fitted.system.name} can be measured and not served: {reason}. Leave --out out")


def sample(records: Sequence[ImageRecord]) -> dict[Modality, list[NDArray[np.uint8]]]:
    """Some images of each modality, spread over the records: uint8 (128, 48, 3) each."""
    chosen = {}
    for modality in Modality:
        images = [record for record in records if record.modality is modality]
        spread = images[:: max(1, len(images) // SAMPLES)][:SAMPLES]
        chosen[modality] = [pixels(record.decoded(), HEIGHT, WIDTH) for record in spread]
    return chosen
