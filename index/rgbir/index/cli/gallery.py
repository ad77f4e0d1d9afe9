"""`rgbir index …`: make, fill, check and empty a gallery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from rgbir.index.bulk import bulk_callers
from rgbir.index.bundle import Bundle
from rgbir.index.cameras import Camera, CameraNetwork, Modality
from rgbir.index.cli.copies import Copies, copies_after, copies_before, copies_in_words
from rgbir.index.cli.options import SKIPPED_EXIT, GalleryOption, RunnerOption, ThreadsOption, given, progress, refuse
from rgbir.index.cli.output import Answer, Skip, confirm, in_groups, remark
from rgbir.index.cli.remarks import list_skipped, skips
from rgbir.index.datasets.dataset import List, Setting
from rgbir.index.datasets.folders import read_folders
from rgbir.index.datasets.known import LAYOUTS, is_known, recognised
from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.datasets.table import parse_time, read_table
from rgbir.index.encoder import Encoder
from rgbir.index.enrolment.enrol import Tally, enrol
from rgbir.index.enrolment.merge import Declared, expect_mergeable, merge, shard
from rgbir.index.enrolment.ray import enrol_on_ray
from rgbir.index.enrolment.send import send
from rgbir.index.errors import GalleryMissing, UsageError
from rgbir.index.gallery.addresses import create, open_gallery, open_or_create
from rgbir.index.gallery.folder.gallery import Gallery
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.model import CameraCount, Model, Storage
from rgbir.index.times import local
from rgbir.index.words import listed

index = typer.Typer(help="Make, fill, check and empty a gallery.", no_args_is_help=True, add_completion=False)
Wanted = Literal["rgb", "ir", "both"]
if TYPE_CHECKING:
    Layout = str
else:
    Layout = Literal[("folders", "csv", *LAYOUTS)]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an enrolment did.

    Attributes:
        added, present: images that are new, and that were there.
        skipped: images that were left out.
        sightings: how many the gallery holds now; null by a server.
        providers: what runs the model, the first where it can; null by a server.
        runner: which runs it, as --runner says it; null by a server.
    """

    added: int
    present: int
    skipped: list[Skip]
    sightings: int | None = None
    providers: list[str] | None = None
    runner: str | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """What was copied from one gallery into another.

    Attributes:
        source: the gallery that was read.
        added, present: sightings that are new, and that were there.
        erased: sightings that weren't taken, since they were erased in the other.
        removed: sightings of the other that were erased in the source since.
        sightings: how many the other holds now.
    """

    source: str
    added: int
    present: int
    erased: int
    removed: int
    sightings: int


@dataclass(frozen=True, slots=True)
class Stats:
    """What a gallery holds.

    Attributes:
        sightings: how many.
        generation: grows with every change.
        model: whose embeddings.
        cameras: those with sightings.
        storage, opening: how a folder keeps embeddings, and how it was opened; null in Milvus.
    """

    sightings: int
    generation: int
    model: Model
    cameras: list[CameraCount]
    storage: str | None = None
    opening: str | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """What was erased, or would be.

    Attributes:
        removed: sightings that were erased; 0 with --dry-run.
        matching: sightings that met the conditions.
        left: sightings that the gallery holds now.
        unknown: ids that were named and no sighting has.
        copies: where else they are.
    """

    removed: int
    matching: int
    left: int
    unknown: list[str]
    copies: Copies


@index.command()
@in_groups(
    {
        "Where to": ("gallery", "bundle", "url", "key", "storage", "keep_images"),
        "Which images": ("layout", "network", "camera", "identities", "modality", "split"),
        "How it is done": ("batch", "workers", "threads", "runner", "part", "on_ray"),
    }
)
def add(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A folder of images; a table for layout csv.")],
    gallery: Annotated[str | None, typer.Option(help="The gallery: its folder, or milvus://HOST:PORT/NAME.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="The model bundle's folder.")] = None,
    url: Annotated[
        str | None, typer.Option(help="Send the images to this server in place of --gallery and --bundle.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The server's key.")] = None,
    layout: Annotated[Layout, typer.Option(help="How the folder is laid out.")] = "folders",
    network: Annotated[
        str | None,
        typer.Option(help=f"The cameras and their places: {listed(['a TOML file', *CameraNetwork.built_in()], 'or')}."),
    ] = None,
    camera: Annotated[str | None, typer.Option(help="The camera of all these images.")] = None,
    identities: Annotated[List, typer.Option("--list", help="Layout sysu: whose images.")] = "test",
    modality: Annotated[Wanted, typer.Option(help="Layouts of data sets: which images.")] = "rgb",
    split: Annotated[int, typer.Option(help="Layout regdb: which split's test images.", min=1, max=10)] = 1,
    batch: Annotated[
        int,
        typer.Option(help="Images in a transaction, which threads share; of each encoder with --ray.", min=1, max=4096),
    ] = 32,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Threads that read, decode and encode. If not given, one a core and at most 8, or one more where they encode one"
            " at a time, as on a GPU. With --ray, encoders, one core each, 2 if not given.",
            min=1,
            max=64,
        ),
    ] = None,
    threads: ThreadsOption = None,
    runner: RunnerOption = "onnxruntime",
    keep_images: Annotated[bool, typer.Option(help="Keep each crop in the gallery, to be shown with a hit.")] = True,
    storage: Annotated[
        Storage,
        typer.Option(help="Of a new gallery: float16 halves it, and rounds each value by at most 2^-11 of itself."),
    ] = Storage.FLOAT32,
    part: Annotated[
        str | None,
        typer.Option("--shard", help="Only part i of n, as i/n, for machines that share the work; then merge."),
    ] = None,
    on_ray: Annotated[
        str | None,
        typer.Option("--ray", help="Encode on a Ray cluster: its address, auto, or local."),
    ] = None,
) -> Answer[Enrolment]:
    """Enrol every image of a folder. Run it again after a stop: it goes on, and encodes nothing twice.

    Examples:
        rgbir index add demo/people --layout sysu --gallery demo/gallery --bundle demo/expat_compact.synthetic_people
        rgbir index add crops --camera 2 --url http://127.0.0.1:8077
    """

    _refuse_others(ctx, folder, layout, url, on_ray)

    def records() -> Iterator[ImageRecord | Skipped]:
        everything = _records(folder, layout, camera, modality, Setting(identities, split=split))
        return iter(everything) if part is None else shard(everything, *_part(part))

    # Read twice rather than kept: memory doesn't grow with the number of files.
    seen, total = dict[str, None](), 0
    for record in records():
        total += 1
        if isinstance(record, ImageRecord):
            seen[record.camera] = None
    if url is not None and gallery is not None:
        raise UsageError("give --gallery and --bundle, or --url with a server; not both")
    if url is not None:
        with progress("sending", total) as advance:
            tally = send(records(), url, key, advance)
        return _told(tally, url)
    if gallery is None or bundle is None:
        raise UsageError("give --gallery and --bundle, or --url with a server")
    declared = CameraNetwork.read(network) if network else None
    if declared is None:
        declared = LAYOUTS[layout](folder).network if layout in LAYOUTS else CameraNetwork(Path(gallery).name, ())
    encoder = Encoder(Bundle(bundle), threads=threads, batch=batch, runner=runner, callers=workers or bulk_callers())
    with open_or_create(gallery, encoder.card, declared, storage) as opened:
        _as_declared(ctx, opened, declared if network else None, storage)
        if network is None and layout not in LAYOUTS:
            opened.add_cameras(
                [Camera(name, frozenset({Modality.RGB}), name) for name in seen if name not in opened.network]
            )
        with progress("enrolling", total) as advance:
            share: dict[str, Any] = {"batch": batch, "keep_crops": keep_images, "progress": advance}
            if on_ray is None:
                tally = enrol(records(), encoder, opened, workers=workers, **share)
            else:
                share |= {"address": None if on_ray == "local" else on_ray, "runner": runner, "workers": workers or 2}
                tally = enrol_on_ray(records(), bundle, opened, **share)
        total = len(opened)
    return _told(tally, gallery, total, encoder)


def _refuse_others(ctx: typer.Context, folder: Path, layout: str, url: str | None, on_ray: str | None) -> None:
    """What is given and would have no effect on this enrolment, and a data set that would be read as anything else.

    Raises:
        UsageError: something is.
    """
    if url is not None:
        here = ("bundle", "network", "batch", "workers", "threads", "runner", "keep_images", "storage", "on_ray")
        refuse(ctx, "a server decodes, encodes and keeps the images itself", only=here)
    else:
        refuse(ctx, "--key is a server's", only=("key",))
    if on_ray is not None:
        refuse(ctx, "an encoder on Ray takes one processor core", only=("threads",))
    choices = LAYOUTS[layout].choices if layout in LAYOUTS else frozenset()
    refuse(ctx, f"layout {layout} has no such choice", only=sorted({"identities", "split"} - choices))
    if layout in LAYOUTS:
        refuse(ctx, f"layout {layout} says its cameras", only=("camera",))
    else:
        refuse(ctx, f"layout {layout} says no modality", only=("modality",))
    source = ctx.get_parameter_source("layout")
    unsaid = source is not None and source.name == "DEFAULT"
    kind = recognised(folder) if layout == "folders" and folder.is_dir() and unsaid else None
    if given(ctx, "network") and not is_known(folder):  # a site has cameras called cam1, too
        kind = None
    if kind is not None:
        raise UsageError(
            f"{folder} looks like {kind.names[0]}: say --layout {kind.layout} for its people and cameras, or --layout folders to take"
            " its first folders for cameras"
        )


def _as_declared(ctx: typer.Context, gallery: AnyGallery, network: CameraNetwork | None, storage: Storage) -> None:
    """Whether what was declared for a new gallery is so of the one that is there.

    Raises:
        UsageError: it isn't.
    """
    if given(ctx, "storage") and gallery.storage is not storage:
        raise UsageError(
            f"the gallery keeps {gallery.storage}, and --storage says {storage}; `rgbir index copy OLD NEW --storage {storage}`"
            " makes one of it"
        )
    if network is None:
        return
    declared = {camera.id: camera for camera in gallery.network}
    apart = [camera.id for camera in network if declared.get(camera.id) != camera]
    if apart or network.passages != gallery.network.passages:
        which = f"camera {', '.join(apart[:5])}" if apart else "its passages"
        raise UsageError(
            f"the gallery was made with another network than --network says: {which} differs; leave --network out to go on"
            " with the gallery's, or make a new gallery"
        )


def _told(tally: Tally, where: str, total: int | None = None, encoder: Encoder | None = None) -> Answer[Enrolment]:
    counted = f"{tally.added:,} added, {tally.present:,} were there, {len(tally.skipped):,} skipped"
    whereabouts = f"; {total:,} sightings in {where} (model on {encoder.providers[0]})" if encoder else f" by {where}"
    list_skipped(tally.skipped)
    content = Enrolment(tally.added, tally.present, skips(tally.skipped), total)
    if encoder is not None:
        content = replace(content, providers=encoder.providers, runner=str(encoder.runner))
    return Answer(content, [counted + whereabouts], SKIPPED_EXIT if tally.skipped else 0)


def _part(text: str) -> tuple[int, int]:
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal()):
        raise UsageError(f"--shard takes i/n, such as 2/8, not {text!r}")
    return int(number), int(of)


def _records(
    folder: Path, layout: str, camera: str | None, modality: Wanted, setting: Setting
) -> Iterable[ImageRecord | Skipped]:
    if layout == "folders":
        return read_folders(folder, camera)
    if layout == "csv":
        return read_table(folder, camera)
    data = LAYOUTS[layout](folder)
    modalities = list(Modality) if modality == "both" else [Modality(modality)]
    return chain.from_iterable(data.test(which, setting) for which in modalities)


@index.command("merge")
def merge_galleries(
    sources: Annotated[list[str], typer.Argument(help="Galleries whose sightings to enrol; they stay as they are.")],
    gallery: GalleryOption,
) -> Answer[list[Merged]]:
    """Enrol every sighting of some galleries in another of the same model, which is made if it isn't there.

    All of them are compared first: if one doesn't fit, nothing is merged.

    Examples:
        rgbir index merge part-1 part-2 --gallery whole
        rgbir index merge site-a/gallery --gallery milvus://127.0.0.1:19530/site --json
    """
    declared = [_declared(source) for source in sources]
    with suppress(GalleryMissing):
        declared.insert(0, _declared(gallery))
    expect_mergeable(declared)
    merged = []
    for source in sources:
        with open_gallery(source) as given, _open_or_like(given, gallery, Storage.FLOAT32) as opened:
            merged.append(_merge(given, opened))
    return Answer(merged, [line for each in merged for line in _merged_words(each, gallery)])


def _declared(address: str) -> Declared:
    with open_gallery(address) as opened:
        return Declared.of(opened)


def erased_too(count: int) -> str:
    """For the end of a sentence that counts."""
    return f", {count:,} not, since they were erased" if count else ""


@index.command("copy")
def copy_gallery(
    source: Annotated[str, typer.Argument(help="A gallery: its folder, or milvus://HOST:PORT/NAME.")],
    target: Annotated[str, typer.Argument(help="The gallery to make of it, or to go on with after a stop.")],
    storage: Annotated[Storage, typer.Option(help="Of a new gallery in a folder.")] = Storage.FLOAT32,
) -> Answer[Merged]:
    """Copy a gallery to another place: into Milvus, out of it, or into float16. Run it again after a stop.

    Examples:
        rgbir index copy demo/gallery milvus://127.0.0.1:19530/demo
        rgbir index copy demo/gallery demo/half --storage float16
    """
    with open_gallery(source) as given, _open_or_like(given, target, storage) as opened:
        merged = _merge(given, opened, conditions=True)
        opened.set_keep_days(given.keep_days)
    return Answer(merged, _merged_words(merged, target))


def _open_or_like(given: AnyGallery, address: str, storage: Storage) -> AnyGallery:
    """The gallery there; a new one of the same model and network if there is none."""
    try:
        return open_gallery(address)
    except GalleryMissing:
        return create(address, given.model, given.network, storage)


def _merge(given: AnyGallery, opened: AnyGallery, conditions: bool = False) -> Merged:
    with progress("copying", len(given)) as advance:
        done = merge(given, opened, progress=advance, conditions=conditions)
    return Merged(given.address, done.added, done.present, done.erased, done.removed, len(opened))


def _merged_words(merged: Merged, target: str) -> list[str]:
    counted = f"{merged.added:,} added, {merged.present:,} were there{erased_too(merged.erased)}"
    lines = [f"{counted}; {merged.sightings:,} sightings in {target}"]
    if merged.removed:
        were, are = ("was", "is") if merged.removed == 1 else ("were", "are")
        lines.append(f"{merged.removed:,} {were} erased from {merged.source} since, and {are} removed from {target}")
    return lines


@index.command()
def stats(gallery: GalleryOption) -> Answer[Stats]:
    """What a gallery holds, by camera.

    Examples:
        rgbir index stats --gallery demo/gallery
        rgbir index stats --gallery milvus://127.0.0.1:19530/site --json
    """
    with open_gallery(gallery) as opened:
        counts, model, network = opened.counts(), opened.model, opened.network
        facts = Stats(len(opened), opened.generation, model, counts)
        if isinstance(opened, Gallery):
            facts = replace(facts, storage=opened.storage.value, opening=str(opened.opening))
    table = Table("camera", "modality", "place", "sightings", "identities", "from", "to")
    for count in counts:
        seen = network[count.camera]
        figures = f"{count.sightings:,}", f"{count.identities:,}", local(count.earliest), local(count.latest)
        table.add_row(seen.shown, "+".join(sorted(seen.modalities)), seen.place, *figures)
    whose = f"model {model.name} ({model.fingerprint}), {model.dimension} values, {model.metric}"
    lines: list[str | Table] = [table, f"{facts.sightings:,} sightings, generation {facts.generation}, {whose}"]
    if facts.opening is not None:
        lines.append(f"{facts.storage}; opened with {facts.opening}")
    return Answer(facts, lines)


@index.command()
def remove(
    gallery: GalleryOption,
    sighting: Annotated[list[str] | None, typer.Option(help="A sighting's id; may be repeated.")] = None,
    identity: Annotated[int | None, typer.Option(help="Everything labelled with this identity.")] = None,
    camera: Annotated[str | None, typer.Option(help="Everything of this camera.")] = None,
    track: Annotated[str | None, typer.Option(help="Everything of this track.")] = None,
    before: Annotated[str | None, typer.Option(help="Everything taken before this time, ISO 8601 with a zone.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and erase nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without being asked.")] = False,
) -> Answer[Removal]:
    """Erase the sightings that meet all conditions: embeddings and crops are overwritten on disk.

    They are counted first. On a terminal a typed yes is asked for; elsewhere --yes has to be given.

    Examples:
        rgbir index remove --identity 38 --gallery demo/gallery --dry-run
        rgbir index remove --camera 2 --before 2026-03-01T00:00:00+01:00 --gallery demo/gallery --yes
    """
    moment = None if before is None else parse_time(before)
    conditions: dict[str, Any] = {"ids": sighting or None, "identity": identity, "camera": camera, "track": track}
    conditions["before"] = moment
    with open_gallery(gallery) as opened:
        matching, ids = opened.count(**conditions), list(dict.fromkeys(sighting or ()))
        known = opened.known(ids)
        unknown = [name for name in ids if name not in known]
        for name in unknown:
            remark(f"there is no sighting {name} in {gallery}")
        if dry_run:
            removed, copies = 0, copies_before(opened, conditions)
            counted = f"nothing was erased: {matching:,} of {len(opened):,} sightings in {gallery} would be"
        else:
            if matching:
                confirm(f"{matching:,} of {len(opened):,} sightings in {gallery} will be erased for good.", yes)
            removed = opened.remove(**conditions)
            copies = copies_after(opened)
            counted = f"{removed:,} removed; {len(opened):,} sightings left in {gallery}"
        lines = [counted, *copies_in_words(copies, done=not dry_run)]
        removal = Removal(removed, matching, len(opened), unknown, copies)
        return Answer(removal, lines, SKIPPED_EXIT if unknown else copies.exit_code)
