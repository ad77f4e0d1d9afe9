"""`rgbir index …`: look after a gallery: retention, copies, space, and how it is searched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from rgbir.index.bundle import Bundle
from rgbir.index.cli.copies import Copies, copies_after, copies_in_words
from rgbir.index.cli.gallery import erased_too, index
from rgbir.index.cli.options import (
    SKIPPED_EXIT,
    BundleOption,
    FolderOption,
    GalleryOption,
    RunnerOption,
    ThreadsOption,
    progress,
)
from rgbir.index.cli.output import Answer, Skip, in_groups, note, remark
from rgbir.index.cli.remarks import list_skipped, skips
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
from rgbir.index.times import local

__all__ = ["index"]


@dataclass(frozen=True, slots=True)
class Retained:
    """How long sightings are kept, and what was erased by it.

    Attributes:
        keep_days: after they were taken; null is for ever.
        removed: sightings that were erased now.
        left: sightings that the gallery holds now.
        copies: where else the erased are.
    """

    keep_days: int | None
    removed: int
    left: int
    copies: Copies


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A copy of a gallery.

    Attributes:
        folder: where it is.
        sightings, generation: what it holds, and which state of the gallery.
        sha256: of the copied file.
    """

    folder: Path
    sightings: int
    generation: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Restored:
    """A gallery that was made of a backup.

    Attributes:
        gallery: where it is.
        sightings, generation: what the backup held.
        made_at: when the backup was made.
        removed: those of its sightings that were erased since.
    """

    gallery: Path
    sightings: int
    generation: int
    made_at: datetime
    removed: int


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was measured of ways to search, and what is advised.

    Attributes:
        measured: each way with its `recall`, `milliseconds` a query, `bytes` beside the embeddings, and `build_s`.
        rows: how many sightings it was measured on.
        advice: the way to search.
        reason: why, in words.
    """

    measured: list[dict[str, Any]]
    rows: int
    advice: Choice
    reason: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """How a gallery is searched from now on.

    Attributes:
        gallery: where it is.
        choice: the way.
    """

    gallery: Path
    choice: Choice


@dataclass(frozen=True, slots=True)
class Pair:
    """What distances mean between two cameras.

    Attributes:
        cameras: their names.
        one_person, strangers: labelled pairs that were measured.
        hundredth, thousandth: the distances within which 1 % and 0.1 % of strangers are.
    """

    cameras: str
    one_person: int
    strangers: int
    hundredth: float
    thousandth: float


@dataclass(frozen=True, slots=True)
class Reencoded:
    """A second gallery with another model.

    Attributes:
        added, present: sightings that are new in it, and that were there.
        skipped: sightings that can't be encoded again.
        erased: sightings that weren't taken, since they were erased in it.
        sightings: how many it holds now.
        mapped: whether kept embeddings were mapped, and crops not encoded.
        overlap: share of the ten nearest that are the same in both, 0 to 1; null where no sighting finds another, as in one place.
    """

    added: int
    present: int
    skipped: list[Skip]
    erased: int
    sightings: int
    mapped: bool
    overlap: float | None


@dataclass(frozen=True, slots=True)
class Compacted:
    """What was given back to the disk.

    Attributes:
        before, after: bytes of the gallery's file.
        sightings: how many are cached.
    """

    before: int
    after: int
    sightings: int


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a gallery is whole.

    Attributes:
        whole: whether nothing is wrong.
        problems: what is wrong, in words.
        sightings: how many it holds; null where it isn't whole.
    """

    whole: bool
    problems: list[str]
    sightings: int | None = None


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
) -> Answer[Retained]:
    """Set how long sightings are kept, and carry it out; without an option, carry out what is set.

    Examples:
        rgbir index retain --keep-days 30 --gallery demo/gallery
        rgbir index retain --forever --gallery demo/gallery
    """
    if keep_days is not None and forever:
        raise UsageError("give --keep-days or --forever, not both")
    with open_gallery(gallery) as opened:
        new_rule = keep_days is not None or forever
        removed = opened.keep(keep_days, sure=yes) if new_rule else opened.expire(sure=yes)
        days = opened.keep_days
        rule = "for ever" if days is None else f"for {days} days after they were taken; those without a time stay"
        copies = copies_after(opened)
        lines = [f"sightings are kept {rule}", f"{removed:,} removed; {len(opened):,} sightings left in {gallery}"]
        retained = Retained(days, removed, len(opened), copies)
        return Answer(retained, [*lines, *(copies_in_words(copies) if removed else ())], copies.exit_code)


@index.command()
def backup(
    gallery: FolderOption,
    out: Annotated[Path, typer.Option(help="A new folder for the copy.")],
) -> Answer[BackedUp]:
    """Copy a gallery as of one moment, while it is in use.

    Examples:
        rgbir index backup --gallery demo/gallery --out backup
        rgbir index backup --gallery /srv/gallery --out /mnt/backups/2026-03-01 --json
    """
    made = back_up(gallery, out)
    line = f"{made.sightings:,} sightings of generation {made.generation} in {out}; sha256 {made.sha256}"
    return Answer(BackedUp(out, made.sightings, made.generation, made.sha256), [line])


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
) -> Answer[Restored]:
    """Make a gallery of a backup, in a folder that holds none; who was erased since stays erased.

    Examples:
        rgbir index restore backup --gallery restored
        rgbir index restore backup --gallery restored --erasures demo/gallery.erasures
    """
    made, removed = restore(backup, gallery, erasures or (), without_ledger=without_erasures)
    lines = [
        f"{made.sightings:,} sightings of generation {made.generation}, copied {local(made.made_at)}, in {gallery}"
    ]
    if removed:
        were, are = ("was", "is") if removed == 1 else ("were", "are")
        lines.append(f"{removed:,} of them {were} erased since, and {are} removed")
    if made.ledger is None:
        lines.append(
            f"the backup names no ledger of erasures; of those made since, only what {ledger_of(gallery)} tells was applied"
        )
    return Answer(Restored(gallery, made.sightings, made.generation, made.made_at, removed), lines)


@index.command("tune")
@in_groups({"What is measured": ("kinds", "queries", "top_k", "recall", "rows")})
def tune_gallery(
    gallery: FolderOption,
    kinds: Annotated[
        list[Kind] | None, typer.Option("--kind", help="What to measure beside exact search; may be repeated.")
    ] = None,
    queries: Annotated[int, typer.Option(help="Sightings to search for.", min=10)] = 100,
    top_k: Annotated[int, typer.Option(help="Hits a query.", min=1)] = 10,
    recall: Annotated[float, typer.Option(help="Share of the exact hits that must be found.", min=0.5, max=1)] = 0.99,
    rows: Annotated[int, typer.Option(help="Measure on about so many sightings.", min=1000)] = 100_000,
) -> Answer[Tuned]:
    """Measure recall, time and memory of other indexes on the gallery's own sightings, and advise.

    Examples:
        rgbir index tune --gallery /srv/gallery
        rgbir index tune --kind pq --kind hnsw --recall 0.995 --gallery /srv/gallery --json
    """
    wanted = [kind for kind in kinds or (Kind.PQ, Kind.RABITQ, Kind.HNSW) if kind is not Kind.EXACT]
    with Gallery(gallery) as opened, progress("measuring", len(wanted) + 1) as advance:
        tuning = tune(
            opened.view(), wanted, queries=queries, top_k=top_k, recall=recall, most_rows=rows, progress=advance
        )
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
    choice = tuning.advice
    options = "" if choice.kind is Kind.EXACT else f" --width {choice.width} --recall {choice.recall:g}"
    content = Tuned([measurement.to_dict() for measurement in tuning.measured], tuning.rows, choice, tuning.reason)
    advice = f"rgbir index choose {choice.kind}{options} --gallery {gallery}"
    return Answer(content, [table, f"measured on {tuning.rows:,} sightings. {tuning.reason}", advice])


@index.command()
def choose(
    kind: Annotated[Kind, typer.Argument(help="exact, or an index that may miss: see `rgbir index tune`.")],
    gallery: FolderOption,
    width: Annotated[int, typer.Option(help="Sightings it proposes for the exact ranking.", min=1, max=4096)] = 128,
    recall: Annotated[float, typer.Option(help="What audits must find, or the width grows.", min=0.5, max=1)] = 0.99,
) -> Answer[Chosen]:
    """Set how a gallery is searched. Every answer from an index that may miss says exact: false.

    Examples:
        rgbir index choose hnsw --width 256 --recall 0.995 --gallery /srv/gallery
        rgbir index choose exact --gallery /srv/gallery
    """
    choice = Choice(kind, width, recall)
    with Gallery(gallery) as opened:
        opened.choose(choice)
    how = "" if kind is Kind.EXACT else f", width {width}, audited for {recall:g}"
    return Answer(Chosen(gallery, choice), [f"{gallery} is searched by {kind}{how}"])


@index.command("calibrate")
def calibrate_gallery(gallery: FolderOption) -> Answer[list[Pair]]:
    """Measure what distances mean between cameras, on the gallery's labelled sightings; searches tell it from then on.

    Examples:
        rgbir index calibrate --gallery demo/gallery
        rgbir index calibrate --gallery /srv/gallery --json
    """
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
    measured = [Pair(*line) for line in summary(made)]
    for pair in measured:
        figures = f"{pair.one_person:,}", f"{pair.strangers:,}", f"{pair.hundredth:.3f}", f"{pair.thousandth:.3f}"
        table.add_row(pair.cameras, *figures)
    return Answer(measured, [table])


@index.command("reencode")
def reencode_gallery(
    source: Annotated[str, typer.Argument(help="The gallery to encode again; it stays as it is.")],
    gallery: GalleryOption,
    bundle: BundleOption,
    storage: Annotated[Storage, typer.Option(help="Of a new gallery in a folder.")] = Storage.FLOAT32,
    threads: ThreadsOption = None,
    runner: RunnerOption = "onnxruntime",
) -> Answer[Reencoded]:
    """Make a second gallery with another model from the crops of the first, and say how alike their answers are.

    A bundle that was fitted to the first gallery's needs no crops: it maps the embeddings that are kept.

    Examples:
        rgbir index reencode demo/gallery --gallery second --bundle expat_resnet50.sysu_mm01
        rgbir index reencode demo/gallery --gallery fitted --bundle demo.fitted --json
    """
    encoder = Encoder(Bundle(bundle), threads=threads, runner=runner)
    with (
        open_gallery(source) as given,
        open_or_create(gallery, encoder.card, given.network, storage) as made,
        progress("encoding", len(given)) as advance,
    ):
        tally = reencode(given, made, encoder, progress=advance)
        mapped = map_for(given, encoder) is not None
        if mapped:
            note(f"{encoder.card.name} is fitted to {given.model.name}: kept embeddings were mapped, not crops encoded")
        counted = f"{tally.added:,} added, {tally.present:,} were there, {len(tally.skipped):,} skipped"
        lines = [f"{counted}{erased_too(tally.erased)}; {len(made):,} in {gallery}"]
        list_skipped(tally.skipped, "for the same reasons, as a rule")
        made.set_keep_days(given.keep_days)
        if given.calibration() is not None:
            remark(f"distances mean something else now: rgbir index calibrate --gallery {gallery}")
        same = overlap(given, made)
        if same is not None:
            lines.append(f"{100 * same:.1f} % of the ten nearest are the same, over up to a hundred of its sightings")
        content = Reencoded(tally.added, tally.present, skips(tally.skipped), tally.erased, len(made), mapped, same)
    return Answer(content, lines, SKIPPED_EXIT if tally.skipped else 0)


@index.command()
def compact(gallery: FolderOption) -> Answer[Compacted]:
    """Give the space of erased sightings back, and write the cache that makes the next opening quick.

    Examples:
        rgbir index compact --gallery demo/gallery
        rgbir index compact --gallery /srv/gallery --json
    """
    with Gallery(gallery) as opened:
        before, after = opened.compact()
        line = f"{before:,} → {after:,} bytes in {FILE}; {len(opened):,} sightings cached"
        return Answer(Compacted(before, after, len(opened)), [line])


@index.command()
def verify(gallery: GalleryOption) -> Answer[Verified]:
    """Prove that SQLite and the search hold the same, unaltered vectors. Exit code 1 if something is wrong.

    Examples:
        rgbir index verify --gallery demo/gallery
        rgbir index verify --gallery milvus://127.0.0.1:19530/site --json
    """
    if GalleryAddress(gallery).in_milvus:
        with open_gallery(gallery) as opened:
            problems = opened.verify()
    else:
        problems = Gallery.problems_in(gallery)
    if problems:
        return Answer(Verified(False, problems), problems, exit_code=1)
    with open_gallery(gallery) as opened:
        agree = "" if GalleryAddress(gallery).in_milvus else ", SQLite and the search agree"
        line = f"{len(opened):,} sightings in {gallery}: checksums hold{agree}"
        return Answer(Verified(True, [], len(opened)), [line])
