"""`rgbir evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict, cast

import typer
from rich.table import Table

from rgbir.index.bulk import bulk_callers
from rgbir.index.bundle import Bundle
from rgbir.index.cameras import CameraNetwork
from rgbir.index.cli import searches
from rgbir.index.cli.options import (
    SKIPPED_EXIT,
    PeopleOption,
    RunnerOption,
    ThreadsOption,
    given,
    progress,
    refuse,
)
from rgbir.index.cli.output import Answer, in_groups, remark
from rgbir.index.cli.remarks import tell
from rgbir.index.cli.robust import Model, divided, reports_of
from rgbir.index.datasets.cross import CROSS
from rgbir.index.datasets.dataset import DataSet, List, Published, Setting
from rgbir.index.datasets.known import FRAME_SETS, FRAMES_ROOT, PROTOCOLS, ROOT, SEARCHES, frame_set, open_data_set
from rgbir.index.datasets.protocol import (
    ApRule,
    CmcLevel,
    Denominator,
    Direction,
    Mode,
    Pool,
    Protocol,
    Selection,
    Shots,
)
from rgbir.index.encoder import Encoder
from rgbir.index.errors import UsageError
from rgbir.index.evaluation import Features, Report, Reranker, evaluate_trial, reranker
from rgbir.index.evaluation import benchmark as measuring
from rgbir.index.evaluation import compare as paired
from rgbir.index.evaluation.benchmark import Choice, Pictures, versions
from rgbir.index.evaluation.cost import Cost, cost
from rgbir.index.evaluation.person_search import SearchReport
from rgbir.index.evaluation.report import COLUMNS
from rgbir.index.files import write_beside
from rgbir.index.metric import Metric
from rgbir.index.nearest.affinity import PUBLISHED, published
from rgbir.index.robustness import Robustness
from rgbir.index.words import listed

WRITTEN = ("reports", "markdown", "as_json", "quiet", "verbose")
"""Options that only say where the report goes."""
NOT_ROBUST = (
    "url", "gallery", "query", "against", "compare", "cost_against", "rerank", "query_shots", "pool", "plots", "curves",
    "save_features", "detector", "detections",
)  # fmt: skip
"""Options that measure something else than a model's plain rankings of single pictures."""
ONE = ("features", "people", "alike")
"""Options that are of the people of one data set."""


class Measured(TypedDict):
    """A report. Fractions are from 0 to 1.

    Attributes:
        protocol: every switch that it was measured by.
        cmc: the share of queries with a match by that rank.
        curve: the same for every rank, from 1.
        mAP, mINP: the means of the trials.
        spread: standard deviation among the trials, of `rank_1` and `mAP`.
        queries, valid_queries, gallery_rows, gallery_identities: of the first trial.
        directions: the means of each direction, where both modalities ask; of some protocols also within one modality.
        trials: each trial's measures, and every query's rank and precision.
        about: what was measured, and the versions it ran on.
    """

    protocol: dict[str, Any]
    cmc: dict[str, float]
    curve: list[float]
    mAP: float
    mINP: float
    spread: dict[str, Any]
    queries: int
    valid_queries: int
    gallery_rows: int
    gallery_identities: int
    directions: NotRequired[dict[str, Any]]
    trials: list[dict[str, Any]]
    about: dict[str, Any]


Evaluated = Measured | searches.Searched | list[paired.Difference] | Cost | Robustness


@in_groups(
    {
        "What is measured": ("bundle", "gallery", "url", "features", "query", "against", "cost_against"),
        "The data": (
            "mode", "shots", "direction", "split", "identities", "permutations", "network", "people", "query_shots",
            "pool",
        ),
        "Full frames": ("detector", "detections", "confidence", "gallery_size"),
        "The protocol": ("protocol", "selection", "cmc", "ap", "denominator", "metric", "rerank"),
        "Files": ("plots", "curves", "save_features", "reports", "markdown"),
        "Errors": ("also", "alike"),
    }
)  # fmt: skip
def evaluate(
    ctx: typer.Context,
    data: Annotated[Path | None, typer.Option(help=f"{ROOT} {FRAMES_ROOT}")] = None,
    bundle: Annotated[
        list[Path] | None,
        typer.Option(help="The model bundle to measure; on RegDB one for each split, in any order."),
    ] = None,
    gallery: Annotated[
        str | None,
        typer.Option(
            help="Take gallery embeddings from this gallery, where they are enrolled. Without --data its labelled sightings are measured."
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Measure this server, which has the data set enrolled, such as http://127.0.0.1:8077."),
    ] = None,
    features: Annotated[
        list[Path] | None,
        typer.Option(help="Anybody's features of the data set's images: .npz, .mat, or NAME of NAME_cam1.mat …."),
    ] = None,
    query: Annotated[
        Path | None, typer.Option(help="Anybody's saved features of the queries: one trial, with --against.")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Anybody's saved features of the gallery.")] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help=f"The data set's own if not given. One of {listed((*PROTOCOLS, *SEARCHES), 'or')}."),
    ] = None,
    mode: Annotated[Mode, typer.Option(help="SYSU-MM01: all or indoor, the gallery's cameras.")] = "all",
    shots: Annotated[
        Shots, typer.Option(help="SYSU-MM01, own pictures: 1 or 10 gallery images of each identity and camera.")
    ] = "single",
    direction: Annotated[
        Direction | None,
        typer.Option(
            help="RegDB, LLCM, BUPTCampus, own pictures: the query's modality, then the gallery's; of the last two both."
        ),
    ] = None,
    split: Annotated[
        int | None, typer.Option(help="RegDB: the split; what the bundle was trained on if not given.", min=1, max=10)
    ] = None,
    identities: Annotated[
        List, typer.Option("--list", help="SYSU-MM01, own pictures: whose images; available is everybody's.")
    ] = "test",
    selection: Annotated[
        Selection | None, typer.Option(help="Instead of the protocol's: who draws the gallery.")
    ] = None,
    cmc: Annotated[CmcLevel | None, typer.Option(help="Instead of the protocol's: what ranks count.")] = None,
    ap: Annotated[ApRule | None, typer.Option(help="Instead of the protocol's: how precision is integrated.")] = None,
    denominator: Annotated[
        Denominator | None, typer.Option(help="Instead of the protocol's: which queries means run over.")
    ] = None,
    metric: Annotated[
        Metric | None,
        typer.Option(help="Distance; the bundle's card decides if not given, saved features are Euclidean."),
    ] = None,
    permutations: Annotated[
        Path | None, typer.Option(help="rand_perm_cam.mat, if it is not in the data set's exp folder.")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help=f"Cameras and places of own pictures, or of --query and --against; sysu-mm01 if not given. It is {listed(['a TOML file', *CameraNetwork.built_in()], 'or')}."
        ),
    ] = None,
    people: PeopleOption = None,
    query_shots: Annotated[
        int, typer.Option(help="Fuse so many images of a person by a camera into one query.", min=1)
    ] = 1,
    pool: Annotated[
        Pool | None,
        typer.Option(
            help="Tracklets: mean or median of their frames' embeddings, or the best, that is nearest, frame; the mean if not given."
        ),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(
            help="Re-rank by neighbours: aim, aim:10,2, aim:published, k-reciprocal, k-reciprocal:20,6,0.3, or with ,gallery at its end."
        ),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(help="Draw CMC, ranked lists, map, distances and camera pairs into this folder (rgbir[plots])."),
    ] = None,
    curves: Annotated[
        list[Path] | None, typer.Option(help="Other reports (--report) to draw beside in the CMC.")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None, typer.Option(help="Two reports (--report) to set side by side; nothing is measured.")
    ] = None,
    save_features: Annotated[
        Path | None,
        typer.Option(help="Write the features to this file (.npz), or to NAME_cam1.mat … without a suffix."),
    ] = None,
    detector: Annotated[
        Path | None, typer.Option(help="Full frames: the detector's bundle, which finds the people.")
    ] = None,
    detections: Annotated[
        Path | None,
        typer.Option(
            help="Full frames: detections in place of a detector, CSV: frame, left, top, right, bottom, score."
        ),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            help="Full frames: the least score of a detection; 0.5 if not given, as papers have it.", min=0, max=1
        ),
    ] = None,
    gallery_size: Annotated[
        int | None, typer.Option(help="CUHK-SYSU: frames that a query is searched in; 100 if not given.")
    ] = None,
    cost_against: Annotated[
        Path | None,
        typer.Option(
            help="An exact bundle: say what --bundle and --runner lose against it in R1, mAP and embeddings, on this data."
        ),
    ] = None,
    threads: ThreadsOption = None,
    runner: RunnerOption = "onnxruntime",
    reports: Annotated[
        list[str] | None,
        typer.Option(
            "--report",
            help="Write the report as JSON to this file, as --json prints it. robustness: report instead on what the model errs; may be given beside a file.",
        ),
    ] = None,
    also: Annotated[
        list[Path] | None,
        typer.Option(
            help="--report robustness: another data set of the kind of --data, with other people; may be repeated. Each is searched by itself, and all are told together."
        ),
    ] = None,
    alike: Annotated[
        Path | None,
        typer.Option(
            help="--report robustness: who is dressed alike, CSV: identity, group; a drawing knows it itself."
        ),
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the report's table as Markdown to this file.")] = None,
) -> Answer[Evaluated]:
    """Measure a model by a benchmark's protocol: CMC, mAP and mINP of each trial, and their mean.

    Examples:
        rgbir evaluate --data demo/people --bundle demo/expat_compact.synthetic_people --report report.json
        rgbir evaluate --data PRW --protocol person-search --bundle agw_resnet50.sysu_mm01 --detector yolox
        rgbir evaluate --compare before.json after.json
        rgbir evaluate --data demo/people --bundle demo/expat_compact.synthetic_people --report robustness
        rgbir evaluate --data demo/people --bundle demo.int8 --cost-against demo/expat_compact.synthetic_people
    """
    robust, report_file = reports_of(reports or ())
    if alike is not None and not robust:
        raise UsageError("--alike says who is dressed alike, for --report robustness; give both, or leave it out")
    if also and not robust:
        raise UsageError("--also brings more people to --report robustness; give both, or leave it out")
    if robust:
        refuse(ctx, "--report robustness divides plain rankings of a model's pictures", only=NOT_ROBUST)
    if also:
        refuse(ctx, "--also brings other people, of whom it tells nothing", only=ONE)
    if compare is not None:
        refuse(ctx, "--compare measures nothing", but=("compare", *WRITTEN[2:]))
        return _compared(*compare)
    if cost_against is not None:
        if data is None or not bundle or len(bundle) != 1:
            raise UsageError("--cost-against measures one --bundle on --data twice; give both")
        others = ("url", "features", "query", "against", "gallery", "save_features", "plots", "curves", "detector")
        written = ("detections", "confidence", "gallery_size", "reports", "also", "alike", "markdown")
        refuse(ctx, "--cost-against says differences, and writes nothing", only=(*others, *written))
    if (
        cost_against is None
        and data is not None
        and network is None
        and people is None
        and (frames := frame_set(data)) is not None
    ):
        asked_for = searches.Chosen(
            protocol, bundle or [], detector, detections, confidence, gallery_size, metric, threads, runner
        )
        if robust:
            raise UsageError(f"--report robustness is of single pictures; {frames.name} has full frames")
        searched = searches.search_of(ctx, frames, asked_for, WRITTEN)
        _write(searched, markdown, report_file)
        return cast(Answer[Evaluated], searches.answer(searched, frames))
    why_not = "nobody has to be found, since the images show one person each; people are found in full frames"
    refuse(ctx, why_not, only=searches.ALONE)
    if (query is None) != (against is None):
        raise UsageError("--query and --against go together: the queries' features, and the gallery's")
    if curves and plots is None:
        raise UsageError("--curves draws into --plots; say which folder")
    if query is not None:
        asked, ruled = ("query", "against", "network"), ("protocol", "cmc", "ap", "denominator", "metric")
        why = "--query with --against measures the saved features as they are"
        refuse(ctx, why, but=(*asked, *ruled, *WRITTEN))
    switches = {"selection": selection, "cmc": cmc, "ap": ap, "denominator": denominator}
    changed = {name: value for name, value in switches.items() if value is not None}
    if query and against:
        rules = _protocol(protocol, changed, PROTOCOLS["sysu"])
        about = {"query": query.name, "against": against.name, **versions()}
        cameras = CameraNetwork.read(network or "sysu-mm01")
        loaded = Features.load(query), Features.load(against)
        report = evaluate_trial(*loaded, cameras, rules, metric or Metric.EUCLIDEAN, about)
    elif data is None and gallery is not None:
        switches_of = ("protocol", "shots", "direction", "cmc", "ap", "denominator", "query_shots", "rerank")
        why = "a gallery by itself is measured with its own sightings, cameras and model"
        refuse(ctx, why, but=("gallery", "bundle", *switches_of, *WRITTEN))
        if bundle and len(bundle) > 1:
            raise UsageError(f"{len(bundle)} bundles came; a gallery is of one model")
        rules = _protocol(protocol, changed, CROSS)
        setting = Setting(shots=shots, direction=direction)
        chosen = Choice(rules, setting, query_shots, _reranker(rerank, rules, setting))
        of_model = bundle[0] if bundle and given(ctx, "bundle") else None
        report = measuring.of_gallery(gallery, chosen, of_model, remark)
    elif data is None:
        raise UsageError(
            "give --data with --bundle, --url or --features; or --query with --against; or --gallery alone"
        )
    else:
        data_set = open_data_set(data, network, people)
        rules = _protocol(protocol, changed, data_set.protocols[0])
        _refuse_others(ctx, data_set, rules, url, features, bundle)
        setting = Setting(identities, mode, shots, permutations, direction, split, pool)
        chosen = Choice(
            rules,
            setting,
            query_shots,
            _reranker(rerank, rules, setting),
            _pictures(plots, curves or ()) if plots else None,
        )
        if robust:
            sets = [data_set, *(open_data_set(other, network) for other in also or ())]
            model = Model(bundle or (), features or (), metric, threads, runner)
            return cast(Answer[Evaluated], divided(sets, chosen, model, alike, markdown, report_file))
        if cost_against is not None and bundle:
            exact, other = (
                Encoder(Bundle(folder), threads=threads, runner=by, callers=bulk_callers())
                for folder, by in ((cost_against, "onnxruntime"), (bundle[0], runner))
            )
            return _costs(cost(data_set, chosen, exact, other, metric, progress))
        if url is not None:
            report = measuring.of_server(data_set, chosen, url, progress)
        elif features:
            report = measuring.of_features(data_set, chosen, features, metric)
        elif bundle:
            report = measuring.of_bundles(
                data_set, chosen, bundle, gallery, metric, threads, save_features, progress, runner
            )
        else:
            raise UsageError("--data needs what to measure on it: --bundle, --url or --features")
    _write(report, markdown, report_file)
    over = data is not None and tell(data_set, chosen.setting if rules.hiding == CROSS.hiding else None)
    beside = _published(data_set.published) if data is not None else []
    return Answer(cast(Measured, report.to_dict()), [*shown(report), *beside], SKIPPED_EXIT if over else 0)


def _write(report: Report | SearchReport, markdown: Path | None, file: Path | None) -> None:
    """As Markdown and as JSON, where a file for it is named."""
    if markdown is not None:
        write_beside(markdown, report.to_markdown())
    if file is not None:
        write_beside(file, report.to_json() + "\n")


def _refuse_others(
    ctx: typer.Context,
    data: DataSet,
    rules: Protocol,
    url: str | None,
    features: Sequence[Path] | None,
    bundles: Sequence[Path] | None,
) -> None:
    """What is given and would have no effect on this measurement.

    Raises:
        UsageError: something is.
    """
    if sum(map(bool, (url, features, bundles))) > 1:
        raise UsageError("one thing is measured at a time: --bundle, --url or --features")
    if url:
        refuse(
            ctx,
            "a server is measured with its own model and metric",
            only=("metric", "threads", "runner", "gallery", "save_features"),
        )
    if features:
        refuse(ctx, "saved features need no model", only=("threads", "runner", "gallery", "save_features"))
    choices = {field.name for field in fields(Setting)}
    refuse(ctx, f"{data.name} has no such choice", only=sorted(choices - data.choices))
    if rules.selection != "official":
        refuse(ctx, f"protocol {rules.name} doesn't read the authors' permutations", only=("permutations",))


def _protocol(name: str | None, changed: dict[str, Any], default: Protocol) -> Protocol:
    if name in SEARCHES:
        known = listed((kind.name for kind in FRAME_SETS), "or")
        raise UsageError(f"protocol {name} is of full frames: give the root of {known} with --data")
    if name is not None and name not in PROTOCOLS:
        raise UsageError(f"no protocol {name!r}; there are {listed(PROTOCOLS)}")
    return replace(PROTOCOLS[name] if name else default, **changed)


def _pictures(folder: Path, curves: Sequence[Path]) -> Pictures:
    """Draws into the folder, beside the curves of other reports."""
    try:
        from rgbir.index.plots.album import draw_all, read_curve
    except ImportError as error:
        raise UsageError(f"--plots needs {error.name}: pip install 'rgbir[plots]'") from error
    others = {file.stem: read_curve(file) for file in curves}
    return partial(draw_all, folder, others=others)


def _reranker(text: str | None, rules: Protocol, setting: Setting) -> Reranker | None:
    """
    Raises:
        UsageError: there is no such way, or nothing is published for this data.
    """
    if text is None:
        return None
    if text == PUBLISHED:
        return published(rules.data, setting.mode, setting.shots)
    return reranker(f"k-reciprocal:{text}" if text[:1].isdigit() else text)


def _costs(measured: Cost) -> Answer[Evaluated]:
    embeddings = (
        f"{measured.images:,} embeddings: cosine {measured.cosine_mean:.5f} in the mean, {measured.cosine_least:.5f} at least;"
        f" {100 * measured.nearest_in_common:.1f} % of the ten nearest are the same"
    )
    return Answer(measured, [_table(measured.exact, measured.other, measured.differences), embeddings])


def _compared(a: Path, b: Path) -> Answer[Evaluated]:
    differences = paired.compare(paired.read_report(a), paired.read_report(b))
    return Answer(differences, [_table(a.name, b.name, differences)])


def _table(a: str, b: str, differences: Sequence[paired.Difference]) -> Table:
    table = Table("measure", a, b, "difference", "95 % of the bootstrap's", "share above 0")
    for row in differences:
        between = f"{100 * row.low:+.2f} to {100 * row.high:+.2f}"
        values = f"{100 * row.a:.2f}", f"{100 * row.b:.2f}", f"{100 * row.difference:+.2f}"
        table.add_row(row.measure, *values, between, f"{row.better:.3f}")
    return table


def _published(results: Sequence[Published]) -> list[str | Table]:
    """What a data set's authors print, to stand below what was measured."""
    if not results:
        return []
    table = Table("method", "way", "frames", "R1", "mAP")
    for line in results:
        table.add_row(line.method, line.way, str(line.frames), f"{line.rank_1:.2f}", f"{line.mean_ap:.2f}")
    return ["Published by the data set's authors, and not measured here:", table]


def shown(report: Report) -> list[str | Table]:
    """A report for people: its title, its table, and what was measured."""
    table = Table(*COLUMNS)
    for line in report.trial_rows():
        table.add_row(*line)
    if len(report.trials) > 1 or report.directions:
        table.add_section()
        for line in report.mean_rows():
            table.add_row(*line, style="bold")
    return [report.title, table, " ".join(f"{key}={value}" for key, value in report.about.items())]
