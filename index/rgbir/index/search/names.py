"""Cameras in answers as people call them: galleries know them by their ids, which a new name doesn't change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rgbir.index.cameras import CameraNetwork
from rgbir.index.gallery.query import Answer, Distances, ExcludedCamera


def named(answer: Answer, network: CameraNetwork) -> Answer:
    """The answer with its cameras by their names."""
    if not network.renamed:
        return answer
    return replace(
        answer,
        camera=None if answer.camera is None else network.shown(answer.camera),
        searched_cameras=tuple(network.shown(camera) for camera in answer.searched_cameras),
        excluded_cameras=_excluded(answer.excluded_cameras, network),
        uncalibrated=tuple(network.shown(camera) for camera in answer.uncalibrated),
        hits=tuple(replace(hit, camera=network.shown(hit.camera)) for hit in answer.hits),
    )


def named_distances(distances: Distances, network: CameraNetwork) -> Distances:
    """The distances with their cameras by their names."""
    if not network.renamed:
        return distances
    return replace(
        distances,
        searched_cameras=tuple(network.shown(camera) for camera in distances.searched_cameras),
        excluded_cameras=_excluded(distances.excluded_cameras, network),
    )


def _excluded(cameras: Sequence[ExcludedCamera], network: CameraNetwork) -> tuple[ExcludedCamera, ...]:
    return tuple(replace(excluded, camera=network.shown(excluded.camera)) for excluded in cameras)
