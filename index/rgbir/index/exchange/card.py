"""The card of an exchanged file: whose embeddings these are, and where they come from."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from rgbir.index.bundle import Card
from rgbir.index.cameras import CameraNetwork
from rgbir.index.errors import UsageError
from rgbir.index.exchange.columns import CONTROL
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.model import Model
from rgbir.index.gallery.origins import Line, Origin
from rgbir.index.metric import Metric
from rgbir.index.times import to_microseconds
from rgbir.index.words import fault, why

FORMAT: Literal["rgbir embeddings 1"] = "rgbir embeddings 1"
_NEWER = re.compile(r"rgbir embeddings ([2-9]|[1-9][0-9]{1,8})")
MOST_BYTES = 4 << 20
"""Of a card's text; a network of thousands of cameras fits in."""


class ForeignCard(BaseModel, frozen=True, extra="forbid"):
    """A card that somebody writes for embeddings of another system, which has no bundle."""

    name: Line = Field(description="what the model is called")
    dimension: int = Field(ge=1, le=65_536, description="values of an embedding")
    metric: Metric = Field(description="cosine or euclidean: how embeddings are compared")
    provenance: Line = Field(description="what made the embeddings, in words: system, version, who exported them")
    exported_at: AwareDatetime | None = Field(
        None, description="when the embeddings were taken out of that system; every erasure binds them without it"
    )

    @property
    def model(self) -> Model:
        """Its fingerprint follows from all but the moment: files of one model have the same four values."""
        decisive = json.dumps([self.name, self.dimension, str(self.metric), self.provenance])
        return Model(self.name, hashlib.sha256(decisive.encode()).hexdigest()[:16], self.metric, self.dimension)


class ModelEntry(BaseModel, frozen=True, extra="forbid"):
    """The model that made a file's embeddings, as `Model` has it."""

    name: Line
    fingerprint: Line
    metric: Metric
    dimension: int = Field(ge=1, le=65_536)


class FileCard(BaseModel, frozen=True, extra="forbid"):
    """The card of a file that `rgbir index export` wrote."""

    format: Literal["rgbir embeddings 1"]
    made_by: ModelEntry = Field(description="the model that made the embeddings")
    rgbir: str = Field(description="the version that exported them")
    generation: int = Field(description="of the gallery that they come from")
    exported_at: AwareDatetime
    sightings: int = Field(ge=0)
    network: dict[str, Any] = Field(description="the gallery's cameras, as a network's file declares them")
    origins: tuple[Origin, ...] = Field((), description="files that were imported into that gallery")
    sums: dict[str, str] = Field({}, description="sha256 of the files that lie beside this card, by what they hold")

    @property
    def model(self) -> Model:
        entry = self.made_by
        return Model(entry.name, entry.fingerprint, entry.metric, entry.dimension)

    @property
    def cameras(self) -> CameraNetwork:
        """The gallery's cameras.

        Raises:
            UsageError: they are no network.
        """
        for text in _texts(self.network):
            if CONTROL.search(text):
                raise UsageError(f"the file's card: {text[:60]!r} has a control character; take it out")
        try:
            return CameraNetwork.from_dict(self.network, "the file's card")
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise UsageError(f"the file's card has no network of cameras: {why(error)}") from None

    @classmethod
    def of(cls, gallery: AnyGallery, sightings: int) -> FileCard:
        """For so many sightings that are exported from a gallery now."""
        model = gallery.model
        return cls(
            format=FORMAT,
            made_by=ModelEntry(
                name=model.name, fingerprint=model.fingerprint, metric=model.metric, dimension=model.dimension
            ),
            rgbir=version("rgbir"),
            generation=gallery.generation,
            exported_at=datetime.now(UTC),
            sightings=sightings,
            network=gallery.network.to_dict(),
            origins=tuple(gallery.origins()),
        )


AnyCard: TypeAlias = FileCard | ForeignCard


def _texts(content: Any) -> Iterator[str]:
    """All texts in what JSON has given."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for name, value in content.items():
            yield name
            yield from _texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value)


def card_in(text: str, where: str) -> AnyCard:
    """The card of that text.

    Args:
        where: what errors call it.

    Raises:
        UsageError: it is no card, or one of a newer format.
    """
    try:
        content = json.loads(text)
        if not isinstance(content, dict):
            raise UsageError(f"{where} is no card: expected a JSON object")
        if _NEWER.fullmatch(str(content.get("format"))):
            raise UsageError(
                f"{where} has format {content['format']}; this version reads format {FORMAT}: update rgbir"
            )
        kind = FileCard if "format" in content else ForeignCard
        return kind.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {fault(item)}" for item in error.errors()[:5])
        raise UsageError(
            f"{where} is no card: {problems}. A card has name, dimension, metric and provenance, or was written by `rgbir index"
            " export`"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is no card: not JSON: {why(error)}") from None


def read_card(file: Path) -> AnyCard:
    """The card in a file.

    Raises:
        UsageError: no such file, or it is no card.
    """
    try:
        if file.stat().st_size > MOST_BYTES:
            raise UsageError(f"{file} is no card: it has over {MOST_BYTES >> 20} MiB")
        return card_in(file.read_text(encoding="utf-8-sig"), str(file))
    except OSError as error:
        raise UsageError(f"{file} can't be read: {why(error)}; --card is a JSON file") from None
    except UnicodeError:
        raise UsageError(f"{file} is no card: not UTF-8") from None


def model_of(card: AnyCard | Card) -> Model:
    """The model that a card speaks of."""
    return Model.of(card) if isinstance(card, Card) else card.model


def known_since(card: AnyCard | Card | None) -> int:
    """Microseconds since 1970: erasures after that bind what the file holds; 0 where the card doesn't say."""
    moment = None if card is None or isinstance(card, Card) else card.exported_at
    return 0 if moment is None else to_microseconds(moment)
