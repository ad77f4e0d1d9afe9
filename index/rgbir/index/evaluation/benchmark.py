"""The ways to a report: a bundle, a gallery, a running server, saved features. All lead to the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from rgbir.index.bulk import bulk_callers
from rgbir.index.bundle import Bundle, Card
from rgbir.index.datasets.cross import CROSS, alone, cross_task, remark_on
from rgbir.index.datasets.dataset import PLAIN, DataSet, Setting
from rgbir.index.datasets.own import OwnPictures
from rgbir.index.datasets.records import frames_of
from rgbir.index.datasets.sysu_mm01 import SysuMM01
from rgbir.index.encoder import Encoder
from rgbir.index.errors import EvaluationError, UsageError
from rgbir.index.evaluation import (
    Features,
    Protocol,
    Report,
    Task,
    evaluate,
    evaluate_ranked,
    evaluate_reranked,
    several_shots,
)
from rgbir.index.evaluation.authors import read_authors, write_authors
from rgbir.index.evaluation.remote import connect, remote_ranking
from rgbir.index.evaluation.sources import encoded, enrolled, labelled
from rgbir.index.evaluation.tracklets import pooled
from rgbir.index.gallery.addresses import open_gallery
from rgbir.index.metric import Metric
from rgbir.index.nearest.rerank import Reranker
from rgbir.index.progress import Progress, silent
from rgbir.index.runner import Runner
from rgbir.index.words import listed

Pictures = Callable[[Task, Features, Features, Protocol, Metric, Report], object]
"""Draws an evaluation: its task, the queries' and the gallery's features, protocol, metric and report."""
Bar = Callable[[str, int], AbstractContextManager[Progress]]
"""Shows how far something is: of what it is called and of how many steps it has, the function that is told of steps done."""


TRAINED_LISTS = ("train", "trainval")
"""Who asks for these wants to measure on people whom a model knows."""


@contextmanager
def no_bar(label: str, total: int) -> Iterator[Progress]:
    yield silent


@dataclass(frozen=True, slots=True)
class Choice:
    """What is measured of a data set, and how.

    Attributes:
        protocol: the rules.
        setting: what the data set leaves open.
        query_shots: images of a person by a camera that are fused into one query, 1 or more.
        reranker: how rankings are re-ranked; None is not at all.
        pictures: draws what was measured.
    """

    protocol: Protocol
    setting: Setting = PLAIN
    query_shots: int = 1
    reranker: Reranker | None = None
    pictures: Pictures | None = None

    def measure(
        self, task: Task, queries: Features, gallery: Features, metric: Metric, about: dict[str, str]
    ) -> Report:
        """Plainly, or with several shots a query, or re-ranked; each under its own name.

        Raises:
            UsageError: pictures of what isn't ranked plainly, or tracklets with what takes one embedding each.
        """
        protocol = self.protocol
        if task.of_tracklets and self.query_shots > 1:
            raise UsageError("a query is a tracklet here, which is several shots already; leave --query-shots out")
        if task.pool == "best" and (self.pictures is not None or self.reranker is not None):
            raise UsageError("--pool best compares frames; --plots and --rerank need one embedding a tracklet")
        if self.pictures is not None and (self.query_shots > 1 or self.reranker is not None):
            raise UsageError("--plots shows plain rankings; leave --query-shots and --rerank out")
        if self.query_shots > 1:
            task, queries = several_shots(task, queries.of_records(task.queries), self.query_shots, metric)
            protocol = replace(protocol, name=f"{protocol.name}+{self.query_shots}shots")
        if self.reranker is not None:
            return evaluate_reranked(task, queries, gallery, protocol, metric, self.reranker, about)
        report = evaluate(task, queries, gallery, protocol, metric, about)
        if self.pictures is not None:
            self.pictures(task, *pooled(task, queries, gallery, metric), protocol, metric, report)
        return report

    def task(self, data: DataSet, trained: int | None = None) -> Task:
        """What to embed and to rank.

        Args:
            trained: the split that a model was trained on, for a data set of several.

        Raises:
            UsageError: another data set's protocol, a drawing that it doesn't have, or two splits.
        """
        rules, setting = self.protocol, self.setting
        if rules.data != data.name:
            raise UsageError(
                f"protocol {rules.name} is {rules.data}'s, {data.root} holds {data.name}; leave --protocol out, or say"
                f" {data.protocols[0].name}"
            )
        drawings = {protocol.selection for protocol in data.protocols}
        if rules.selection not in drawings:
            raise UsageError(f"selection is {listed(sorted(drawings), 'or')} for {data.name}, not {rules.selection}")
        if trained is not None and "split" in data.choices:
            if setting.split not in (None, trained):
                raise UsageError(
                    f"the bundle was trained on {data.name}'s split {trained}; on the test people of split"
                    f" {setting.split} it would meet people of its training. Measure it on its own split, without --split"
                )
            setting = replace(setting, split=trained)
        return data.task(rules, setting)


def of_bundles(
    data: DataSet,
    choice: Choice,
    bundles: Sequence[Path],
    gallery: str | None,
    metric: Metric | None,
    threads: int | None,
    save: Path | None = None,
    bar: Bar = no_bar,
    runner: str = "onnxruntime",
) -> Report:
    """Encodes here; gallery embeddings come from a gallery, if there is one. Several bundles are of several splits.

    Raises:
        UsageError: several bundles elsewhere, of one split, or with files that are written of each.
    """
    if len(bundles) > 1 and "split" not in data.choices:
        raise UsageError(f"{len(bundles)} bundles came; {data.name} has no splits, and is measured with one")
    if len(bundles) > 1:
        if save is not None or choice.pictures is not None:
            raise UsageError("--save-features and --plots are of one bundle; several would write over each other")
        splits = [split_of(Bundle(bundle).card) or choice.setting.split or 1 for bundle in bundles]
        if twice := sorted({split for split in splits if splits.count(split) > 1}):
            raise UsageError(
                f"several bundles are of {data.name}'s split {listed(twice)}; a split is one trial: give one of each"
            )

    def measured(bundle: Path) -> Report:
        encoder = Encoder(Bundle(bundle), threads=threads, runner=runner, callers=bulk_callers())
        card = encoder.card
        task = choice.task(data, split_of(card))
        if choice.setting.identities not in TRAINED_LISTS:
            expect_strangers(data, card.name, card.trained_on, task)
        images = task.images if gallery is None else list(dict.fromkeys(frames_of(task.queries)))
        with bar("encoding", len(images)) as advance:
            queries = rows = encoded(images, encoder, advance)
        if gallery is not None:
            with open_gallery(gallery) as opened:
                opened.expect(card)
                rows = enrolled(list(dict.fromkeys(frames_of(task.gallery))), opened)
        if save is not None:
            everything = queries if gallery is None else _together(queries, rows)
            if save.suffix == ".npz":
                everything.save(save)
            else:
                _expect_authors(data, save)
                write_authors(save, everything, task.images)
        unusual = {"row": card.row or "", "weights": "" if card.weights == "last" else card.weights}
        about = {"model": card.name, **{key: value for key, value in unusual.items() if value}}
        about |= {"fingerprint": card.fingerprint}
        about |= {**data.about, **versions(encoder.runner)}
        return choice.measure(task, queries, rows, metric or card.metric, about)

    return Report.joined(list(map(measured, bundles)))


def of_gallery(
    address: str, choice: Choice, bundle: Path | None = None, say: Callable[[str], None] = lambda line: None
) -> Report:
    """A gallery's labelled sightings by themselves: their stored embeddings ask each other, by protocol `cross`.

    Args:
        address: the gallery's.
        choice: the protocol is one of a site's own pictures.
        bundle: of which model it should be; any if None.
        say: called with what isn't used.

    Raises:
        UsageError: another data set's protocol, or pictures to draw.
        BadDataset: nobody is labelled, or one camera of each modality.
    """
    if choice.protocol.data != CROSS.data:
        raise UsageError(f"a gallery by itself is measured by protocol cross, not {choice.protocol.name}; leave it out")
    if choice.pictures is not None:
        raise UsageError("--plots shows a data set's images; a gallery by itself is measured without it")
    with open_gallery(address) as opened:
        if bundle is not None:
            opened.expect(Bundle(bundle).card)
        records, remarks = labelled(opened)
        for remark in (*remarks, *remark_on(alone(records))):
            say(remark)
        whose = {"identities": "available", "network": opened.network.label}
        task = cross_task(records, opened.network, choice.setting, whose)
        images = task.images
        features = Features.of_images(opened.embeddings([record.source for record in images]), images)
        model = opened.model
        about = {"model": model.name, "fingerprint": model.fingerprint, "gallery": opened.address, **versions()}
        return choice.measure(task, features, features, model.metric, about)


def of_server(data: DataSet, choice: Choice, url: str, bar: Bar = no_bar) -> Report:
    """The server encodes the queries, compares them with its gallery and keeps its same-location rule.

    Raises:
        UsageError: several shots, re-ranking or tracklets, which need embeddings; or people whom the server's model was
            trained on.
    """
    if choice.query_shots > 1 or choice.reranker is not None or choice.pictures is not None:
        raise UsageError(
            "--query-shots, --rerank and --plots need embeddings, a server gives distances; measure a bundle"
        )
    task = choice.task(data)
    if task.of_tracklets:
        raise UsageError(
            f"{data.name} is measured by tracklets, whose frames are pooled; a server gives distances of images. Measure a bundle"
        )
    with closing(connect(url)) as remote:
        gallery = remote.gallery()
        if isinstance(data, OwnPictures) and choice.setting.identities not in TRAINED_LISTS:
            expect_strangers(data, gallery.model, remote.model().get("trained_on", ()), task)
        with bar("asking", len(task.queries)) as advance:
            ranking = remote_ranking(task, remote, choice.protocol.hiding, advance)
            about = {"model": gallery.model, "fingerprint": gallery.fingerprint, **data.about, **versions()}
            return evaluate_ranked(task, ranking, choice.protocol, Metric(gallery.metric), about)


def of_features(data: DataSet, choice: Choice, files: Sequence[Path], metric: Metric | None) -> Report:
    """Features of somebody's model, known by the images' names (`paths`, relative to the data set's root).

    A name that is no file, such as `deep`, stands for `deep_cam1.mat` … as SYSU-MM01's authors write them.
    """
    task = choice.task(data)
    asked = task.images
    for file in files:
        if file.suffix not in (".npz", ".mat"):
            _expect_authors(data, file)
    loaded = [Features.load(file) if file.suffix in (".npz", ".mat") else read_authors(file, asked) for file in files]
    features = joined(*loaded)
    about = {**data.about, "features": ", ".join(file.name for file in files), **versions()}
    return choice.measure(task, features, features, metric or Metric.EUCLIDEAN, about)


def expect_strangers(data: DataSet, model: str, trained_on: Collection[str], task: Task) -> None:
    """Whether a model was trained on, or fitted to, nobody whom it is measured on; what it knows of own pictures.

    Args:
        data: on which it is measured.
        model: its name.
        trained_on: sums of people, as a card has them.
        task: the measurement.

    Raises:
        UsageError: it was.
    """
    if not (trained_on and isinstance(data, OwnPictures)):
        return
    sums, asked = data.sums, {record.identity for record in task.images if record.identity is not None}
    if known := sorted(identity for identity in asked if sums[identity] in trained_on):
        raise UsageError(
            f"{model} was trained on, or fitted to, {len(known):,} of the {len(asked):,} people whom it would be measured on:"
            f" {listed(known, most=10)}; its numbers would be too good. Give the lists that it was trained by (--people"
            " RUN), or ask for them by name: --list train"
        )


def _expect_authors(data: DataSet, file: Path) -> None:
    """
    Raises:
        UsageError: the authors' files of another data set than theirs.
    """
    if data.name != SysuMM01.names[0]:
        raise UsageError(
            f"{file} without .npz is files of SYSU-MM01's authors, a camera each, and {data.root} holds {data.name}; give an .npz"
        )


def joined(*parts: Features) -> Features:
    """One after the other.

    Raises:
        EvaluationError: embeddings of several lengths.
    """
    if len(lengths := sorted({part.embeddings.shape[1] for part in parts})) > 1:
        raise EvaluationError(f"embeddings of {' and '.join(map(str, lengths))} values; all must be of one model")
    columns = (field.name for field in fields(Features))
    return Features(*(np.concatenate([getattr(part, column) for part in parts]) for column in columns))


def _together(queries: Features, rows: Features) -> Features:
    """The gallery's rows, and those of the queries that aren't among them."""
    return joined(queries.take(~np.isin(queries.sources, rows.sources)), rows)


def split_of(card: Card) -> int | None:
    """The split that a bundle was trained on; None for one that saw data without splits."""
    if "_split" not in card.training_data:
        return None
    number = card.training_data.rsplit("_split", 1)[1]
    return int(number) if number.isdecimal() else None


def versions(runner: Runner = Runner()) -> dict[str, str]:
    """Of what computes the numbers; and by which runner, if it isn't ONNX Runtime as it comes."""
    import faiss
    import onnxruntime

    computes = {"onnxruntime": onnxruntime.__version__}
    if runner.library == "openvino":
        computes = {"openvino": version("openvino")}
    if runner != Runner():
        computes["runner"] = str(runner)
    return {
        "rgbir": version("rgbir"),
        **computes,
        "faiss": faiss.__version__,
        "numpy": np.__version__,
    }
