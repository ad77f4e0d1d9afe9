"""`rgbir search`: on a server, or on a gallery of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rgbir.client.client import Client
from rgbir.client.options import moment, with_options
from rgbir.client.wire import SearchFields, SearchResponse
from rgbir.client.words import listed

T = TypeVar("T")
KeyOption = Annotated[str | None, typer.Option(help="The server's key.")]
CaOption = Annotated[
    Path | None, typer.Option(help="For https: certificates to trust (PEM) in place of the machine's own.")
]


@with_options(SearchFields)
def search(
    ctx: typer.Context,
    images: Annotated[
        list[Path] | None, typer.Argument(help="One or more images of the same person.", exists=True, dir_okay=False)
    ] = None,
    like: Annotated[str | None, typer.Option(help="A sighting's id: search for its person in place of images.")] = None,
    gallery: Annotated[str | None, typer.Option(help="A gallery: its folder, or milvus://HOST:PORT/NAME.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="The model bundle it was made with.")] = None,
    url: Annotated[str | None, typer.Option(help="A server, such as http://127.0.0.1:8077.")] = None,
    key: KeyOption = None,
    ca: CaOption = None,
    purpose: Annotated[str | None, typer.Option(help="Why, for the server's audit log.")] = None,
    case: Annotated[str | None, typer.Option(help="The case it belongs to, for the server's audit log.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    **options: Any,
) -> None:
    """Search a gallery for the person on one or more images."""
    if (url is None) == (gallery is None):
        raise typer.BadParameter("give either --url, or --gallery with --bundle")
    if bool(images) == bool(like):
        raise typer.BadParameter("give images, or --like with a sighting's id")
    given = [name for name, value in (("--purpose", purpose), ("--case", case)) if value]
    given += [f"--{name}" for name in ("key", "ca") if _on_the_command_line(ctx, name)]
    if url is None and given:
        raise typer.BadParameter(f"{listed(given)}: for a server; a gallery of this machine keeps no audit log")
    if url is not None and _on_the_command_line(ctx, "bundle"):
        raise typer.BadParameter("--bundle goes with --gallery; a server has its own")
    if like is not None and options["camera"] is not None:
        raise typer.BadParameter("--camera tells of images; with --like it is the sighting's, so leave it out")
    if url is not None:
        with Client(url, key=key, ca=ca) as client:
            response = client.search(images or [], like=like, purpose=purpose, case=case, **options)
    else:
        if bundle is None:
            raise typer.BadParameter("--gallery needs --bundle, the model it was made with")
        response = SearchResponse.of(
            _local_search()(images or [], gallery=gallery, bundle=bundle, like=like, **options)
        )
    print(response.model_dump_json(indent=2)) if as_json else _show(response)


model = typer.Typer(help="Change a running server's model.", no_args_is_help=True, add_completion=False)
UrlOption = Annotated[str, typer.Option(help="A server, such as http://127.0.0.1:8077.")]
NameArgument = Annotated[str, typer.Argument(help="The bundle's name.")]


@model.command("list")
def list_models(url: UrlOption, key: KeyOption = None, ca: CaOption = None) -> None:
    """The bundles a server may answer with, and where each stands."""
    with Client(url, key=key, ca=ca) as client:
        models = client.models()
    table = Table("model", "state", "sightings", "missing", "ten nearest in common")
    for served in models:
        common = "-" if served.overlap is None else f"{100 * served.overlap:.1f} %"
        table.add_row(
            served.name,
            served.error or served.state,
            f"{served.done:,} of {served.total:,}",
            f"{served.missing:,}",
            common,
        )
    Console().print(table)


@model.command("prepare")
def prepare_model(name: NameArgument, url: UrlOption, key: KeyOption = None, ca: CaOption = None) -> None:
    """Fill a gallery for another model from the enrolled crops, while the server answers; `list` says how far it is."""
    with Client(url, key=key, ca=ca) as client:
        print(f"{name}: {client.prepare_model(name).state}")


@model.command("activate")
def activate_model(
    name: NameArgument,
    url: UrlOption,
    key: KeyOption = None,
    ca: CaOption = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Though sightings without a crop won't be found.")
    ] = False,
) -> None:
    """Answer with a model that is ready, from the next request on; the one before stays ready, as the way back."""
    with Client(url, key=key, ca=ca) as client:
        print(f"{name}: {client.activate_model(name, allow_missing=allow_missing).state}")


@model.command("forget")
def forget_model(name: NameArgument, url: UrlOption, key: KeyOption = None, ca: CaOption = None) -> None:
    """Delete the gallery of a model that doesn't answer; its bundle stays."""
    with Client(url, key=key, ca=ca) as client:
        print(f"{name}: {client.forget_model(name).state}")


def ready(url: UrlOption, ca: CaOption = None) -> None:
    """Whether a server is there and can search; exit code 1 if not. For a container's health check."""
    with Client(url, ca=ca, timeout_s=4, retries=0) as client:
        if not client.ready():
            typer.echo(f"{url} is not ready", err=True)
            raise typer.Exit(1)
    print("ready")


def _on_the_command_line(ctx: typer.Context, name: str) -> bool:
    """A file or a variable may hold what other calls need."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _local_search() -> Any:
    (point,) = entry_points(group="rgbir.local_search")
    try:
        return point.load()
    except ImportError as error:
        raise typer.BadParameter(f"a search without a server needs {error.name}: pip install 'rgbir[index]'") from error


def _show(response: SearchResponse) -> None:
    console = Console()
    asked = response.query
    where = f"camera {asked.camera} ({asked.place})" if asked.camera else "no camera named"
    console.print(
        f"query: {asked.modality} image, {where}, {asked.shots} shot{'s' if asked.shots > 1 else ''}", highlight=False
    )
    table = Table("rank", "camera", "time", "identity", "distance", "score", "image")
    for hit in response.hits:
        time = hit.taken_at.isoformat(sep=" ", timespec="seconds") if hit.taken_at else "-"
        identity = "-" if hit.identity is None else str(hit.identity)
        table.add_row(
            str(hit.rank),
            hit.camera,
            time,
            identity,
            f"{hit.distance:.4f}",
            f"{hit.score:.3f}",
            escape(hit.source or hit.id),
        )
    console.print(table)
    for hit in response.hits:
        if hit.meaning is not None:
            strangers = (
                "" if hit.meaning.strangers is None else f", {hit.meaning.strangers:.2g} strangers as near expected"
            )
            console.print(
                f"hit {hit.rank}: {hit.meaning.probability:.0%} likely one person{strangers}", highlight=False
            )
    if response.doubtful:
        console.print("doubtful: the person is probably not in this gallery", style="yellow")
    if not response.exact:
        console.print("approximate: an index proposed the hits, and may have missed some", style="yellow")
    for warning in response.warnings:
        console.print(f"warning: {warning}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    console.print(f"searched: {', '.join(response.searched_cameras) or 'no camera'}", highlight=False)
    for excluded in response.excluded_cameras:
        console.print(f"left out: camera {excluded.camera}: {excluded.reason}", highlight=False, markup=False)
    stages = ", ".join(f"{stage} {value:.1f} ms" for stage, value in response.milliseconds.items())
    console.print(f"{response.model.name} ({response.model.fingerprint}); {stages}", highlight=False, markup=False)


def enrol(
    images: Annotated[list[Path], typer.Argument(help="Images of one camera.", exists=True, dir_okay=False)],
    camera: Annotated[str, typer.Option(help="The camera that took them.")],
    url: Annotated[str, typer.Option(help="A server, such as http://127.0.0.1:8077.")],
    key: KeyOption = None,
    ca: CaOption = None,
    box: Annotated[
        list[str] | None,
        typer.Option(
            help="Where the person is, left,top,right,bottom in pixels; once for all, or once for each image."
        ),
    ] = None,
    taken_at: Annotated[
        list[str] | None,
        typer.Option(help="When they were taken, ISO 8601 with a zone; once for all, or once for each image."),
    ] = None,
    identity: Annotated[int | None, typer.Option(help="Whom they show.", min=0)] = None,
    track: Annotated[str | None, typer.Option(help="The track they belong to.")] = None,
) -> None:
    """Enrol images on a server. Send them again after a stop: each is enrolled once."""
    boxes = _each("box", [_box(each) for each in box or ()], len(images))
    moments = _each("taken_at", [moment("taken_at", each) for each in taken_at or ()], len(images))
    labels = {"camera": camera, "identity": identity, "track": track}
    shots = [
        (image, {**labels, "box": box, "taken_at": time})
        for image, box, time in zip(images, boxes, moments, strict=True)
    ]
    counts = {"added": 0, "present": 0, "skipped": 0}
    with Client(url, key=key, ca=ca) as client:
        for result in client.enrol_all(shots):
            counts[result.status] += 1
            if result.reason is not None:
                typer.echo(f"{result.status} {result.name}: {result.reason}", err=True)
    print(f"{counts['added']:,} added, {counts['present']:,} were there, {counts['skipped']:,} skipped")
    if counts["skipped"]:
        raise typer.Exit(3)


def _each(name: str, values: Sequence[T], count: int) -> Sequence[T | None]:
    """One for each image.

    Raises:
        BadParameter: neither one nor as many.
    """
    if len(values) > 1 and len(values) != count:
        raise typer.BadParameter(
            f"--{name} is given once, or once for each of the {count} images, not {len(values)} times"
        )
    return values if len(values) == count else [*values, None][:1] * count


def _box(text: str) -> tuple[int, int, int, int]:
    parts = text.replace(",", " ").split()
    if len(parts) != 4 or not all(part.isascii() and part.isdecimal() for part in parts):
        raise typer.BadParameter(f"--box is left,top,right,bottom in pixels, not {text!r}")
    left, top, right, bottom = map(int, parts)
    return left, top, right, bottom
