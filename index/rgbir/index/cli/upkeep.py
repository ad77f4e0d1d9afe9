"""`rgbir index …`: look after a gallery: retention, copies, space, and how it is searched."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rgbir.index.bundle import Bundle
from rgbir.index.cli.gallery import erased_too, index, name_copies
from rgbir.index.cli.options import (
    SKIPPED_EXIT,
    BundleOption,
    FolderOption,
    GalleryOption,
    JsonFlag,
    ThreadsOption,
    progress,
)
from rgbir.index.cli.remarks import list_skipped
from rgbir.index.encoder import Encoder
from rgbir.index.enrolment.reencode import map_for, overlap, reencode
from rgbir.index.errors import UsageError
from rgbir.index.gallery.addresses import GalleryAddress, open_gallery, open_or_create
from rgbir.index.gallery.calibration import summary
from rgbir.index.gallery.folder.backup import back_up, restore
from rgbir.index.gallery.folder.gallery import Gallery
from rgbir.index.gallery.folder.ledger import ledger_of
from rgbir.index.gallery.folder.place import FILE
from rgbir.index.gallery.model import Storage
from rgbir.index.nearest.sketches import Choice, Kind
from rgbir.index.nearest.tune import tune

__all__ = ["index"]


@index.command()
def retain(
    gallery: GalleryOption,
    keep_days: Annotated[
        int | None, typer.Option(help="Erase sightings so many days after they were taken.", min=1)
    ] = None,
    forever: Annotated[bool, typer.Option("--forever", help="Keep sightings until they are removed.")] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Erase although the clock jumped, or although it is over half of the gallery."),
    ] = False,
) -> None:
    """Set how long sightings are kept, and carry it out; without an option, carry out what is set."""
    if keep_days is not None and forever:
        raise UsageError("give --keep-days or --forever, not both")
    with open_gallery(gallery) as opened:
        new_rule = keep_days is not None or forever
        removed = opened.keep(keep_days, sure=yes) if new_rule else opened.expire(sure=yes)
        days = opened.keep_days
        rule = "for ever" if days is None else f"for {days} days after they were taken; those without a time stay"
        print(f"sightings are kept {rule}\n{removed:,} removed; {len(opened):,} sightings left in {gallery}")
        name_copies(opened, removed)


@index.command()
def backup(
    gallery: FolderOption,
    out: Annotated[Path, typer.Option(help="A new folder for the copy.")],
) -> None:
    """Copy a gallery as of one moment, while it is in use."""
    made = back_up(gallery, out)
    print(f"{made.sightings:,} sightings of generation {made.generation} in {out}; sha256 {made.sha256[:16]}…")


@index.command("restore")
def restore_backup(
    backup: Annotated[Path, typer.Argument(help="A backup's folder.")],
    gallery: FolderOption,
    erasures: Annotated[
        list[Path] | None,
        typer.Option(
            help="A ledger to apply: the file GALLERY.erasures from where the backup was made. May be repeated."
        ),
    ] = None,
    without_erasures: Annotated[
        bool,
        typer.Option(
            "--without-erasures", help="The ledger is lost: whoever was erased since the backup was made comes back."
        ),
    ] = False,
) -> None:
    """Make a gallery of a backup, in a folder that holds none; who was erased since stays erased."""
    made, removed = restore(backup, gallery, erasures or (), without_ledger=without_erasures)
    print(
        f"{made.sightings:,} sightings of generation {made.generation}, copied {made.made_at:%Y-%m-%d %H:%M}, in {gallery}"
    )
    if removed:
        print(f"{removed:,} of them were erased since, and are removed")
    if made.ledger is None:
        print(
            f"the backup names no ledger of erasures; of those made since, only what {ledger_of(gallery)} tells was applied"
        )


@index.command("tune")
def tune_gallery(
    gallery: FolderOption,
    kinds: Annotated[
        list[Kind] | None, typer.Option("--kind", help="What to measure beside exact search; may be repeated.")
    ] = None,
    queries: Annotated[int, typer.Option(help="Sightings to search for.", min=10)] = 100,
    top_k: Annotated[int, typer.Option(help="Hits a query.", min=1)] = 10,
    recall: Annotated[float, typer.Option(help="Share of the exact hits that must be found.", min=0.5, max=1)] = 0.99,
    rows: Annotated[int, typer.Option(help="Measure on about so many sightings.", min=1000)] = 100_000,
    as_json: JsonFlag = False,
) -> None:
    """Measure recall, time and memory of other indexes on the gallery's own sightings, and advise."""
    wanted = [kind for kind in kinds or (Kind.PQ, Kind.RABITQ, Kind.HNSW) if kind is not Kind.EXACT]
    with Gallery(gallery) as opened, progress("measuring", len(wanted) + 1) as advance:
        tuning = tune(
            opened.view(), wanted, queries=queries, top_k=top_k, recall=recall, most_rows=rows, progress=advance
        )
    if as_json:
        print(json.dumps({**asdict(tuning), "measured": [measurement.to_dict() for measurement in tuning.measured]}))
        return
    table = Table("kind", "width", f"recall@{top_k}", "ms a query", "MiB beside", "built in s")
    for measurement in tuning.measured:
        width = "-" if measurement.choice.kind is Kind.EXACT else str(measurement.choice.width)
        cells = (
            f"{measurement.recall:.4f}",
            f"{measurement.milliseconds:.2f}",
            f"{measurement.bytes / 2**20:,.0f}",
            f"{measurement.build_s:.1f}",
        )
        table.add_row(measurement.choice.kind.value, width, *cells)
    Console().print(table)
    choice = tuning.advice
    options = "" if choice.kind is Kind.EXACT else f" --width {choice.width} --recall {choice.recall:g}"
    print(
        f"measured on {tuning.rows:,} sightings. {tuning.reason}\nrgbir index choose {choice.kind}{options} --gallery {gallery}"
    )


@index.command()
def choose(
    kind: Annotated[Kind, typer.Argument(help="exact, or an index that may miss: see `rgbir index tune`.")],
    gallery: FolderOption,
    width: Annotated[int, typer.Option(help="Sightings it proposes for the exact ranking.", min=1, max=4096)] = 128,
    recall: Annotated[float, typer.Option(help="What audits must find, or the width grows.", min=0.5, max=1)] = 0.99,
) -> None:
    """Set how a gallery is searched. Every answer from an index that may miss says exact: false."""
    with Gallery(gallery) as opened:
        opened.choose(Choice(kind, width, recall))
    print(
        f"{gallery} is searched by {kind}" + ("" if kind is Kind.EXACT else f", width {width}, audited for {recall:g}")
    )


@index.command("calibrate")
def calibrate_gallery(gallery: FolderOption) -> None:
    """Measure what distances mean between cameras, on the gallery's labelled sightings; searches tell it from then on."""
    with Gallery(gallery) as opened:
        pairs = len(opened.view().cameras) * (len(opened.view().cameras) - 1) // 2
        with progress("comparing cameras", pairs) as advance:
            made = opened.calibrate(advance)
    if not made.pairs:
        raise UsageError(
            f"no two cameras of {gallery} in different places have 30 labelled pairs of one person and 300 of strangers;"
            " enrol labelled sightings of both, the infrared ones too"
        )
    table = Table("cameras", "one person", "strangers", "1 % of strangers within", "0.1 % within")
    for cameras, genuine, strangers, hundredth, thousandth in summary(made):
        table.add_row(cameras, f"{genuine:,}", f"{strangers:,}", f"{hundredth:.3f}", f"{thousandth:.3f}")
    Console().print(table)


@index.command("reencode")
def reencode_gallery(
    source: Annotated[str, typer.Argument(help="The gallery to encode anew; it stays as it is.")],
    gallery: GalleryOption,
    bundle: BundleOption,
    storage: Annotated[Storage, typer.Option(help="Of a new gallery in a folder.")] = Storage.FLOAT32,
    threads: ThreadsOption = None,
) -> None:
    """Make a second gallery with another model from the crops of the first, and say how alike their answers are.

    A bundle that was fitted to the first gallery's needs no crops: it maps the embeddings that are kept.
    """
    encoder = Encoder(Bundle(bundle), threads=threads)
    with (
        open_gallery(source) as given,
        open_or_create(gallery, encoder.card, given.network, storage) as made,
        progress("encoding", len(given)) as advance,
    ):
        tally = reencode(given, made, encoder, progress=advance)
        if map_for(given, encoder) is not None:
            print(
                f"{encoder.card.name} is fitted to {given.model.name}: kept embeddings were mapped, not crops encoded"
            )
        print(
            f"{tally.added:,} added, {tally.present:,} were there, {len(tally.skipped):,} skipped{erased_too(tally.erased)};"
            f" {len(made):,} in {gallery}"
        )
        list_skipped(tally.skipped, "for the same reasons, as a rule")
        made.set_keep_days(given.keep_days)
        if given.calibration() is not None:
            print(f"distances mean something else now: rgbir index calibrate --gallery {gallery}")
        print(
            f"{100 * overlap(given, made):.1f} % of the ten nearest are the same, over up to a hundred of its sightings"
        )
    if tally.skipped:
        raise typer.Exit(SKIPPED_EXIT)


@index.command()
def compact(gallery: FolderOption) -> None:
    """Give the space of erased sightings back, and write the cache that makes the next opening quick."""
    with Gallery(gallery) as opened:
        before, after = opened.compact()
        print(f"{before:,} → {after:,} bytes in {FILE}; {len(opened):,} sightings cached")


@index.command()
def verify(gallery: GalleryOption) -> None:
    """Prove that SQLite and the search hold the same, unaltered vectors."""
    if GalleryAddress(gallery).in_milvus:
        with open_gallery(gallery) as opened:
            problems = opened.verify()
    else:
        problems = Gallery.problems_in(gallery)
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(1)
    with open_gallery(gallery) as opened:
        agree = "" if GalleryAddress(gallery).in_milvus else ", SQLite and the search agree"
        print(f"{len(opened):,} sightings in {gallery}: checksums hold{agree}")
