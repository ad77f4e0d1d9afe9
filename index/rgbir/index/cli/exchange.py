"""`rgbir index import` and `rgbir index export`: embeddings and labels from and to files of other systems."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rgbir.index.bundle import Bundle
from rgbir.index.cameras import CameraNetwork
from rgbir.index.cli.gallery import erased_too
from rgbir.index.cli.options import SKIPPED_EXIT, GalleryOption, JsonFlag, progress
from rgbir.index.cli.remarks import list_skipped
from rgbir.index.cli.upkeep import index
from rgbir.index.errors import UsageError
from rgbir.index.exchange.card import read_card
from rgbir.index.exchange.exporting import export_gallery
from rgbir.index.exchange.importing import Claims, import_file
from rgbir.index.gallery.addresses import open_gallery
from rgbir.index.gallery.model import Storage
from rgbir.index.words import listed

__all__ = ["index"]

IMPORT_EXAMPLES = """Examples:

rgbir index import people.parquet --gallery gallery

rgbir index import vendor.faiss --labels people.csv --card vendor.json --network yard.toml --gallery vendor
"""
EXPORT_EXAMPLES = """Examples:

rgbir index export --gallery gallery --out people.parquet

rgbir index export --gallery gallery --out people.coco --json
"""


@index.command("import", epilog=IMPORT_EXAMPLES)
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
    as_json: JsonFlag = False,
) -> None:
    """Enrol the embeddings of a file, without crops. Run it again after a stop. What was erased stays erased.

    The file is read in a process of its own with limits. If a row of it can't be enrolled, none is.
    """
    if bundle is not None and card is not None:
        raise UsageError("give --bundle or --card, not both")
    claimed = Bundle(bundle).card if bundle is not None else None if card is None else read_card(card)
    declared = None if network is None else CameraNetwork.read(network)
    claims = Claims(claimed, declared, labels, camera)
    done = import_file(file, gallery, claims, storage, partial(progress, "enrolling"))
    tally = done.tally
    if as_json:
        counts = {"added": tally.added, "present": tally.present, "erased": tally.erased}
        facts = {"sightings": done.total, "model": asdict(done.model), "origin": done.origin.model_dump(mode="json")}
        print(json.dumps({**counts, "skipped": [asdict(item) for item in tally.skipped], **facts}, default=str))
    else:
        print(
            f"{tally.added:,} added, {tally.present:,} were there, {len(tally.skipped):,} skipped{erased_too(tally.erased)};"
            f" {done.total:,} sightings in {gallery}, of {done.model.name} ({done.model.fingerprint})"
        )
        list_skipped(tally.skipped)
    if tally.skipped:
        raise typer.Exit(SKIPPED_EXIT)


@index.command("export", epilog=EXPORT_EXAMPLES)
def export_embeddings(
    gallery: GalleryOption,
    out: Annotated[
        Path,
        typer.Option(
            help="What to write: .npz, .parquet, .csv, .faiss with its labels, or a folder .coco with the crops."
        ),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Write embeddings with ids, labels, times and tracks to a file that says which model made them; or crops as COCO."""
    with open_gallery(gallery) as opened, progress("writing", len(opened)) as advance:
        done = export_gallery(opened, out, advance)
    if as_json:
        facts = {"sightings": done.sightings, "files": [str(file) for file in done.files]}
        skipped = [asdict(item) for item in done.skipped]
        print(json.dumps({**facts, "skipped": skipped, "card": done.card.model_dump(mode="json")}))
    else:
        print(
            f"{done.sightings:,} sightings with embeddings of {done.card.made_by.dimension} values in"
            f" {listed(map(str, done.files))}"
            if out.suffix != ".coco"
            else f"{done.sightings:,} crops in {out}"
        )
        list_skipped(done.skipped)
    if done.skipped:
        raise typer.Exit(SKIPPED_EXIT)
