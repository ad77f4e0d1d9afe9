"""A person whom Frigate tracked to the end, out of its MQTT messages or of its list of events. Neither is trusted.

Source: Frigate's documents of `frigate/events` and `/api/events`, and its source of versions 0.13 to 0.17. A message names the best
snapshot's time and its box in pixels: left, top, right, bottom. A row of the list names the box as left, top, width and height, in
parts of the frame. It names the snapshot's time in the latest versions only; before, what is known is when the track began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field, FiniteFloat, StringConstraints, TypeAdapter, ValidationError

from rgbir.footage.frigate.errors import PassedOver
from rgbir.index import why

PERSON = "person"
MOST_MESSAGE = 1024 * 1024
"""Bytes of a message. A track of hours has a path of some thousand points."""

Seconds = Annotated[FiniteFloat, Field(ge=0, lt=253_402_300_800)]
Side = Annotated[FiniteFloat, Field(ge=-1e6, le=1e6)]
Score = Annotated[FiniteFloat, Field(ge=0, le=1)]
EventId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Sides = tuple[Side, Side, Side, Side]


@dataclass(frozen=True, slots=True)
class PersonEvent:
    """A tracked person whose track has ended.

    Attributes:
        id: Frigate's, which begins with the time when the track began.
        camera: as Frigate calls it.
        started, ended: seconds since 1970, by Frigate's clock.
        box: left, top, right, bottom of the snapshot's person: in pixels, or in parts of the frame.
        in_parts: which of both.
        taken: when the snapshot was taken, seconds since 1970; None if Frigate doesn't say.
        score: of the snapshot, 0 to 1; None if Frigate doesn't say.
    """

    id: str
    camera: str
    started: float
    ended: float
    box: tuple[float, float, float, float]
    in_parts: bool
    taken: float | None
    score: float | None


class _Best(BaseModel):
    frame_time: Seconds
    box: Sides
    score: Score | None = None


class _Tracked(BaseModel):
    id: EventId
    camera: Name
    start_time: Seconds
    end_time: Seconds
    has_snapshot: bool | None = None
    snapshot: _Best | None = None


class _Data(BaseModel):
    box: Sides | None = None
    score: Score | None = None
    snapshot_frame_time: Seconds | None = None


class _Row(BaseModel):
    id: EventId
    camera: Name
    start_time: Seconds
    end_time: Seconds
    data: _Data = _Data()


_Object = TypeAdapter(dict[str, Any])
_Rows = TypeAdapter(list[dict[str, Any]])


def of_message(payload: bytes) -> PersonEvent | None:
    """The person of a message of `frigate/events`; None if it isn't the end of a person's track.

    Raises:
        PassedOver: it should be one and can't be read, or has no snapshot.
    """
    if len(payload) > MOST_MESSAGE:
        raise PassedOver("malformed", f"a message of {len(payload):,} bytes; at most {MOST_MESSAGE:,} are read")
    try:
        message = _Object.validate_json(payload)
        after = message.get("after")
        if message.get("type") != "end" or not isinstance(after, dict) or not _is_person(after):
            return None
        tracked = _Tracked.model_validate(after)
    except ValidationError as error:
        raise PassedOver("malformed", f"a message that isn't an event of Frigate: {why(error)}") from None
    if tracked.snapshot is None or tracked.has_snapshot is False:
        raise PassedOver(
            "no snapshot", f"event {tracked.id}: Frigate kept no snapshot; turn snapshots on for its camera"
        )
    return PersonEvent(
        tracked.id,
        tracked.camera,
        tracked.start_time,
        tracked.end_time,
        tracked.snapshot.box,
        False,
        tracked.snapshot.frame_time,
        tracked.snapshot.score,
    )


@dataclass(frozen=True, slots=True)
class Page:
    """A page of Frigate's list of events.

    Attributes:
        rows: how many there were, of all kinds.
        earliest: when the earliest of them began, seconds since 1970; None where nothing tells.
        people: persons whose tracks have ended and have a snapshot.
        malformed: what is wrong with rows that can't be read, in words.
    """

    rows: int
    earliest: float | None
    people: list[PersonEvent]
    malformed: list[str]


def of_list(content: bytes) -> Page:
    """The people of a page of `/api/events`.

    Raises:
        ValueError: it is no such list at all.
    """
    rows = _Rows.validate_json(content)
    begun = [row["start_time"] for row in rows if type(row.get("start_time")) in (int, float)]
    page = Page(len(rows), min(begun, default=None), [], [])
    for row in rows:
        if not _is_person(row) or row.get("end_time") is None or not row.get("has_snapshot"):
            continue
        try:
            event = _Row.model_validate({**row, "data": row.get("data") or {}})
        except ValidationError as error:
            page.malformed.append(why(error))
            continue
        if event.data.box is None:  # somebody made it by hand, or it is a sound
            page.malformed.append(f"event {event.id} has no box")
            continue
        left, top, width, height = event.data.box
        page.people.append(
            PersonEvent(
                event.id,
                event.camera,
                event.start_time,
                event.end_time,
                (left, top, left + width, top + height),
                True,
                event.data.snapshot_frame_time,
                event.data.score,
            )
        )
    return page


def _is_person(event: dict[str, Any]) -> bool:
    return event.get("label") == PERSON and event.get("false_positive") is not True
