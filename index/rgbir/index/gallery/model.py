"""What a gallery says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from enum import StrEnum

from rgbir.index.bundle import Card
from rgbir.index.errors import GalleryMismatch
from rgbir.index.metric import Metric
from rgbir.index.runner import Runner

BF16 = Runner("openvino", bf16=True)


class Storage(StrEnum):
    """How a gallery keeps embeddings, chosen when it is made.

    FLOAT32 keeps them as the model gave them. FLOAT16 halves disk and memory. Each value is rounded by at most 2^-11 of itself
    (values below 6e-5 by at most 3e-8). Searches are exact among the rounded embeddings.
    """

    FLOAT32 = "float32"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True)
class Model:
    """The model whose embeddings a gallery holds.

    Attributes:
        name: its bundle's.
        fingerprint: names the model by what it computes; embeddings of two fingerprints can't be compared.
        metric: how its embeddings are compared.
        dimension: how many values an embedding has.
    """

    name: str
    fingerprint: str
    metric: Metric
    dimension: int

    @classmethod
    def of(cls, card: Card) -> Model:
        return cls(card.name, card.fingerprint, card.metric, card.dimension)

    @classmethod
    def read(cls, entries: Mapping[str, str]) -> Model:
        """Of what a gallery says of itself."""
        return cls(entries["model"], entries["fingerprint"], Metric(entries["metric"]), int(entries["dimension"]))

    def entries(self) -> dict[str, str]:
        """What `read` reads."""
        model, fingerprint, metric, dimension = map(str, astuple(self))
        return {"model": model, "fingerprint": fingerprint, "metric": metric, "dimension": dimension}

    def expect(self, card: Card, address: str) -> None:
        """Refuses another model's bundle, for the gallery at that address.

        Raises:
            GalleryMismatch: its embeddings and the gallery's can't be compared.
        """
        if card.fingerprint != self.fingerprint and card.computed(BF16).fingerprint == self.fingerprint:
            raise GalleryMismatch(
                f"gallery {address} holds embeddings of {self.name}, computed in bf16, and bundle {card.name} would be computed as"
                f" it is; say --runner {BF16}, or index the images into another --gallery"
            )
        if card.fingerprint != self.fingerprint:
            raise GalleryMismatch(
                f"gallery {address} holds embeddings of {self.name} ({self.fingerprint}), the bundle is {card.name}"
                f" ({card.fingerprint}); use the bundle it was made with, or index the images into another --gallery"
            )


@dataclass(frozen=True, slots=True)
class CameraCount:
    """What a gallery holds of a camera.

    Attributes:
        camera: its id.
        sightings: how many are enrolled.
        identities: how many people are among those with a label.
        earliest, latest: of the sightings with a time; None without such.
    """

    camera: str
    sightings: int
    identities: int
    earliest: datetime | None
    latest: datetime | None
