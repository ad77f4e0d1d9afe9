"""A gallery's two collections in Milvus, asked and told: whatever fails there becomes an error of ours.

NAME holds the sightings, with the camera as partition key; NAME_about holds what the gallery says of itself. Every answer knows
each change that was acknowledged before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import GalleryError, GalleryMissing, UsageError
from rgbir.index.gallery.milvus.entities import (
    BRUTE_FORCE,
    LATER,
    LONGEST_TEXT,
    SCALARS,
    Address,
    entry,
    ids_are,
    keys_are,
    make_collections,
    metric_type,
)
from rgbir.index.gallery.model import Model
from rgbir.index.metric import Metric

MOST = 16_384
"""Hits that Milvus gives at once, at most."""
MESSAGE = 32 << 20
"""Bytes of embeddings and crops that are sent or asked for at once: half of what Milvus takes in one message."""
PIECE = 1_000
"""Entities that are asked for, and ids that are named, at once."""
_UNSURE = "whether a change was made isn't known; ask again: nothing is enrolled or erased twice"
T = TypeVar("T")
_BESIDE = 1_024
"""Bytes of an entity beside its embedding, its crop and its long texts, at most."""
ABOUT = (
    *("model", "fingerprint", "metric", "dimension", "network", "keep_days"),
    *("generation", "people", "moment", "ledger"),
)
"""What a gallery says of itself, and is asked for with every search."""


class Store:
    """The collections of a gallery that is there.

    Attributes:
        scalars: the fields of a sighting but its crop and its embedding.
        lacking: fields that this gallery was made without.
        dimension: values of an embedding.
        most: nearest sightings with their embeddings that Milvus gives at once.

    Raises:
        UsageError: no such address, or pymilvus isn't installed.
        GalleryMissing: no such gallery there.
        GalleryError: Milvus refuses, or the gallery's index may miss.
    """

    def __init__(self, address: str) -> None:
        self.address, at = address, Address.parse(address)
        self._asked: dict[str, Any] = {"consistency_level": "Strong", "timeout": at.timeout}
        self._timeout = at.timeout
        self._name, self._about = at.name, f"{at.name}_about"
        self._client = _connected(at)
        with _errors(self.address, self._timeout):
            there = self._client.has_collection(self._about)
        if not there:
            self._client.close()
            raise GalleryMissing(
                f"no gallery {at.name!r} in {at.uri}; make one with `rgbir index add … --gallery {address}`"
            )
        with _errors(self.address, self._timeout):  # a server that was started anew has neither in memory
            for name in (self._about, self._name):
                self._client.load_collection(name)
            index = self._client.describe_index(self._name, "embedding")["index_type"]
            fields = self._client.describe_collection(self._name)["fields"]
        names = {field["name"] for field in fields}
        self.lacking = {name for name in LATER if name not in names}
        self.dimension = next(int(field["params"]["dim"]) for field in fields if field["name"] == "embedding")
        self.most = min(MOST, max(1, MESSAGE // (_BESIDE + 4 * self.dimension)))
        self.scalars = [*SCALARS, *(name for name in LATER if name in names)]
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
        with _errors(address, at.timeout):
            if client.has_collection(f"{at.name}_about"):
                raise UsageError(f"{address} is a gallery already; open it, or choose another name")
            make_collections(client, at, model)
            client.insert(f"{at.name}_about", [entry(key, value) for key, value in about.items()])
        client.close()

    def close(self) -> None:
        self._client.close()

    # --- what the gallery says of itself

    def about(self) -> dict[str, str]:
        """What `ABOUT` names."""
        return self.entries(keys_are(ABOUT))

    def entry(self, key: str) -> str | None:
        return self.entries(keys_are([key])).get(key)

    def entries(self, expression: str) -> dict[str, str]:
        """Those that meet it, by their keys."""
        with _errors(self.address, self._timeout):
            entries = self._client.query(self._about, filter=expression, output_fields=["key", "value"], **self._asked)
        return {entry["key"]: entry["value"] for entry in entries}

    def noted(self, expression: str) -> list[str]:
        """The values of the entries that meet it."""
        return [entry["value"] for entry in self._pieces(self._about, expression, ["value"], 100)]

    def note(self, entries: Mapping[str, str]) -> None:
        """By their keys, in one request for each `PIECE` of them."""
        for piece in batched([entry(key, value) for key, value in entries.items()], PIECE):
            with _errors(self.address, self._timeout):
                self._client.upsert(self._about, list(piece), timeout=self._timeout)

    def forget(self, keys: Sequence[str]) -> None:
        """Drops entries."""
        for piece in batched(keys, PIECE):
            with _errors(self.address, self._timeout):
                self._client.delete(self._about, filter=keys_are(piece), timeout=self._timeout)

    def count_entries(self, expression: str) -> int:
        return self._count(self._about, expression)

    # --- sightings

    def count(self, expression: str = "") -> int:
        """Sightings that meet it; one row is answered."""
        return self._count(self._name, expression)

    def _count(self, collection: str, expression: str) -> int:
        with _errors(self.address, self._timeout):
            (counted,) = self._client.query(collection, filter=expression, output_fields=["count(*)"], **self._asked)
        return int(counted["count(*)"])

    def some(self, expression: str, fields: list[str], most: int) -> list[dict[str, Any]]:
        """Entities that meet it, at most so many, in no order."""
        return self._query(expression, fields, limit=most)

    def meeting(self, expression: str, fields: list[str]) -> list[dict[str, Any]]:
        """All entities that meet it, which were counted and are few, as of one moment."""
        return self._query(expression, fields)

    def _query(self, expression: str, fields: list[str], **more: int) -> list[dict[str, Any]]:
        with _errors(self.address, self._timeout):
            entities: list[dict[str, Any]] = self._client.query(
                self._name, filter=expression, output_fields=fields, **more, **self._asked
            )
        return entities

    def all(self, expression: str, fields: list[str]) -> Iterator[dict[str, Any]]:
        """Every entity that meets it, a piece at a time."""
        return self._pieces(self._name, expression, fields, self._at_once(fields))

    def by_ids(self, ids: Sequence[str], fields: list[str]) -> list[dict[str, Any]]:
        """The entities of those ids that are enrolled; as many at once as an answer may carry."""
        entities: list[dict[str, Any]] = []
        for piece in batched(ids, self._at_once(fields)):
            entities += self._query(ids_are(piece), fields)
        return entities

    def _at_once(self, fields: Sequence[str]) -> int:
        """How many entities with these fields an answer may carry."""
        size = _BESIDE + ("embedding" in fields) * 4 * self.dimension + ("crop" in fields) * LONGEST_TEXT
        return min(PIECE, max(1, MESSAGE // size))

    def compared(self, expression: str) -> list[dict[str, Any]]:
        """Every entity that meets it, with its embedding."""
        return list(self.all(expression, [*self.scalars, "embedding"]))

    def nearest(
        self, query: NDArray[np.float32], metric: Metric, expression: str, limit: int
    ) -> tuple[list[dict[str, Any]], float]:
        """Entities that meet it, with their embeddings, the nearest first, and how near the last is, as Milvus sees it.

        Args:
            query: float32 (d,).
            limit: most wanted, up to `most`.
        """
        with _errors(self.address, self._timeout):
            (hits,) = self._client.search(
                self._name,
                [query],
                anns_field="embedding",
                filter=expression,
                limit=limit,
                output_fields=[*self.scalars, "embedding"],
                search_params={"metric_type": metric_type(metric)},
                **self._asked,
            )
        return [hit["entity"] for hit in hits], float(hits[-1]["distance"]) if hits else np.inf

    def write(self, entities: list[dict[str, Any]]) -> None:
        """Each under its id, all or none, in requests that fit a message, one at a time: the next is sent when Milvus has taken the
        last, which says for itself when it wants less.

        A request whose answer was lost is sent again, so it puts entities in their places, and never beside themselves.

        Raises:
            GalleryError: Milvus doesn't take them; what it took is taken back.
        """
        written: list[str] = []
        try:
            for group in _groups(entities, MESSAGE):
                written += [entity["id"] for entity in group]
                with _errors(self.address, self._timeout):
                    self._client.upsert(self._name, group, timeout=self._timeout)
        except BaseException:
            with suppress(GalleryError):
                for piece in batched(written, PIECE):
                    self._mark(ids_are(piece))
            raise

    def delete(self, expression: str) -> None:
        """Milvus marks them at once and drops them from its files when it compacts, which is asked for."""
        self._mark(expression)
        with _errors(self.address, self._timeout):
            self._client.flush(self._name, timeout=self._timeout)
            self._client.compact(self._name, timeout=self._timeout)

    def _mark(self, expression: str) -> None:
        with _errors(self.address, self._timeout):
            self._client.delete(self._name, filter=expression, timeout=self._timeout)

    # --- Milvus

    def _pieces(self, collection: str, expression: str, fields: list[str], size: int) -> Iterator[dict[str, Any]]:
        with _errors(self.address, self._timeout):
            pieces = self._client.query_iterator(
                collection, filter=expression, batch_size=size, output_fields=fields, **self._asked
            )
            while piece := pieces.next():
                yield from piece
            pieces.close()


def _groups(entities: Iterable[dict[str, Any]], most: int) -> Iterator[list[dict[str, Any]]]:
    """In their order, with that many bytes of embeddings and texts in each group, or one entity."""
    group: list[dict[str, Any]] = []
    size = 0
    for entity in entities:
        texts = sum(4 * len(value) for name, value in entity.items() if isinstance(value, str) and name != "crop")
        more = entity["embedding"].nbytes + len(entity["crop"]) + texts + _BESIDE
        if group and size + more > most:
            yield group
            group, size = [], 0
        group.append(entity)
        size += more
    if group:
        yield group


def batched(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """In their order, so many at once."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


@contextmanager
def _errors(address: str, timeout: float) -> Iterator[None]:
    """Milvus's errors as a gallery's."""
    from grpc import RpcError, StatusCode
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as error:
        raise GalleryError(f"{address}: Milvus says: {error.message}; {_UNSURE}") from error
    except RpcError as error:  # one that pymilvus doesn't ask again after
        late = error.code() is StatusCode.DEADLINE_EXCEEDED
        why = f"no answer of Milvus within {timeout:g} s (?timeout=SECONDS in the address)" if late else error.details()
        raise GalleryError(f"{address}: {why}; {_UNSURE}") from error


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
