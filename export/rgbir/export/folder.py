"""A bundle's folder: graphs, their weights once, and the card with the files' sums. No torch is needed for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from onnx import ModelProto

from rgbir.export.weights import save
from rgbir.index import CARD, Card, DetectorCard, sha256


def write(folder: Path, models: Mapping[str, ModelProto], card: Card) -> Card:
    """Writes graphs, weights and card into a new folder; the card gets the files' sums."""
    folder.mkdir()
    copies = {name: _copy(model) for name, model in models.items()}
    card = card.model_copy(update={"files": {file: sha256(folder / file) for file in sorted(save(folder, copies))}})
    write_card(folder, card)
    return card


def _copy(model: ModelProto) -> ModelProto:
    """Saving moves weights out of a graph; the caller's stays whole."""
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def write_card(folder: Path, card: Card | DetectorCard) -> None:
    """Writes a bundle's card, in place of the one that it has."""
    (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
