"""Embeddings with their labels, as a file that anybody's model can write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.datasets.records import ImageRecord
from rgbir.index.errors import EvaluationError, UsageError
from rgbir.index.files import beside
from rgbir.index.gallery.sightings import Sighting
from rgbir.index.words import listed, why

_EXPORTED = ("ids", "digests", "times", "tracks", "since", "frames", "boxes", "modalities", "card")
"""Arrays that `rgbir index export` writes beside them, and an evaluation doesn't need."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Embeddings in the protocol's row order.

    Attributes:
        embeddings: float32 (n, d), finite.
        identities: int64 (n,), -1 unknown.
        cameras: (n,) strings.
        sources: (n,) strings, the images' names; empty where unknown.

    Raises:
        EvaluationError: lengths differ, or an embedding isn't finite.
    """

    embeddings: NDArray[np.float32]
    identities: NDArray[np.int64]
    cameras: NDArray[np.str_]
    sources: NDArray[np.str_]

    def __post_init__(self) -> None:
        n = len(self.embeddings)
        if self.embeddings.ndim != 2 or not all(
            len(part) == n for part in (self.identities, self.cameras, self.sources)
        ):
            raise EvaluationError(
                f"features must be (n, d) embeddings with n identities, cameras and sources, not {self.embeddings.shape},"
                f" {len(self.identities)}, {len(self.cameras)}, {len(self.sources)}"
            )
        bad = np.flatnonzero(~np.isfinite(self.embeddings).all(axis=1))
        if len(bad):
            name = self.sources[bad[0]] or f"row {bad[0]}"
            raise EvaluationError(
                f"the embedding of {name} is not finite ({len(bad)} of {n} rows); mend the model or leave the image out"
            )

    @classmethod
    def of(
        cls,
        embeddings: NDArray[np.float32],
        identities: Iterable[int | None],
        cameras: Iterable[str],
        sources: Iterable[str],
    ) -> Features:
        """From embeddings float32 (n, d) and plain lists; an identity of None is unknown."""
        names = [np.array(list(part), np.str_) for part in (cameras, sources)]
        return cls(embeddings, numbers_of(identities), *names)

    @classmethod
    def of_images(cls, embeddings: NDArray[np.float32], images: Sequence[ImageRecord | Sighting]) -> Features:
        """Embeddings float32 (n, d) with what is known of the n images they were made of, in the same order."""
        identities, cameras = [image.identity for image in images], [image.camera for image in images]
        sources = [image.name if isinstance(image, ImageRecord) else image.source for image in images]
        return cls.of(embeddings, identities, cameras, sources)

    def __len__(self) -> int:
        return len(self.embeddings)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Features:
        """Some of the rows: their numbers int64 (m,), in the order wanted, or bool (n,), True for those to take."""
        return Features(self.embeddings[rows], self.identities[rows], self.cameras[rows], self.sources[rows])

    def of_records(self, records: Sequence[ImageRecord]) -> Features:
        """The rows of these images, in their order, by the images' sources; labels are the records'.

        Raises:
            EvaluationError: an image has no feature, or its labels differ.
        """
        rows_of = {str(source): row for row, source in enumerate(self.sources)}
        missing = [record.name for record in records if record.name not in rows_of]
        if missing:
            raise EvaluationError(
                f"{len(missing)} of {len(records)} images have no feature, {missing[0]} among them; embed or index all of them"
            )
        taken = self.take(np.array([rows_of[record.name] for record in records], np.int64))
        labels = numbers_of(record.identity for record in records)
        apart = np.flatnonzero((taken.identities != labels) & (taken.identities >= 0))
        if len(apart):
            first = records[int(apart[0])]
            raise EvaluationError(
                f"the features say that {first.source} shows identity {taken.identities[apart[0]]}, the data set says"
                f" {first.identity}; {len(apart)} images differ"
            )
        return Features(taken.embeddings, labels, np.array([r.camera for r in records], np.str_), taken.sources)

    def save(self, file: Path) -> None:
        """Writes a features file (.npz): beside, then renamed, so that a full disk leaves no half one."""
        with beside(file) as new, new.open("wb") as written:
            np.savez(
                written,
                embeddings=self.embeddings,
                identities=self.identities,
                cameras=self.cameras,
                paths=self.sources,
            )

    @classmethod
    def load(cls, file: Path) -> Features:
        """Reads a features file: `.npz`, or `.mat` (MATLAB level 5) with the same names.

        Raises:
            UsageError: no such file, or a key is missing.
        """
        if not file.is_file():
            raise UsageError(
                f"{file} is not a file; expected a features file such as `rgbir embed --out {file.stem}.npz` writes"
            )
        try:
            parts = _matlab(file) if file.suffix == ".mat" else _numpy(file)
        except Exception as error:  # scipy and numpy raise many kinds on a foreign file
            raise UsageError(f"{file}: not a features file: {why(error)}") from error
        missing = {"embeddings", "identities", "cameras"} - parts.keys()
        if missing:
            raise UsageError(
                f"{file}: no {listed(sorted(missing), 'or')}; a features file has embeddings, identities, cameras and optionally paths"
            )
        if unknown := parts.keys() - {"embeddings", "identities", "cameras", "paths"}:
            raise UsageError(
                f"{file}: it has {listed(sorted(unknown))}, which nothing reads here; a features file has embeddings,"
                " identities, cameras and optionally paths"
            )
        try:
            embeddings = np.asarray(parts["embeddings"], np.float32)
        except ValueError as error:
            raise UsageError(f"{file}: embeddings are numbers, n rows of d: {error}") from None
        if embeddings.ndim != 2 or not embeddings.size:
            raise UsageError(f"{file}: embeddings are n rows of d values, not {embeddings.shape}")
        sources = _names(parts.get("paths", np.full(len(embeddings), "")))
        return cls(embeddings, _whole(np.ravel(parts["identities"]), file), _names(parts["cameras"]), sources)


def numbers_of(identities: Iterable[int | None]) -> NDArray[np.int64]:
    """Identities as int64 (n,); -1 where one is unknown."""
    return np.array([-1 if identity is None else identity for identity in identities], np.int64)


def _whole(values: NDArray[Any], file: Path) -> NDArray[np.int64]:
    """Identities as whole numbers, however they were written; none is rounded.

    Raises:
        UsageError: one isn't.
    """
    if values.dtype.kind not in "iuf":
        raise UsageError(f"{file}: identities are whole numbers, -1 for unknown, not {values.dtype}")
    odd = values[~np.isfinite(values) | (values != np.rint(values)) | (np.abs(values) > 2.0**62)]
    if len(odd):
        raise UsageError(f"{file}: identities are whole numbers, -1 for unknown, not {odd[0]}")
    return values.astype(np.int64)


def _numpy(file: Path) -> dict[str, Any]:
    with np.load(file, allow_pickle=False) as content:
        return {name: content[name] for name in content.files if name not in _EXPORTED}


def _matlab(file: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    return {name: value for name, value in loadmat(file).items() if not name.startswith("__")}


def _names(values: NDArray[Any]) -> NDArray[np.str_]:
    """Strings of NumPy or MATLAB: an array of strings, numbers, a cell array, or a character matrix with padding."""
    flat = [str(np.squeeze(value)).rstrip() for value in np.ravel(values)]
    return np.array(flat, np.str_)
