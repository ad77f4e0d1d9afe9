"""`rgbir serve`."""

from __future__ import annotations

import json
import signal
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rgbir.index import Bundle, CameraNetwork, DetectorBundle, Runner, listed, open_gallery, why
from rgbir.index.cli.options import RunnerOption
from rgbir.index.cli.output import Answer, in_groups, remark, wants_json
from rgbir.server.access.keys import Keyring
from rgbir.server.cli.supervise import supervised
from rgbir.server.engine.galleries import Galleries
from rgbir.server.engine.plan import read_plan
from rgbir.server.errors import BadSettings, NotStarted
from rgbir.server.http.app import certificate_of, create_app
from rgbir.server.http.log import to_standard_error
from rgbir.server.http.serving import served
from rgbir.server.settings import Settings
from rgbir.server.worker import Worker

LIMITS = Settings("", Path())


def _limit(help: str) -> Any:
    return typer.Option(help=help, min=1, rich_help_panel="Limits")


@dataclass(frozen=True, slots=True)
class Started:
    """A server that answers, told as it begins.

    Attributes:
        url: where.
        sightings: how many the gallery holds.
        bundle: the model's name.
    """

    url: str
    sightings: int
    bundle: str


@in_groups(
    {
        "The model and the search": (
            "workers",
            "threads",
            "runner",
            "device",
            "gpu_half",
            "gpu_bytes",
            "bundles",
            "detector",
            "no_retention",
            "keep_footage",
            "footage",
            "samples",
            "plan",
            "reports",
        ),
        "Who may ask": ("open_to_all", "keys", "need_purpose", "audit", "audit_heads"),
        "Cases": ("cases", "case_days", "need_basis", "basis", "need_approval", "erase_under_hold", "evidence_key"),
        "The network": ("host", "port", "host_name", "trusted_proxy", "root_path", "tls_cert", "tls_key"),
        "Logs": ("json_logs", "traces"),
    }
)
def serve(
    ctx: typer.Context,
    gallery: Annotated[str, typer.Option(help="The gallery: its folder, or milvus://HOST:PORT/NAME.")],
    bundle: Annotated[Path, typer.Option(help="The model bundle it was made with.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8077,
    open_to_all: Annotated[bool, typer.Option("--open", help="Listen beyond this machine without keys.")] = False,
    workers: Annotated[
        int,
        typer.Option(
            help="Processes that answer together, and share the processors and the codes of the gallery.", min=1
        ),
    ] = LIMITS.workers,
    threads: Annotated[int | None, typer.Option(help="Threads of the model, in each process.", min=1)] = None,
    runner: RunnerOption = LIMITS.runner,
    device: Annotated[Literal["cpu", "gpu", "auto"], typer.Option(help="Where the gallery is searched.")] = "auto",
    gpu_half: Annotated[bool, typer.Option(help="Embeddings as float16 on the GPU.")] = False,
    gpu_bytes: Annotated[int | None, typer.Option(help="Most bytes of GPU memory to take.", min=1)] = None,
    keys: Annotated[Path | None, typer.Option(help="The file that `rgbir keys` keeps, of who may do what.")] = None,
    key_routes: Annotated[
        bool,
        typer.Option("--key-routes/--no-key-routes", help="Let administrators make and end keys over HTTP."),
    ] = True,
    audit: Annotated[Path | None, typer.Option(help="Log every search and erasure here, chained.")] = None,
    audit_heads: Annotated[
        Path | None,
        typer.Option(help="Note the log's head here each minute: on a medium that who can write the log can't write."),
    ] = None,
    host_name: Annotated[
        list[str] | None,
        typer.Option(help="A name by which it may be asked; may be repeated. With keys and none named, by any."),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(help="An address or network whose X-Forwarded-For and -Proto are believed; may be repeated."),
    ] = None,
    root_path: Annotated[
        str, typer.Option(help="The path below which a proxy shows the server to others, such as /rgbir.")
    ] = "",
    need_purpose: Annotated[bool, typer.Option(help="Refuse searches that don't state a purpose.")] = False,
    cases: Annotated[
        Path | None, typer.Option(help="A folder that keeps cases; made if there is none. It needs --audit.")
    ] = None,
    case_days: Annotated[
        int, typer.Option(help="Days for which a case is kept where nothing else is said.", min=1)
    ] = LIMITS.case_days,
    need_basis: Annotated[bool, typer.Option(help="Refuse cases that don't name a legal basis.")] = False,
    basis: Annotated[
        list[str] | None, typer.Option(help="A legal basis that cases may name; may be repeated. Others are refused.")
    ] = None,
    erase_under_hold: Annotated[
        bool, typer.Option(help="Two administrators together may erase what a legal hold keeps.")
    ] = False,
    need_approval: Annotated[
        bool,
        typer.Option(help="A second person approves a case before its first search; without a case none is answered."),
    ] = False,
    evidence_key: Annotated[
        Path | None,
        typer.Option(
            help="Sign evidence with this private key, which nobody else may read: `rgbir evidence key` makes it."
        ),
    ] = None,
    max_bytes: Annotated[int, _limit("Bytes of a request's body.")] = LIMITS.max_bytes,
    max_archive_bytes: Annotated[int, _limit("Bytes of an archive to enrol.")] = LIMITS.max_archive_bytes,
    max_footage_bytes: Annotated[int, _limit("Bytes of a film to enrol.")] = LIMITS.max_footage_bytes,
    max_footage_seconds: Annotated[float, _limit("Seconds of a film to enrol.")] = LIMITS.max_footage_seconds,
    max_pixels: Annotated[int, _limit("Pixels of an image.")] = LIMITS.max_pixels,
    max_request_pixels: Annotated[int, _limit("Pixels of a request's images together.")] = LIMITS.max_request_pixels,
    max_images: Annotated[int, _limit("Images of a request.")] = LIMITS.max_images,
    max_top_k: Annotated[int, _limit("Hits of a search.")] = LIMITS.max_top_k,
    max_distances: Annotated[int, _limit("Sightings that /distances tells of.")] = LIMITS.max_distances,
    max_in_flight: Annotated[int, _limit("Requests answered at once; 429 past it.")] = LIMITS.max_in_flight,
    max_batch: Annotated[int, _limit("Images a run of the model.")] = LIMITS.max_batch,
    max_waiting: Annotated[int, _limit("Images that wait for the model; 429 past it.")] = LIMITS.max_waiting,
    deadline_s: Annotated[float, _limit("Seconds an answer may take; 503 past it.")] = LIMITS.deadline_s,
    slowest_s: Annotated[float, _limit("Seconds a piece of a body may take to come; 408 past it.")] = LIMITS.slowest_s,
    max_head_bytes: Annotated[
        int, _limit("Bytes of a request's URL and headers; 431 past it.")
    ] = LIMITS.max_head_bytes,
    max_connections: Annotated[int, _limit("Connections at once; 503 past it.")] = LIMITS.max_connections,
    ending_s: Annotated[int, _limit("Seconds that requests have to end, once it is told to end.")] = LIMITS.ending_s,
    tls_cert: Annotated[
        Path | None,
        typer.Option(help="Speak HTTPS with this certificate (PEM, the chain); renewed files are taken while it runs."),
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key (PEM), which nobody else may read.")] = None,
    json_logs: Annotated[bool, typer.Option(help="A line of JSON for every request, on standard error.")] = False,
    traces: Annotated[bool, typer.Option(help="OpenTelemetry: send traces to OTEL_EXPORTER_OTLP_ENDPOINT.")] = False,
    bundles: Annotated[
        Path | None,
        typer.Option(help="A folder of bundles that administrators may change to while it runs."),
    ] = None,
    detector: Annotated[
        Path | None,
        typer.Option(help="A detector's bundle, to find people in whole pictures (docs/how-to/adopt-a-detector.md)."),
    ] = None,
    no_retention: Annotated[
        bool,
        typer.Option("--no-retention", help="Enrol whom the detector finds, though the gallery keeps for ever."),
    ] = False,
    keep_footage: Annotated[
        Path | None,
        typer.Option(
            help="Keep films whose people were enrolled here, as long as people are kept; else they are deleted."
        ),
    ] = None,
    footage: Annotated[
        list[Path] | None,
        typer.Option(help="A folder of recordings, to play the seconds around hits; it is only read. May be repeated."),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(help="Example queries for the page, named <camera>_….jpg."),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(help="A picture of the plan that cameras' positions are on, in its pixels: PNG or JPEG."),
    ] = None,
    reports: Annotated[
        Path | None,
        typer.Option(help="A folder of reports (`rgbir evaluate --report`) that the page shows."),
    ] = None,
) -> Answer[Started] | None:
    """Answer searches over HTTP, with a page to try them. With --json the line that says where is JSON.

    Examples:
        rgbir serve --gallery demo/gallery --bundle demo/expat_compact.synthetic_people
        rgbir serve --gallery /srv/gallery --bundle /srv/bundle --host 0.0.0.0 --keys keys.json --audit audit.log
    """
    folders = [("--bundles", bundles), ("--samples", samples), ("--reports", reports)]
    for option, folder in [*folders, *(("--footage", folder) for folder in footage or ())]:
        if folder is not None and not folder.is_dir():
            raise BadSettings(f"{option} is a folder that is there, not {folder}")
    settings = Settings(
        gallery, bundle, host, port, open_to_all, threads, runner, workers=workers,
        samples=samples, plan=plan, reports=reports, device=device, gpu_half=gpu_half, gpu_bytes=gpu_bytes,
        keys=keys, key_routes=key_routes, audit=audit, audit_heads=audit_heads, need_purpose=need_purpose,
        cases=cases, case_days=case_days, need_basis=need_basis, bases=tuple(basis or ()), need_approval=need_approval, erase_under_hold=erase_under_hold, evidence_key=evidence_key, bundles=bundles, detector=detector, no_retention=no_retention, keep_footage=keep_footage, footage=tuple(footage or ()), traces=traces,
        max_bytes=max_bytes, max_archive_bytes=max_archive_bytes, max_footage_bytes=max_footage_bytes, max_footage_seconds=max_footage_seconds,
        max_pixels=max_pixels, max_request_pixels=max_request_pixels, max_images=max_images,
        max_top_k=max_top_k, max_distances=max_distances, max_in_flight=max_in_flight, max_batch=max_batch,
        max_waiting=max_waiting, deadline_s=deadline_s, slowest_s=slowest_s, host_names=tuple(host_name or ()),
        trusted_proxies=tuple(trusted_proxy or ()), max_head_bytes=max_head_bytes, max_connections=max_connections, ending_s=ending_s,
        root_path=root_path, tls_cert=tls_cert, tls_key=tls_key,
    )  # fmt: skip
    run(settings, json_logs, wants_json(ctx))
    return None


def run(settings: Settings, json_logs: bool = False, as_json: bool = False) -> None:
    """Answers until it is told to end.

    Raises:
        BadSettings: it can't start like this.
        NotStarted: something else is wrong, which is in the log.
    """
    certificate = certificate_of(settings)
    worker = Worker()
    app = create_app(settings, certificate, worker)
    # Opened once before the server starts, so that what is wrong is said in one line.
    if settings.detector is not None:
        DetectorBundle(settings.detector)
    if settings.plan is not None:
        read_plan(settings.plan, settings.max_pixels)
    bundle, address = Galleries(settings).chosen()
    with open_gallery(address) as gallery:
        gallery.expect(Bundle(bundle).card.computed(Runner.read(settings.runner)))
        if settings.keys is not None:
            _check_keys(settings.keys, gallery.network)
        listening = _listening(settings.host, settings.port)
        scheme = "http" if certificate is None else "https"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"{scheme}://{host}:{listening.getsockname()[1]}{settings.root_path}/"
        started = Started(url, len(gallery), bundle.name)
        line = f"{len(gallery):,} sightings, {bundle.name}; {url} (Ctrl-C ends it)"
        print(json.dumps(asdict(started)) if as_json else line, flush=True)
    to_standard_error(json_logs)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the log is open: rotation must not end a server that begins
    several = settings.workers > 1
    began = supervised(settings, listening) if several else served(settings, app, certificate, worker, listening)
    if not began:  # what was wrong is in the log
        raise NotStarted(f"the server at {url} didn't start; the log above says why")


def _check_keys(file: Path, network: CameraNetwork) -> None:
    """
    Raises:
        BadSettings: there is none.
    """
    keys = Keyring(file).keys
    if not keys:
        raise BadSettings(f"{file} has no key; make one with `rgbir keys add NAME --role admin --keys {file}`")
    for key in keys:
        if unknown := [camera for camera in key.cameras or () if camera not in network]:
            remark(f"key {key.name!r} is for camera {listed(unknown)}, which the network {network.name!r} doesn't have")


def _listening(host: str, port: int) -> socket.socket:
    """Taken before anything is said of it.

    Raises:
        BadSettings: somebody else has it, or the machine has no such address.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        taken = socket.socket(family)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
        taken.listen(2048)
        taken.set_inheritable(True)
    except OSError as error:
        raise BadSettings(f"can't listen on {host}:{port}: {why(error)}; choose another --port or --host") from error
    return taken
