"""Labelled sightings to fit a bundle to: out of a gallery, or out of the training images of a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.export.errors import ExportFailure
from rgbir.index import (
    AnyGallery,
    CameraNetwork,
    DataSet,
    Encoder,
    ImageRecord,
    Metric,
    Modality,
    OwnPictures,
    Setting,
    Sighting,
    modality_for,
)
from rgbir.index.progress import Progress, silent

MOST = 10
"""Sightings of a person that are taken of each camera, spread over all; neighbours on a track add little."""
FEWEST = 20
"""People who were seen in both modalities, at least."""
Bar = Callable[[str, int], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Labelled sightings of people who were each seen in both modalities.

    Attributes:
        embeddings: float32 (n, d), as the bundle gave them or as a gallery keeps them.
        identities: int64 (n,), 0 or more.
        cameras: (n,) strings, ids in the network.
        infrared: bool (n,), the modality.
        network: the cameras and their places.
        left_out: how many sightings weren't taken, by reason.
        sums: of the people of own pictures, for the card; else none.
    """

    embeddings: NDArray[np.float32]
    identities: NDArray[np.int64]
    cameras: NDArray[np.str_]
    infrared: NDArray[np.bool_]
    network: CameraNetwork
    left_out: Mapping[str, int]
    sums: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.identities)

    @property
    def people(self) -> NDArray[np.int64]:
        """Who is seen, int64 (p,), ascending."""
        return np.unique(self.identities)

    @property
    def unit(self) -> NDArray[np.float64]:
        """The embeddings at length 1, float64 (n, d)."""
        return Metric.COSINE.prepare(self.embeddings).astype(np.float64)

    def of(self, modality: Modality) -> NDArray[np.bool_]:
        """True (n,) where a sighting has that modality."""
        return self.infrared if modality is Modality.IR else ~self.infrared

    def take(self, rows: NDArray[np.bool_]) -> Labelled:
        """Those with True, of bool (n,)."""
        return replace(
            self,
            embeddings=self.embeddings[rows],
            identities=self.identities[rows],
            cameras=self.cameras[rows],
            infrared=self.infrared[rows],
        )

    def seen_in_both(self) -> Labelled:
        """Without people who were seen in one modality only: they tell nothing of the other."""
        return self.take(_seen_in_both(self.identities, self.infrared))


def of_gallery(gallery: AnyGallery) -> Labelled:
    """Its labelled sightings, with the embeddings that it keeps. No crop is needed.

    Raises:
        ExportFailure: too few people or cameras.
    """
    seen: list[Sighting | ImageRecord] = list(gallery.sightings())
    rows, infrared, left_out = chosen(seen, gallery.network, f"gallery {gallery.address}")
    ids = [sighting.id for row in rows if isinstance(sighting := seen[row], Sighting)]
    return _labelled(gallery.embeddings(ids), [seen[row] for row in rows], infrared, gallery.network, left_out)


def of_data_set(data: DataSet, encoder: Encoder, bar: Bar) -> Labelled:
    """Its training images, encoded now; its test list is never read. Of own pictures without lists, everybody's.

    Args:
        bar: shows how far the encoding is.

    Raises:
        ExportFailure: too few people or cameras.
        BadDataset: the folder breaks a promise of its layout.
        BadImage: an image can't be read.
    """
    everybody = isinstance(data, OwnPictures) and data.lists is None
    seen: list[Sighting | ImageRecord] = list(data.training(Setting("available") if everybody else Setting()))
    rows, infrared, left_out = chosen(seen, data.network, f"{data.root}")
    records = [seen[row] for row in rows]
    with bar("encoding", len(records)) as advance:
        embeddings = _encoded([r for r in records if isinstance(r, ImageRecord)], infrared, encoder, advance)
    labelled = _labelled(embeddings, records, infrared, data.network, left_out)
    if not isinstance(data, OwnPictures):
        return labelled
    return replace(labelled, sums=tuple(sorted(data.sums[int(identity)] for identity in labelled.people)))


def chosen(
    seen: Sequence[Sighting | ImageRecord], network: CameraNetwork, where: str
) -> tuple[list[int], NDArray[np.bool_], dict[str, int]]:
    """Which of the sightings a fit takes: their places in the sequence, and whether each is infrared, bool (n,).

    Args:
        seen: sightings of a gallery, or images.
        network: their cameras.
        where: what errors call them.

    Returns:
        Places, modalities, and how many were left out by reason.

    Raises:
        ExportFailure: nobody labelled, one modality, one camera of a modality, or too few people.
    """
    left_out: Counter[str] = Counter()
    taken: Counter[tuple[int, str]] = Counter()
    places, infrared = [], []
    total = Counter((s.identity, network[s.camera].id) for s in seen)
    met: Counter[tuple[int | None, str]] = Counter()
    for place, sighting in enumerate(seen):
        camera = network[sighting.camera]
        modality = getattr(sighting, "modality", None)
        key = (sighting.identity, camera.id)
        if sighting.identity is None:
            left_out["without an identity"] += 1
        elif modality is None and len(camera.modalities) > 1:
            left_out["of day/night cameras, where nobody noted the modality"] += 1
        else:
            met[key] += 1
            spread = met[key] * MOST // max(total[key], MOST)
            if total[key] > MOST and spread == taken[sighting.identity, camera.id]:
                left_out[f"beyond {MOST} of a person by a camera"] += 1
                continue
            taken[sighting.identity, camera.id] += 1
            places.append(place)
            infrared.append(modality_for(modality, camera) is Modality.IR)
    kept = np.array(infrared, bool)
    identities = np.array([seen[place].identity for place in places], np.int64)
    both = _seen_in_both(identities, kept)
    if len(both) and not both.all():
        left_out["of people seen in one modality only"] += int((~both).sum())
    rows = [place for place, keep in zip(places, both, strict=True) if keep]
    _expect_enough([seen[row] for row in rows], kept[both], network, where, left_out)
    return rows, kept[both], dict(left_out)


def _expect_enough(
    seen: Sequence[Sighting | ImageRecord],
    infrared: NDArray[np.bool_],
    network: CameraNetwork,
    where: str,
    left_out: Mapping[str, int],
) -> None:
    people = len({sighting.identity for sighting in seen})
    reasons = "".join(f"; {count:,} sightings {reason} were left out" for reason, count in left_out.items())
    if people < FEWEST:
        raise ExportFailure(
            f"{where}: a fit needs {FEWEST} people or more with an identity who were each seen by infrared and by colour"
            f" cameras; there are {people}{reasons}. Label more of them (column identity of a table for `rgbir index add"
            " --layout csv`)"
        )
    for name, which in (("infrared", infrared), ("colour", ~infrared)):
        cameras = sorted({network[s.camera].id for s, taken in zip(seen, which, strict=True) if taken})
        if len(cameras) < 2:
            raise ExportFailure(
                f"{where}: {cameras[0]} is the only {name} camera that saw these people, so nobody could tell what its"
                " modality changes from what the camera itself changes, nor measure the fit on a camera it hasn't seen."
                f" Label sightings of a second {name} camera{reasons}"
            )


def _seen_in_both(identities: NDArray[np.int64], infrared: NDArray[np.bool_]) -> NDArray[np.bool_]:
    both = np.intersect1d(identities[infrared], identities[~infrared])
    return np.isin(identities, both)


def _encoded(
    records: Sequence[ImageRecord], infrared: NDArray[np.bool_], encoder: Encoder, progress: Progress = silent
) -> NDArray[np.float32]:
    embeddings = np.empty((len(records), encoder.card.dimension), np.float32)
    for modality, which in ((Modality.IR, infrared), (Modality.RGB, ~infrared)):
        rows = np.flatnonzero(which)
        for start in range(0, len(rows), encoder.batch):
            group = rows[start : start + encoder.batch]
            images = [record.decoded() for record in (records[row] for row in group)]
            embeddings[group] = encoder.embed(images, modality)
            progress(len(group))
    return embeddings


def _labelled(
    embeddings: NDArray[np.float32],
    seen: Sequence[Sighting | ImageRecord],
    infrared: NDArray[np.bool_],
    network: CameraNetwork,
    left_out: Mapping[str, int],
) -> Labelled:
    identities = np.array([sighting.identity for sighting in seen], np.int64)
    cameras = np.array([network[sighting.camera].id for sighting in seen], np.str_)
    return Labelled(embeddings, identities, cameras, infrared, network, left_out)
