"""From features to a report: draw each trial's gallery, hide what the network hides, measure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import CameraNetwork
from rgbir.index.datasets.sysu_mm01 import List, Permutations, SysuMM01
from rgbir.index.errors import EvaluationError
from rgbir.index.evaluation.features import Features
from rgbir.index.evaluation.metrics import Measures, measure
from rgbir.index.evaluation.protocols import GALLERY_CAMERAS, SHOTS, Mode, Protocol, Shots
from rgbir.index.evaluation.report import Report
from rgbir.index.evaluation.selection import Pick, official, seeded
from rgbir.index.metric import Metric


def evaluate_sysu(
    data: SysuMM01,
    probes: Features,
    gallery: Features,
    protocol: Protocol,
    *,
    metric: Metric,
    mode: Mode = "all",
    shots: Shots = "single",
    of: List = "test",
    permutations: Permutations | None = None,
    trials: Iterable[int] | None = None,
    about: dict[str, str] | None = None,
) -> Report:
    """Measures features of SYSU-MM01's images by its protocol.

    Args:
        data: the data set, for its lists, folder sizes and permutation file.
        probes: of all infrared images of the list; those of cameras the mode doesn't probe are left out.
        gallery: of all visible images of the list that a trial may draw, in any order, with their sources.
        metric: the distance that the model's method prescribes.
        of: whose identities; `test`, or `val` to watch a training.
        permutations: the authors' tables, if not to be read from the data set's folder.
        trials: which of the protocol's trials, from 0; all if None.

    Raises:
        EvaluationError: an image of a trial's gallery has no feature, or no number can be given.
        BadDataset: the folder and the permutation file disagree.
    """
    identities, cameras, shot_count = data.identities(of), GALLERY_CAMERAS[mode], SHOTS[shots]
    sizes = {(camera, identity): len(data.files(camera, identity)) for camera in cameras for identity in identities}
    if protocol.selection == "official":
        permutations = permutations if permutations is not None else data.permutations()
    wanted = [str(camera) for camera in protocol.probe_cameras(mode)]
    probes = probes.take(np.isin(probes.cameras, wanted))
    rows_of = {str(source): row for row, source in enumerate(gallery.sources)}
    keys = metric.matrix(probes.embeddings, gallery.embeddings)
    hidden = same_place(data.network, probes.cameras, gallery.cameras)

    def trial(number: int) -> Measures:
        if permutations is not None and protocol.selection == "official":
            picks = official(permutations, sizes, identities, cameras, shot_count, number)
        else:
            picks = seeded(sizes, identities, cameras, shot_count, number)
        rows = np.array([_row(data, pick, rows_of) for pick in picks], np.int64)
        return _measured(keys[:, rows], probes.identities, gallery.identities[rows], hidden[:, rows], protocol)

    chosen: Sequence[int] = list(range(protocol.trials) if trials is None else trials)
    setting: dict[str, str] = {"mode": mode, "shots": shots, "identities": of}
    return Report(protocol, setting, metric, tuple(trial(number) for number in chosen), about or {})


def evaluate_trial(
    queries: Features,
    gallery: Features,
    network: CameraNetwork,
    protocol: Protocol,
    metric: Metric,
    about: dict[str, str] | None = None,
) -> Report:
    """One trial on anybody's saved features: every query against the gallery as it is, in its row order."""
    keys = metric.matrix(queries.embeddings, gallery.embeddings)
    hidden = same_place(network, queries.cameras, gallery.cameras)
    result = _measured(keys, queries.identities, gallery.identities, hidden, protocol)
    return Report(protocol, {"mode": "as saved", "shots": "as saved"}, metric, (result,), about or {})


def same_place(network: CameraNetwork, queries: NDArray[np.str_], gallery: NDArray[np.str_]) -> NDArray[np.bool_]:
    """The same-location rule: True (queries, gallery) where both cameras look at one place."""
    places = {str(name): network[str(name)].place for name in {*queries.tolist(), *gallery.tolist()}}
    query_places = np.array([places[str(name)] for name in queries], np.str_)
    gallery_places = np.array([places[str(name)] for name in gallery], np.str_)
    return np.asarray(query_places[:, None] == gallery_places[None, :], np.bool_)


def _measured(
    keys: NDArray[np.float64],
    queries: NDArray[np.int64],
    gallery: NDArray[np.int64],
    hidden: NDArray[np.bool_],
    protocol: Protocol,
) -> Measures:
    return measure(keys, queries, gallery, hidden, cmc=protocol.cmc, ap=protocol.ap, denominator=protocol.denominator)


def _row(data: SysuMM01, pick: Pick, rows_of: dict[str, int]) -> int:
    name = data.files(pick.camera, pick.identity)[pick.number - 1]
    source = f"cam{pick.camera}/{pick.identity:04d}/{name}"
    if source not in rows_of:
        raise EvaluationError(
            f"the trial's gallery needs {source}, which has no feature; index or embed all visible images of the list"
        )
    return rows_of[source]
