"""`rgbir cameras …`: which cameras a gallery has, where they are and were, and changes of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from rgbir.index.cameras import Camera, CameraNetwork, Modality, Passage
from rgbir.index.cli.options import GalleryOption
from rgbir.index.cli.output import Answer, confirm, in_groups, remark
from rgbir.index.datasets.table import parse_time
from rgbir.index.errors import IndexFailure, UsageError
from rgbir.index.gallery.addresses import GalleryAddress, open_gallery
from rgbir.index.gallery.changes import CameraEdit, Touched
from rgbir.index.gallery.folder.gallery import Gallery
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.stays import Position
from rgbir.index.times import local
from rgbir.index.zones import Polygon, parse_polygons

cameras = typer.Typer(
    help="Which cameras a gallery has, and where they are and were.", no_args_is_help=True, add_completion=False
)
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The camera's id, name or alias.")]
ModalityOption = Annotated[Literal["rgb", "ir", "both"] | None, typer.Option(help="What its images are.")]
PlaceOption = Annotated[str | None, typer.Option(help="What it looks at; cameras at one place are never matched.")]
PositionOption = Annotated[str | None, typer.Option(help="Where it hangs on the plan: X,Y.")]
SceneOption = Annotated[Literal["indoor", "outdoor"] | None, typer.Option(help="Where it stands.")]
AliasOption = Annotated[list[str] | None, typer.Option(help="Another name for it; may be repeated.")]
PlanOption = Annotated[
    str | None, typer.Option(help="Which plan positions are on, in which units, for all cameras: in words.")
]
RecordingOption = Annotated[
    str | None,
    typer.Option(
        help="Where its recordings are: http:// or https:// with {camera}, {id}, {time}, {seconds}, {milliseconds}, {source} or {frame.NAME};"
        " none takes it away."
    ),
]
ZonesOption = Annotated[
    str | None,
    typer.Option(
        help="Parts of its picture that nobody looks at: '0,0 0.3,0 0.3,0.4 0,0.4; …', corners as shares of width and height;"
        " none takes them away."
    ),
]
DryFlag = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
YesFlag = Annotated[bool, typer.Option("--yes", help="Although sightings are of another place from now on.")]
Change = Callable[[CameraNetwork], CameraNetwork]
ABOUT = ("modality", "place", "scene", "alias", "position", "recording", "zones", "plan")


@dataclass(frozen=True, slots=True)
class Cameras:
    """A gallery's cameras.

    Attributes:
        name: the network's.
        cameras: as a network declares them, with `sightings`.
        passages: how long walks between places take, `from`, `to`, `soonest` and `latest` in seconds.
        plan: which plan positions are on, in words.
    """

    name: str
    cameras: list[dict[str, Any]]
    passages: list[dict[str, Any]]
    plan: str | None


@dataclass(frozen=True, slots=True)
class OneCamera:
    """A camera, and what a gallery has of it.

    Attributes:
        camera: as a network declares it.
        sightings: how many are enrolled.
        untimed: how many of them have no time.
    """

    camera: dict[str, Any]
    sightings: int
    untimed: int


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change of a camera did, or would do.

    Attributes:
        camera: as it is declared then; null where it is removed.
        changed: whether anything was written.
        touched: the sightings of each camera that changes.
        followed: what galleries of other models beside it say to it.
    """

    camera: dict[str, Any] | None
    changed: bool
    touched: list[Touched]
    followed: list[str]


@dataclass(frozen=True, slots=True)
class Walks:
    """How long walks between places take.

    Attributes:
        passages: `from`, `to`, and `soonest` and `latest` in seconds.
    """

    passages: list[dict[str, Any]]


@cameras.command("list")
def list_cameras(gallery: GalleryOption) -> Answer[Cameras]:
    """All cameras of a gallery: modality, place, and how many sightings each has.

    Examples:
        rgbir cameras list --gallery demo/gallery
        rgbir cameras list --gallery milvus://127.0.0.1:19530/site --json
    """
    with open_gallery(gallery) as opened:
        network, counts = opened.network, {count.camera: count.sightings for count in opened.counts()}
    entries = [{**camera.to_dict(), "sightings": counts.get(camera.id, 0)} for camera in network]
    content = Cameras(network.name, entries, network.to_dict().get("passages", []), network.plan)
    table = Table("camera", "modality", "place now", "places", "position", "sightings", "other names")
    for camera in network:
        now = camera.at_moment(datetime.now(UTC))
        position = "-" if now.position is None else "{:g},{:g}".format(*now.position)
        figures = str(len(camera.places(None))), position, f"{counts.get(camera.id, 0):,}"
        others = ", ".join(name for name in camera.names if name != camera.shown)
        table.add_row(camera.shown, "+".join(sorted(camera.modalities)), now.place, *figures, others)
    return Answer(content, [table, *([] if network.plan is None else [f"positions: {network.plan}"])])


@cameras.command()
def show(camera: IdArgument, gallery: GalleryOption) -> Answer[OneCamera]:
    """One camera: all its places and since when, its names, and its sightings.

    Examples:
        rgbir cameras show 3 --gallery demo/gallery
        rgbir cameras show yard --gallery site/gallery --json
    """
    with open_gallery(gallery) as opened:
        network = opened.network
        shown = network[camera]
        count = next((count for count in opened.counts() if count.camera == shown.id), None)
        untimed = opened.untimed([shown.id])[1] if count else 0
    sightings = count.sightings if count else 0
    lines = [f"camera {shown.shown} ({'+'.join(sorted(shown.modalities))}{', ' + shown.scene if shown.scene else ''})"]
    lines += [f"  {line}" for line in _whereabouts(shown)]
    if len(shown.names) > 1:
        lines.append(f"  also called {', '.join(name for name in shown.names if name != shown.shown)}")
    lines.append(f"  {sightings:,} sightings, {untimed:,} of them without a time")
    return Answer(OneCamera(shown.to_dict(), sightings, untimed), lines)


@cameras.command()
@in_groups({"The camera": ABOUT})
def add(
    camera: Annotated[str, typer.Argument(metavar="ID", help="Its id, which its sightings keep for good.")],
    gallery: GalleryOption,
    modality: ModalityOption = None,
    place: PlaceOption = None,
    scene: SceneOption = None,
    alias: AliasOption = None,
    position: PositionOption = None,
    recording: RecordingOption = None,
    zones: ZonesOption = None,
    plan: PlanOption = None,
    dry_run: DryFlag = False,
) -> Answer[Changed]:
    """Add a camera to a gallery that began without it.

    Examples:
        rgbir cameras add 7 --modality rgb --place hall --gallery demo/gallery
        rgbir cameras add yard --modality both --place yard --position 12.5,3 --gallery demo/gallery
    """
    names = frozenset(alias or ())
    edit = CameraEdit(
        _modalities(modality),
        place,
        None,
        _position(position),
        scene,
        None,
        names,
        _recording(recording),
        _zones(zones),
    )
    return _change(gallery, lambda network: edit.added(_planned(network, plan), camera), camera, dry_run, True)


@cameras.command()
@in_groups({"The camera": (*ABOUT, "since", "name")})
def edit(
    camera: IdArgument,
    gallery: GalleryOption,
    place: PlaceOption = None,
    since: Annotated[
        str | None,
        typer.Option(help="From when on it is there, ISO 8601 with a zone, until its next move; else at all times."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--id", help="What to call it from now on; the names before stay its aliases.")
    ] = None,
    modality: ModalityOption = None,
    scene: SceneOption = None,
    alias: AliasOption = None,
    position: PositionOption = None,
    recording: RecordingOption = None,
    zones: ZonesOption = None,
    plan: PlanOption = None,
    dry_run: DryFlag = False,
    yes: YesFlag = False,
) -> Answer[Changed]:
    """Move a camera from a moment on, rename it, or say more of it. Done again, it changes nothing more.

    Examples:
        rgbir cameras edit 3 --place hall --since 2026-03-01T08:00:00+01:00 --gallery demo/gallery
        rgbir cameras edit 3 --id yard-north --gallery demo/gallery --dry-run
    """
    moment = None if since is None else parse_time(since)
    names = frozenset(alias or ())
    edit = CameraEdit(
        _modalities(modality),
        place,
        moment,
        _position(position),
        scene,
        name,
        names,
        _recording(recording),
        _zones(zones),
    )
    if edit == CameraEdit() and plan is None:
        raise UsageError(
            "say what to change: --place, --id, --modality, --scene, --alias, --position, --recording, --zones or --plan"
        )
    return _change(gallery, lambda network: edit.edited(_planned(network, plan), camera), camera, dry_run, yes)


@cameras.command()
def remove(
    camera: IdArgument,
    gallery: GalleryOption,
    dry_run: DryFlag = False,
) -> Answer[Changed]:
    """Remove a camera without sightings, and passages to places where no other camera is. Erase its sightings first.

    Examples:
        rgbir cameras remove 6 --gallery demo/gallery --dry-run
        rgbir cameras remove 6 --gallery demo/gallery
    """
    return _change(gallery, lambda network: network.without_camera(camera), camera, dry_run, True)


@cameras.command()
def passages(
    gallery: GalleryOption,
    origin: Annotated[str | None, typer.Option("--from", help="A place.")] = None,
    destination: Annotated[
        str | None, typer.Option("--to", help="The other place; a passage is walked either way.")
    ] = None,
    soonest: Annotated[float | None, typer.Option(help="The least seconds that a walk takes.", min=0)] = None,
    latest: Annotated[float | None, typer.Option(help="The most seconds; any time without it.", min=0)] = None,
    delete: Annotated[bool, typer.Option("--remove", help="Remove the passage between the two places.")] = False,
) -> Answer[Walks]:
    """List how long walks between places take; with --from, --to and --soonest set one, with --remove remove it.

    Examples:
        rgbir cameras passages --gallery demo/gallery
        rgbir cameras passages --from hall --to yard --soonest 40 --latest 600 --gallery demo/gallery
    """
    if (origin is None) != (destination is None) or (origin is None and (delete or soonest is not None)):
        raise UsageError("a passage has two places: give --from and --to")
    if latest is not None and soonest is None:
        raise UsageError("--latest is the end of what --soonest begins; give both, or leave it out")
    if origin is not None and delete == (soonest is not None):
        raise UsageError("give --soonest with the seconds that a walk takes at least, or --remove; one of them")
    with open_gallery(gallery) as opened:
        if origin is not None and destination is not None:
            walk = (
                None
                if soonest is None
                else Passage(origin, destination, soonest, *([] if latest is None else [latest]))
            )
            _apply(opened, lambda network: network.with_passage(origin, destination, walk))
        network = opened.network
    declared = network.to_dict().get("passages", [])
    lines = [
        f"{entry['from']} – {entry['to']}: {entry['soonest']:g} s to {entry.get('latest', 'any time')}"
        for entry in declared
    ]
    return Answer(Walks(declared), lines or ["no passages"])


def _planned(network: CameraNetwork, plan: str | None) -> CameraNetwork:
    return network if plan is None else network.on_plan(plan)


def _modalities(text: str | None) -> frozenset[Modality] | None:
    return None if text is None else frozenset(Modality if text == "both" else [Modality(text)])


def _recording(text: str | None) -> str | None:
    """What an edit takes: nothing is said by None, and nowhere by an empty text."""
    return "" if text == "none" else text


def _zones(text: str | None) -> tuple[Polygon, ...] | None:
    """What an edit takes: nothing is said by None, and no zones by an empty tuple."""
    return None if text is None else () if text == "none" else parse_polygons(text)


def _position(text: str | None) -> Position | None:
    """Of `X,Y`.

    Raises:
        UsageError: it isn't.
    """
    if text is None:
        return None
    try:
        x, y = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"--position is X,Y such as 12.5,3, not {text!r}") from None
    return x, y


def _change(gallery: str, change: Change, camera: str, dry_run: bool, yes: bool) -> Answer[Changed]:
    """Carries a change out and says what it touches.

    Raises:
        UsageError: sightings would be of another place, and nobody said that this is meant.
    """
    with open_gallery(gallery) as opened, nullcontext() if dry_run else opened.writing():
        _ = opened.generation  # with what others changed while this waited
        before = opened.network
        after = change(before)
        touched = opened.touched(after)
        moved = any(change.moved or change.untimed for change in touched)
        if not dry_run and moved:
            confirm(" ".join(map(_said, touched)), yes)
        if not dry_run:
            opened.change_network(change)
        others = [] if dry_run or after == before else _follow(opened, after)
    shown = next((known for known in after if camera in known.names), None)
    entry = None if shown is None else shown.to_dict()
    done = "nothing was changed: it would be" if dry_run else "unchanged" if after == before else "changed"
    what = [] if shown is None else [f"camera {shown.shown}", *(f"  {line}" for line in _whereabouts(shown))]
    content = Changed(entry, after != before and not dry_run, touched, others)
    return Answer(content, [done, *what, *map(_said, touched), *others])


def _said(touched: Touched) -> str:
    """What a change touches, in a sentence."""
    if not touched.moved and not touched.untimed:
        return f"Camera {touched.camera} has {touched.sightings:,} sightings, and none of them changes its place."
    since = "" if touched.since is None else f" since {local(touched.since)}"
    return (
        f"Of the {touched.sightings:,} sightings of camera {touched.camera}, {touched.moved:,} were taken{since} at another place"
        f" than was known, and {touched.untimed:,} without a time may have been."
    )


def _apply(opened: AnyGallery, change: Change) -> None:
    after = opened.change_network(change)
    for line in _follow(opened, after):
        remark(line)


def _follow(opened: AnyGallery, after: CameraNetwork) -> list[str]:
    """Makes the galleries of other models beside it go by the same cameras; what they say to it."""
    lines = []
    address = GalleryAddress(opened.address)
    for other in address.family():
        if other.samefile(address.folder):
            continue
        try:
            with Gallery(other) as beside:
                beside.change_network(lambda network: network.following(after))
            lines.append(f"{other}, of another model, goes by the same cameras")
        except IndexFailure as error:
            lines.append(f"{other}, of another model, is not changed: {error}")
    return lines


def _whereabouts(camera: Camera) -> list[str]:
    """Its places and positions, a line each."""
    lines = []
    for stay in camera.stays:
        position = "" if stay.position is None else " at {:g},{:g}".format(*stay.position)
        since = "from the beginning" if stay.since is None else f"since {local(stay.since)}"
        lines.append(f"{stay.place}{position}, {since}")
    return lines
