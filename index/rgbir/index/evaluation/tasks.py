"""What a protocol asks on a data set: the queries, every gallery row that a trial may show, and each trial's draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import CameraNetwork, Modality
from rgbir.index.datasets import LLCM, ImageRecord, Market1501, RegDB, SysuMM01
from rgbir.index.datasets import llcm as llcm_layout
from rgbir.index.datasets.sysu_mm01 import List, Permutations
from rgbir.index.errors import EvaluationError
from rgbir.index.evaluation.protocols import GALLERY_CAMERAS, SHOTS, Direction, Mode, Protocol, Shots
from rgbir.index.evaluation.selection import Pick, official, seeded

MODALITIES: dict[Direction, tuple[Modality, Modality]] = {
    "visible->infrared": (Modality.RGB, Modality.IR),
    "infrared->visible": (Modality.IR, Modality.RGB),
}


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One trial: numbers of rows of a task's queries and gallery. The order of `gallery` decides ties."""

    queries: NDArray[np.int64]
    gallery: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Embed `queries` and `gallery`, in this order, and every trial can be measured.

    setting: what was chosen beside the protocol, for the report.
    """

    network: CameraNetwork
    setting: dict[str, str]
    queries: Sequence[ImageRecord]
    gallery: Sequence[ImageRecord]
    draws: Sequence[Draw]

    def __post_init__(self) -> None:
        if not self.queries or not self.gallery:
            raise EvaluationError(
                f"{len(self.queries)} queries and {len(self.gallery)} gallery images; both are needed"
            )

    def trimmed(self) -> Task:
        """Without the gallery images that no trial shows; they need no embedding."""
        used = np.unique(np.concatenate([draw.gallery for draw in self.draws]))
        draws = [Draw(draw.queries, np.searchsorted(used, draw.gallery)) for draw in self.draws]
        return replace(self, gallery=[self.gallery[int(row)] for row in used], draws=draws)


def sysu_task(
    data: SysuMM01,
    protocol: Protocol,
    mode: Mode = "all",
    shots: Shots = "single",
    of: List = "test",
    permutations: Permutations | None = None,
    trials: Iterable[int] | None = None,
) -> Task:
    """Infrared probes against drawn visible images.

    Args:
        of: whose identities; `test`, or `val` to watch a training.
        permutations: the authors' tables, if not to be read from the data set's folder.
        trials: which of the protocol's trials, from 0; all if None.

    Raises:
        BadDataset: the folder and the permutation file disagree.
    """
    identities, cameras = data.identities(of), GALLERY_CAMERAS[mode]
    sizes = {(camera, identity): len(data.files(camera, identity)) for camera in cameras for identity in identities}
    tables = permutations
    if protocol.selection == "official" and tables is None:
        tables = data.permutations()

    def picks(trial: int) -> list[Pick]:
        if protocol.selection == "official":
            assert tables is not None
            return official(tables, sizes, identities, cameras, SHOTS[shots], trial)
        return seeded(sizes, identities, cameras, SHOTS[shots], trial)

    queries = list(data.records(of, protocol.probe_cameras(mode)))
    gallery = list(data.records(of, cameras))
    rows = _rows_by_pick(gallery)
    everyone = np.arange(len(queries))
    chosen = range(protocol.trials) if trials is None else trials
    draws = [Draw(everyone, _rows(rows, picks(trial))) for trial in chosen]
    return Task(data.network, {"mode": mode, "shots": shots, "identities": of}, queries, gallery, draws).trimmed()


def regdb_task(data: RegDB, split: int, direction: Direction = "visible->infrared") -> Task:
    """Every test image of one modality against every test image of the other; one trial, that of the split."""
    asked, searched = MODALITIES[direction]
    queries, gallery = (list(data.records(split, "test", modality)) for modality in (asked, searched))
    draw = Draw(np.arange(len(queries)), np.arange(len(gallery)))
    return Task(data.network, {"direction": direction.replace("infrared", "thermal")}, queries, gallery, [draw])


def llcm_task(
    data: LLCM, protocol: Protocol, direction: Direction = "infrared->visible", trials: Iterable[int] | None = None
) -> Task:
    """Every test image of one modality against one drawn image of each identity and camera of the other.

    With `drawn_queries` visible->infrared has the drawn infrared images as queries and all visible images as gallery, as
    the public script does it since June 2023.
    """
    asked, searched = MODALITIES[direction]
    drawn = searched
    sizes = {
        (camera, identity): len(data.files(drawn, camera, identity))
        for camera in llcm_layout.CAMERAS
        for identity in data.test_identities
    }
    records = {modality: list(data.test(modality)) for modality in (asked, searched)}
    rows = _rows_by_pick(records[drawn])
    chosen = range(protocol.trials) if trials is None else trials
    drawings = [
        _rows(rows, seeded(sizes, data.test_identities, tuple(llcm_layout.CAMERAS), 1, trial)) for trial in chosen
    ]
    everything = np.arange(len(records[asked]))
    if protocol.drawn_queries and direction == "visible->infrared":
        draws = [Draw(drawing, everything) for drawing in drawings]
        return Task(data.network, {"direction": direction}, records[drawn], records[asked], draws)
    draws = [Draw(everything, drawing) for drawing in drawings]
    return Task(data.network, {"direction": direction}, records[asked], records[drawn], draws).trimmed()


def market_task(data: Market1501) -> Task:
    """Every query against the whole gallery without junk; one trial."""
    queries, gallery = (list(data.records(part)) for part in ("query", "gallery"))
    return Task(data.network, {}, queries, gallery, [Draw(np.arange(len(queries)), np.arange(len(gallery)))])


def _rows_by_pick(records: Sequence[ImageRecord]) -> dict[Pick, int]:
    return {
        Pick(int(record.camera), record.identity or 0, record.number or 0): row for row, record in enumerate(records)
    }


def _rows(rows: dict[Pick, int], picks: Sequence[Pick]) -> NDArray[np.int64]:
    return np.array([rows[pick] for pick in picks], np.int64)
