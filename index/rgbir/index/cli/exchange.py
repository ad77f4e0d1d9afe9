"""`rgbir index import` and `rgbir index export`: embeddings and labels from and to files of other systems."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rgbir.index.bundle import Bundle
from rgbir.index.cameras import CameraNetwork
from rgbir.index.cli.gallery import erased_too
from rgbir.index.cli.options import SKIPPED_EXIT, GalleryOption, progress
from rgbir.index.cli.output import Answer, Skip, in_groups
from rgbir.index.cli.remarks import list_skipped, skips
from rgbir.index.cli.upkeep import index
from rgbir.index.errors import UsageError
from rgbir.index.exchange.card import FileCard, read_card
from rgbir.index.exchange.exporting import export_gallery
from rgbir.index.exchange.importing import Claims, import_file
from rgbir.index.gallery.addresses import open_gallery
from rgbir.index.gallery.model import Model, Storage
from rgbir.index.gallery.origins import Origin
from rgbir.index.words import listed

__all__ = ["index"]


@dataclass(frozen=True, slots=True)
class ImportAnswer:
    """What an import did.

    Attributes:
        added, present, erased: rows that are new, that were there, and that were erased before.
        skipped: rows that are enrolled with other labels.
        sightings: how many the gallery holds now.
        model: whose embeddings these are.
        origin: where they come from, as the gallery remembers it.
    """

    added: int
    present: int
    erased: int
    skipped: list[Skip]
    sightings: int
    model: Model
    origin: Origin


@dataclass(frozen=True, slots=True)
class ExportAnswer:
    """What an export wrote.

    Attributes:
        sightings: how many.
        files: the one that was asked for first.
        skipped: what couldn't be written.
        card: what says whose embeddings these are.
    """

    sightings: int
    files: list[Path]
    skipped: list[Skip]
    card: FileCard


@index.command("import")
@in_groups({"What the file lacks": ("bundle", "card", "network", "camera", "labels")})
def import_embeddings(
    file: Annotated[Path, typer.Argument(help="The file: .npz, .parquet, .csv or .faiss.")],
    gallery: GalleryOption,
    bundle: Annotated[
        Path | None, typer.Option(help="The bundle that made the embeddings, of a file that doesn't say it.")
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(
            help="A JSON file that says which model of another system made them: its name, dimension, metric, provenance."
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help=f"The cameras and their places: {listed(['a TOML file', *CameraNetwork.built_in()], 'or')}."),
    ] = None,
    camera: Annotated[str | None, typer.Option(help="The camera of rows that name none.")] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="A FAISS index's labels: a CSV table with a column number. FILE.csv if it is there."),
    ] = None,
    storage: Annotated[Storage | None, typer.Option(help="Of a new gallery in a folder; float32 if not given.")] = None,
) -> Answer[ImportAnswer]:
    """Enrol the embeddings of a file, without crops. Run it again after a stop. What was erased stays erased.

    The file is read in a process of its own with limits. If a row of it can't be enrolled, none is.

    Examples:
        rgbir index import people.parquet --gallery demo/gallery
        rgbir index import vendor.faiss --labels people.csv --card vendor.json --network yard.toml --gallery vendor
    """
    if bundle is not None and card is not None:
        raise UsageError("give --bundle or --card, not both")
    claimed = Bundle(bundle).card if bundle is not None else None if card is None else read_card(card)
    declared = None if network is None else CameraNetwork.read(network)
    claims = Claims(claimed, declared, labels, camera)
    done = import_file(file, gallery, claims, storage, partial(progress, "enrolling"))
    tally = done.tally
    list_skipped(tally.skipped)
    counted = (
        f"{tally.added:,} added, {tally.present:,} were there, {len(tally.skipped):,} skipped{erased_too(tally.erased)}"
    )
    line = f"{counted}; {done.total:,} sightings in {gallery}, of {done.model.name} ({done.model.fingerprint})"
    skipped = skips(tally.skipped)
    content = ImportAnswer(tally.added, tally.present, tally.erased, skipped, done.total, done.model, done.origin)
    return Answer(content, [line], SKIPPED_EXIT if skipped else 0)


@index.command("export")
def export_embeddings(
    gallery: GalleryOption,
    out: Annotated[
        Path,
        typer.Option(
            help="What to write: .npz, .parquet, .csv, .faiss with its labels, or a folder .coco with the crops."
        ),
    ],
) -> Answer[ExportAnswer]:
    """Write embeddings with ids, labels, times and tracks to a file that says which model made them; or crops as COCO.

    Examples:
        rgbir index export --gallery demo/gallery --out people.parquet
        rgbir index export --gallery demo/gallery --out people.coco --json
    """
    with open_gallery(gallery) as opened, progress("writing", len(opened)) as advance:
        done = export_gallery(opened, out, advance)
    list_skipped(done.skipped)
    embedded = f"sightings with embeddings of {done.card.made_by.dimension} values in {listed(map(str, done.files))}"
    line = f"{done.sightings:,} {f'crops in {out}' if out.suffix == '.coco' else embedded}"
    content = ExportAnswer(done.sightings, list(done.files), skips(done.skipped), done.card)
    return Answer(content, [line], SKIPPED_EXIT if done.skipped else 0)
