"""What is asked of a gallery, and what it answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Camera, CameraNetwork, Modality, Passage
from rgbir.index.errors import InvalidQuery
from rgbir.index.gallery.coverage import Coverage
from rgbir.index.gallery.options import Filters
from rgbir.index.gallery.remarks import ABOUT, Code, Remark, Values, Verdict, verdict_of
from rgbir.index.metric import Metric
from rgbir.index.nearest.slabs import Moments
from rgbir.index.stays import EVER, Span, ends, when
from rgbir.index.times import to_microseconds


@dataclass(frozen=True, slots=True, eq=False)
class Query(Filters):
    """Who looks like this, elsewhere?

    Without `modality`, it follows from a camera of one. `taken_at` says where a camera that moved was then; without it, all places
    that it ever had are left out.

    Attributes:
        embedding: float32 (d,), as the gallery's bundle gives it; `Filters` has the others.
        walked: with `taken_at`, leave out sightings that nobody could have walked to or from in time, where the network knows the
            passage.

    Raises:
        InvalidQuery: a value out of its range.
    """

    embedding: NDArray[np.float32]
    walked: bool = True

    def __post_init__(self) -> None:
        Filters.__post_init__(self)
        if self.embedding.ndim != 1 or not np.isfinite(self.embedding).all():
            raise InvalidQuery(f"a query embedding is one vector of finite numbers, not {self.embedding.shape}")


@dataclass(frozen=True, slots=True)
class ExcludedCamera:
    """A camera that a query may not see, or not for some time, since it moved.

    Attributes:
        camera: its id.
        reason: why, in words.
        code: why, for programs.
        values: what the code's sentence needs.
    """

    camera: str
    reason: str
    code: Code
    values: Values = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert set(self.values) == set(ABOUT[self.code].values), (self.code, self.values)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a hit's distance means between its camera and the query's, as far as labelled sightings of both tell.

    Attributes:
        probability: of one person, if one and two were equally likely beforehand.
        false_accept_rate: the share of stranger pairs as near.
        strangers: how many are expected to be as near among all that were searched; None where a camera isn't calibrated.
    """

    probability: float
    false_accept_rate: float
    strangers: float | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A sighting that answers.

    Attributes:
        rank: its place among the hits, from 1.
        id, camera, taken_at, identity, track, source: the sighting's.
        distance: the metric's.
        score: in 0..1; it orders as the distance does and is no probability.
        has_image: whether the gallery keeps its crop.
        plain_rank: by distance alone, where hits were re-ranked.
        others: further hits of its group, where hits were grouped; of a fused track, the other shots of its mean.
        meaning: what the distance means, where the two cameras are calibrated.
    """

    rank: int
    id: str
    camera: str
    taken_at: datetime | None
    identity: int | None
    track: str | None
    source: str
    distance: float
    score: float
    has_image: bool
    plain_rank: int | None = None
    others: int = 0
    meaning: Meaning | None = None


@dataclass(frozen=True, slots=True)
class Reranking:
    """How hits were ordered again by their neighbours.

    Attributes:
        method: its name with its settings.
        scored: sightings that were ordered anew, the nearest ones; no other is a hit.
        seen: sightings that the query may see, and that may be neighbours.
        most: sightings that are scored where not all are.
        made: lists of neighbours that were made for this answer.
        kept: lists of neighbours that are kept for the next ones.
        most_kept: so many are kept at most.
        kept_bytes: of the kept lists, in memory.
    """

    method: str
    scored: int
    seen: int
    most: int
    made: int = 0
    kept: int = 0
    most_kept: int = 0
    kept_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits from the most alike on, and what was searched for them.

    Attributes:
        camera, modality, place: the query's, as far as they are known.
        shots: how many images were fused into the query.
        searched_cameras, excluded_cameras: which cameras the query saw, and which it did not.
        coverage: how many sightings could answer, and what left the others out.
        hits: from the most alike on.
        generation: the gallery's when it was searched.
        exact: whether these are proven to be the nearest.
        model, fingerprint: whose embeddings were compared.
        milliseconds: how long each step took.
        remarks: what the one who asks may have overlooked.
        doubtful: a stranger is expected to be as near as the nearest hit, so the person is probably not in the gallery. None
            where that isn't known.
        uncalibrated: where distances to some of the searched cameras are measured, those to which they aren't.
        compared: sightings that strangers were counted among; 0 where they weren't.
        error: why the query couldn't be searched with, where it is one of several; nothing was searched then.
        reranking: how hits were ordered again; None where they weren't.
        errors: the file that says how often this model errs; None where nobody has measured it.
    """

    camera: str | None
    modality: Modality | None
    place: str | None
    shots: int
    searched_cameras: tuple[str, ...]
    excluded_cameras: tuple[ExcludedCamera, ...]
    hits: tuple[Hit, ...]
    generation: int
    exact: bool
    model: str
    fingerprint: str
    milliseconds: Mapping[str, float]
    coverage: Coverage = field(default_factory=Coverage)
    remarks: tuple[Remark, ...] = ()
    doubtful: bool | None = None
    uncalibrated: tuple[str, ...] = ()
    compared: int = 0
    error: str | None = None
    reranking: Reranking | None = None
    errors: str | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The remarks in words."""
        return tuple(remark.text for remark in self.remarks)

    @property
    def verdict(self) -> Verdict:
        """Whether looking at the hits is worth it."""
        return verdict_of(
            error=self.error,
            searched=self.searched_cameras,
            strangers=[None if hit.meaning is None else hit.meaning.strangers for hit in self.hits],
            doubtful=self.doubtful,
            camera=self.camera,
            uncalibrated=self.uncalibrated,
            compared=self.compared,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """How far every sighting that a query may see is from it; a benchmark ranks what part of them it likes.

    Attributes:
        sightings: ids in enrolment order.
        keys: float64 (n,), the squared Euclidean distance or 1 - cosine, as they decide the order of hits.
        searched_cameras, excluded_cameras: which cameras the query saw, and which it did not.
        generation: the gallery's when it was asked.
        model, fingerprint: whose embeddings were compared.
    """

    sightings: tuple[str, ...]
    keys: NDArray[np.float64]
    searched_cameras: tuple[str, ...]
    excluded_cameras: tuple[ExcludedCamera, ...]
    generation: int
    model: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Which of the gallery's cameras a query may see.

    Attributes:
        camera, modality: the query's, as far as they are known.
        place: the query's: where its camera was; all places that it may have been at, joined by `or`; None if it isn't known.
        searched: the ids of the cameras that it may see.
        excluded: the others, each with its reason, and those of which it may see some times only.
        moments: by camera, of those searched whose sightings it may not all see.
        places: the same by place alone, without what can't be walked.
    """

    camera: Camera | None
    modality: Modality | None
    place: str | None
    searched: tuple[str, ...]
    excluded: tuple[ExcludedCamera, ...]
    moments: Mapping[str, Moments]
    places: Mapping[str, Moments]


def origin(
    network: CameraNetwork, camera: str | None, modality: Modality | None
) -> tuple[Camera | None, Modality | None]:
    """A query's camera, and its modality: as named, or that of a camera that has one only.

    Raises:
        UnknownCamera: no such camera.
        InvalidQuery: the camera doesn't give images of that modality.
    """
    if camera is None:
        return None, modality
    origin_camera = network[camera]
    if modality is None:
        return origin_camera, next(iter(origin_camera.modalities)) if len(origin_camera.modalities) == 1 else None
    if modality not in origin_camera.modalities:
        raise InvalidQuery(
            f"camera {origin_camera.id} gives {' and '.join(sorted(origin_camera.modalities))} images, the query says {modality};"
            " correct one of them"
        )
    return origin_camera, modality


def scope(query: Query, network: CameraNetwork, enrolled: Sequence[str]) -> Scope:
    """Decides camera by camera; one that was asked for is searched, or left out with the reason.

    Args:
        enrolled: the gallery's cameras, those with sightings.

    Raises:
        UnknownCamera: the query names a camera that the network doesn't have.
        InvalidQuery: the query's camera has not the query's modality.
    """
    query_camera, modality = origin(network, query.camera, query.modality)
    here = frozenset[str]() if query_camera is None else query_camera.places(query.taken_at)
    ever = network.ever
    wanted = None if query.cameras is None else {network[name].id for name in query.cameras}
    visible = {network[name].id for name in query.visible if name in network} if query.visible is not None else None
    candidates = [*enrolled, *sorted((wanted or set()) - set(enrolled))]

    def excluded_as(camera: Camera) -> ExcludedCamera | None:
        """Why the query may not see any of it."""
        if query_camera is not None and ever[camera.id] <= here:
            if camera.id == query_camera.id:
                return ExcludedCamera(camera.id, "the query's own camera", Code.OWN_CAMERA)
            shown, place = query_camera.shown, _either(ever[camera.id])
            values = {"query_camera": shown, "place": place}
            reason = f"same place as the query's camera {shown} ({place})"
            return ExcludedCamera(camera.id, reason, Code.SAME_PLACE, values)
        if wanted is not None and camera.id not in wanted:
            return ExcludedCamera(camera.id, "not among the cameras asked for", Code.NOT_CHOSEN)
        if wanted is None and modality is not None and modality.other not in camera.modalities:
            reason = f"gives {modality} images only, as the query; name it under cameras to search it"
            return ExcludedCamera(camera.id, reason, Code.SAME_LIGHT, {"modality": modality.value})
        if camera.id not in enrolled:
            return ExcludedCamera(camera.id, "nothing of it is enrolled", Code.NOTHING_ENROLLED)
        return None

    seen = [network[name] for name in candidates if visible is None or name in visible]
    reasons = [(camera, excluded_as(camera)) for camera in seen]
    searched = [camera for camera, why in reasons if why is None]
    excluded = [
        why or _partly(camera, here, query_camera)
        for camera, why in reasons
        if why is not None or not here.isdisjoint(ever[camera.id])
    ]
    walked = query.walked and query.taken_at is not None and bool(network.passages) and bool(here)
    by_place = _limited(query, network, searched, here, walked=False)
    limited = _limited(query, network, searched, here, walked=True) if walked else by_place
    place = _either(here) if here else None
    names = tuple(camera.id for camera in searched)
    return Scope(query_camera, modality, place, names, tuple(excluded), limited, by_place)


def _limited(
    query: Query, network: CameraNetwork, cameras: Sequence[Camera], here: frozenset[str], *, walked: bool
) -> dict[str, Moments]:
    """By camera, of those whose sightings a query may not all see."""
    moments = {camera.id: _moments(query, network, camera, here, walked=walked) for camera in cameras}
    return {camera: known for camera, known in moments.items() if known is not None}


def _either(places: Collection[str]) -> str:
    return " or ".join(sorted(places))


def _partly(camera: Camera, here: Collection[str], query_camera: Camera | None) -> ExcludedCamera:
    """Why a query may not see some of a camera's times."""
    spans = [span for span in camera.spans() if span.place in here]
    times = " and ".join(f"{when(span)} ({span.place})" for span in spans)
    shown = None if query_camera is None else query_camera.shown
    reason = (
        f"same place as the query's camera{'' if shown is None else f' {shown}'} {times}; what it took then, and what has no time,"
        " is left out, the rest is searched"
    )
    away = [{"place": span.place, **ends(span)} for span in spans]
    return ExcludedCamera(camera.id, reason, Code.SAME_PLACE_AT_TIMES, {"query_camera": shown, "spans": away})


def _moments(
    query: Query, network: CameraNetwork, camera: Camera, here: frozenset[str], *, walked: bool
) -> Moments | None:
    """When a camera's sightings were taken that the query may see; None where it may see all of them.

    Left out is what may be of the query's place, and what nobody could have walked to or from in time.
    """
    if not walked and here.isdisjoint(network.ever[camera.id]):
        return None
    spans = camera.spans()
    elsewhere = [span for span in spans if span.place not in here]
    windows, everything = [], len(elsewhere) == len(spans)
    for span in elsewhere:
        walk = network.walk(next(iter(here)), span.place) if walked else None
        everything = everything and walk is None
        windows += [_common(span, begin, end) for begin, end in _walked(query.taken_at, walk)]
    if everything:
        return None
    in_order = np.array([(begin, end) for begin, end in windows if begin < end], np.int64)
    return Moments(in_order.reshape(-1, 2), untimed=len(elsewhere) == len(spans))


def _walked(taken_at: datetime | None, walk: Passage | None) -> list[tuple[int, int]]:
    """Before and after a moment: when somebody may have been at the other end of a passage; at all times without one."""
    if taken_at is None or walk is None:
        return [(-EVER, EVER)]
    soonest, latest = (round(min(seconds * 1e6, EVER / 2)) for seconds in (walk.soonest_s, walk.latest_s))
    moment = to_microseconds(taken_at)
    before, after = (moment - latest, moment - soonest + 1), (moment + soonest, moment + latest + 1)
    return [(before[0], after[1])] if before[1] >= after[0] else [before, after]


def _common(span: Span, begin: int, end: int) -> tuple[int, int]:
    return max(span.since, begin), min(span.until, end)


def fuse(metric: Metric, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Several shots of one person as one query: the mean of the prepared embeddings. (n, d) → (d,)."""
    if len(embeddings) == 1:
        return np.asarray(embeddings[0], np.float32)
    return np.asarray(metric.prepare(embeddings).astype(np.float64).mean(axis=0), np.float32)


def score(metric: Metric, distance: float, dimension: int) -> float:
    """A distance as a number in 0..1 that falls with it; uncalibrated.

    Cosine: (1 + cos)/2. Euclidean: exp(-d²/D); a batch-norm neck gives each of the D values about unit variance, so
    strangers lie near d² = 2 D.
    """
    return 1 - distance / 2 if metric is Metric.COSINE else float(np.exp(-(distance**2) / dimension))
