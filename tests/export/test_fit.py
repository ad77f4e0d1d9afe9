"""A bundle fitted to labelled people: the closed form, what it is measured on, the graphs, and what is refused."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import scipy.linalg
import typer
from numpy.typing import NDArray
from tests.export.sites import IR, NETWORK, RGB, bundle, filled, pictures, vectors
from typer.testing import CliRunner

from rgbir.client.cli import app as rgbir
from rgbir.export import ExportFailure
from rgbir.export.errors import FitRefused, ParityFailure
from rgbir.export.fit import folded, validation, writing
from rgbir.export.fit import labelled as labels
from rgbir.export.fit.cli import fit as command
from rgbir.export.fit.closed_form import ClosedForm
from rgbir.export.fit.halves import halves
from rgbir.export.fit.labelled import Labelled, chosen, of_gallery
from rgbir.export.fit.validation import Validation, cross_validated, folds
from rgbir.export.fit.writing import fit
from rgbir.export.folder import write
from rgbir.export.precision import half
from rgbir.index import (
    BadBundle,
    Bundle,
    Camera,
    CameraNetwork,
    Card,
    Encoder,
    Figure,
    Fitted,
    FittedMap,
    Gallery,
    GalleryMismatch,
    ImageRecord,
    Metric,
    Modality,
    OwnPictures,
    PeopleLists,
    SysuMM01,
    UsageError,
    decode,
    open_data_set,
    reencode,
    sha256,
)

app = typer.Typer()
app.command()(command)


def unit(rows: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float64)


def within_by_loop(labelled: Labelled) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The within-class covariance and the people's centres, sighting by sighting."""
    rows, people = unit(labelled.embeddings.astype(np.float64)), sorted(set(labelled.identities.tolist()))
    sides = [[n for n in range(len(rows)) if bool(labelled.infrared[n]) is side] for side in (False, True)]
    means = [sum(rows[n] for n in side) / len(side) for side in sides]
    centres = {}
    for person in people:
        halves_of = []
        for side, mean in zip(sides, means, strict=True):
            mine = [rows[n] - mean for n in side if labelled.identities[n] == person]
            halves_of.append(sum(mine) / len(mine))
        centres[person] = (halves_of[0] + halves_of[1]) / 2
    d = rows.shape[1]
    covariance = np.zeros((d, d))
    for side, mean in zip(sides, means, strict=True):
        total = np.zeros((d, d))
        for n in side:
            apart = rows[n] - mean - centres[int(labelled.identities[n])]
            total += np.outer(apart, apart)
        covariance += total / len(side) / 2
    return covariance, np.stack([centres[person] for person in people])


# --- the closed form


@pytest.mark.parametrize("people", [30, 8])
def test_the_map_is_that_of_a_slow_loop_and_scipy(people: int) -> None:
    labelled = vectors(people)
    covariance, centres = within_by_loop(labelled)
    shrunk = 0.7 * covariance + 0.3 * np.trace(covariance) / 20 * np.eye(20)

    form = ClosedForm(labelled)
    whitening = form.whitening(0.3)
    matrix = form.discriminant(0.3, 5)

    root = np.linalg.inv(np.real(scipy.linalg.sqrtm(shrunk)))
    np.testing.assert_allclose(whitening @ whitening.T, root @ root, rtol=1e-4, atol=1e-4)
    spread = centres - centres.mean(axis=0)
    values, directions = scipy.linalg.eigh(spread.T @ spread, shrunk)
    best = directions[:, np.argsort(values)[::-1][:5]]
    np.testing.assert_allclose(matrix @ matrix.T, best @ best.T, rtol=1e-4, atol=1e-4)
    fitted = form.fitted(0.3, 5)
    assert (fitted.dimension, fitted.matrix is None) == (5, False)
    assert form.fitted(0.3, 64).dimension == min(people - 1, 20)


def test_sightings_with_a_known_covariance_are_white_afterwards() -> None:
    rng = np.random.default_rng(3)
    d, each = 6, 40
    turned = scipy.linalg.qr(rng.normal(size=(d, d)))[0]
    half = turned * np.linspace(1, 3, d) / 50
    known = half @ half.T
    identities = np.repeat(np.arange(300), 2 * each)
    infrared = np.tile(np.repeat([False, True], each), 300)
    rows = rng.normal(size=(300, d))[identities] / 30 + rng.normal(size=(len(identities), d)) @ half.T
    rows = np.concatenate(
        [rows, np.ones((len(rows), 1))], axis=1
    )  # nearly of length 1, so that unit length changes little
    rows[:, :d] /= 10
    labelled = Labelled(rows.astype(np.float32), identities, np.full(len(rows), "c1"), infrared, NETWORK, {})

    form = ClosedForm(labelled)
    whitening = form.whitening(1e-9)

    covariance = np.zeros((d + 1, d + 1))
    covariance[:d, :d] = known / 100
    white = whitening[:, -d:].T @ covariance @ whitening[:, -d:]
    np.testing.assert_allclose(white, np.eye(d), atol=0.1)


def test_the_two_modalities_count_alike() -> None:
    labelled = vectors(10)
    thrice = np.concatenate([np.arange(len(labelled)), *[np.flatnonzero(labelled.infrared)] * 2])
    repeated = replace(
        labelled,
        embeddings=labelled.embeddings[thrice],
        identities=labelled.identities[thrice],
        cameras=labelled.cameras[thrice],
        infrared=labelled.infrared[thrice],
    )
    first, second = ClosedForm(labelled).fitted(0.1, 4), ClosedForm(repeated).fitted(0.1, 4)
    rows = labelled.embeddings
    for modality in Modality:
        a, b = unit(first(rows, modality)), unit(second(rows, modality))
        np.testing.assert_allclose(a @ a.T, b @ b.T, atol=1e-4)


# --- what it is measured on


@pytest.mark.slow
def test_nobody_and_no_camera_is_fitted_and_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = vectors(30)
    held_back: list[Labelled] = []
    fitted: list[Labelled] = []
    scored: list[bool] = []

    def spy(some: Labelled) -> ClosedForm:
        assert not set(some.identities) & set(held_back[-1].identities)
        assert not set(some.cameras) & set(held_back[-1].cameras)
        fitted.append(some)
        return ClosedForm(some)

    def scores(some: Labelled, fitted_map: FittedMap | None, metric: Metric) -> Any:
        if fitted_map is None:
            held_back.append(some)
        else:
            assert not set(some.identities) & set(fitted[-1].identities)
            scored.append(True)
        return original(some, fitted_map, metric)

    original = validation.scores
    monkeypatch.setattr(validation, "scores", scores)
    measured = cross_validated(labelled, Metric.COSINE, form=spy)

    assert (len(held_back), len(fitted), measured.folds) == (10, 10 * (validation.INNER + 1), 10)
    assert len(scored) == 10 * (1 + len(validation.CANDIDATES) * (validation.INNER + 1))
    tested = Counter(int(identity) for some in held_back for identity in set(some.identities.tolist()))
    assert tested == dict.fromkeys(range(30), 2)


def test_queries_never_see_their_own_place() -> None:
    """All colour sightings but those at the queries' place are strangers': nobody can be found."""
    labelled = vectors(25)
    alone = labelled.take(np.isin(labelled.cameras, ["c3", "n3"]))
    assert validation.scores(alone, None, Metric.COSINE) is None


@pytest.mark.slow
def test_a_modality_s_shift_and_a_nuisance_are_taken_away() -> None:
    measured = cross_validated(vectors(60), Metric.EUCLIDEAN)
    plain, centred, fitted = (scores[:, 1].mean() for scores in (measured.plain, measured.centred, measured.fitted))
    assert plain + 0.1 < centred < fitted - 0.1
    assert validation.clear(measured.gain())
    assert validation.clear(measured.gain(only_centred=True))


def test_the_spread_is_nadeau_s_and_bengio_s() -> None:
    scores = np.array([[0.1, 0.2], [0.3, 0.2], [0.2, 0.5], [0.4, 0.7]])
    made = validation.figure(scores)
    assert made.rank_1 == pytest.approx(0.25)
    deviation = (((0.15**2 + 0.05**2) * 2) / 3) ** 0.5
    assert made.rank_1_spread == pytest.approx(deviation * (1 / 4 + 1 / 4) ** 0.5)
    assert made.mean_ap == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("gain", "is_clear"),
    [((0.0, 0.01, 0.03, 0.01), True), ((0.0, 0.01, 0.02, 0.01), False), ((-0.03, 0.01, 0.9, 0.01), False)],
)
def test_a_gain_is_clear_beyond_twice_its_spread(gain: tuple[float, ...], is_clear: bool) -> None:
    names = ("rank_1", "rank_1_spread", "mean_ap", "mean_ap_spread")
    assert validation.clear(Figure(**dict(zip(names, gain, strict=True)))) is is_clear


def test_cameras_of_a_place_stay_together_where_they_can() -> None:
    a, b = halves(vectors(25))
    assert a | b == {"c1", "c2", "c3", "n3", "n4"}
    assert {"c3", "n3"} <= a or {"c3", "n3"} <= b
    both = CameraNetwork(
        "x", tuple(Camera(f"{kind}{n}", m, f"p{n}") for n in (1, 2) for kind, m in (("c", RGB), ("n", IR)))
    )
    assert set(map(frozenset, halves(vectors(25, network=both)))) == {frozenset({"c1", "n2"}), frozenset({"c2", "n1"})}
    one_place = CameraNetwork("x", tuple(replace(camera, place="here") for camera in both))
    with pytest.raises(ExportFailure, match="can't be divided so that each half has an infrared and a colour camera"):
        halves(vectors(25, network=one_place))
    moved = both.with_camera(both["c1"].moved("elsewhere", datetime(2026, 5, 1, tzinfo=UTC)))
    with pytest.raises(UsageError, match="a fit knows one place a camera, and c1 moved"):
        halves(vectors(25, network=moved))
    assert all(not set(fold.fitted.cameras) & set(fold.tested.cameras) for fold in folds(vectors(25), 0))


# --- the bundle


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle(tmp_path_factory.mktemp("small") / "bundle")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory, small: Bundle) -> Labelled:
    with filled(tmp_path_factory.mktemp("site") / "gallery", Encoder(small)) as gallery:
        return of_gallery(gallery)


@pytest.fixture(scope="module")
def measured(labelled: Labelled) -> Validation:
    return cross_validated(labelled, Metric.COSINE)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, small: Bundle, labelled: Labelled, measured: Validation) -> Bundle:
    folder = tmp_path_factory.mktemp("fitted") / "bundle"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(writing, "cross_validated", lambda *_: measured)
        fit(small, labelled, folder, "the command")
    return Bundle(folder)


@pytest.mark.slow
def test_the_card_says_what_it_was_fitted_to(small: Bundle, made: Bundle) -> None:
    card, fitted = made.card, made.card.fitted
    assert fitted is not None
    assert card.parity is not None
    assert (card.name, card.metric, fitted.fingerprint) == (
        "small_net.site.fitted",
        Metric.COSINE,
        small.card.fingerprint,
    )
    assert (fitted.people, fitted.sightings, fitted.cameras) == (30, 300, ["c1", "c2", "c3", "n3", "n4"])
    assert "derived from images of 30 people" in fitted.derived
    assert fitted.plain.mean_ap < fitted.centred.mean_ap < fitted.fitted.mean_ap
    assert fitted.gain.mean_ap == pytest.approx(fitted.fitted.mean_ap - fitted.centred.mean_ap)
    assert fitted.command == "the command"
    assert card.fingerprint != small.card.fingerprint
    assert card.parity.largest_relative_difference <= 1e-5
    assert card.files["map.npz"] == sha256(made.folder / "map.npz")
    older = {name: value for name, value in card.model_dump(mode="json").items() if name != "fitted"}
    assert Card.model_validate(older).fitted is None
    with pytest.raises(ValueError, match=r"map\.npz must be a file of the bundle"):
        Card.model_validate(card.model_dump() | {"files": {n: s for n, s in card.files.items() if n != "map.npz"}})


@pytest.mark.parametrize(("metric", "streams"), [(Metric.COSINE, 1), (Metric.EUCLIDEAN, 1), (Metric.COSINE, 2)])
def test_graphs_compute_the_map_and_the_trunk_is_stored_once(
    tmp_path: Path, labelled: Labelled, metric: Metric, streams: int
) -> None:
    before = bundle(tmp_path / "before", metric, streams)
    form = ClosedForm(labelled)
    fitted = form.fitted(0.1, 8)

    card = folded.folded(before, fitted, _about(labelled), tmp_path / "after")

    after = Bundle(tmp_path / "after")
    assert (card.graphs, card.dimension) == ({Modality.RGB: "rgb.onnx", Modality.IR: "ir.onnx"}, 8)
    pixels = np.stack([picture for *_, picture in pictures(5)])
    assert fitted.matrix is not None
    for modality in Modality:
        answers = unit(Encoder(before).encode(pixels, modality).astype(np.float64))
        expected = (answers - form.means[modality]) @ fitted.matrix.astype(np.float64)
        np.testing.assert_allclose(Encoder(after).encode(pixels, modality), expected, atol=1e-5)
    sizes = [(some.folder / "weights.bin").stat().st_size for some in (before, after)]
    assert sizes[1] - sizes[0] < 24 * 8 * 4 + 200  # the map's matrix
    files = {
        tuple((place.key, place.value) for place in tensor.external_data)
        for name in ("rgb.onnx", "ir.onnx")
        for tensor in onnx.load_model(after.folder / name, load_external_data=False).graph.initializer
        if tensor.name == "trunk"
    }
    assert len(files) == 1


def test_a_bundle_in_float16_is_mapped_in_float32(tmp_path: Path, small: Bundle, labelled: Labelled) -> None:
    model = half(onnx.load_model(small.folder / "embed.onnx"))
    write(tmp_path / "half", {"embed.onnx": model}, small.card.model_copy(update={"precision": "fp16"}))
    fitted = ClosedForm(labelled).fitted(0.1, 8)

    card = folded.folded(Bundle(tmp_path / "half"), fitted, _about(labelled), tmp_path / "after")

    assert card.precision == "fp16"
    assert card.parity is not None
    assert card.parity.largest_relative_difference <= 1e-5
    weights = {
        tensor.name: tensor.data_type
        for tensor in onnx.load_model(tmp_path / "after/rgb.onnx").graph.initializer
        if tensor.name in ("trunk", "rgbir_fit_matrix")
    }
    assert weights == {"trunk": onnx.TensorProto.FLOAT16, "rgbir_fit_matrix": onnx.TensorProto.FLOAT}


def _about(labelled: Labelled) -> Any:
    nothing = validation.figure(np.zeros((2, 2)))
    figures = dict.fromkeys(("plain", "centred", "fitted", "gain"), nothing)
    words = dict.fromkeys(("bundle", "fingerprint", "unit_length", "command", "derived"), "x")
    counts = {"people": 1, "sightings": 1, "folds": 2, "cameras": ["c1"], "only_centred": False}
    return Fitted.model_validate({"file": "map.npz", **figures, **words, **counts})


def test_a_map_is_not_put_behind_a_map(tmp_path: Path, small: Bundle, made: Bundle, labelled: Labelled) -> None:
    """Also where somebody took it out of the card."""
    with pytest.raises(ExportFailure, match="has a map of `rgbir fit` inside; fit the bundle that it was made of"):
        folded.with_map(made.graph(Modality.RGB), ClosedForm(labelled).centred(), Modality.RGB)


def test_an_embedding_of_nothing_stays_finite(tmp_path: Path, labelled: Labelled) -> None:
    before = bundle(tmp_path / "before")
    folded.folded(before, ClosedForm(labelled).fitted(0.1, 8), _about(labelled), tmp_path / "after")
    black = np.zeros((1, 8, 4, 3), np.uint8)
    assert not Encoder(before).encode(black, Modality.RGB).any()
    assert np.isfinite(Encoder(Bundle(tmp_path / "after")).encode(black, Modality.RGB)).all()


def test_graphs_that_compute_something_else_are_refused(
    tmp_path: Path, small: Bundle, labelled: Labelled, measured: Validation, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = folded.with_map
    monkeypatch.setattr(writing, "cross_validated", lambda *_: measured)
    monkeypatch.setattr(folded, "with_map", lambda graph, fitted, modality: real(graph, fitted, modality.other))
    with pytest.raises(ParityFailure, match="no bundle was written"):
        fit(small, labelled, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_centring_alone_is_a_bundle_too(
    tmp_path: Path, small: Bundle, labelled: Labelled, measured: Validation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "cross_validated", lambda *_: measured)
    card = fit(small, labelled, tmp_path / "out", only_centred=True)
    assert card.fitted is not None
    assert card.name == "small_net.site.centred"
    assert (card.dimension, card.fitted.only_centred, card.fitted.shrinkage) == (small.card.dimension, True, None)
    assert card.fitted.gain.mean_ap == pytest.approx(card.fitted.centred.mean_ap - card.fitted.plain.mean_ap)
    rows = unit(labelled.embeddings[labelled.infrared].astype(np.float64))
    fitted = FittedMap.of(Bundle(tmp_path / "out"))
    assert fitted is not None
    np.testing.assert_allclose(fitted(rows, Modality.IR), rows - rows.mean(axis=0), atol=1e-6)


# --- what is refused


@pytest.mark.slow
def test_labels_by_lot_are_refused_with_the_figures(tmp_path: Path, small: Bundle) -> None:
    labelled = vectors(40, dimension=24)
    rng = np.random.default_rng(0)
    for seed in range(2):
        mixed = replace(labelled, identities=rng.permutation(labelled.identities)).seen_in_both()
        with pytest.raises(FitRefused) as refused:
            fit(small, mixed, tmp_path / "out", seed=seed)
        text = str(refused.value)
        assert all(f"{name}: rank-1 " in text for name in ("the bundle as it is", "centring alone", "fitted", "gain"))
        assert "twice its spread" in text
        assert "label more people" in text
        assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_refusal_names_centring_where_that_helps(small: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labelled = vectors(40, dimension=24)
    rows = rng.normal(size=(40, 24))[labelled.identities] + 0.8 * rng.normal(size=labelled.embeddings.shape)
    rows += np.where(labelled.infrared[:, None], 1, -1) * 3 * rng.normal(size=24)
    with pytest.raises(FitRefused, match="--only-centre writes that"):
        fit(small, replace(labelled, embeddings=rows.astype(np.float32)), tmp_path / "out")


@pytest.mark.parametrize(
    ("site", "reason"),
    [
        ({"labels": False}, "300 sightings without an identity were left out"),
        ({"people": 19}, "a fit needs 20 people or more .* there are 19"),
        ({"network": CameraNetwork("x", tuple(c for c in NETWORK if c.id != "n4"))}, "n3 is the only infrared camera"),
        (
            {"network": CameraNetwork("x", tuple(c for c in NETWORK if c.id not in ("c2", "c3")))},
            "c1 is the only colour camera",
        ),
        (
            {"network": CameraNetwork("x", tuple(c for c in NETWORK if c.modalities == RGB))},
            "180 sightings of people seen in one",
        ),
    ],
)
def test_a_gallery_that_can_t_be_fitted_to_says_why(
    tmp_path: Path, small: Bundle, site: dict[str, Any], reason: str
) -> None:
    with filled(tmp_path / "gallery", Encoder(small), **site) as gallery, pytest.raises(ExportFailure, match=reason):
        of_gallery(gallery)


def test_day_and_night_cameras_are_left_out_and_counted(tmp_path: Path, small: Bundle) -> None:
    network = CameraNetwork("x", (*NETWORK, Camera("both", RGB | IR, "elsewhere")))
    with filled(tmp_path / "gallery", Encoder(small), 20, network) as gallery:
        labelled = of_gallery(gallery)
    assert labelled.left_out == {"of day/night cameras, where nobody noted the modality": 40}
    assert "both" not in labelled.cameras


def test_ten_sightings_of_a_person_by_a_camera_are_spread_over_all() -> None:
    seen = [
        ImageRecord(Path(), f"{identity}{camera.id}{n}", camera.id, identity=identity)
        for identity in range(20)
        for camera in NETWORK
        for n in range(25 if (identity, camera.id) == (3, "c1") else 1)
    ]
    rows, _, left_out = chosen(seen, NETWORK, "x")
    numbers = [int(seen[row].source.removeprefix("3c1")) for row in rows if seen[row].source.startswith("3c1")]
    assert len(numbers) == 10
    assert numbers[-1] == 24
    assert np.diff(numbers).max() == 3
    assert left_out == {"beyond 10 of a person by a camera": 15}


def test_of_a_data_set_the_training_people_are_encoded(
    people: SysuMM01, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bar(label: str, total: int) -> Any:
        return contextlib.nullcontext(lambda done: None)

    with pytest.raises(ExportFailure, match=r"a fit needs 20 people or more .* there are 4"):
        labels.of_data_set(people, encoder, bar)

    monkeypatch.setattr(labels, "FEWEST", 4)
    labelled = labels.of_data_set(people, encoder, bar)

    assert set(labelled.people.tolist()) == set(people.identities("train"))
    records = {(r.camera, r.identity, r.number): r for r in people.records("train")}
    assert len(labelled) == len(records) == 96
    for camera, modality in (("3", Modality.IR), ("4", Modality.RGB)):
        rows = np.flatnonzero((labelled.cameras == camera) & (labelled.identities == people.identities("train")[0]))
        first = records[camera, int(labelled.identities[rows[0]]), 1]
        expected = encoder.embed([decode(first.path.read_bytes(), "x")], modality)[0]
        np.testing.assert_allclose(labelled.embeddings[rows[0]], expected, atol=1e-5)


@pytest.mark.slow
def test_of_own_pictures_it_is_the_training_list_or_everybody(
    people: SysuMM01, encoder: Encoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for camera in range(1, 7):
        shutil.copytree(people.root / f"cam{camera}", tmp_path / f"site/cam{camera}")
    lists = PeopleLists((1, 2, 3, 4), (5,), (6, 7, 8, 9))
    monkeypatch.setattr(labels, "FEWEST", 4)

    for given, expected in ((lists, [1, 2, 3, 4]), (None, list(range(1, 10)))):
        own = open_data_set(tmp_path / "site", "sysu-mm01", given)
        labelled = labels.of_data_set(own, encoder, lambda label, total: contextlib.nullcontext(lambda done: None))
        assert labelled.people.tolist() == expected
        assert isinstance(own, OwnPictures)
        assert labelled.sums == tuple(sorted(own.sums[identity] for identity in expected))


def test_the_card_knows_the_people_of_own_pictures(
    tmp_path: Path, small: Bundle, made: Bundle, labelled: Labelled
) -> None:
    assert made.card.fitted is not None
    centred = ClosedForm(labelled).centred()

    card = folded.folded(small, centred, made.card.fitted, tmp_path / "out", ["b", "a"])

    assert card.trained_on == Bundle(tmp_path / "out").card.trained_on == ("a", "b")
    assert made.card.trained_on == ()


# --- the command, and galleries


@pytest.mark.slow
def test_the_command_needs_no_torch(tmp_path: Path, small: Bundle) -> None:
    filled(tmp_path / "gallery", Encoder(small)).close()
    script = (
        "import sys; sys.modules['torch'] = None; from rgbir.client.cli import main; sys.argv[1:1] = ['fit']; main()"
    )
    options = [str(small.folder), "--gallery", str(tmp_path / "gallery"), "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", script, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "30 people, 300 sightings" in done.stdout
    assert "derived from images of 30 people" in done.stdout
    card = json.loads((tmp_path / "out/card.json").read_text())
    assert card["fitted"]["command"] == "rgbir fit bundle --gallery gallery --seed 0 --out out"
    assert str(tmp_path) not in json.dumps(card)


def test_wrong_calls_are_refused(tmp_path: Path, small: Bundle, made: Bundle) -> None:
    other = Encoder(bundle(tmp_path / "other", Metric.EUCLIDEAN))
    filled(tmp_path / "gallery", other, 1).close()

    def failure(*options: object) -> BaseException | None:
        return CliRunner().invoke(app, list(map(str, options))).exception

    out = ("--out", tmp_path / "out")
    assert isinstance(failure(small.folder, *out), UsageError)
    assert isinstance(failure(small.folder, *out, "--gallery", "x", "--data", "y"), UsageError)
    assert isinstance(failure(small.folder, *out, "--gallery", "x", "--threads", 1), UsageError)
    assert "are of --data" in str(failure(small.folder, *out, "--gallery", "x", "--network", "regdb"))
    assert isinstance(failure(small.folder, *out, "--gallery", tmp_path / "gallery"), GalleryMismatch)
    assert "exists; remove it" in str(failure(small.folder, "--out", tmp_path / "other", "--gallery", "x"))
    assert "was fitted already, to 30 people; fit small_net.site" in str(failure(made.folder, *out, "--gallery", "x"))
    card = json.loads((other.bundle.folder / "card.json").read_text())
    del card["graphs"]["ir"]
    (other.bundle.folder / "card.json").write_text(json.dumps(card))
    assert "embeds rgb images only" in str(failure(other.bundle.folder, *out, "--gallery", "x"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("crops", [True, False])
def test_kept_embeddings_are_mapped_as_encoding_again_would(
    tmp_path: Path, small: Bundle, made: Bundle, crops: bool
) -> None:
    network = CameraNetwork("x", (*NETWORK, Camera("both", RGB | IR, "elsewhere")))
    after = Encoder(made)
    calls = []

    class Counting(Encoder):
        def embed(self, images: Any, modality: Modality) -> Any:
            calls.append(len(images))
            return super().embed(images, modality)

    with (
        filled(tmp_path / "before", Encoder(small), 3, network, crops) as source,
        filled(tmp_path / "direct", after, 3, network) as direct,
        Gallery.open_or_create(tmp_path / "mapped", made.card, network) as target,
    ):
        tally = reencode(source, target, Counting(made))

        ids = [sighting.id for sighting in target.sightings()]
        assert (tally.added, len(tally.skipped), sum(calls)) == ((36, 0, 6) if crops else (30, 6, 0))
        np.testing.assert_allclose(target.embeddings(ids), direct.embeddings(ids), atol=1e-5)
        for sighting in target.sightings():
            original = source.get(sighting.id)
            assert original is not None
            assert replace(original, row=0) == replace(sighting, row=0)
            assert target.crop(sighting.id) == source.crop(sighting.id)


@pytest.mark.slow
def test_the_command_that_maps_says_so_and_what_to_measure_anew(tmp_path: Path, small: Bundle, made: Bundle) -> None:
    with filled(tmp_path / "before", Encoder(small), crops=False) as source:
        assert source.calibrate().pairs
    options = [str(tmp_path / "before"), "--gallery", str(tmp_path / "after"), "--bundle", str(made.folder)]

    result = CliRunner().invoke(rgbir, ["index", "reencode", *options])

    assert "300 added, 0 were there, 0 skipped" in result.output
    assert "small_net.site.fitted is fitted to small_net.site: kept embeddings were mapped" in result.output
    assert f"rgbir index calibrate --gallery {tmp_path / 'after'}" in result.output
    with Gallery(tmp_path / "after") as after:
        assert after.calibration() is None


def test_mapping_that_was_stopped_goes_on(tmp_path: Path, small: Bundle, made: Bundle) -> None:
    def stop(done: int) -> None:
        if done:
            raise KeyboardInterrupt

    with (
        filled(tmp_path / "before", Encoder(small), 4, crops=False) as source,
        Gallery.open_or_create(tmp_path / "mapped", made.card, NETWORK) as target,
    ):
        with pytest.raises(KeyboardInterrupt):
            reencode(source, target, Encoder(made), batch=8, progress=stop)
        assert 0 < len(target) < 40
        source.remove(ids=[target.sightings()[0].id, source.sightings()[-1].id])
        tally = reencode(source, target, Encoder(made), batch=8)
        assert (len(target), tally.added, len(tally.skipped)) == (38, 31, 0)


def test_another_model_s_gallery_is_not_mapped(tmp_path: Path, made: Bundle) -> None:
    other = Encoder(bundle(tmp_path / "other", Metric.EUCLIDEAN))
    with (
        filled(tmp_path / "before", other, 1, crops=False) as source,
        Gallery.open_or_create(tmp_path / "new", made.card, NETWORK) as target,
    ):
        tally = reencode(source, target, Encoder(made))
        assert (tally.added, len(tally.skipped)) == (0, 10)


def test_a_map_that_isn_t_one_is_refused(tmp_path: Path, small: Bundle, made: Bundle, labelled: Labelled) -> None:
    assert FittedMap.of(small) is None
    folder = tmp_path / "bundle"
    shutil.copytree(made.folder, folder)
    opened = Bundle(folder)
    for content in (b"nothing", ClosedForm(labelled).centred().to_bytes()):
        (folder / "map.npz").write_bytes(content)
        with pytest.raises(BadBundle, match="is not the file the card describes"):
            FittedMap.of(opened)
        card = json.loads((folder / "card.json").read_text())
        card["files"]["map.npz"] = sha256(folder / "map.npz")
        (folder / "card.json").write_text(json.dumps(card))
        opened = Bundle(folder)
        with pytest.raises(BadBundle, match="fit the bundle again"):
            FittedMap.of(opened)
