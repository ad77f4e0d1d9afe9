"""`rgbir search`: on a server, or on a gallery of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table

from rgbir.client.client import Client
from rgbir.client.dress import in_groups
from rgbir.client.exits import PASSED_OVER
from rgbir.client.options import box_of, expect_filled, flag, moment, with_options
from rgbir.client.output import Answer, local, remark
from rgbir.client.wire import Hit, SearchFields, SearchResponse, ServedModel, told_errors
from rgbir.client.words import listed

T = TypeVar("T")
KeyOption = Annotated[str | None, typer.Option(help="The server's key.")]
CaOption = Annotated[
    Path | None, typer.Option(help="For https: certificates to trust (PEM) in place of the machine's own.")
]


@in_groups(
    {
        "Where": ("gallery", "bundle", "runner", "url", "key", "ca"),
        "The query": ("camera", "modality", "taken_at", "detect", "like", "purpose", "case"),
        "Which sightings": ("cameras", "since", "until", "hours", "passages", "identity", "track", "least_score"),
        "Which answer": ("top_k", "group_by", "fuse", "rerank", "candidates"),
    }
)  # fmt: skip
@with_options(SearchFields)
def search(
    ctx: typer.Context,
    images: Annotated[list[Path] | None, typer.Argument(help="One or more images of the same person.")] = None,
    detect: Annotated[
        bool, typer.Option("--detect", help="The images are whole pictures: the server takes the largest person.")
    ] = False,
    like: Annotated[str | None, typer.Option(help="A sighting's id: search for its person in place of images.")] = None,
    gallery: Annotated[str | None, typer.Option(help="A gallery: its folder, or milvus://HOST:PORT/NAME.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="The model bundle it was made with.")] = None,
    runner: Annotated[
        str, typer.Option(help="What runs the model: onnxruntime, openvino or openvino:bf16; a server has its own.")
    ] = "onnxruntime",
    url: Annotated[str | None, typer.Option(help="A server, such as http://127.0.0.1:8077.")] = None,
    key: KeyOption = None,
    ca: CaOption = None,
    purpose: Annotated[str | None, typer.Option(help="Why, for the server's audit log.")] = None,
    case: Annotated[str | None, typer.Option(help="The case it belongs to, for the server's audit log.")] = None,
    **options: Any,
) -> Answer[SearchResponse]:
    """Search a gallery for the person on one or more images.

    Examples:
        rgbir search q.jpg --camera 3 --gallery demo/gallery --bundle demo/expat_compact.synthetic_people
        rgbir search a.jpg b.jpg --camera 3 --top-k 20 --url http://127.0.0.1:8077 --json
    """
    _expect_files(images or [])
    if (url is None) == (gallery is None):
        raise typer.BadParameter("give either --url, or --gallery with --bundle")
    if bool(images) == bool(like):
        raise typer.BadParameter("give images, or --like with a sighting's id")
    given = [name for name, value in (("--purpose", purpose), ("--case", case)) if value]
    given += [f"--{name}" for name in ("key", "ca") if _on_the_command_line(ctx, name)]
    if detect and (url is None or like):
        other = (
            "--like names a person already" if like else "a search of this machine's gallery takes the person's part"
        )
        raise typer.BadParameter(f"--detect is for whole pictures that a server with a detector gets: {other}")
    if url is None and given:
        raise typer.BadParameter(f"{listed(given)}: for a server; a gallery of this machine keeps no audit log")
    if url is not None and _on_the_command_line(ctx, "bundle"):
        raise typer.BadParameter("--bundle goes with --gallery; a server has its own")
    if url is not None and _on_the_command_line(ctx, "runner"):
        raise typer.BadParameter("--runner goes with --gallery; a server has its own")
    if like is not None and options["camera"] is not None:
        raise typer.BadParameter("--camera tells of images; with --like it is the sighting's, so leave it out")
    if url is not None:
        with Client(url, key=key, ca=ca) as client:
            response = client.search(images or [], detect=detect, like=like, purpose=purpose, case=case, **options)
    else:
        if bundle is None:
            raise typer.BadParameter("--gallery needs --bundle, the model it was made with")
        response = SearchResponse.of(
            _local_search()(images or [], gallery=gallery, bundle=bundle, like=like, runner=runner, **options)
        )
    return Answer(response, _shown(response))


model = typer.Typer(help="Change a running server's model.", no_args_is_help=True, add_completion=False)
UrlOption = Annotated[str, typer.Option(help="A server, such as http://127.0.0.1:8077.")]
NameArgument = Annotated[str, typer.Argument(help="The bundle's name.")]


@model.command("list")
def list_models(url: UrlOption, key: KeyOption = None, ca: CaOption = None) -> Answer[list[ServedModel]]:
    """The bundles a server may answer with, and where each stands.

    Examples:
        rgbir model list --url http://127.0.0.1:8077
        rgbir model list --url https://rgbir.example --key KEY --ca site.pem --json
    """
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
    return Answer(models, [table])


@model.command("prepare")
def prepare_model(
    name: NameArgument, url: UrlOption, key: KeyOption = None, ca: CaOption = None
) -> Answer[ServedModel]:
    """Fill a gallery for another model from the enrolled crops, while the server answers; `list` says how far it is.

    Examples:
        rgbir model prepare expat_resnet50.sysu_mm01 --url http://127.0.0.1:8077
        rgbir model prepare expat.site --url https://rgbir.example --key KEY --json
    """
    with Client(url, key=key, ca=ca) as client:
        return _stands(client.prepare_model(name))


@model.command("activate")
def activate_model(
    name: NameArgument,
    url: UrlOption,
    key: KeyOption = None,
    ca: CaOption = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Though sightings without a crop won't be found.")
    ] = False,
) -> Answer[ServedModel]:
    """Answer with a model that is ready, from the next request on; the one before stays ready, as the way back.

    Examples:
        rgbir model activate expat_resnet50.sysu_mm01 --url http://127.0.0.1:8077
        rgbir model activate expat.site --allow-missing --url https://rgbir.example --key KEY
    """
    with Client(url, key=key, ca=ca) as client:
        return _stands(client.activate_model(name, allow_missing=allow_missing))


@model.command("forget")
def forget_model(name: NameArgument, url: UrlOption, key: KeyOption = None, ca: CaOption = None) -> Answer[ServedModel]:
    """Delete the gallery of a model that doesn't answer; its bundle stays.

    Examples:
        rgbir model forget expat_compact.synthetic_people --url http://127.0.0.1:8077
        rgbir model forget expat.site --url https://rgbir.example --key KEY --json
    """
    with Client(url, key=key, ca=ca) as client:
        return _stands(client.forget_model(name))


def _stands(served: ServedModel) -> Answer[ServedModel]:
    return Answer(served, [f"{served.name}: {served.state}", *([] if served.error is None else [served.error])])


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether a server is there.

    Attributes:
        url: the server.
        ready: whether it can search.
    """

    url: str
    ready: bool


def ready(url: UrlOption, ca: CaOption = None) -> Answer[Ready]:
    """Whether a server is there and can search; exit code 1 if not. For a container's health check.

    Examples:
        rgbir ready --url http://127.0.0.1:8077
        rgbir ready --url https://rgbir.example --ca site.pem --quiet
    """
    with Client(url, ca=ca, timeout_s=4, retries=0) as client:
        if client.ready():
            return Answer(Ready(url, True), ["ready"])
    remark(f"{url} is not ready")
    return Answer(Ready(url, False), exit_code=1)


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


def _shown(response: SearchResponse) -> list[str | Table]:
    asked = response.query
    where = f"camera {asked.camera} ({asked.place})" if asked.camera else "no camera named"
    lines: list[str | Table] = [
        f"query: {asked.modality} image, {where}, {asked.shots} shot{'s' if asked.shots > 1 else ''}"
    ]
    for person in response.detected:
        others = f", the largest of {len(person.people)} people" if len(person.people) > 1 else ""
        box = ",".join(map(str, person.box))
        lines.append(f"{person.name}: a person at {box} was searched for{others} (score {person.score:.2f})")
    table = Table("rank", "camera", "time", "identity", "distance", "score", "image")
    for hit in response.hits:
        identity = "-" if hit.identity is None else str(hit.identity)
        table.add_row(
            _rank(hit),
            hit.camera,
            local(hit.taken_at),
            identity,
            f"{hit.distance:.4f}",
            f"{hit.score:.3f}",
            hit.source or hit.id,
        )
    lines.append(table)
    for hit in response.hits:
        if hit.meaning is not None:
            strangers = (
                "" if hit.meaning.strangers is None else f", {hit.meaning.strangers:.2g} strangers as near expected"
            )
            lines.append(f"hit {hit.rank}: {hit.meaning.probability:.0%} likely one person{strangers}")
    if response.doubtful:
        lines.append("doubtful: the person is probably not in this gallery")
    lines.append(told_errors(response.errors))
    if (done := response.reranking) is not None:
        which = "all" if done.scored == done.seen else f"the nearest {done.scored:,} of"
        lines.append(f"re-ranked by {done.method}: {which} {done.seen:,} sightings that may answer were ordered again")
    if not response.exact:
        lines.append("approximate: an index proposed the hits, and may have missed some")
    lines += [f"warning: {warning}" for warning in response.warnings]
    lines.append(f"searched: {', '.join(response.searched_cameras) or 'no camera'}")
    lines += [f"left out: camera {excluded.camera}: {excluded.reason}" for excluded in response.excluded_cameras]
    stages = ", ".join(f"{stage} {value:.1f} ms" for stage, value in response.milliseconds.items())
    return [*lines, f"{response.model.name} ({response.model.fingerprint}); {stages}"]


def _rank(hit: Hit) -> str:
    """With the one by distance, where another order moved it."""
    return str(hit.rank) if hit.plain_rank in (None, hit.rank) else f"{hit.rank} (by distance {hit.plain_rank})"


def _expect_files(images: Sequence[Path]) -> None:
    """
    Raises:
        BadParameter: one isn't there, or is a folder.
    """
    for image in images:
        if not image.exists():
            raise typer.BadParameter(f"there is no {image}; correct the path")
        if image.is_dir():
            raise typer.BadParameter(f"{image} is a folder, and an image is expected")


@dataclass(frozen=True, slots=True)
class Sent:
    """Images that a server was given.

    Attributes:
        added, present, skipped: how many are new, were there, and were left out.
        reasons: why, by the image's name.
    """

    added: int
    present: int
    skipped: int
    reasons: dict[str, str]


@in_groups(
    {"The images": ("camera", "detect", "box", "taken_at", "identity", "track"), "The server": ("url", "key", "ca")}
)
def enrol(
    images: Annotated[list[Path], typer.Argument(help="Images of one camera.")],
    camera: Annotated[str, typer.Option(help="The camera that took them.")],
    url: Annotated[str, typer.Option(help="A server, such as http://127.0.0.1:8077.")],
    key: KeyOption = None,
    ca: CaOption = None,
    detect: Annotated[
        bool,
        typer.Option(
            "--detect", help="The images are whole pictures: the server finds the people in them, and enrols each."
        ),
    ] = False,
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
) -> Answer[Sent]:
    """Enrol images on a server. Send them again after a stop: each is enrolled once.

    Examples:
        rgbir enrol a.jpg b.jpg --camera 2 --url http://127.0.0.1:8077
        rgbir enrol whole.jpg --camera 2 --detect --taken-at 2026-03-01T22:15:00+01:00 --url http://127.0.0.1:8077
        rgbir enrol f.jpg --camera 2 --box 40,10,90,160 --taken-at 2026-03-01T22:15:00+01:00 --url http://127.0.0.1:8077
    """
    _expect_files(images)
    expect_filled(camera=camera, track=track)
    boxes = _each("box", [box_of("box", each) for each in box or ()], len(images))
    moments = _each("taken_at", [moment("taken_at", each) for each in taken_at or ()], len(images))
    if detect:
        _expect_whole(moments, box=box, identity=identity, track=track)
        with Client(url, key=key, ca=ca) as client:
            return _sent_frames(client, images, camera, [moment for moment in moments if moment is not None])
    labels = {"camera": camera, "identity": identity, "track": track}
    shots = [
        (image, {**labels, "box": box, "taken_at": time})
        for image, box, time in zip(images, boxes, moments, strict=True)
    ]
    counts, reasons = {"added": 0, "present": 0, "skipped": 0}, dict[str, str]()
    with Client(url, key=key, ca=ca) as client:
        for result in client.enrol_all(shots):
            counts[result.status] += 1
            if result.reason is not None:
                reasons[result.name] = result.reason
                remark(f"{result.status} {result.name}: {result.reason}")
    line = f"{counts['added']:,} added, {counts['present']:,} were there, {counts['skipped']:,} skipped"
    return Answer(Sent(**counts, reasons=reasons), [line], PASSED_OVER if counts["skipped"] else 0)


def _expect_whole(moments: Sequence[datetime | None], **labels: object) -> None:
    """
    Raises:
        BadParameter: no time, or what is said of people who aren't known yet.
    """
    if labelled := [flag(name) for name, value in labels.items() if value is not None]:
        raise typer.BadParameter(
            f"{listed(labelled)}: with --detect the server finds out who is in a picture; leave it out"
        )
    if None in moments:
        raise typer.BadParameter(
            "--detect needs --taken-at, by which retention erases whom the server finds; such as 2026-03-01T22:15:00+01:00"
        )


def _sent_frames(client: Client, images: Sequence[Path], camera: str, moments: Sequence[datetime]) -> Answer[Sent]:
    """Whole pictures, one request each."""
    counts, reasons = {"added": 0, "present": 0, "skipped": 0}, dict[str, str]()
    for image, moment_ in zip(images, moments, strict=True):
        for frame in client.enrol_frames(image, camera=camera, taken_at=moment_):
            if frame.reason is not None:
                counts["skipped"] += 1
                reasons[frame.name] = frame.reason
                remark(f"skipped {frame.name}: {frame.reason}")
            for person in frame.people:
                counts[person.status] += 1
    line = f"{counts['added']:,} people added, {counts['present']:,} were there, {counts['skipped']:,} skipped"
    return Answer(Sent(**counts, reasons=reasons), [line], PASSED_OVER if counts["skipped"] else 0)


def _each(name: str, values: Sequence[T], count: int) -> Sequence[T | None]:
    """One for each image.

    Raises:
        BadParameter: neither one nor as many.
    """
    if len(values) > 1 and len(values) != count:
        raise typer.BadParameter(
            f"{flag(name)} is given once, or once for each of the {count} images, not {len(values)} times"
        )
    return values if len(values) == count else [*values, None][:1] * count
