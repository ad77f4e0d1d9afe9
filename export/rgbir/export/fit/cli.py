"""`rgbir fit`. What needs ONNX is imported when it runs: help needs none of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from rgbir.index import Bundle, Encoder, OwnPictures, UsageError, open_data_set, open_gallery
from rgbir.index.cli.options import NetworkOption, PeopleOption, ThreadsOption, progress
from rgbir.index.cli.output import Answer, in_groups, note, remark
from rgbir.index.cli.remarks import tell
from rgbir.index.datasets.known import ROOT


@dataclass(frozen=True, slots=True)
class Fitted:
    """A bundle that was fitted to a site.

    Attributes:
        bundle: its folder.
        name, fingerprint: as its card says them.
        people, sightings: that it was fitted to.
        left_out: sightings that weren't taken, by reason.
        fitted: what the card says of the fit: the figures of the bundle as it is, of centring alone, and of the fit.
        difference: of its graphs from the map, relative.
    """

    bundle: Path
    name: str
    fingerprint: str
    people: int
    sightings: int
    left_out: dict[str, int]
    fitted: dict[str, Any]
    difference: float


@in_groups(
    {
        "Whom it is fitted to": ("gallery", "data", "network", "people"),
        "How it is fitted": ("only_centre", "seed", "threads"),
    }
)
def fit(
    bundle: Annotated[Path, typer.Argument(help="The model bundle's folder; it stays as it is.")],
    out: Annotated[Path, typer.Option(help="The fitted bundle's folder; must not exist.")],
    gallery: Annotated[
        str | None,
        typer.Option(help="This bundle's gallery with labelled sightings: its folder, or milvus://HOST:PORT/NAME."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help=f"{ROOT} Its training images are encoded.")] = None,
    network: NetworkOption = None,
    people: PeopleOption = None,
    only_centre: Annotated[
        bool, typer.Option("--only-centre", help="Take each modality's mean away, and do nothing else.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Draws the people who are held back together.", min=0)] = 0,
    threads: ThreadsOption = None,
) -> Answer[Fitted]:
    """Fit a bundle to a site's labelled people, without a GPU; nothing is written unless it helps people and cameras held back.

    Examples:
        rgbir fit expat_resnet50.sysu_mm01 --gallery /srv/gallery --out expat.site
        rgbir fit expat_resnet50.sysu_mm01 --data pictures --network site.toml --people people.json --out expat.site
    """
    from rgbir.export.fit import labelled as labels
    from rgbir.export.fit.validation import OUTER
    from rgbir.export.fit.writing import expect_fittable, shown
    from rgbir.export.fit.writing import fit as write_fitted

    if (gallery is None) == (data is None):
        raise UsageError("give --gallery with labelled sightings, or --data with a data set's folder; one of them")
    if gallery is not None and threads is not None:
        raise UsageError("--gallery has its embeddings already: --threads has no effect; leave it out")
    if gallery is not None and (network or people):
        raise UsageError("--network and --people are of --data, and a gallery has its own cameras; leave them out")
    loaded = Bundle(bundle)
    expect_fittable(loaded, out)
    if gallery is not None:
        with open_gallery(gallery) as opened:
            opened.expect(loaded.card)
            labelled = labels.of_gallery(opened)
    else:
        assert data is not None
        data_set = open_data_set(data, network, people)
        tell(data_set)
        if isinstance(data_set, OwnPictures) and data_set.lists is None:
            remark("fitted to everybody, since no --people says who is tested: nobody is left to measure it on")
        labelled = labels.of_data_set(data_set, Encoder(loaded, threads=threads), progress)
    counted = f"{len(labelled.people):,} people, {len(labelled):,} sightings"
    note("; ".join([counted, *(f"{count:,} left out {reason}" for reason, count in labelled.left_out.items())]))
    where = f"--gallery {_name(gallery)}" if gallery is not None else f"--data {data.name if data else ''}"
    where += "".join(
        f" {option} {Path(file).name}" for option, file in (("--network", network), ("--people", people)) if file
    )
    command = f"rgbir fit {bundle.name} {where} --seed {seed}{' --only-centre' if only_centre else ''} --out {out.name}"
    with progress("folds", 2 * OUTER) as advance:
        card = write_fitted(loaded, labelled, out, command, seed, only_centre, advance)
    fitted = card.fitted
    assert fitted is not None
    assert card.parity is not None
    table = Table(f"{fitted.folds} folds, people and cameras held back", "rank-1", "mAP")
    rows = {
        "the bundle as it is": fitted.plain,
        "centring alone": fitted.centred,
        "fitted": fitted.fitted,
        "gain": fitted.gain,
    }
    for name, each in rows.items():
        table.add_row(name, *shown(each))
    difference = card.parity.largest_relative_difference
    lines: list[str | Table] = [
        table,
        f"{out}: {card.name}, {card.dimension} values, {card.metric}, fingerprint {card.fingerprint}",
        f"its graphs differ from the map of {fitted.bundle}'s by {difference:.2e}, relative",
        fitted.derived,
    ]
    counts = len(labelled.people), len(labelled), dict(labelled.left_out)
    content = Fitted(out, card.name, card.fingerprint, *counts, fitted.model_dump(mode="json"), difference)
    return Answer(content, lines)


def _name(gallery: str) -> str:
    """As the card shows it: without the folders of this machine."""
    return gallery if "://" in gallery else Path(gallery).name
