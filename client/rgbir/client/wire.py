"""The protocol between client and server: what travels as JSON. The server imports these; there is no other definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypedDict

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr
from pydantic_core import PydanticCustomError

from rgbir.client import notebook, tables
from rgbir.client.crops import MOST_KEPT, NOWHERE, Origin
from rgbir.client.errors import ClientError, ConnectionFailed

if TYPE_CHECKING:
    import pandas

Modality = Literal["rgb", "ir"]


Name = Annotated[str, Field(max_length=200)]
Names = Annotated[str, Field(max_length=20_000)]
"""Of several, separated by commas."""
Text = Annotated[str, Field(max_length=1000)]


def _moment(value: object) -> object:
    """A number alone is none: pydantic would take it for seconds or milliseconds since 1970."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise PydanticCustomError(
            "datetime_parsing",
            "is ISO 8601 with a zone, such as 2026-03-01T22:15:00+01:00, not {came}",
            {"came": repr(str(value)[:80])},
        ) from None


Moment = Annotated[datetime, BeforeValidator(_moment)]
"""Of a request. Whoever uses it checks that it has a zone."""


class QueryFields(TypedDict, total=False):
    """What every search says of its query, as form fields."""

    camera: Annotated[
        Name | None, Field(None, description="the camera that took the images; cameras at its place are left out")
    ]
    modality: Annotated[
        Modality | None, Field(None, description="modality of the images, where the camera doesn't say it")
    ]
    cameras: Annotated[Sequence[Names] | None, Field(None, max_length=1000, description="search only these")]


class SearchFields(QueryFields, total=False):
    """The options of a search, as form fields: those that the index takes, with its defaults, bounds and words."""

    top_k: Annotated[int, Field(10, ge=1, le=10_000, description="most hits wanted")]
    since: Annotated[Moment | None, Field(None, description="earliest time of a sighting, ISO 8601 with a zone")]
    until: Annotated[Moment | None, Field(None, description="sightings before this time only, ISO 8601 with a zone")]
    hours: Annotated[
        Text | None,
        Field(None, description="time of day, over midnight too: 22:00-05:30, or 22:00-05:30 Europe/Berlin"),
    ]
    taken_at: Annotated[
        Moment | None,
        Field(
            None,
            description="when the images were taken, ISO 8601 with a zone; needed for walking times, and to know where a camera that moved was",
        ),
    ]
    passages: Annotated[
        Literal["filter", "rank", "off"],
        Field(
            "filter",
            description="sightings that nobody could have walked to in time: leave them out, rank them last, or keep them",
        ),
    ]
    identity: Annotated[int | None, Field(None, ge=0, le=2**63 - 1, description="only sightings labelled with it")]
    track: Annotated[Text | None, Field(None, description="only sightings of it")]
    least_score: Annotated[float, Field(0.0, ge=0, le=1, description="no hits below it")]
    group_by: Annotated[
        Literal["none", "identity", "track", "camera"], Field("none", description="the best hit of each")
    ]
    fuse: Annotated[
        Literal["best", "mean"],
        Field(
            "best",
            description="with group_by=track: a track is as near as its best shot, or as the mean of its shots that may answer",
        ),
    ]
    rerank: Annotated[
        Text | None,
        Field(
            None,
            description="order hits again by their neighbours: aim or k-reciprocal, or with settings aim:k1,k2 or k-reciprocal:k1,k2,weight",
        ),
    ]
    candidates: Annotated[
        int,
        Field(
            0,
            ge=0,
            le=1000,
            description="with rerank: order so many nearest again; 0 is all for aim where lists of neighbours are kept, else 1,000",
        ),
    ]


class Wire(BaseModel):
    model_config = ConfigDict(
        frozen=True, from_attributes=True, serialize_by_alias=True, validate_by_name=True, validate_by_alias=True
    )


ImagePath = Annotated[
    str | None,
    Field(None, alias="image", description="path of the enrolled crop on this server, if it was kept"),
]


class WithCrop(Wire):
    """A sighting, whose crop the server that told of it may have."""

    _origin: Origin = PrivateAttr(default_factory=lambda: NOWHERE)  # a default is copied for each

    def come_from(self, origin: Origin) -> None:
        """Notes which client brought it."""
        self._origin = origin

    def image(self) -> Any:
        """The crop's bytes, JPEG or PNG, from the server that told of it; of an `AsyncClient` something to await.

        Raises:
            NoPicture: no crop was kept, or no client brought this.
            ClientError: the server doesn't give it.
        """
        return self._origin.image(*self._crop())

    def _crop(self) -> tuple[str, bool]:
        """The sighting's id, and whether its crop was kept."""
        raise NotImplementedError

    def _picture(self) -> bytes | None:
        """The crop where it is known already, or can be had without awaiting."""
        if self._origin.waits:
            return self._origin.kept.get(self._crop()[0])
        picture: bytes = self.image()
        return picture


class UnderstoodQuery(Wire):
    camera: str | None = Field(description="the query's camera")
    modality: Modality | None
    place: str | None = Field(description="of the query's camera; cameras there are left out")
    shots: int = Field(ge=1, description="images of the one person")


Values = dict[str, Any]
"""What the sentence of a code needs, by name; docs/reference/http.md has every code with its values."""


class ExcludedCamera(Wire):
    camera: str
    reason: str = Field(description="in words")
    code: str = Field("", description="the same for programs")
    values: Values = Field({}, description="what the code's sentence needs")


class Remark(Wire):
    """What the one who asks may have overlooked."""

    code: str = Field(description="for programs")
    text: str = Field(description="the same in words")
    values: Values = Field({}, description="what the code's sentence needs")


class Coverage(Wire):
    """Of the sightings that the key sees: each counts once, under the first of these that leaves it out, or under `searched`."""

    place: int = Field(description="may be of the place of the query's camera")
    cameras: int = Field(description="of cameras not asked for, or that give images of the query's modality only")
    untimed: int = Field(description="without a time, where one is asked for")
    time: int = Field(description="taken at another time than asked for")
    passages: int = Field(description="which nobody could have walked to or from in time")
    labels: int = Field(description="of another identity or track than asked for")
    searched: int = Field(description="compared with the query")


ERRORS_AT = "where to read how often this model errs, and on what; none where nobody has measured it"


class Verdict(Wire):
    """Whether looking at the hits is worth it."""

    code: Literal["lead", "doubt", "unknown", "none", "no_camera", "failed"]
    values: Values = Field({}, description="what the code's sentence needs")


class Meaning(Wire):
    """What a distance means between two cameras, measured on labelled sightings of both."""

    probability: float = Field(ge=0, le=1, description="of one person, if one and two were equally likely beforehand")
    false_accept_rate: float = Field(ge=0, le=1, description="the share of strangers as near")
    strangers: float | None = Field(None, description="expected as near among all that were searched")


class Hit(WithCrop):
    rank: int = Field(ge=1)
    id: str = Field(description="of the sighting")
    camera: str
    taken_at: datetime | None = None
    identity: int | None = None
    track: str | None = None
    source: str = Field("", description="the image's name when it was enrolled")
    distance: float = Field(description="in the model's metric, smaller is more alike")
    score: float = Field(ge=0, le=1, description="falls with the distance; uncalibrated, no probability")
    image_path: ImagePath
    plain_rank: int | None = Field(
        None, description="its rank before hits were re-ranked, or before marks were heeded; none if it was no hit then"
    )
    recording: str | None = Field(
        None, description="address of the moment in the site's video system, if the camera has one"
    )
    new: bool | None = Field(
        None, description="no earlier search of the case had it; none in the first one, and where there is no case"
    )
    others: int = Field(
        0, description="further hits of its group, where hits were grouped; with fuse=mean the other shots of the mean"
    )
    meaning: Meaning | None = Field(None, description="none where the cameras aren't calibrated")

    def _crop(self) -> tuple[str, bool]:
        return self.id, self.image_path is not None


class Model(Wire):
    name: str
    fingerprint: str


class OfCase(Wire):
    """What a search of a case used and left there."""

    id: str
    number: str
    search: int = Field(description="the search's number, by which the case keeps it")
    queries: list[str] = Field(description="the case's pictures that were searched with")
    same: int = Field(0, description="hits marked same that were further shots")
    different: int = Field(0, description="hits marked different, which are behind all others with who looks like them")
    new: int = Field(0, description="hits that no earlier search of the case had")


Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of a picture."""


class FoundPerson(Wire):
    """Somebody whom the server's detector found in a picture."""

    box: Box = Field(description="left, top, right, bottom in pixels")
    score: float = Field(ge=0, le=1, description="how sure the detector is, in its own scores")


class FoundIn(FoundPerson):
    """Whom a search took in one of its pictures: the largest of all that were found."""

    name: str = Field(description="of the picture")
    width: int = Field(description="of the picture, in pixels")
    height: int = Field(description="of the picture, in pixels")
    people: list[FoundPerson] = Field(description="everybody who was found, the surest first")
    found_by: str = Field(description="the detector's fingerprint")


class Reranking(Wire):
    """How hits were ordered again by their neighbours. Only sightings that the query may see are neighbours."""

    method: str = Field(description="with its settings, such as aim(4,1)")
    scored: int = Field(description="sightings that were ordered again, the nearest ones; no other is a hit")
    seen: int = Field(description="sightings that the query may see")
    most: int = Field(description="sightings that are ordered again where not all are")
    made: int = Field(description="lists of neighbours that were made for this answer")
    kept: int = Field(description="lists of neighbours that the server keeps now, in memory")
    most_kept: int = Field(
        description="lists of neighbours that it keeps at most; of larger galleries not all are made"
    )
    kept_bytes: int = Field(description="that these lists take in memory")


class SearchResponse(Wire):
    """Hits from the most alike on, and what was searched for them."""

    query: UnderstoodQuery
    searched_cameras: list[str]
    excluded_cameras: list[ExcludedCamera]
    hits: list[Hit]
    model: Model
    generation: int = Field(description="the gallery's state that answered; counts its changes")
    exact: bool = Field(description="whether the hits are proven to be brute force's")
    milliseconds: dict[str, float] = Field(description="by stage: decode, encode, search")
    warnings: list[str] = Field(
        [], description="what is wrong with the query's images or doubtful about the hits, if anything"
    )
    coverage: Coverage | None = Field(
        None, description="how many sightings were searched, and what left the others out"
    )
    remarks: list[Remark] = Field([], description="the warnings with codes for programs, in the same order")
    doubtful: bool | None = Field(None, description="probably not in this gallery; none where that isn't known")
    verdict: Verdict = Field(Verdict(code="unknown"), description="whether looking at the hits is worth it")
    errors: str | None = Field(None, description=ERRORS_AT)
    error: str | None = Field(
        None, description="of a batch: why this image couldn't be searched with; nothing was searched then"
    )
    reranking: Reranking | None = Field(None, description="of a search with rerank: what was done")
    case: OfCase | None = Field(None, description="of a search that belongs to a case of the server's")
    detected: list[FoundIn] = Field(
        [], description="of a search with detect: whom it took in each picture, in their order"
    )

    @classmethod
    def of(cls, answer: Answer, root_path: str | None = None) -> SearchResponse:
        """An index's answer as it travels.

        Args:
            root_path: below which the server is seen; None without a server.
        """
        return cls(
            query=UnderstoodQuery.model_validate(answer),
            searched_cameras=list(answer.searched_cameras),
            excluded_cameras=[ExcludedCamera.model_validate(excluded) for excluded in answer.excluded_cameras],
            hits=[_hit(hit, root_path or "") for hit in answer.hits],
            model=Model(name=answer.model, fingerprint=answer.fingerprint),
            generation=answer.generation,
            exact=answer.exact,
            milliseconds={stage: round(value, 3) for stage, value in answer.milliseconds.items()},
            warnings=list(answer.warnings),
            coverage=Coverage.model_validate(answer.coverage),
            remarks=[Remark.model_validate(remark) for remark in answer.remarks],
            verdict=Verdict.model_validate(answer.verdict),
            doubtful=answer.doubtful,
            errors=answer.errors if answer.errors is None or root_path is None else errors_path(root_path),
            error=answer.error,
            reranking=None if answer.reranking is None else Reranking.model_validate(answer.reranking),
        )

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each hit; what a distance means in three columns, times in UTC.

        Raises:
            ImportError: there is no pandas.
        """
        return tables.of_records(_HIT_COLUMNS, self._records())

    def _records(self) -> Iterator[dict[str, Any]]:
        for hit in self.hits:
            meaning = {} if hit.meaning is None else hit.meaning.model_dump()
            yield {name: getattr(hit, name) for name in Hit.model_fields} | meaning

    def _repr_html_(self) -> str:
        """For a notebook: what was asked, what is doubtful, and the first hits with their pictures."""
        return self._html(MOST_KEPT)

    def _html(self, most: int) -> str:
        """With so many hits."""
        asked = self.query
        where = f"camera {asked.camera} ({asked.place})" if asked.camera else "no camera named"
        title = f"{asked.modality} image, {where}, {asked.shots} shot{'s' if asked.shots > 1 else ''}"
        return notebook.answer(
            f"{title}; searched: {', '.join(self.searched_cameras) or 'no camera'}",
            list(self._verdicts()),
            ("rank", "camera", "time", "identity", "distance", "score", "source"),
            list(_rows(self.hits[:most])),
            len(self.hits[most:]),
        )

    def _verdicts(self) -> Iterator[str]:
        if self.error is not None:
            yield f"not searched: {self.error}"
        if self.doubtful:
            yield "doubtful: the person is probably not in this gallery"
        yield told_errors(self.errors)
        if not self.exact:
            yield "approximate: an index proposed the hits, and may have missed some"
        yield from (f"warning: {warning}" for warning in self.warnings)
        yield from (f"left out: camera {left.camera}: {left.reason}" for left in self.excluded_cameras)


_HIT_COLUMNS = {name: kind for name, kind in tables.columns(Hit, Meaning).items() if name != "meaning"}


def _rows(hits: Iterable[Hit]) -> Iterator[notebook.Row]:
    """Each with its picture, or why there is none; a server that is away is asked once."""
    away: ConnectionFailed | None = None
    for hit in hits:
        picture, instead = None, ""
        try:
            picture = None if away is not None else hit._picture()
            instead = "" if away is None else str(away)
        except ConnectionFailed as error:
            away, instead = error, str(error)
        except ClientError as error:
            instead = str(error)
        time = "" if hit.taken_at is None else hit.taken_at.isoformat(sep=" ", timespec="seconds")
        identity = "" if hit.identity is None else str(hit.identity)
        cells = (
            str(hit.rank),
            hit.camera,
            time,
            identity,
            f"{hit.distance:.4f}",
            f"{hit.score:.3f}",
            hit.source or hit.id,
        )
        yield notebook.Row(picture, instead, cells)


_HITS_OF_EACH = 5
"""That a notebook shows of a batch's answers."""


class Answers(list[SearchResponse]):
    """What `search_each` gives: an answer for each image, in their order."""

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each hit; `query` is its answer's place in this list.

        Raises:
            ImportError: there is no pandas.
        """
        records = ({"query": place} | record for place, answer in enumerate(self) for record in answer._records())
        return tables.of_records({"query": "Int64"} | _HIT_COLUMNS, records)

    def _repr_html_(self) -> str:
        """For a notebook: the first answers with their first hits, and no more pictures than of one answer."""
        shown = MOST_KEPT // _HITS_OF_EACH
        parts = [answer._html(_HITS_OF_EACH) for answer in self[:shown]]
        if len(self) > shown:
            parts.append(f"<p>and {len(self) - shown:,} more answers</p>")
        return "".join(parts)


class BatchResponse(Wire):
    """One answer a query, in the order of the images."""

    answers: list[SearchResponse]


class Answer(Protocol):
    """What `SearchResponse.of` reads; `rgbir.index.Answer` is one. Stated here because the client knows nobody."""

    @property
    def searched_cameras(self) -> Sequence[str]: ...
    @property
    def excluded_cameras(self) -> Sequence[Any]: ...
    @property
    def hits(self) -> Sequence[Any]: ...
    @property
    def model(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def exact(self) -> bool: ...
    @property
    def milliseconds(self) -> Mapping[str, float]: ...
    @property
    def warnings(self) -> Sequence[str]: ...
    @property
    def coverage(self) -> Any: ...
    @property
    def remarks(self) -> Sequence[Any]: ...
    @property
    def verdict(self) -> Any: ...
    @property
    def doubtful(self) -> bool | None: ...
    @property
    def errors(self) -> str | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def reranking(self) -> Any: ...


def image_path(sighting: str, root_path: str) -> str:
    """Where a server shows a sighting's crop."""
    return f"{root_path}/gallery/sightings/{sighting}/image"


def errors_path(root_path: str) -> str:
    """Where a server shows how often its model errs."""
    return f"{root_path}/model/errors"


def told_errors(errors: str | None) -> str:
    """Where an answer says that how often its model errs can be read, in words."""
    if errors is None:
        return "errors: nobody has measured how often this model errs; `rgbir evaluate --report robustness` does"
    return f"errors: how often this model errs, and on what: {errors}"


def clip_path(sighting: str, root_path: str) -> str:
    """Where a server shows the seconds around a sighting."""
    return f"{root_path}/gallery/sightings/{sighting}/clip"


def _hit(hit: Any, root_path: str) -> Hit:
    wire_hit = Hit.model_validate(hit)
    return wire_hit.model_copy(update={"image_path": image_path(wire_hit.id, root_path)}) if hit.has_image else wire_hit


class CameraCount(Wire):
    camera: str
    sightings: int
    identities: int
    earliest: datetime | None = None
    latest: datetime | None = None


class GalleryInfo(Wire):
    sightings: int
    generation: int
    model: str
    fingerprint: str
    metric: Literal["euclidean", "cosine"]
    dimension: int
    cameras: list[CameraCount]

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each camera.

        Raises:
            ImportError: there is no pandas.
        """
        return tables.of_models(CameraCount, self.cameras)


class Stay(Wire):
    """A time that a camera spent at one place, until the next one begins."""

    place: str
    since: datetime | None = Field(None, description="none is from the beginning")
    position: tuple[float, float] | None = Field(
        None, description="x and y, in the units of the network's plan: pixels where it has a picture"
    )


class CameraInfo(Wire):
    id: str = Field(description="what it is called")
    aliases: list[str] = Field([], description="other names that it answers to, such as its id before it was renamed")
    modalities: list[Modality]
    place: str = Field(description="what it looks at now")
    places: list[Stay] = Field([], description="all its places in order")
    scene: Literal["indoor", "outdoor"] | None = None
    recording: str | None = Field(
        None, description="where its recordings are: an address with places for a sighting's moment"
    )
    zones: str | None = Field(
        None, description="parts of its picture that nobody looks at, as the field `zones` of a change says them"
    )
    sightings: int


class Passage(Wire):
    """How long somebody walks between two places, either way."""

    origin: str
    destination: str
    soonest_s: float = Field(description="seconds that it takes at least")
    latest_s: float | None = Field(None, description="seconds that it takes at most; none where nobody says")


class PlanPicture(Wire):
    """Where the plan's picture is on this server, and its size in pixels, in which positions count from its top left."""

    path: str
    width: int
    height: int


class Network(Wire):
    name: str
    plan: str | None = Field(None, description="which plan positions are on, and in which units")
    picture: PlanPicture | None = Field(
        None, description="of the plan; none where there is none, or for a key of some cameras"
    )
    cameras: list[CameraInfo]
    passages: list[Passage] = Field([], description="between places of these cameras")

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each camera.

        Raises:
            ImportError: there is no pandas.
        """
        return tables.of_models(CameraInfo, self.cameras)


class TouchedSightings(Wire):
    """What a change means for the sightings of a camera."""

    camera: str
    sightings: int
    moved: int = Field(description="taken while the camera was elsewhere than was known before")
    untimed: int = Field(description="without a time, so that they may have been")
    since: datetime | None = Field(
        None, description="when the first place that changes begins; none if that is the first"
    )


class CameraChange(Wire):
    """What became of a camera."""

    camera: CameraInfo | None = Field(None, description="as it is now; none if it was removed")
    changed: bool = Field(description="false if it was so already, or if this was only tried")
    touched: list[TouchedSightings]
    unreached: list[str] = Field(
        [], description="galleries of other models that can't be changed now; they follow before they answer"
    )


class CameraFields(TypedDict, total=False):
    """What is said of a camera, as form fields; what isn't sent stays as it is."""

    modalities: Annotated[
        Sequence[Names] | None, Field(None, max_length=2, description="what its images are: rgb, ir or both")
    ]
    place: Annotated[Name | None, Field(None, description="what it looks at; cameras at one place are never matched")]
    since: Annotated[
        Moment | None,
        Field(None, description="from when on it is there, with a zone, until its next move; else at all times"),
    ]
    position: Annotated[Name | None, Field(None, description="where it hangs on the plan: x,y")]
    scene: Annotated[Literal["indoor", "outdoor"] | None, Field(None, description="where it stands")]
    name: Annotated[
        Name | None, Field(None, description="what to call it from now on; the names before stay its aliases")
    ]
    aliases: Annotated[Sequence[Names] | None, Field(None, max_length=100, description="further names for it")]
    recording: Annotated[
        Text | None,
        Field(
            None,
            description="where its recordings are: http:// or https:// with {camera}, {id}, {time}, {seconds}, {milliseconds}, {source} or"
            " {frame.NAME}; `none` takes it away",
        ),
    ]
    zones: Annotated[
        str | None,
        Field(
            None,
            max_length=20_000,
            description="parts of its picture that nobody looks at: `0,0 0.3,0 0.3,0.4 0,0.4; …`, corners as shares of width and height;"
            " `none` takes them away",
        ),
    ]


class Sighting(WithCrop):
    id: str
    camera: str
    source: str
    taken_at: datetime | None = None
    identity: int | None = None
    track: str | None = None
    recording: str | None = Field(
        None, description="address of the moment in the site's video system, if the camera has one"
    )
    image_path: ImagePath
    clip_path: str | None = Field(
        None,
        alias="clip",
        description="path of the seconds around it on this server, if the recording is kept or mounted",
    )

    def _crop(self) -> tuple[str, bool]:
        return self.id, self.image_path is not None


class SightingPage(Wire):
    """Some of the sightings, in order."""

    sightings: list[Sighting]
    next: str | None = Field(None, description="the cursor of the next page; none where this was the last")


class Neighbours(Wire):
    """What a camera took before and after a sighting, each in the order of time."""

    before: list[Sighting]
    after: list[Sighting]


class Bucket(Wire):
    at: str = Field(description="its beginning on the zone's clocks, ISO 8601: a date, or an hour with its offset")
    sightings: int


class CameraBuckets(Wire):
    camera: str
    untimed: int = Field(description="sightings without a time, which are in no bucket")
    buckets: list[Bucket] = Field(description="those with sightings, in order")


class SightingCounts(Wire):
    by: Literal["hour", "day"]
    zone: str
    cameras: list[CameraBuckets]


class Enrolled(Wire):
    """What became of one image."""

    name: str = Field(description="the file's name, or its place among the images")
    status: Literal["added", "present", "skipped"]
    id: str | None = Field(None, description="of the sighting; none if skipped")
    reason: str | None = Field(None, description="why it was skipped, or what of its labels stays as it is")


class EnrolResponse(Wire):
    results: list[Enrolled]


class EnrolledPerson(FoundPerson):
    """What became of somebody whom the server found in a picture."""

    status: Literal["added", "present", "skipped"]
    id: str | None = Field(None, description="of the sighting; none if skipped")
    reason: str | None = Field(None, description="why it was skipped, or what of its labels stays as it is")


class EnrolledFrame(Wire):
    """What became of a whole picture."""

    name: str = Field(description="the file's name, or its place among the images")
    width: int | None = Field(None, description="in pixels; none where it can't be read")
    height: int | None = Field(None, description="in pixels; none where it can't be read")
    people: list[EnrolledPerson] = Field([], description="everybody who was found, the surest first")
    found_by: str | None = Field(None, description="the detector's fingerprint; none where the picture can't be read")
    reason: str | None = Field(None, description="why it can't be read")


class FramesResponse(Wire):
    frames: list[EnrolledFrame]


class FilmFields(TypedDict, total=False):
    """What is said of a film that is sent to be enrolled, as form fields."""

    start: Annotated[
        Moment | None,
        Field(None, description="when its first frame was taken; without an offset it is local time in `zone`"),
    ]
    name_time: Annotated[
        Name | None,
        Field(
            None,
            description="read the start from the film's name: unix, unix-ms, dahua, hikvision, reolink, axis, frigate, or a pattern such as"
            " %Y%m%d_%H%M%S. The film may be named with its folders",
        ),
    ]
    zone: Annotated[Name | None, Field(None, description="of local times, such as Europe/Berlin")]
    offset: Annotated[float | None, Field(None, description="seconds to add to what the recorder's clock says")]
    drift: Annotated[float | None, Field(None, description="seconds that the recorder's clock gains a day")]
    right_at: Annotated[
        Moment | None, Field(None, description="since when it drifts, with an offset; else since the film's beginning")
    ]
    sample: Annotated[
        float | None,
        Field(None, ge=0, le=60, description="frames a second that are looked at; 0 is every frame, 5 by default"),
    ]
    shots: Annotated[
        int | None,
        Field(None, ge=1, le=50, description="pictures of each track that are enrolled, at most; 5 by default"),
    ]
    confidence: Annotated[
        float | None,
        Field(
            None, ge=0.01, le=1, description="how sure a detection must be to begin a track; else the detector's own"
        ),
    ]
    trust_frames: Annotated[
        bool | None,
        Field(None, description="look at frames of another modality than the camera is declared with, too"),
    ]


class JobFilm(Wire):
    """The film that a job works through."""

    name: str
    camera: str
    sha256: str
    found_by: str = Field(description="who finds people: a detector's fingerprint, or motion, which finds what moves")
    seconds: float | None = Field(None, description="how long it is; null where it doesn't say, or before it is known")
    seconds_done: float = Field(description="of it that are worked through")
    tracks: int = Field(description="people who passed; one who left and came back is two")
    shots: int = Field(description="pictures of them that are enrolled, or were before")
    start: datetime | None = Field(None, description="when its first frame was taken; null where nobody knows")
    time_from: str = Field(description="where that comes from: said, name, container, unknown")
    remarks: list[str] = Field([], description="what is worth knowing")


class Job(Wire):
    """A bulk enrolment on the server."""

    id: str
    who: str = Field(description="the key that started it")
    kind: Literal["archive", "footage"] = "archive"
    film: JobFilm | None = Field(None, description="of kind footage: what it works through")
    state: Literal["waiting", "running", "done", "cancelled", "failed"]
    total: int = Field(description="files in the archive, or rows of its table and files without one; 1 of a film")
    added: int
    present: int
    skipped: int
    skipped_by: dict[str, int] = Field({}, description="how many were skipped for which kind of reason")
    reasons: dict[str, str] = Field({}, description="why the first hundred were skipped, by name")
    error: str | None = None
    made_at: datetime
    ended_at: datetime | None = None


class JobList(Wire):
    jobs: list[Job]


class ServedModel(Wire):
    """A bundle on the server, and how far its gallery is."""

    name: str
    state: Literal["available", "filling", "ready", "answering", "failed"]
    fingerprint: str | None = Field(None, description="known once its gallery was opened")
    total: int = Field(0, description="sightings to be in its gallery")
    done: int = Field(0, description="of them looked at in this round")
    missing: int = Field(0, description="sightings whose crop can't be read, which this model wouldn't find")
    reasons: dict[str, str] = Field({}, description="why, of the first hundred")
    overlap: float | None = Field(
        None, description="share of the ten nearest in common with the model that answered when this one was made ready"
    )
    error: str | None = None


class ModelList(Wire):
    models: list[ServedModel]


class Backup(Wire):
    """A copy of the gallery, which keeps what is erased after it was made."""

    name: str = Field(description="of its folder")
    made_at: datetime


class CaseTouched(Wire):
    """What a case holds of whom an erasure means."""

    number: str | None = Field(description="of the case; none if the caller doesn't see it")
    pictures: int = Field(description="that show them, and go, too")
    near: int = Field(
        description="that look like them, of the twenty nearest that the same model embedded; listed for a person to decide"
    )
    held: bool = Field(description="a legal hold keeps the case; the erasure is refused while it has such pictures")


class Removed(Wire):
    """How much an erasure removed, or would remove, and where else what it means may be."""

    removed: int
    dry_run: bool = Field(False, description="nothing was removed: this is only what would be")
    backups: list[Backup] = Field([], description="copies that were made before, and may hold the erased")
    others: dict[str, int] = Field({}, description="of a dry run: how many there are in galleries of other models")
    archives: list[str] = Field(
        [],
        description="jobs that the key sees, whose archives and films were received and aren't enrolled yet; what they hold of the erased won't be",
    )
    unreached: list[str] = Field(
        [],
        description="galleries of other models that can't be changed now; their next opening erases there, and their backups aren't known",
    )
    cases: list[CaseTouched] = Field(
        [], description="cases that hold pictures of the erased, or of who looks like them"
    )
    unknown: list[str] = Field([], description="ids that were named, and no sighting that the key sees has")


class Embedding(Wire):
    modality: Modality
    dimension: int
    embedding: list[float]
    model: Model


class Reactions(Wire):
    """Where a network reacted in an image, and not why; and the tests that its maps passed (docs/how-to/show-where-it-reacted.md)."""

    modality: Modality
    rows: int
    columns: int
    values: list[list[float]] = Field(
        description="row by row from the top left, over the whole picture; the largest is 1"
    )
    model: Model
    shuffled: float = Field(description="mean rank correlation with maps of shuffled weights")
    covered: float = Field(description="how far an embedding moves without the marked fifth of its image")
    covered_at_random: float = Field(description="the same without another fifth")
    spread: float = Field(description="standard error of the mean difference of the two")


class Distances(Wire):
    """How far every sighting in a query's scope is from it, in enrolment order."""

    sightings: list[str]
    keys: list[float] = Field(description="squared Euclidean distance, or 1 - cosine: what decides the order of hits")
    searched_cameras: list[str]
    excluded_cameras: list[ExcludedCamera]
    generation: int
    model: Model


class CalibratedPair(Wire):
    """What distances between two cameras were measured on."""

    cameras: list[str] = Field(description="the two of them; either may be the query's")
    genuine: int = Field(description="pairs of one person")
    strangers: int = Field(description="pairs of two people")
    distance_1_percent: float = Field(description="1 of 100 strangers is as near")
    distance_01_percent: float = Field(description="1 of 1,000 strangers is as near")
    judged_by: list[str] = Field([], description="who judged the pairs; empty where labels say it")
    least: float | None = Field(None, description="where pairs were judged: no smaller share of strangers can be told")


class CalibrationInfo(Wire):
    generation: int | None = Field(None, description="the gallery's when it was measured; none where nobody did")
    pairs: list[CalibratedPair] = Field([], description="of cameras that the key sees")


class Queue(Wire):
    """How much there is to do now."""

    in_flight: int = Field(description="requests that are being answered or wait")
    most_in_flight: int = Field(description="further ones are refused")
    requests: int = Field(description="of them, those that wait for the model")
    images: int = Field(description="theirs")
    most_images: int = Field(description="further ones are refused")
    seconds: float | None = Field(
        None, description="until all of them went through the model, by the last batches; none before the first"
    )


Right = Literal["search", "enrol", "export", "look", "cases", "monitor", "erase", "keys", "administer"]


class Caller(Wire):
    """The caller, as the server sees it."""

    keys: bool = Field(description="whether this server asks for keys; where it doesn't, everybody may do everything")
    name: str = Field(description="the key's; the audit log has it")
    role: Literal["search", "enrol", "export", "monitor", "admin"]
    rights: list[Right] = Field(description="what it may do")
    cameras: list[str] | None = Field(None, description="the only ones that it sees, by their names; none is all")
    ends_at: datetime | None = Field(None, description="when the key ends; none is never")
    needs_purpose: bool = Field(False, description="whether this server refuses searches that don't say why")
    logged: bool = Field(False, description="whether searches are noted in an audit log, with purpose and case")
    needs_case: bool = Field(False, description="whether this server refuses searches without a case that was approved")
    needs_basis: bool = Field(False, description="whether each case names its legal basis")
    bases: list[str] = Field([], description="the only legal bases that cases may name; any if empty")
    case_days: int | None = Field(None, description="days for which a case is kept; none where no cases are kept")
    films: bool = Field(False, description="whether films may be sent whose people are enrolled")
    detects: bool = Field(False, description="whether this server finds people in whole pictures: it has a detector")


class KeyInfo(Wire):
    """A key as others see it."""

    name: str
    role: Literal["search", "enrol", "export", "monitor", "admin"]
    cameras: list[str] | None = Field(None, description="the only ones that it sees; none is all")
    made_at: datetime
    ends_at: datetime | None = Field(None, description="none is never")


class KeyList(Wire):
    keys: list[KeyInfo]


class NewKey(KeyInfo):
    token: str = Field(description="shown this once, and kept nowhere")


class ReportFile(Wire):
    """An evaluation that was saved with `rgbir evaluate --report`."""

    name: str = Field(description="of its file")
    bytes: int
    written_at: datetime


class ReportList(Wire):
    reports: list[ReportFile]


class SavedReport(Wire):
    """What an evaluation measured: means over its trials, shares from 0 to 1."""

    name: str
    written_at: datetime
    protocol: dict[str, str] = Field(description="the rules, and what the data set left open")
    about: dict[str, str] = Field(description="model, data and versions")
    cmc: dict[int, float] = Field(description="share of queries whose person is among the first so many")
    curve: list[float] = Field(description="the same at every rank from 1, to 50 at most")
    mean_ap: float = Field(description="mAP")
    mean_inp: float = Field(description="mINP")
    trials: int
    queries: int = Field(description="of the first trial, as are the following")
    valid_queries: int
    gallery_rows: int
    gallery_identities: int


class AuditPage(Wire):
    """Entries of the audit log, in order; each has n, at, action, who, and what was done."""

    entries: list[dict[str, Any]]


class AuditChain(Wire):
    """Whether the audit log is whole, as of now."""

    whole: bool
    first: int | None = Field(
        None, description="number of the first entry, over 1 where earlier ones were rotated away; none without any"
    )
    last: int | None = Field(None, description="number of the last entry up to which the chain is unbroken")
    broken_at: int | None = Field(
        None, description="the first entry that isn't right, or that is missing; none if it is whole, or has no number"
    )
    problems: list[str] = Field([], description="what is wrong, in words")
    heads: bool = Field(False, description="whether heads that were noted elsewhere were compared, too")


class Health(Wire):
    status: Literal["ok", "unavailable"]
    detail: str = ""


class FieldError(Wire):
    """What is wrong with one field."""

    field: str
    message: str = Field(description="what was expected")
    code: str = Field(description="the kind of error, by pydantic's names (missing, int_parsing, …), or file_expected")


class Problem(Wire):
    """Why a request wasn't answered (RFC 9457); the reference lists the codes."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:rgbir:problem:unknown-camera",
                "title": "The network has no such camera",
                "status": 422,
                "detail": "no camera '9' in network 'sysu-mm01'; it has: 1, 2, 3, 4, 5 and 6",
                "code": "unknown-camera",
                "request_id": "0f3a6c1e9b7d4a58b2c41d7e5f609a13",
            }
        }
    )

    type: str = Field(description="the code as a URI: urn:rgbir:problem:CODE")
    title: str = Field(description="what the code means")
    status: int
    detail: str = Field(description="what was expected, what came, what to do")
    code: str = Field(description="short and stable, for programs")
    request_id: str | None = Field(
        None,
        description="as in X-Request-Id and in the server's log; none where a connection was refused before its request was read",
    )
    errors: list[FieldError] | None = Field(None, description="each field that doesn't fit")
