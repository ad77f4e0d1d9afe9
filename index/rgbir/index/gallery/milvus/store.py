"""A gallery's two collections in Milvus, asked and told: whatever fails there becomes an error of ours.

NAME holds the sightings, with the camera as partition key; NAME_about holds what the gallery says of itself. Every answer knows
each change that was acknowledged before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import GalleryError, GalleryMissing, UsageError
from rgbir.index.gallery.milvus.entities import (
    ANY,
    BRUTE_FORCE,
    LATER,
    NO_ERASURES,
    SCALARS,
    Address,
    entry,
    ids_are,
    make_collections,
    metric_type,
)
from rgbir.index.gallery.model import Model
from rgbir.index.metric import Metric

MOST = 16_384
"""Hits that Milvus gives at once."""
PIECE = 1_000
"""Entities that are asked for, and ids that are named, at once."""
_STRONG = {"consistency_level": "Strong"}


class Store:
    """The collections of a gallery that is there.

    Attributes:
        scalars: the fields of a sighting but its crop and its embedding.
        lacking: fields that this gallery was made without.

    Raises:
        UsageError: no such address, or pymilvus isn't installed.
        GalleryMissing: no such gallery there.
        GalleryError: Milvus refuses, or the gallery's index may miss.
    """

    def __init__(self, address: str) -> None:
        self.address, at = address, Address.parse(address)
        self._name, self._about = at.name, f"{at.name}_about"
        self._client = _connected(at)
        with _errors(self.address):
            there = self._client.has_collection(self._about)
        if not there:
            self._client.close()
            raise GalleryMissing(
                f"no gallery {at.name!r} in {at.uri}; make one with `rgbir index add … --gallery {address}`"
            )
        with _errors(self.address):  # a server that was started anew has neither in memory
            for name in (self._about, self._name):
                self._client.load_collection(name)
            index = self._client.describe_index(self._name, "embedding")["index_type"]
            fields = {field["name"] for field in self._client.describe_collection(self._name)["fields"]}
        self.lacking = {name for name in LATER if name not in fields}
        self.scalars = [*SCALARS, *(name for name in LATER if name in fields)]
        if index not in BRUTE_FORCE:
            self._client.close()
            raise GalleryError(
                f"{address} has an index of type {index}, which may miss; make it {' or '.join(BRUTE_FORCE)}"
            )

    @staticmethod
    def create(address: str, model: Model, about: Mapping[str, str]) -> None:
        """The collections of a new gallery, which says this of itself.

        Raises:
            UsageError: there is one already.
        """
        at = Address.parse(address)
        client = _connected(at)
        with _errors(address):
            if client.has_collection(f"{at.name}_about"):
                raise UsageError(f"{address} is a gallery already; open it, or choose another name")
            make_collections(client, at, model)
            client.insert(f"{at.name}_about", [entry(key, value) for key, value in about.items()])
        client.close()

    def close(self) -> None:
        self._client.close()

    # --- what the gallery says of itself

    def about(self) -> dict[str, str]:
        """All but the erasures."""
        with _errors(self.address):
            entries = self._client.query(self._about, filter=NO_ERASURES, output_fields=["key", "value"], **_STRONG)
        return {entry["key"]: entry["value"] for entry in entries}

    def noted(self, expression: str) -> list[str]:
        """The values of the entries that meet it."""
        return [entry["value"] for entry in self._pieces(self._about, expression, ["value"], 100)]

    def note(self, **entries: str) -> None:
        with _errors(self.address):
            self._client.upsert(self._about, [entry(key, value) for key, value in entries.items()])

    # --- sightings

    def count(self, expression: str = "") -> int:
        """Sightings that meet it."""
        with _errors(self.address):
            (counted,) = self._client.query(self._name, filter=expression, output_fields=["count(*)"], **_STRONG)
        return int(counted["count(*)"])

    def all(self, expression: str, fields: list[str]) -> Iterator[dict[str, Any]]:
        """Every entity that meets it, a piece at a time."""
        return self._pieces(self._name, expression, fields, PIECE)

    def by_ids(self, ids: Sequence[str], fields: list[str]) -> list[dict[str, Any]]:
        """The entities of those ids that are enrolled."""
        entities: list[dict[str, Any]] = []
        for start in range(0, len(ids), PIECE):
            expression = ids_are(ids[start : start + PIECE])
            with _errors(self.address):
                entities += self._client.query(self._name, filter=expression, output_fields=fields, **_STRONG)
        return entities

    def compared(self, expression: str) -> list[dict[str, Any]]:
        """Every entity that meets it, with its embedding."""
        return list(self.all(expression, [*self.scalars, "embedding"]))

    def any(self) -> list[dict[str, Any]]:
        """An entity, if there is one."""
        with _errors(self.address):
            entities: list[dict[str, Any]] = self._client.query(
                self._name, filter=ANY, output_fields=self.scalars, limit=1
            )
        return entities

    def nearest(
        self, query: NDArray[np.float32], metric: Metric, expression: str, limit: int
    ) -> tuple[list[dict[str, Any]], float]:
        """Entities that meet it, with their embeddings, the nearest first, and how near the last is, as Milvus sees it.

        Args:
            query: float32 (d,).
            limit: most wanted, up to `MOST`.
        """
        with _errors(self.address):
            (hits,) = self._client.search(
                self._name,
                [query],
                anns_field="embedding",
                filter=expression,
                limit=limit,
                output_fields=[*self.scalars, "embedding"],
                search_params={"metric_type": metric_type(metric)},
                **_STRONG,
            )
        return [hit["entity"] for hit in hits], float(hits[-1]["distance"]) if hits else np.inf

    def insert(self, entities: list[dict[str, Any]]) -> None:
        with _errors(self.address):
            self._client.insert(self._name, entities)

    def delete(self, expression: str) -> None:
        """Milvus marks them at once and drops them from its files when it compacts, which is asked for."""
        with _errors(self.address):
            self._client.delete(self._name, filter=expression)
            self._client.flush(self._name)
            self._client.compact(self._name)

    # --- Milvus

    def _pieces(self, collection: str, expression: str, fields: list[str], size: int) -> Iterator[dict[str, Any]]:
        with _errors(self.address):
            pieces = self._client.query_iterator(
                collection, filter=expression, batch_size=size, output_fields=fields, **_STRONG
            )
            while piece := pieces.next():
                yield from piece
            pieces.close()


@contextmanager
def _errors(address: str) -> Iterator[None]:
    """Milvus's errors as a gallery's."""
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as error:
        raise GalleryError(f"{address}: Milvus says: {error.message}") from error


def _connected(at: Address) -> Any:
    try:
        from pymilvus import MilvusClient
        from pymilvus.exceptions import MilvusException
    except ImportError as error:
        raise UsageError("a gallery in Milvus needs pymilvus: pip install 'rgbir[milvus]'") from error
    try:
        return MilvusClient(at.uri, token=os.environ.get("RGBIR_MILVUS_TOKEN", ""))
    except MilvusException as error:
        raise GalleryError(f"{at.uri} can't be reached: {error.message}; is Milvus running there?") from error
