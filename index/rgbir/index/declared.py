"""Cameras and passages as a network's file declares them, in TOML and JSON alike; `to_dict` of each writes the same."""

from __future__ import annotations

import math
from typing import Any

from rgbir.index import stays
from rgbir.index.camera import Camera, Modality, Passage
from rgbir.index.errors import UsageError
from rgbir.index.stays import Position, Stay
from rgbir.index.zones import polygons_of

_KEYS = {"id", "modality", "place", "places", "position", "scene", "aliases", "name", "recording", "zones"}


def camera_of(entry: dict[str, Any], where: str) -> Camera:
    """The camera that an entry declares.

    Args:
        where: what errors call the declaration.

    Raises:
        UsageError: it declares none.
    """
    if unknown := entry.keys() - _KEYS:
        raise UsageError(
            f"{where}: camera {entry.get('id')!r} has unknown keys {sorted(unknown)}; known: {sorted(_KEYS)}"
        )
    if "id" not in entry:
        raise UsageError(f"{where}: a camera without id: {entry}")
    modality = entry.get("modality", "rgb")
    try:
        modalities = frozenset(Modality(name) for name in ([modality] if isinstance(modality, str) else modality))
    except ValueError:
        raise UsageError(f"{where}: camera {entry['id']}: modality is 'rgb', 'ir' or both, not {modality!r}") from None
    camera, name = str(entry["id"]), entry.get("name")
    labels = entry.get("scene"), frozenset(entry.get("aliases", ()))
    history, position = _history(entry, f"{where}: camera {camera}")
    place = history[-1].place if history else str(entry.get("place", camera))
    recording = entry.get("recording")
    return Camera(
        camera,
        modalities,
        place,
        *labels,
        history,
        position,
        None if name is None else str(name),
        None if recording is None else str(recording),
        polygons_of(entry.get("zones"), f"{where}: camera {camera}"),
    )


def _history(entry: dict[str, Any], where: str) -> tuple[tuple[Stay, ...], Position | None]:
    """The places of a camera that moved, and the last position."""
    if "places" not in entry:
        return (), stays.position_of(entry.get("position"), where)
    if {"place", "position"} & entry.keys() or not isinstance(entry["places"], list) or not entry["places"]:
        raise UsageError(f"{where}: say `place`, or `places` with a table for each, whose positions stand in them")
    history = tuple(stays.stay_of(stay, where) for stay in entry["places"])
    try:
        stays.check_history(history)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    if len(history) == 1:
        raise UsageError(f"{where}: `places` has two at least; say `place` for one")
    return history, history[-1].position


def passage_of(entry: dict[str, Any], where: str) -> Passage:
    """The passage that an entry declares.

    Args:
        where: what errors call the declaration.

    Raises:
        UsageError: it declares none.
    """
    if not {"from", "to", "soonest"} <= entry.keys() <= {"from", "to", "soonest", "latest"}:
        raise UsageError(
            f"{where}: a passage is {{ from = PLACE, to = PLACE, soonest = SECONDS, latest = SECONDS }}, not {entry}"
        )
    try:
        times = float(entry["soonest"]), float(entry.get("latest", math.inf))
    except (TypeError, ValueError):
        raise UsageError(f"{where}: soonest and latest are seconds, not {entry}") from None
    return Passage(str(entry["from"]), str(entry["to"]), *times)
