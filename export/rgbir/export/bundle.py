"""A bundle of a trained run: graphs, proof, card."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rgbir.export.errors import ExportFailure
from rgbir.export.folder import write, write_card
from rgbir.export.graph import graph
from rgbir.export.parity import prove
from rgbir.export.precision import Images, drift, half, int8
from rgbir.index import Bundle, Card, Kept, Modality, Precision, writing_to
from rgbir.training import Method, Run
from rgbir.training.recipe import ViewsRecipe


def export(
    run: Run,
    out: Path,
    images: Mapping[Modality, Images] | None = None,
    method: Method | None = None,
    precision: Precision = "fp32",
    calibration: Mapping[Modality, Images] | None = None,
    note: str = "",
    weights: Kept | None = None,
    tta: Literal["none", "flip"] | None = None,
) -> Card:
    """Writes the run's network as a bundle, after proving that its fp32 graphs compute the same.

    Args:
        run: what was trained.
        out: a folder that doesn't exist yet.
        images: real ones by modality for the proof and the drift; random ones are always used.
        method: the network, if not that of the run's weights.
        precision: fp16 and int8 graphs are made from the proven fp32 ones; the card says how far they drift.
        calibration: images by modality that set the scales of int8.
        note: for the card, after what the run says of itself.
        weights: which of the run's, for the card too; what its recipe selects if not given.
        tta: whether mirror images are embedded too; as the recipe says if not given.

    Raises:
        ExportFailure: `out` exists, or int8 without calibration images.
        UnfoldableGraph: a batch norm whose statistics are not constants.
        ParityFailure: the graphs differ from the network; nothing is written.
        BadCheckpoint: the run has no weights.
        BadRecipe: `tta` of a method whose recipe has none.
        CantWrite: the disk is full, or closed to us; nothing is written.
    """
    if out.exists():
        raise ExportFailure(f"{out} exists; remove it, or choose another name")
    if precision == "int8" and not any((calibration or {}).values()):
        raise ExportFailure("an int8 bundle needs images to set its scales by; name a data set with --calibrate")
    real = images or {}
    weights = weights or run.recipe.select
    method = (method or run.load_weights(weights)).eval().cpu()
    if tta is not None:
        run = replace(run, recipe=run.recipe.changed({"tta": tta}))
    if isinstance(run.recipe, ViewsRecipe):
        method.mirrored = run.recipe.mirrored
    names = {m: "embed.onnx" if method.one_stream else f"{m}.onnx" for m in Modality}
    size = (run.recipe.height, run.recipe.width)
    models = {name: graph(method, modality, *size) for modality, name in reversed(list(names.items()))}
    with writing_to(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as made:
            exact = Path(made) / "fp32"
            card = write(exact, models, _card(run, method, names, note, weights))
            card = card.model_copy(update={"parity": prove(method, Bundle(exact), real)})
            write_card(exact, card)
            finished = exact
            if precision != "fp32":
                finished = Path(made) / precision
                given = calibration or {}
                smaller = {
                    name: half(model) if precision == "fp16" else int8(model, _for(name, names, given))
                    for name, model in models.items()
                }
                card = card.model_copy(update={"precision": precision, "name": f"{card.name}.{precision}"})
                card = write(finished, smaller, card)
                some = {m: real.get(m) or _random(*size) for m in Modality}
                card = card.model_copy(update={"drift": drift(Bundle(exact), Bundle(finished), some)})
                write_card(finished, card)
            shutil.move(finished, out)
    return card


def _card(run: Run, method: Method, names: Mapping[Modality, str], note: str, weights: Kept) -> Card:
    recipe = run.recipe
    return Card(
        name=run.bundle_name(weights),
        method=run.method,
        variant=run.variant,
        row=run.row or "",
        backbone=recipe.backbone,
        training_data=run.training_data,
        weights=weights,
        recipe=recipe.model_dump(mode="json", exclude={"imagenet", "start"}),
        height=recipe.height,
        width=recipe.width,
        resize=recipe.resize,
        dimension=method.dimension,
        metric=method.metric,
        tta=method.mirrored,
        vectors=method.vectors,
        trained_on=tuple(sorted(run.knows())) if run.of_own_pictures else (),
        graphs=dict(names),
        files=dict.fromkeys(names.values(), ""),
        note="; ".join(words for words in (run.note, note) if words),
        licence=run.licence,
        made_with={name: version(name) for name in ("rgbir", "torch", "onnx", "onnxruntime")},
    )


def _for(name: str, names: Mapping[Modality, str], images: Mapping[Modality, Images]) -> Images:
    """The images of every modality that goes through that graph."""
    return [image for modality, graph_name in names.items() if graph_name == name for image in images.get(modality, ())]


def _random(height: int, width: int) -> Images:
    return list(np.random.default_rng(0).integers(0, 256, (8, height, width, 3), np.uint8))


def record_measurement(folder: Path, name: str, result: dict[str, Any]) -> Card:
    """Adds a measured result to a bundle's card, under its name, and returns the card.

    Raises:
        BadBundle: the folder holds no bundle, or a damaged one.
    """
    card = Bundle(folder).card
    card = card.model_copy(update={"measured": {**card.measured, name: result}})
    write_card(folder, card)
    return card
