"""`rgbir search`: on a server, or on a gallery of this machine."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rgbir.client.client import Client
from rgbir.client.wire import SearchResponse


def search(
    ctx: typer.Context,
    images: Annotated[
        list[Path] | None, typer.Argument(help="One or more images of the same person.", exists=True, dir_okay=False)
    ] = None,
    like: Annotated[str | None, typer.Option(help="A sighting's id: search for its person in place of images.")] = None,
    camera: Annotated[
        str | None, typer.Option(help="The camera that took them; cameras at its place are left out.")
    ] = None,
    modality: Annotated[str | None, typer.Option(help="rgb or ir, where the camera doesn't say it.")] = None,
    gallery: Annotated[str | None, typer.Option(help="A gallery: its folder, or milvus://HOST:PORT/NAME.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="The model bundle it was made with.")] = None,
    url: Annotated[str | None, typer.Option(help="A server, such as http://127.0.0.1:8077.")] = None,
    key: Annotated[str | None, typer.Option(help="The server's key.")] = None,
    top_k: Annotated[int, typer.Option(help="Most hits wanted.", min=1, max=10_000)] = 10,
    cameras: Annotated[str | None, typer.Option(help="Search only these, separated by commas.")] = None,
    since: Annotated[str | None, typer.Option(help="Earliest time of a sighting, ISO 8601 with a zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Sightings before this time only, ISO 8601 with a zone.")] = None,
    identity: Annotated[int | None, typer.Option(help="Only sightings labelled with this identity.", min=0)] = None,
    track: Annotated[str | None, typer.Option(help="Only sightings of this track.")] = None,
    hours: Annotated[
        str | None,
        typer.Option(help="Time of day, over midnight too: 22:00-05:30, or with a zone: '22:00-05:30 Europe/Berlin'."),
    ] = None,
    taken_at: Annotated[str | None, typer.Option(help="When the images were taken, ISO 8601 with a zone.")] = None,
    passages: Annotated[
        str, typer.Option(help="Sightings that nobody could have walked to in time: filter, rank (last), or off.")
    ] = "filter",
    least_score: Annotated[float, typer.Option(help="No hits below it.", min=0, max=1)] = 0.0,
    group_by: Annotated[str, typer.Option(help="The best hit of each identity, track or camera; or none.")] = "none",
    rerank: Annotated[
        int,
        typer.Option(
            help="Re-rank so many nearest by their k-reciprocal neighbours; 0 is not at all.", min=0, max=1000
        ),
    ] = 0,
    purpose: Annotated[str | None, typer.Option(help="Why, for the server's audit log.")] = None,
    case: Annotated[str | None, typer.Option(help="The case it belongs to, for the server's audit log.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Search a gallery for the person on one or more images."""
    if (url is None) == (gallery is None):
        raise typer.BadParameter("give either --url, or --gallery with --bundle")
    if modality not in (None, "rgb", "ir"):
        raise typer.BadParameter(f"modality is rgb or ir, not {modality}")
    if bool(images) == bool(like):
        raise typer.BadParameter("give images, or --like with a sighting's id")
    options: dict[str, Any] = {
        "camera": camera,
        "modality": modality,
        "cameras": None if cameras is None else [name.strip() for name in cameras.split(",") if name.strip()],
        "since": _moment("since", since),
        "until": _moment("until", until),
        "identity": identity,
        "track": track,
        "top_k": top_k,
        "hours": hours,
        "taken_at": _moment("taken_at", taken_at),
        "passages": passages,
        "least_score": least_score,
        "group_by": group_by,
        "rerank": rerank,
        "like": like,
    }
    given = [name for name, value in (("--purpose", purpose), ("--case", case)) if value]
    if _on_the_command_line(ctx, "key"):
        given.append("--key")
    if url is None and given:
        raise typer.BadParameter(f"{', '.join(given)}: for a server; a gallery of this machine keeps no audit log")
    if url is not None and _on_the_command_line(ctx, "bundle"):
        raise typer.BadParameter("--bundle goes with --gallery; a server has its own")
    if like is not None and camera is not None:
        raise typer.BadParameter("--camera tells of images; with --like it is the sighting's, so leave it out")
    if url is not None:
        with Client(url, key=key) as client:
            response = client.search(images or [], purpose=purpose, case=case, **options)
    else:
        if bundle is None:
            raise typer.BadParameter("--gallery needs --bundle, the model it was made with")
        response = SearchResponse.of(_local_search()(images or [], gallery=gallery, bundle=bundle, **options))
    print(response.model_dump_json(indent=2)) if as_json else _show(response)


model = typer.Typer(help="Change a running server's model.", no_args_is_help=True, add_completion=False)
UrlOption = Annotated[str, typer.Option(help="A server, such as http://127.0.0.1:8077.")]
KeyOption = Annotated[str | None, typer.Option(help="The server's key.")]
NameArgument = Annotated[str, typer.Argument(help="The bundle's name.")]


@model.command("list")
def list_models(url: UrlOption, key: KeyOption = None) -> None:
    """The bundles a server may answer with, and where each stands."""
    with Client(url, key=key) as client:
        found = client.models()
    table = Table("model", "state", "sightings", "missing", "ten nearest in common")
    for own in found:
        common = "-" if own.overlap is None else f"{100 * own.overlap:.1f} %"
        table.add_row(own.name, own.error or own.state, f"{own.done:,} of {own.total:,}", f"{own.missing:,}", common)
    Console().print(table)


@model.command("prepare")
def prepare_model(name: NameArgument, url: UrlOption, key: KeyOption = None) -> None:
    """Fill a gallery for another model from the enrolled crops, while the server answers; `list` says how far it is."""
    with Client(url, key=key) as client:
        print(f"{name}: {client.prepare_model(name).state}")


@model.command("activate")
def activate_model(
    name: NameArgument,
    url: UrlOption,
    key: KeyOption = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Though sightings without a crop won't be found.")
    ] = False,
) -> None:
    """Answer with a model that is ready, from the next request on; the one before stays ready, as the way back."""
    with Client(url, key=key) as client:
        print(f"{name}: {client.activate_model(name, allow_missing=allow_missing).state}")


@model.command("forget")
def forget_model(name: NameArgument, url: UrlOption, key: KeyOption = None) -> None:
    """Delete the gallery of a model that doesn't answer; its bundle stays."""
    with Client(url, key=key) as client:
        print(f"{name}: {client.forget_model(name).state}")


def ready(url: UrlOption) -> None:
    """Whether a server is there and can search; exit code 1 if not. For a container's health check."""
    with Client(url, timeout_s=4, retries=0) as client:
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


def _moment(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--{name} must be ISO 8601 such as 2026-03-01T22:15:00+01:00, not {text!r}") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"--{name} {text!r} has no zone; append an offset such as +01:00, or Z")
    return moment


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
    key: Annotated[str | None, typer.Option(help="The server's key.")] = None,
    taken_at: Annotated[str | None, typer.Option(help="When they were taken, ISO 8601 with a zone.")] = None,
    identity: Annotated[int | None, typer.Option(help="Whom they show.", min=0)] = None,
    track: Annotated[str | None, typer.Option(help="The track they belong to.")] = None,
) -> None:
    """Enrol images on a server. Send them again after a stop: each is enrolled once."""
    labels = {"camera": camera, "taken_at": _moment("taken_at", taken_at), "identity": identity, "track": track}
    counts = {"added": 0, "present": 0, "skipped": 0}
    with Client(url, key=key) as client:
        for result in client.enrol_all((image, labels) for image in images):
            counts[result.status] += 1
            if result.reason is not None:
                typer.echo(f"{result.status} {result.name}: {result.reason}", err=True)
    print(f"{counts['added']:,} added, {counts['present']:,} were there, {counts['skipped']:,} skipped")
    if counts["skipped"]:
        raise typer.Exit(3)
