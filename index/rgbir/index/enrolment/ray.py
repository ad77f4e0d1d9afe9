"""Bulk enrolment on a Ray cluster, for those who run one: workers read, decode and encode; one process writes.

Every worker must see the images and the bundle at the same paths. Without Ray, `index add --shard i/n` and `index merge` split
the work as well.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rgbir.index.bundle import Bundle
from rgbir.index.cameras import CameraNetwork
from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.encoder import Encoder
from rgbir.index.enrolment.enrol import Tally, expired
from rgbir.index.enrolment.intake import Intake
from rgbir.index.errors import UsageError
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.sightings import Labels, labels_of
from rgbir.index.progress import Progress, silent
from rgbir.index.runner import Runner


def enrol_on_ray(
    records: Iterable[ImageRecord | Skipped],
    bundle: Path,
    gallery: AnyGallery,
    *,
    workers: int = 2,
    batch: int = 32,
    keep_crops: bool = True,
    address: str | None = None,
    runner: str = "onnxruntime",
    progress: Progress = silent,
) -> Tally:
    """Enrols as `enrol` does, in no certain order. What a stopped run wrote stays; run again, it goes on.

    Args:
        workers: encoders beside each other, a processor core each.
        runner: of the encoders, see `Encoder`.
        address: of the cluster; None is RAY_ADDRESS, or Ray on this machine alone.

    Raises:
        UsageError: Ray isn't installed.
        GalleryMismatch, GalleryBusy: see `enrol`.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UsageError(
            "enrolment on a cluster needs Ray: pip install 'rgbir[ray]', or split it with --shard"
        ) from error
    gallery.expect(Bundle(bundle).card.computed(Runner.read(runner)))
    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False, include_dashboard=False)
    known = ray.put({sighting.id: labels_of(sighting) for sighting in gallery.sightings()})
    rows = ray.data.from_items([{"record": pickle.dumps(record)} for record in records])
    encoded = rows.map_batches(
        _Worker,
        fn_constructor_args=(str(bundle), runner, gallery.network.to_dict(), known, keep_crops),
        batch_size=batch,
        concurrency=workers,
        num_cpus=1,
    )
    tally = Tally()
    with gallery.writing():
        for piece in encoded.iter_batches(batch_size=batch):
            done = [pickle.loads(outcome) for outcome in piece["outcome"]]
            tally.settle(done, gallery)
            progress(len(done))
        expired(gallery)
        gallery.refresh_cache()
    return tally


class _Worker:
    """An encoder on a machine of the cluster."""

    def __init__(self, bundle: str, runner: str, network: dict[str, Any], known: Any, keep_crops: bool) -> None:
        import ray

        self.known: dict[str, Labels] = ray.get(known)
        encoder = Encoder(Bundle(Path(bundle)), threads=1, runner=runner)
        self.intake = Intake(encoder, CameraNetwork.from_dict(network), self._known, keep_crops)

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        records = [pickle.loads(row) for row in rows["record"]]
        return {"outcome": np.array([pickle.dumps(outcome) for outcome in self.intake(records)], object)}

    def _known(self, ids: Sequence[str]) -> dict[str, Labels]:
        return {name: self.known[name] for name in ids if name in self.known}
