"""A search's form fields, the same for every route that searches."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Form
from pydantic import StringConstraints

from rgbir.index import Box, Group, Hours, Modality, SearchOptions, UsageError

_PIXELS = re.compile(r"[0-9]{1,9}")
CameraName = Annotated[str, StringConstraints(max_length=200)]
Cameras = Annotated[str, StringConstraints(max_length=20_000)]
"""Names of several, separated by commas."""
Text = Annotated[str, StringConstraints(max_length=1000)]


async def search_options(
    camera: Annotated[
        CameraName | None, Form(description="that took the images; cameras at its place are left out")
    ] = None,
    modality: Annotated[Modality | None, Form(description="of the images, where the camera doesn't say it")] = None,
    top_k: Annotated[int, Form(ge=1, description="most hits wanted")] = 10,
    cameras: Annotated[
        list[Cameras] | None,
        Form(max_length=1000, description="search only these; repeat the field, or separate by commas"),
    ] = None,
    since: Annotated[datetime | None, Form(description="earliest time of a sighting, with a zone")] = None,
    until: Annotated[datetime | None, Form(description="sightings before this time only, with a zone")] = None,
    hours: Annotated[
        Text | None, Form(description="time of day, over midnight too: 22:00-05:30, or 22:00-05:30 Europe/Berlin")
    ] = None,
    taken_at: Annotated[
        datetime | None, Form(description="of the images, with a zone; needed to leave out what can't be walked")
    ] = None,
    passages: Annotated[
        Literal["filter", "rank", "off"],
        Form(
            description="sightings that nobody could have walked to in time: leave them out, rank them last, or as ever"
        ),
    ] = "filter",
    identity: Annotated[int | None, Form(ge=0, description="only sightings labelled with it")] = None,
    track: Annotated[Text | None, Form(description="only sightings of it")] = None,
    least_score: Annotated[float, Form(ge=0, le=1, description="no hits below it")] = 0.0,
    group_by: Annotated[Group, Form(description="the best hit of each")] = "none",
    rerank: Annotated[
        int, Form(ge=0, le=1000, description="re-rank so many nearest by k-reciprocal neighbours; 0 is not at all")
    ] = 0,
) -> SearchOptions:
    return SearchOptions(
        camera=camera or None,
        modality=modality,
        cameras=names(cameras),
        since=since,
        until=until,
        identity=identity,
        top_k=top_k,
        track=track or None,
        hours=Hours.parse(hours) if hours else None,
        taken_at=taken_at,
        least_score=least_score,
        group_by=group_by,
        rerank=rerank,
        passages=passages,
    )


def names(cameras: list[str] | None) -> tuple[str, ...] | None:
    """Of a form field that may be repeated, or hold several separated by commas."""
    if cameras is None:
        return None
    return tuple(name.strip() for entry in cameras for name in entry.split(",") if name.strip())


def parse_box(text: str | None) -> Box | None:
    """`left,top,right,bottom` in pixels.

    Raises:
        UsageError: it isn't.
    """
    if not text:
        return None
    parts = text.replace(",", " ").split()
    if len(parts) != 4 or not all(_PIXELS.fullmatch(part) for part in parts):
        raise UsageError(f"box is left,top,right,bottom in pixels, not {text[:80]!r}")
    left, top, right, bottom = map(int, parts)
    return left, top, right, bottom
