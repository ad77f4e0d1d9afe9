"""From a bundle and labelled sightings to a fitted bundle, or to the reason why there is none."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from rgbir.export.errors import ExportFailure, FitRefused
from rgbir.export.fit.closed_form import ClosedForm
from rgbir.export.fit.folded import MAP, folded
from rgbir.export.fit.labelled import Labelled
from rgbir.export.fit.validation import Validation, clear, cross_validated, figure
from rgbir.index import Bundle, Card, Figure, Fitted, Modality, listed, writing_to
from rgbir.index.progress import Progress, silent

UNIT_LENGTH = "before the map, in the graphs; mapped embeddings are compared by cosine"


def expect_fittable(bundle: Bundle, out: Path) -> None:
    """Refuses what no labels can help.

    Raises:
        ExportFailure: `out` exists; the bundle is fitted already, or lacks a modality's graph.
    """
    card = bundle.card
    if out.exists():
        raise ExportFailure(f"{out} exists; remove it, or choose another name")
    if card.fitted is not None:
        raise ExportFailure(
            f"{card.name} was fitted already, to {card.fitted.people} people; fit {card.fitted.bundle}, which it was made of,"
            " to the people of both"
        )
    if len(card.graphs) < len(Modality):
        raise ExportFailure(
            f"{card.name} embeds {listed(card.graphs)} images only; a fit brings two modalities together, and needs a graph of"
            " each"
        )


def fit(
    bundle: Bundle,
    labelled: Labelled,
    out: Path,
    command: str = "",
    seed: int = 0,
    only_centred: bool = False,
    progress: Progress = silent,
) -> Card:
    """Writes the bundle fitted to these people, after measuring on people and cameras held back that it is better.

    Args:
        bundle: whose embeddings the labelled sightings have.
        labelled: what it is fitted to.
        out: a folder that doesn't exist yet.
        command: for the card.
        seed: draws who is held back together.
        only_centred: take each modality's mean away, and nothing else.
        progress: told of folds that were done.

    Raises:
        ExportFailure: see `expect_fittable`; too few people or cameras to measure on.
        FitRefused: the gain doesn't exceed twice its spread; nothing is written.
        ParityFailure: the folded graphs compute something else; nothing is written.
        CantWrite: the disk is full, or closed to us; nothing is written.
    """
    expect_fittable(bundle, out)
    measured = cross_validated(labelled, bundle.card.metric, seed, progress)
    gain = measured.gain(only_centred)
    if not clear(gain):
        raise FitRefused(refusal(labelled, measured, only_centred))
    form = ClosedForm(labelled)
    made = form.centred() if only_centred else form.fitted(*measured.best)
    with writing_to(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".fit-") as temporary:
            folder = Path(temporary) / "bundle"
            about = _about(bundle, labelled, measured, command, only_centred)
            card = folded(bundle, made, about, folder, labelled.sums)
            shutil.move(folder, out)
    return card


def _about(bundle: Bundle, labelled: Labelled, measured: Validation, command: str, only_centred: bool) -> Fitted:
    people = len(labelled.people)
    matter = "means are" if only_centred else "means and the matrix are"
    return Fitted(
        bundle=bundle.card.name,
        fingerprint=bundle.card.fingerprint,
        file=MAP,
        only_centred=only_centred,
        unit_length=UNIT_LENGTH,
        people=people,
        sightings=len(labelled),
        cameras=sorted(set(labelled.cameras.tolist())),
        shrinkage=None if only_centred else measured.best.shrinkage,
        folds=measured.folds,
        plain=figure(measured.plain),
        centred=figure(measured.centred),
        fitted=figure(measured.fitted),
        gain=measured.gain(only_centred),
        command=command,
        derived=f"The {matter} derived from images of {people} people. Erasing one of them from a gallery doesn't take"
        " them out of it: fit again without them, and delete this bundle.",
    )


def lines(measured: Validation, only_centred: bool) -> list[tuple[str, str, str]]:
    """Name, rank-1 and mAP of plain, centred, fitted and the gain, in percent with their spreads."""
    figures = {
        "the bundle as it is": figure(measured.plain),
        "centring alone": figure(measured.centred),
        "fitted": figure(measured.fitted),
        "gain": measured.gain(only_centred),
    }
    return [(name, *shown(each)) for name, each in figures.items()]


def shown(each: Figure) -> tuple[str, str]:
    """Rank-1 and mAP in percent, with their spreads."""
    return (
        f"{100 * each.rank_1:.1f} ± {100 * each.rank_1_spread:.1f}",
        f"{100 * each.mean_ap:.1f} ± {100 * each.mean_ap_spread:.1f}",
    )


def refusal(labelled: Labelled, measured: Validation, only_centred: bool) -> str:
    """Why nothing was written, with the figures and what to do."""
    rows = "; ".join(f"{name}: rank-1 {rank_1}, mAP {ap}" for name, rank_1, ap in lines(measured, only_centred))
    advice = "label more people, or sightings of other cameras"
    if not only_centred and clear(measured.gain(only_centred=True)):
        advice += "; centring alone gains more than twice its spread: --only-centre writes that"
    return (
        f"{len(labelled.people)} people don't show that a fit helps people and cameras it hasn't seen: mAP must gain more than twice"
        f" its spread, and rank-1 must not lose more than twice its own. In percent, over {measured.folds} folds: {rows}."
        f" Nothing was written; {advice}"
    )
