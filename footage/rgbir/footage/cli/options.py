"""What the commands of footage share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from rgbir.footage.clock import PRESETS, Correction, expect_fitting, is_local
from rgbir.footage.errors import BadFootage
from rgbir.index import (
    AnyGallery,
    CameraNetwork,
    Card,
    Detector,
    DetectorBundle,
    GalleryAddress,
    GalleryMissing,
    ModelDetector,
    UsageError,
    listed,
    named_zone,
    open_gallery,
    open_or_create,
)
from rgbir.index.cli.options import given

MOTION = "motion"

DetectorOption = Annotated[
    str,
    typer.Option(
        "--detector",
        help="What finds people: a detector bundle's folder, or motion, which needs no model and finds what moves.",
    ),
]
CameraOption = Annotated[str, typer.Option(help="The camera that recorded them, in the gallery's network.")]
GalleryOption = Annotated[str, typer.Option(help="The gallery: its folder, or milvus://HOST:PORT/NAME.")]
EncoderOption = Annotated[Path, typer.Option(help="The model bundle's folder, of the encoder.")]
NetworkOption = Annotated[str | None, typer.Option(help="The cameras of a new gallery: a TOML file.")]
KeepDaysOption = Annotated[
    int | None, typer.Option(help="Keep people for so many days; a gallery with a rule needs no word.", min=1)
]
ForeverOption = Annotated[bool, typer.Option("--no-retention", help="Keep people for ever.")]
KeepImagesOption = Annotated[bool, typer.Option(help="Keep the pictures of people, to be shown with a hit.")]
StateOption = Annotated[
    Path | None, typer.Option(help="The folder of resume points; GALLERY.footage by default.", file_okay=False)
]
ConfidenceOption = Annotated[
    float | None,
    typer.Option(
        help="How sure a detection must be to begin a track; the detector's own by default.", min=0.01, max=1.0
    ),
]
SampleOption = Annotated[
    float, typer.Option(help="Frames a second that are looked at; 0 is every frame.", min=0.0, max=60.0)
]
ShotsOption = Annotated[int, typer.Option(help="Pictures of each track that are enrolled, at most.", min=1, max=50)]
RateOption = Annotated[
    float | None,
    typer.Option(help="Of folders of numbered pictures: how many were taken a second.", min=0.01, max=240.0),
]
StartOption = Annotated[
    str | None,
    typer.Option(help="When the first frame was taken, ISO 8601; without an offset it is local time in --zone."),
]
NameTimeOption = Annotated[
    str | None,
    typer.Option(
        help=f"Read the start from the file's name: {listed(PRESETS, 'or')}, or a pattern such as '%Y%m%d_%H%M%S'."
    ),
]
ZoneOption = Annotated[str | None, typer.Option(help="The zone of local times, such as Europe/Berlin.")]
OffsetOption = Annotated[
    float, typer.Option(help="Seconds to add to what the recorder's clock says, for one that is wrong.")
]
DriftOption = Annotated[float, typer.Option(help="Seconds that the recorder's clock gains a day.")]
RightAtOption = Annotated[
    str | None,
    typer.Option(help="Since when it drifts, ISO 8601 with an offset; by default since each recording's beginning."),
]
TrustOption = Annotated[
    bool,
    typer.Option("--trust-frames", help="Take frames of another modality than their camera is declared with, too."),
]


def detector_named(name: str, threads: int | None = None) -> Detector | None:
    """The detector in that folder; None for `motion`.

    Raises:
        BadBundle: no detector's bundle is there.
    """
    return None if name == MOTION else ModelDetector(DetectorBundle(Path(name)), threads=threads)


def start_of(text: str | None) -> datetime | None:
    """
    Raises:
        UsageError: not ISO 8601.
    """
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"a time is ISO 8601, such as 2026-11-02T22:15:00+01:00, not {text!r}") from None


def zone_of(ctx: typer.Context, start: datetime | None, name_time: str | None, zone: str | None) -> ZoneInfo | None:
    """The zone of the local time that the command's options say; a setting that no option needs is left aside.

    Raises:
        UsageError: no such zone, or see `expect_fitting`.
    """
    named = named_zone(zone) if zone is not None and (given(ctx, "zone") or is_local(start, name_time)) else None
    try:
        expect_fitting(start, name_time, named)
    except BadFootage as error:
        raise UsageError(str(error)) from None
    return named


def correction_of(offset: float, drift: float, right_at: str | None) -> Correction:
    """
    Raises:
        UsageError: a moment without a drift, or without an offset of its own.
    """
    since = start_of(right_at)
    if since is not None and not drift:
        raise UsageError("--right-at says since when a clock drifts; say --drift, too")
    try:
        return Correction(offset, drift, since)
    except BadFootage as error:
        raise UsageError(str(error)) from None


@contextmanager
def gallery_at(address: str, card: Card, network: str | None) -> Iterator[AnyGallery]:
    """The gallery there; a new one with that network if there is none.

    Raises:
        UsageError: there is none, and no network is named; or it was made with another one.
    """
    try:
        gallery = open_gallery(address)
    except GalleryMissing:
        if network is None:
            raise UsageError(
                f"no gallery is at {address}; a new one needs --network, the TOML file of its cameras, in which --camera is one"
            ) from None
        gallery = open_or_create(address, card, CameraNetwork.read(network))
    else:
        if network is not None and CameraNetwork.read(network).label != gallery.network.label:
            gallery.close()
            raise UsageError(
                f"the gallery {address} has cameras of its own, and --network says others; leave it out, or change them by"
                " `rgbir cameras`"
            )
    with gallery:
        yield gallery


def points_of(address: str, state: Path | None) -> Path | None:
    """Where resume points are kept: in `GALLERY.footage` beside a gallery in a folder, unless somebody names another folder."""
    if state is not None:
        return state
    gallery = GalleryAddress.of(address)
    return None if gallery.in_milvus else gallery.folder.with_name(f"{gallery.folder.name}.footage")


def plain(value: Any) -> Any:
    """A number of seconds as people read it."""
    return round(float(value), 2)
