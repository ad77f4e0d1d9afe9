"""Hand-made systems as bundles: the same distances as the metric's own, served in a search, or refused by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from onnx import ModelProto
from tests.commands import run

from rgbir.client import Client
from rgbir.export.errors import ExportFailure
from rgbir.export.graph import from_pixels
from rgbir.export.handmade import writing
from rgbir.export.handmade.measuring import embedded, measured, signed
from rgbir.export.handmade.writing import sample, write_bundle
from rgbir.index import (
    Bundle,
    CameraNetwork,
    Encoder,
    Gallery,
    Metric,
    Modality,
    OwnPictures,
    PeopleLists,
    Setting,
    SysuMM01,
    enrol,
    open_data_set,
)
from rgbir.index.evaluation import PROTOCOLS, evaluate
from rgbir.index.evaluation.benchmark import Choice
from rgbir.index.evaluation.sources import encoded
from rgbir.server import Settings, create_app
from rgbir.training.handmade.fit import Fitted, fit
from rgbir.training.handmade.network import OnAxes
from rgbir.training.handmade.recipe import SYSTEMS, system_named

FEW = {"pca.dimension": 40}
"""Axes, fewer than the dimensions that the small set's differences fill."""


def fitted_to(people: SysuMM01, name: str, changes: Mapping[str, Any] | None = None) -> Fitted:
    system = system_named(name)
    return fit(list(people.training(Setting("trainval"))), system, system.resolve({**FEW, **(changes or {})}))


@pytest.fixture(scope="module", autouse=True)
def traced_once() -> Iterator[None]:
    """Systems of one descriptor have the same graph up to the axes; torch takes long to write it."""
    graphs: dict[bytes, ModelProto] = {}

    def remembered(network: OnAxes, height: int, width: int) -> ModelProto:
        key = type(network.descriptor).__name__.encode() + network.axes.numpy().tobytes()
        if key not in graphs:
            graphs[key] = from_pixels(network, height, width)
        return graphs[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(writing, "from_pixels", remembered)
        yield


QUICK = ("hog+kissme", "hog+scm")
SERVED = [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in SYSTEMS]


@pytest.mark.proves("trains")
@pytest.mark.proves("exports with parity")
@pytest.mark.proves("served in a search")
@pytest.mark.parametrize("name", SERVED)
@pytest.mark.slow
def test_every_system_is_a_bundle_with_the_metrics_own_distances_and_answers_a_search(
    tmp_path: Path, people: SysuMM01, name: str
) -> None:
    fitted = fitted_to(people, name)
    records = list(people.records("test"))

    card = write_bundle(fitted, tmp_path / "bundle", "people", sample(records))

    assert card.parity is not None
    assert card.parity.float32_difference is not None
    assert card.parity.largest_relative_difference < max(1e-5, 8 * card.parity.float32_difference)
    assert card.parity.cases == 12
    assert card.name == f"{fitted.system.metric}_{fitted.system.descriptor}.people"
    assert len(set(card.graphs.values())) == (1 if fitted.projection.one_map else 2)
    for file in set(card.graphs.values()):
        onnx.checker.check_model(tmp_path / "bundle" / file)
    encoder = Encoder(Bundle(tmp_path / "bundle"), threads=1)
    some = [record for record in records if record.modality is Modality.RGB][:5]
    asked = [record for record in records if record.modality is Modality.IR][:4]
    served = [encoded(side, encoder).embeddings.astype(float) for side in (asked, some)]
    np.testing.assert_allclose(
        between(served[0], served[1], card.metric), by_hand(fitted, asked, some), rtol=2e-3, atol=1e-3
    )
    with Gallery.open_or_create(tmp_path / "gallery", card, CameraNetwork.read("sysu-mm01")) as gallery:
        enrol(people.records("test", (1, 2, 4, 5)), encoder, gallery)
    settings = Settings(bundle=tmp_path / "bundle", gallery=tmp_path / "gallery", threads=1)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http, Client(http) as client:
        answer = client.search([asked[0].path], camera=asked[0].camera, top_k=3)
    assert len(answer.hits) == 3


def between(asked: NDArray[Any], shown: NDArray[Any], metric: Metric) -> NDArray[np.float64]:
    """The distances of rows to rows, squared where they are Euclidean."""
    if metric is Metric.COSINE:
        asked, shown = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (asked, shown))
        return np.asarray(1 - asked @ shown.T)
    return np.asarray(((asked[:, None] - shown[None]) ** 2).sum(axis=2))


def by_hand(fitted: Fitted, asked: list[Any], shown: list[Any]) -> NDArray[np.float64]:
    """In float64, from the descriptor on, by the metric's own words."""
    on_axes = []
    for records in (asked, shown):
        images = np.stack([np.asarray(record.decoded().resize((48, 128), 2)) for record in records])
        with torch.inference_mode():
            values = fitted.on_axes.descriptor(torch.from_numpy(images)).numpy().astype(float)
        values /= np.linalg.norm(values, axis=1, keepdims=True)
        on_axes.append((values - fitted.on_axes.mean.numpy()) @ fitted.on_axes.axes.numpy().astype(float))
    projection = fitted.projection
    mapped = [projection.infrared(on_axes[0]), projection.colour(on_axes[1])]
    if projection.posterior:
        powers = [np.exp(side - side.max(axis=1, keepdims=True)) for side in mapped]
        mapped = [side / side.sum(axis=1, keepdims=True) for side in powers]
        return 1 - np.corrcoef(mapped[0], mapped[1])[: len(asked), len(asked) :]
    return between(mapped[0], mapped[1], projection.metric)


@pytest.mark.parametrize("name", ["hog+kissme", "hog+xqda"])
@pytest.mark.slow
def test_the_same_images_and_seed_give_the_same_system(people: SysuMM01, name: str) -> None:
    first, again = (fitted_to(people, name, {"pca.images": 60}).projection.colour.matrix for _ in range(2))

    assert np.array_equal(first, again)
    other = fitted_to(people, name, {"pca.images": 60, "seed": 1}).projection.colour.matrix
    assert other.shape != first.shape or not np.allclose(other, first)


def test_axes_of_a_part_of_the_images_are_fitted_to_all_of_them(people: SysuMM01) -> None:
    fitted = fitted_to(people, "hog+euclidean", {"pca.images": 30})

    assert fitted.on_axes.axes.shape == (2700, 29)
    assert fitted.images == 144


@pytest.mark.slow
def test_distances_that_may_be_negative_are_measured_and_not_served(tmp_path: Path, people: SysuMM01) -> None:
    """The ranking is that of a loop over the form, whose negative part is far from nothing."""
    fitted = fitted_to(people, "hog+kissme")
    signs = np.where(np.arange(40) % 3 == 0, -1.0, 1.0)
    object.__setattr__(fitted.projection, "signs", signs)
    task = Choice(PROTOCOLS["sysu"]).task(people)

    report = measured(fitted, task, PROTOCOLS["sysu"], {})

    features = embedded(fitted, task.images)
    asked, shown = (features.of_records(side).embeddings.astype(float) for side in (task.queries, task.gallery))
    keys = ((asked[:, None] - shown[None]) ** 2 * signs).sum(axis=2)
    np.testing.assert_allclose(signed(asked, shown, signs), keys, rtol=1e-6, atol=1e-6 * np.abs(keys).max())
    assert keys.min() < 0
    draw = task.draws[0]
    right = 0
    for row in draw.queries:
        place = task.network[task.queries[row].camera].place
        seen = [k for k in draw.gallery if task.network[task.gallery[k].camera].place != place]
        nearest = min(seen, key=lambda k: keys[row, k])
        right += task.gallery[nearest].identity == task.queries[row].identity
    assert report.trials[0].rank(1) == pytest.approx(right / len(draw.queries))
    assert report.rank(1) != evaluate(task, features, features, PROTOCOLS["sysu"], Metric.EUCLIDEAN).rank(1)
    with pytest.raises(
        ExportFailure, match=r"hog\+kissme can be measured and not served: .* 14 negative eigenvalues of 40"
    ):
        write_bundle(fitted, tmp_path / "bundle", "people")
    assert not list(tmp_path.iterdir())


def test_a_bundle_of_lomo_with_retinex_is_refused(tmp_path: Path, people: SysuMM01) -> None:
    system = system_named("lomo+euclidean")
    records = [r for r in people.training(Setting("train")) if r.number == 1]
    fitted = fit(records, system, system.resolve({"lomo.retinex": "msr", "pca.dimension": 5}))

    with pytest.raises(ExportFailure, match=r"lomo.retinex=msr rounds otherwise on other machines.* Leave --out out"):
        write_bundle(fitted, tmp_path / "bundle", "people")


@pytest.mark.slow
def test_the_command_writes_a_bundle_that_is_measured_as_the_command_measures(tmp_path: Path, people: SysuMM01) -> None:
    words = ["export", "handmade", "hog+lfda", "--data", people.root, "--set", "pca.dimension=40"]

    written = run(*words, "--out", tmp_path / "lfda", "--json")
    by_bundle = run("evaluate", "--data", people.root, "--bundle", tmp_path / "lfda", "--mode", "indoor", "--json")
    directly = run(*words, "--mode", "indoor", "--report", tmp_path / "report.json", "--json")

    assert written.code == by_bundle.code == directly.code == 0, (written, by_bundle, directly)
    told = json.loads(written.stdout)
    assert (told["name"], told["people"], told["images"]) == ("lfda_hog.people", 6, 144)
    ours, theirs = json.loads(directly.stdout), json.loads(by_bundle.stdout)
    assert ours["mAP"] == pytest.approx(theirs["mAP"], abs=2e-3)
    assert json.loads((tmp_path / "report.json").read_text()) == ours
    assert ours["about"]["model"] == "hog+lfda.people"


@pytest.mark.slow
def test_what_has_no_effect_is_refused(tmp_path: Path, people: SysuMM01) -> None:
    words = ["export", "handmade", "hog+cca", "--data", people.root]
    for more, message in (
        (["--out", tmp_path / "x", "--mode", "indoor"], "--mode has no effect"),
        (["--out", tmp_path], "exists; remove it"),
        (["--protocol", "sysus"], "no protocol 'sysus'"),
        (["--direction", "visible->infrared"], "has no such choice: --direction has no effect"),
        (["--set", "lomo.input=grey"], "lomo.input has no effect on hog+cca"),
        (["--set", "pca.dimension=0"], "pca.dimension = 0"),
    ):
        done = run(*words, *more)
        assert done.code in (1, 2)
        assert message in done.stderr, done
    shutil.copytree(people.root, tmp_path / "colour")
    for camera in (3, 6):
        shutil.rmtree(tmp_path / f"colour/cam{camera}")
        (tmp_path / f"colour/cam{camera}").mkdir()
    done = run("export", "handmade", "hog+cca", "--data", tmp_path / "colour")
    assert done.code != 0


@pytest.mark.slow
def test_the_card_knows_the_people_of_own_pictures_and_nobody_known_is_measured(
    tmp_path: Path, people: SysuMM01
) -> None:
    for camera in range(1, 7):
        shutil.copytree(people.root / f"cam{camera}", tmp_path / f"site/cam{camera}")
    PeopleLists((1, 2, 3, 4), (5,), (6, 7, 8, 9)).write(tmp_path / "lists.json")
    own = ["--data", tmp_path / "site", "--network", "sysu-mm01"]
    words = ["export", "handmade", "hog+lfda", *own, "--set", "pca.dimension=40"]

    written = run(*words, "--people", tmp_path / "lists.json", "--out", tmp_path / "lfda", "--json")
    strangers = run(*words, "--people", tmp_path / "lists.json", "--json")
    unknown = run(*words)
    PeopleLists((6, 7, 8, 9), (5,), (1, 2, 3, 4)).write(tmp_path / "other.json")
    known = run("evaluate", *own, "--people", tmp_path / "other.json", "--bundle", tmp_path / "lfda")

    assert written.code == strangers.code == 0, (written, strangers)
    data = open_data_set(tmp_path / "site", "sysu-mm01", tmp_path / "lists.json")
    assert isinstance(data, OwnPictures)
    assert Bundle(tmp_path / "lfda").card.trained_on == tuple(sorted(data.sums[n] for n in range(1, 6)))
    assert json.loads(strangers.stdout)["gallery_identities"] == 4
    assert unknown.code == known.code == 2
    assert "has no lists of people" in unknown.stderr
    assert "was trained on, or fitted to, 4 of the 4 people whom it would be measured on" in known.stderr
