"""Writing a bundle: graphs, weights, proof, card."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.export.errors import ExportFailure
from rgbir.export.graph import graph
from rgbir.export.parity import prove
from rgbir.export.weights import save
from rgbir.index import Bundle, Card, Modality
from rgbir.index.bundle import CARD, sha256
from rgbir.training import Method, Run


def export(run: Run, out: Path, images: Sequence[NDArray[np.uint8]] = (), method: Method | None = None) -> Card:
    """Writes the run's network as a bundle, after proving that it computes the same.

    Args:
        run: what was trained.
        out: a folder that doesn't exist yet.
        images: real ones for the proof, uint8 (height, width, 3); random ones are always used.
        method: the network, if not the run's last weights.

    Raises:
        ExportFailure: `out` exists.
        ParityFailure: the graphs differ from the network; nothing is written.
        BadCheckpoint: the run has no weights.
    """
    if out.exists():
        raise ExportFailure(f"{out} exists; remove it, or choose another name")
    method = (method or run.load_weights()).eval().cpu()
    recipe = run.recipe
    names = {m: "embed.onnx" if method.one_stream else f"{m}.onnx" for m in Modality}
    models = {
        name: graph(method, modality, recipe.height, recipe.width) for modality, name in reversed(list(names.items()))
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as made:
        unfinished = Path(made) / out.name
        unfinished.mkdir()
        files = save(unfinished, models)
        card = Card(
            name=f"{run.method}_{recipe.backbone}.{run.data}",
            method=run.method,
            variant=run.variant,
            backbone=recipe.backbone,
            training_data=run.data,
            recipe=recipe.model_dump(mode="json", exclude={"imagenet"}),
            height=recipe.height,
            width=recipe.width,
            dimension=method.dimension,
            metric=method.metric,
            graphs=names,
            files={file: sha256(unfinished / file) for file in sorted(files)},
            made_with={name: version(name) for name in ("rgbir", "torch", "onnx", "onnxruntime")},
        )
        write_card(unfinished, card)
        card = card.model_copy(update={"parity": prove(method, Bundle(unfinished), images)})
        write_card(unfinished, card)
        shutil.move(unfinished, out)
    return card


def write_card(folder: Path, card: Card) -> None:
    (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


def record_measurement(folder: Path, name: str, result: dict[str, Any]) -> Card:
    """Adds a measured result to a bundle's card, under its name."""
    card = Bundle(folder).card
    card = card.model_copy(update={"measured": {**card.measured, name: result}})
    write_card(folder, card)
    return card
