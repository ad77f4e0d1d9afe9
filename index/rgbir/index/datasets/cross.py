"""Protocol `cross`: on any labelled images of several cameras, each modality asks the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from rgbir.index.cameras import CameraNetwork, Modality
from rgbir.index.datasets.dataset import Setting
from rgbir.index.datasets.draws import seeded
from rgbir.index.datasets.protocol import Protocol, Shots
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.task import Draw, Task
from rgbir.index.errors import BadDataset
from rgbir.index.words import listed

CROSS = Protocol("cross", data="own pictures", selection="seeded", hiding="place and modality")
SHOTS: dict[Shots, int] = {"single": 1, "multi": 10}
ASKED = {"infrared->visible": (Modality.IR,), "visible->infrared": (Modality.RGB,), None: (Modality.RGB, Modality.IR)}
"""Whose images ask, by direction."""
NAMED = 10
"""People whom a remark names."""


def cross_task(records: Sequence[ImageRecord], network: CameraNetwork, setting: Setting, whose: dict[str, str]) -> Task:
    """Every image asks, and sees the other modality's images at other places.

    A trial's gallery has one image of each person by each camera, with `multi` ten, or all if there are fewer. Trial t draws
    them as `sysu-seeded` does, seeded with t: person by person, and for each the cameras in the network's order.

    Args:
        records: with identity, camera and modality each, in an order that stays; it decides which image a number draws.
        network: has their cameras.
        setting: shots, and the direction; both ways if it is None.
        whose: which people's they are, for the report's setting.

    Raises:
        BadDataset: one camera of each modality, or nobody whom the two saw at two places.
    """
    expect_cameras(records)
    asked = ASKED[setting.direction]
    shown = {modality.other for modality in asked}
    cameras = [camera.id for camera in network]
    number_of = {camera: number for number, camera in enumerate(cameras, start=1)}
    gallery = [record for record in records if record.modality in shown]
    rows: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, record in enumerate(gallery):
        rows[number_of[record.camera], record.identity or 0].append(row)
    sizes = {folder: len(numbers) for folder, numbers in rows.items()}
    identities = {identity for _, identity in rows}
    queries = [record for record in records if record.modality in asked]
    draws = []
    for trial in range(CROSS.trials):
        picks = seeded(sizes, identities, range(1, len(cameras) + 1), SHOTS[setting.shots], trial, fewer=True)
        drawn = np.array([rows[pick.camera, pick.identity][pick.number - 1] for pick in picks], np.int64)
        draws.append(Draw(np.arange(len(queries)), drawn))
    chosen = {"shots": setting.shots, "direction": setting.direction or "both", **whose}
    if not _findable(records, network):
        raise BadDataset(
            f"none of the {len({record.identity for record in records}):,} people was seen by a colour camera at one place and"
            " by an infrared camera at another, so nobody can be found; images of such people are needed"
        )
    return Task(network, chosen, queries, gallery, draws).trimmed()


def expect_cameras(records: Iterable[ImageRecord]) -> None:
    """Whether cameras and modalities can be told apart.

    Raises:
        BadDataset: each modality has one camera.
    """
    cameras: dict[Modality, set[str]] = {modality: set() for modality in Modality}
    for record in records:
        if record.modality is not None:
            cameras[record.modality].add(record.camera)
    visible, infrared = cameras[Modality.RGB], cameras[Modality.IR]
    if len(visible) == len(infrared) == 1:
        raise BadDataset(
            f"all colour images are of camera {listed(visible)}, and all infrared ones of {listed(infrared)}. With one camera of"
            " each modality nobody can tell what distinguishes the modalities from what distinguishes these two cameras: a"
            " model learns the pair, and a measured number is true of the pair alone. Add labelled images of a second camera"
        )


def alone(records: Iterable[ImageRecord]) -> dict[int, Modality]:
    """People whose images are all of one modality, ascending, and which."""
    seen: dict[int, set[Modality]] = defaultdict(set)
    for record in records:
        if record.identity is not None and record.modality is not None:
            seen[record.identity].add(record.modality)
    return {identity: next(iter(kinds)) for identity, kinds in sorted(seen.items()) if len(kinds) == 1}


def remark_on(people: dict[int, Modality]) -> list[str]:
    """What there is to say of people who were seen in one modality: a sentence, or none."""
    if not people:
        return []
    named = listed((f"{identity} ({modality.upper()})" for identity, modality in people.items()), most=NAMED)
    return [
        f"{len(people):,} people were seen in one modality only: {named}. As queries they have no match, and in the gallery they are"
        " strangers"
    ]


def _findable(records: Iterable[ImageRecord], network: CameraNetwork) -> bool:
    """Whether anybody was seen in one modality at one place, and in the other at another."""
    places: dict[tuple[int, Modality], set[str]] = defaultdict(set)
    records = list(records)
    network.expect_unmoved((record.camera for record in records), "a benchmark")
    for record in records:
        if record.identity is not None and record.modality is not None:
            places[record.identity, record.modality].add(network[record.camera].place)
    return any(
        modality is Modality.IR and len(there | places.get((identity, Modality.RGB), set())) > 1
        for (identity, modality), there in places.items()
        if (identity, Modality.RGB) in places
    )
