"""What may be asked of a search: every option once, with its default, its bounds and a word of help.

`rgbir.client.wire.SearchFields` mirrors them for whoever knows the wire only; `tests/test_options.py` compares the two.
Forms, the client and the command line are made of the mirror.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args, get_origin, get_type_hints

from rgbir.index.cameras import Modality
from rgbir.index.errors import InvalidQuery, UsageError
from rgbir.index.gallery.sightings import MOST_IDENTITY
from rgbir.index.nearest.affinity import Affinity
from rgbir.index.nearest.rerank import reranker
from rgbir.index.times import Hours, check_moment
from rgbir.index.words import listed

Group = Literal["none", "identity", "track", "camera"]
Fuse = Literal["best", "mean"]
Passages = Literal["filter", "rank", "off"]
MAX_TOP_K = 10_000
MOST_RERANKED = 1_000
"""Nearest sightings that a re-ranking orders anew, where it doesn't order all."""
MOST_NEIGHBOURS = 32
"""Of a sighting that a re-ranking may go by. As many are kept for aim; by 500, k-reciprocal would take minutes."""


@dataclass(frozen=True, slots=True)
class Option:
    """What is said of an option beside its type and default.

    Attributes:
        description: for help and references.
        least: the smallest value.
        most: the largest value.
    """

    description: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which sightings a query may see, and how many of them answer. Each option's words stand beside it.

    Without `cameras`, all of the other modality are searched. Naming one searches it whatever its modality, but never at the
    query's own place. Where `since`, `until` or `hours` is given, sightings without a time are left out.

    Raises:
        InvalidQuery: a value out of its range.
    """

    camera: Annotated[str | None, Option("the camera that took the images; cameras at its place are left out")] = None
    modality: Annotated[Modality | None, Option("modality of the images, where the camera doesn't say it")] = None
    cameras: Annotated[Sequence[str] | None, Option("search only these")] = None
    top_k: Annotated[int, Option("most hits wanted", least=1, most=MAX_TOP_K)] = 10
    since: Annotated[datetime | None, Option("earliest time of a sighting, ISO 8601 with a zone")] = None
    until: Annotated[datetime | None, Option("sightings before this time only, ISO 8601 with a zone")] = None
    hours: Annotated[
        Hours | None, Option("time of day, over midnight too: 22:00-05:30, or 22:00-05:30 Europe/Berlin")
    ] = None
    taken_at: Annotated[
        datetime | None,
        Option(
            "when the images were taken, ISO 8601 with a zone; needed for walking times, and to know where a camera that moved was"
        ),
    ] = None
    identity: Annotated[int | None, Option("only sightings labelled with it", least=0, most=MOST_IDENTITY)] = None
    track: Annotated[str | None, Option("only sightings of it")] = None
    least_score: Annotated[float, Option("no hits below it", least=0, most=1)] = 0.0
    visible: Annotated[
        Sequence[str] | None,
        Option("the only cameras that the one who asks may see; others are neither searched nor told of"),
    ] = None

    def __post_init__(self) -> None:
        for name, kind in options_of(type(self)).items():
            value, option = getattr(self, name), kind.option
            if kind.choices and value not in kind.choices:
                raise InvalidQuery(f"{name} is {listed(kind.choices, 'or')}, not {value!r}")
            if value is None or option.least is None or option.most is None:
                continue
            if not option.least <= value <= option.most:
                raise InvalidQuery(f"{name} is from {option.least:,} to {option.most:,}, not {value}")
        for name in ("since", "until", "taken_at"):
            try:
                check_moment(getattr(self, name), name)
            except UsageError as error:
                raise InvalidQuery(str(error)) from None
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidQuery(
                f"since is before until; {self.since.isoformat()} to {self.until.isoformat()} is no time at all"
            )

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """From values as they travel: text for modality, moments and hours, lists of names; empty text is nothing.

        Raises:
            InvalidQuery: an option that there isn't, or a value that doesn't fit.
        """
        kinds = options_of(cls)
        if unknown := sorted(values.keys() - kinds.keys()):
            raise InvalidQuery(f"no search option {unknown[0]!r}; there are {listed(kinds)}")
        return cls(**{name: _held(kinds[name].type, value) for name, value in values.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions(Filters):
    """A search without its images: what it may see, and how its hits are arranged.

    Raises:
        InvalidQuery: a value out of its range, or arrangements that exclude each other.
    """

    passages: Annotated[
        Passages,
        Option("sightings that nobody could have walked to in time: leave them out, rank them last, or keep them"),
    ] = "filter"
    group_by: Annotated[Group, Option("the best hit of each")] = "none"
    fuse: Annotated[
        Fuse,
        Option("with group_by=track: a track is as near as its best shot, or as the mean of its shots that may answer"),
    ] = "best"
    rerank: Annotated[
        str | None,
        Option(
            "order hits again by their neighbours: aim or k-reciprocal, or with settings aim:k1,k2 or k-reciprocal:k1,k2,weight"
        ),
    ] = None
    candidates: Annotated[
        int,
        Option(
            "with rerank: order so many nearest again; 0 is all for aim where lists of neighbours are kept, else 1,000",
            least=0,
            most=MOST_RERANKED,
        ),
    ] = 0

    def __post_init__(self) -> None:
        Filters.__post_init__(self)
        if self.rerank is not None:
            self._expect_reranker()
        elif self.candidates:
            raise InvalidQuery(
                f"candidates={self.candidates} are those of a re-ranking; say which with rerank, or leave it out"
            )
        if self.fuse == "mean" and self.group_by != "track":
            raise InvalidQuery(
                f"fuse=mean is of a track's shots and goes with group_by=track, not with group_by={self.group_by}; leave out one"
                " of them"
            )

    def _expect_reranker(self) -> None:
        try:
            by = reranker(self.rerank or "")
        except UsageError as error:
            raise InvalidQuery(str(error)) from None
        if self.group_by != "none":
            raise InvalidQuery("hits are re-ranked or grouped, not both; leave out rerank or group_by")
        if (most := max(by.k1, by.k2)) > MOST_NEIGHBOURS:
            name = "aim" if isinstance(by, Affinity) else "k-reciprocal"
            raise InvalidQuery(f"{name} goes by at most {MOST_NEIGHBOURS} neighbours in a search, not by {most}")


class Kind(NamedTuple):
    """An option's type and its words.

    Attributes:
        type: without what may be None.
        option: its description and bounds.
        choices: the only values, if there are such.
    """

    type: Any
    option: Option
    choices: tuple[str, ...]


_OPTIONS: dict[type, dict[str, Kind]] = {}
"""By class: looked up for every query."""


def options_of(form: type) -> dict[str, Kind]:
    """The options of a class, in order; without a query's embedding."""
    if form not in _OPTIONS:
        hints = get_type_hints(form, include_extras=True)
        _OPTIONS[form] = {name: _kind(hint) for name, hint in hints.items() if get_origin(hint) is Annotated}
    return _OPTIONS[form]


def _kind(hint: Any) -> Kind:
    whole, option = get_args(hint)
    if get_origin(whole) is Literal:
        return Kind(whole, option, get_args(whole))
    return Kind(next((part for part in get_args(whole) if part is not NoneType), whole), option, ())


def _held(kind: Any, value: Any) -> Any:
    """A value as an option of that type holds it."""
    if value is None or value == "":
        return None
    if kind is Modality:
        return Modality(value)
    if kind is Hours and isinstance(value, str):
        return Hours.parse(value)
    if kind is datetime and isinstance(value, str):
        return datetime.fromisoformat(value)
    return tuple(value) if get_origin(kind) is Sequence else value
