"""`rgbir export`. What needs torch or ONNX is imported by the command that needs it: help needs neither."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from typer.core import TyperGroup

from rgbir.export.handmade.cli import handmade
from rgbir.index import (
    PEOPLE,
    Bundle,
    DataSet,
    Encoder,
    ImageRecord,
    Kept,
    Modality,
    OwnPictures,
    Precision,
    Reaction,
    Resize,
    Setting,
    UsageError,
    is_known,
    listed,
    open_data_set,
    pixels,
)
from rgbir.index.cli.options import NetworkOption, PeopleOption
from rgbir.index.cli.output import Answer, in_groups
from rgbir.index.cli.remarks import tell
from rgbir.index.datasets.cross import CROSS
from rgbir.index.datasets.known import ROOT
from rgbir.index.evaluation import PROTOCOLS, RANKS, Protocol, Task, evaluate
from rgbir.index.evaluation.benchmark import Choice, expect_strangers
from rgbir.index.evaluation.sources import encoded

if TYPE_CHECKING:
    from rgbir.training import Run

SAMPLES, CALIBRATION, EXPLAINED = 24, 200, 200


class _TrainedFirst(TyperGroup):
    """`rgbir export RUN …` is `rgbir export trained RUN …`, also for a folder called run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["trained", *args]
        return super().parse_args(ctx, args)


export = typer.Typer(
    cls=_TrainedFirst, help="Write a bundle that serves without torch.", no_args_is_help=True, add_completion=False
)
export.command("handmade")(handmade)


@dataclass(frozen=True, slots=True)
class Written:
    """A bundle that was written.

    Attributes:
        bundle: its folder.
        name, dimension, metric, precision, fingerprint: as its card says them.
        difference: the largest from the model itself, relative.
        drift: mean and least cosine to the fp32 graphs; null of these themselves.
        measured: what was measured into the card, as fractions; null without --data.
    """

    bundle: Path
    name: str
    dimension: int
    metric: str
    precision: str
    fingerprint: str
    difference: float
    drift: dict[str, float] | None = None
    measured: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AdoptedDetector:
    """A detector's bundle that was written.

    Attributes:
        bundle: its folder.
        name, family, standing, licence, fingerprint: as its card says them.
        height, width, candidates, nms: of its input, and of what it gives.
        difference: the largest of a box's side from the foreign model's, in pixels.
        least_iou: of the people in the pictures that came with it; null without pictures.
    """

    bundle: Path
    name: str
    family: str
    standing: str
    licence: str
    fingerprint: str
    height: int
    width: int
    candidates: int
    nms: float | None
    difference: float
    least_iou: float | None


@export.command("adopt")
def adopt_model(
    card: Annotated[Path, typer.Argument(help="A card written by hand, TOML, beside the model's ONNX files.")],
    out: Annotated[Path, typer.Option(help="The bundle's folder; must not exist.")],
) -> Answer[Written | AdoptedDetector]:
    """Make a bundle of an ONNX model that was made elsewhere, after proving that it computes the same.

    The card says what it is: an encoder of people, or with `kind = "detector"` what finds them in pictures.

    Examples:
        rgbir export adopt model/card.toml --out theirs_resnet50.sysu_mm01
        rgbir export adopt detector.toml --out nanodet.coco --json
    """
    from rgbir.export.adopt import adopt
    from rgbir.export.adopt_detector import is_detector

    if is_detector(card):
        return _adopted_detector(card, out)
    made = adopt(card, out)
    assert made.parity is not None
    difference = made.parity.largest_relative_difference
    lines = [
        f"{out}: {made.name}, {made.dimension} values, {made.metric}, fingerprint {made.fingerprint}",
        f"it differs from the model itself by {difference:.2e}, relative",
    ]
    content = Written(
        out, made.name, made.dimension, str(made.metric), str(made.precision), made.fingerprint, difference
    )
    return Answer(content, lines)


def _adopted_detector(card: Path, out: Path) -> Answer[Written | AdoptedDetector]:
    from rgbir.export.adopt_detector import adopt_detector

    made = adopt_detector(card, out)
    least = min((each.least_iou for each in made.tried), default=None)
    people = "" if least is None else f"; the people of the pictures were found, with IoU {least:.2f} or more"
    lines = [
        f"{out}: {made.name}, {made.width} x {made.height} pixels, {made.candidates:,} boxes, fingerprint {made.fingerprint}",
        f"its boxes differ from the model's own by {made.parity:.3f} pixels at most{people}",
        f"family {made.family}: {made.standing}; licence {made.licence}",
    ]
    about = (made.name, made.family, made.standing, made.licence, made.fingerprint)
    content = AdoptedDetector(out, *about, made.height, made.width, made.candidates, made.nms, made.parity, least)
    return Answer(content, lines)


@dataclass(frozen=True, slots=True)
class Explained:
    """A bundle that tells where its network reacted.

    Attributes:
        bundle: its folder.
        fingerprint: as it was before.
        reaction: what the card says of the maps and of both tests.
    """

    bundle: Path
    fingerprint: str
    reaction: Reaction


@export.command("explain")
def explain_bundle(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder; the graphs are added to it.")],
    data: Annotated[Path, typer.Option(help=f"{ROOT} Its test images serve the two tests.")],
    network: NetworkOption = None,
    people: PeopleOption = None,
) -> Answer[Explained]:
    """Let a bundle tell where its network reacted, if two tests say that this means something. Its fingerprint stays.

    Examples:
        rgbir export explain agw_resnet50.sysu_mm01 --data SYSU-MM01
        rgbir export explain yard --data photos --network yard.toml --people runs/yard --json
    """
    from rgbir.export.explain import explain

    if is_known(data) and (network or people):
        raise UsageError("--network and --people describe own pictures, and --data names none; leave them out")
    card = Bundle(bundle).card
    data_set = open_data_set(data) if is_known(data) else open_data_set(data, network, people)
    images = sample(
        (record for which in Modality for record in data_set.test(which, Setting())),
        EXPLAINED,
        card.height,
        card.width,
        card.resize,
    )
    named = "" if is_known(data) else " --network NETWORK --people PEOPLE"
    command = f"rgbir export explain {bundle.name} --data {data.name}{named}"
    about = explain(bundle, images, data.name, command).reaction
    assert about is not None
    lines = [
        f"{bundle}: maps of {about.rows} x {about.columns}; fingerprint {card.fingerprint} as before",
        f"shuffled weights give other maps (rank correlation {about.shuffled:.2f}); covering the marked fifth moves an embedding by"
        f" {about.covered:.3g}, another fifth by {about.covered_at_random:.3g} (± {about.spread:.2g}, {about.images} images)",
    ]
    return Answer(Explained(bundle, card.fingerprint, about), lines)


@export.command("trained")
@in_groups(
    {
        "The data": ("data", "calibrate", "protocol", "network", "people"),
        "The bundle": ("precision", "weights", "tta", "note"),
    }
)
def export_run(
    run: Annotated[Path, typer.Argument(help="The --out folder of `rgbir train`.")],
    out: Annotated[Path, typer.Option(help="The bundle's folder; must not exist.")],
    precision: Annotated[Precision, typer.Option(help="fp16 and int8 are made from the proven fp32 graphs.")] = "fp32",
    calibrate: Annotated[Path | None, typer.Option(help=f"{ROOT} Its training images set the scales of int8.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(help=f"{ROOT} Its test images serve the proof, and are measured into the card."),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="What is measured with --data; the data set's own if not given.")
    ] = None,
    network: NetworkOption = None,
    people: PeopleOption = None,
    weights: Annotated[
        Kept | None, typer.Option(help="Which of the run's weights; what its recipe selects if not given.")
    ] = None,
    tta: Annotated[
        Literal["none", "flip"] | None,
        typer.Option(
            help="Whether mirror images are embedded too, where the method does that; as its recipe says if not given."
        ),
    ] = None,
    note: Annotated[str, typer.Option(help="Where it comes from, for the card.")] = "",
) -> Answer[Written]:
    """Write a bundle that serves without torch, after proving that it computes what the run computes.

    Examples:
        rgbir export runs/expat --out expat_resnet50.sysu_mm01
        rgbir export runs/expat --out expat.int8 --precision int8 --calibrate SYSU-MM01 --data SYSU-MM01
    """
    from rgbir.export.bundle import export as write_bundle
    from rgbir.training import load_run

    if protocol is not None and protocol not in PROTOCOLS:
        raise UsageError(f"no protocol {protocol!r}; there are {listed(PROTOCOLS)}")
    if calibrate is not None and precision != "int8":
        raise UsageError(f"--calibrate sets the scales of int8, and has no effect with {precision}; leave it out")
    if data is None and protocol is not None:
        raise UsageError("--protocol measures --data, and has no effect without it; leave it out")
    trained = load_run(run)
    form = (trained.recipe.height, trained.recipe.width, trained.recipe.resize)
    setting = Setting(split=trained.recipe.data.split)
    given = [root for root in (data, calibrate) if root is not None]
    if (network or people) and all(map(is_known, given)):
        raise UsageError(
            "--network and --people describe own pictures, and neither --data nor --calibrate names any; leave them out"
        )

    def opened(root: Path) -> DataSet:
        return open_data_set(root) if is_known(root) else _own(root, network, people, trained)

    tested = None if data is None else opened(data)
    images, scales = {}, {}
    measured = None
    if tested is not None:
        measured = _measurement(tested, PROTOCOLS[protocol] if protocol else tested.protocols[0], setting, trained)
        images = sample((record for which in Modality for record in tested.test(which, setting)), SAMPLES, *form)
    if calibrate is not None:
        scales = sample(opened(calibrate).training(setting), CALIBRATION, *form)
    card = write_bundle(
        trained, out, images, precision=precision, calibration=scales, note=note, weights=weights, tta=tta
    )
    assert card.parity is not None
    lines = [
        f"{out}: {card.name}, {card.dimension} values, {card.metric}, {precision}, fingerprint {card.fingerprint}",
        f"parity: {card.parity.largest_relative_difference:.2e} relative over {card.parity.cases} comparisons"
        f" (allowed {card.parity.tolerance:.0e}; torch's own float32 loses {card.parity.float32_difference:.2e})",
    ]
    drift, result = None, None
    if card.drift:
        drift = {"cosine_mean": card.drift.cosine_mean, "cosine_min": card.drift.cosine_min}
        lines.append(f"drift from fp32: cosine mean {card.drift.cosine_mean:.5f}, least {card.drift.cosine_min:.5f}")
    if tested is not None and measured is not None:
        result, line = _measure(tested, out, *measured)
        lines.append(line)
    difference = card.parity.largest_relative_difference
    described = card.name, card.dimension, str(card.metric), precision, card.fingerprint
    return Answer(Written(out, *described, difference, drift, result), lines)


def _own(root: Path, network: str | None, people: Path | None, trained: Run) -> DataSet:
    """Own pictures, with the lists of people that are named, or else those of the run if it was trained on them.

    Raises:
        BadDataset, UsageError: see `open_data_set`.
    """
    if network is None:
        return open_data_set(root, people=people)
    data_set = open_data_set(root, network, people)
    lists, before = trained.folder / PEOPLE, trained.trained_on()
    if people is not None or before is None or not lists.is_file() or not isinstance(data_set, OwnPictures):
        return data_set
    same = all(data_set.sums.get(int(who)) == entry["sha256"] for who, entry in before["identities"].items())
    return open_data_set(root, network, lists) if same else data_set


def sample(
    records: Iterable[ImageRecord], count: int, height: int, width: int, resize: Resize
) -> dict[Modality, list[NDArray[np.uint8]]]:
    """Up to `count` images of each modality, spread over the records; each uint8 (height, width, 3), by that filter."""
    everything, chosen = list(records), {}
    for modality in Modality:
        images = [record for record in everything if record.modality is modality]
        spread = images[:: max(1, len(images) // count)][:count]
        chosen[modality] = [pixels(record.decoded(), height, width, resize) for record in spread]
    return chosen


def _measurement(data: DataSet, protocol: Protocol, setting: Setting, trained: Run) -> tuple[Protocol, Task]:
    """What will be measured, looked at before anything is written; and what isn't used is said.

    Raises:
        BadDataset, UsageError: it can't be.
    """
    tell(data, setting if protocol.hiding == CROSS.hiding else None)
    task = Choice(protocol, setting).task(data)
    if trained.of_own_pictures:
        expect_strangers(data, str(trained.folder), trained.knows(), task)
    return protocol, task


def _measure(data: DataSet, out: Path, protocol: Protocol, task: Task) -> tuple[dict[str, Any], str]:
    """What was measured, and a line of it."""
    from rgbir.export.bundle import record_measurement

    encoder, name = Encoder(Bundle(out)), data.root.name
    features = encoded(task.images, encoder)
    report = evaluate(task, features, features, protocol, encoder.card.metric)
    first = report.trials[0]
    named = "" if is_known(data.root) else " --network NETWORK --people PEOPLE"
    result = {
        "data": f"{name}: {first.queries} queries, {first.gallery_identities} identities",
        "command": f"rgbir evaluate --data {name}{named} --bundle {out.name} --protocol {protocol.name}",
        **{f"rank_{k}": round(report.rank(k), 6) for k in RANKS},
        "mAP": round(report.mean_ap, 6),
        "mINP": round(report.mean_inp, 6),
    }
    weights = encoder.card.weights
    selected = [] if weights == "last" else [weights]
    settings = (f"{key} {value}" for key, value in task.setting.items())
    record_measurement(out, ", ".join((*selected, protocol.name, *settings, name)), result)
    figures = f"rank-1 {100 * report.rank(1):.2f}, mAP {100 * report.mean_ap:.2f} on {name}"
    return result, f"{' '.join(['measured', *selected])}: {figures}"
