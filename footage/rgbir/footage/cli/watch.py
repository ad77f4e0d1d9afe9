"""`rgbir watch …`: enrol who passes, for as long as it runs."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rgbir.client.options import moment
from rgbir.footage.cli.file import file
from rgbir.footage.cli.options import ForeverOption, KeepDaysOption, gallery_at
from rgbir.footage.cli.stream import stream
from rgbir.footage.frigate.api import FrigateApi, trusted
from rgbir.footage.frigate.bridge import bridge
from rgbir.footage.frigate.broker import Broker, imported
from rgbir.footage.frigate.cameras import parse_map
from rgbir.footage.frigate.ledger import Ledger
from rgbir.footage.frigate.places import InGallery, Place
from rgbir.footage.frigate.remote import OnServer
from rgbir.footage.frigate.tally import Tally
from rgbir.footage.frigate.worker import Worker
from rgbir.index import AnyGallery, Bundle, Encoder, GalleryAddress, UsageError, locked
from rgbir.index.cli.options import RunnerOption, refuse
from rgbir.index.cli.output import Answer, in_groups, note, remark

watch = typer.Typer(help="Enrol who passes, for as long as it runs.", no_args_is_help=True, add_completion=False)


@watch.callback()
def group() -> None:
    """Enrol who passes, for as long as it runs."""


watch.command()(stream)
watch.command()(file)


@dataclass(frozen=True, slots=True)
class Watched:
    """What became of the people whom Frigate tracked.

    Attributes:
        added, present: who were enrolled, and who were enrolled already.
        erased: who were erased here since Frigate saw them.
        passed_over: who weren't enrolled, by reason.
        postponed: how often somebody had to be taken later.
        connections: how often the broker was reached.
        caught_up: how often Frigate's list was read to its end.
    """

    added: int
    present: int
    erased: int
    passed_over: dict[str, int]
    postponed: int
    connections: int
    caught_up: int

    @classmethod
    def of(cls, tally: Tally) -> Watched:
        return cls(
            tally.added,
            tally.present,
            tally.erased,
            dict(sorted(tally.passed_over.items())),
            tally.postponed,
            tally.connections,
            tally.caught_up,
        )


@watch.command("frigate")
@in_groups(
    {
        "Frigate": ("url", "mqtt", "topic", "mqtt_tls", "ca", "stored_snapshots"),
        "Cameras": ("mapped", "trust_frames"),
        "Where to": ("gallery", "bundle", "network", "server", "key", "threads", "runner"),
        "How long people are kept": ("keep_days", "no_retention"),
        "How it is done": ("once", "since", "state", "catch_up"),
    }
)
def frigate(
    ctx: typer.Context,
    url: Annotated[str, typer.Option(help="Frigate's address, such as http://frigate:5000.")],
    mqtt: Annotated[str | None, typer.Option(help="The broker that Frigate publishes to: HOST, or HOST:PORT.")] = None,
    topic: Annotated[str, typer.Option(help="The prefix of Frigate's topics, its `topic_prefix`.")] = "frigate",
    mqtt_tls: Annotated[bool, typer.Option("--mqtt-tls", help="Encrypt the connection to the broker.")] = False,
    ca: Annotated[
        Path | None,
        typer.Option(
            help="Certificates to trust (PEM) in place of the machine's own, of the broker, Frigate and --server."
        ),
    ] = None,
    stored_snapshots: Annotated[
        bool,
        typer.Option(
            "--stored-snapshots",
            help="Take snapshot.jpg where there is no clean snapshot. Frigate must draw no boxes and cut nothing.",
        ),
    ] = False,
    mapped: Annotated[
        list[str] | None,
        typer.Option("--map", help="A camera of Frigate and the network's, such as front_door=hall. Again for each."),
    ] = None,
    trust_frames: Annotated[
        bool, typer.Option("--trust-frames", help="Enrol pictures in another light than their camera is declared with.")
    ] = False,
    gallery: Annotated[str | None, typer.Option(help="A gallery: its folder, or milvus://HOST:PORT/NAME.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="The model bundle's folder.")] = None,
    network: Annotated[str | None, typer.Option(help="The cameras of a new gallery: a TOML file.")] = None,
    server: Annotated[
        str | None, typer.Option(help="Send the people to this server in place of --gallery and --bundle.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The server's key.")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads of the model; all of this process's cores by default.", min=1)
    ] = None,
    runner: RunnerOption = "onnxruntime",
    keep_days: KeepDaysOption = None,
    no_retention: ForeverOption = False,
    once: Annotated[bool, typer.Option("--once", help="Take what Frigate lists, and end; without a broker.")] = False,
    since: Annotated[
        str | None, typer.Option(help="A first start takes people from then on, ISO 8601; from now on without.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="The file that says where to go on; GALLERY.frigate by default.", dir_okay=False)
    ] = None,
    catch_up: Annotated[
        float, typer.Option(help="Look for what MQTT lost at least every so many seconds.", min=1, max=86_400)
    ] = 600.0,
) -> Answer[Watched]:
    """Enrol the people whom Frigate tracked: the best snapshot of each, as soon as the track has ended.

    It stops with SIGTERM. Started again, it takes what ended meanwhile. Passwords come from variables alone: see the how-to for
    Frigate.

    Examples:
        rgbir watch frigate --mqtt broker --url http://frigate:5000 --map front_door=hall --gallery G --bundle B --keep-days 30
        rgbir watch frigate --once --url http://frigate:5000 --gallery G --bundle B --keep-days 30
    """
    if once:
        refuse(ctx, "--once asks no broker", ("mqtt", "topic", "mqtt_tls", "catch_up"))
    elif mqtt is None:
        raise UsageError("give --mqtt, the broker that Frigate publishes to, or --once to take what Frigate lists now")
    names, start = parse_map(mapped or ()), moment("since", since)
    broker = None if mqtt is None or once else Broker.of(mqtt, trusted(ca) if mqtt_tls else None, topic)
    file = _resume_point(state, gallery)
    with ExitStack() as stack:
        api = stack.enter_context(FrigateApi(url, ca=ca, stored=stored_snapshots))
        if broker is not None:
            imported()
        place: Place
        if server is None:
            refuse(ctx, "a gallery here is no server", ("key",))
            opened, encoder = _in_gallery(stack, gallery, bundle, network, threads, runner)
            place = InGallery(opened, encoder, keep_days=keep_days, forever=no_retention, say=remark)
        else:
            only_here = ("gallery", "bundle", "network", "threads", "runner", "keep_days", "no_retention")
            refuse(ctx, "a server has its own", only_here)
            place = stack.enter_context(OnServer(server, key, ca))
        stack.enter_context(locked(file.with_name(f"{file.name}.lock")))
        ledger = Ledger(file, time.time() if start is None else start.timestamp())
        worker = Worker(api, place, names, ledger, every_s=catch_up, trust_frames=trust_frames, say=remark)
        if broker is None:
            whole = worker.catch_up()
            return Answer(Watched.of(worker.tally), [worker.tally.line()], 0 if whole else 1)
        if broker.shows_password:
            remark(f"the password goes to {broker.host} in the clear; --mqtt-tls encrypts it")
        bridge(worker, broker, say=remark, report=lambda: note(worker.tally.line()))
        return Answer(Watched.of(worker.tally), [worker.tally.line()])


def _resume_point(state: Path | None, gallery: str | None) -> Path:
    """Where to go on: beside the gallery, unless somebody says."""
    if state is not None:
        return state
    if gallery is None or GalleryAddress.of(gallery).in_milvus:
        raise UsageError(
            "name the file that says where to go on, by --state; only a gallery in a folder has one beside it"
        )
    folder = GalleryAddress.of(gallery).folder
    return folder.with_name(f"{folder.name}.frigate")


def _in_gallery(
    stack: ExitStack,
    address: str | None,
    bundle: Path | None,
    network: str | None,
    threads: int | None,
    runner: str,
) -> tuple[AnyGallery, Encoder]:
    if address is None or bundle is None:
        raise UsageError("give --gallery with --bundle, the model it was made with; or --server")
    encoder = Encoder(Bundle(bundle), threads=threads, runner=runner)
    return stack.enter_context(gallery_at(address, encoder.card, network)), encoder
