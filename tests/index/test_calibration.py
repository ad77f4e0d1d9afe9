"""What distances mean: measured on labels, told with every hit, silent where nobody measured."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.index.yard import filled, model, network
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.client.wire import SearchResponse
from rgbir.index import (
    Encoder,
    Gallery,
    Modality,
    NewSighting,
    Searcher,
    SearchOptions,
)
from rgbir.index.gallery.calibration import LEAST_GENUINE, logistic

NETWORK = network({"a": "a", "b": "b", "c": "gate"}, ir={"n": "gate"})
D = 16


def people(rng: np.random.Generator, n: int = 40) -> np.ndarray:
    return (2 * rng.standard_normal((n, D))).astype(np.float32)


def labelled(folder: Path, rng: np.random.Generator) -> tuple[Gallery, np.ndarray]:
    persons = people(rng)
    new = []
    for camera in "abnc":
        for number, person in enumerate(persons):
            for shot in range(4):
                row = (person + 0.7 * rng.standard_normal(D)).astype(np.float32)
                new.append(NewSighting(camera, row, f"{camera}{number}{shot}", f"{camera}{number}{shot}", None, number))
    return filled(folder, new, NETWORK), persons


class Asked(Searcher):
    """A searcher without a model."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery, self.errors = gallery, None


def test_probabilities_are_the_shares_they_say(tmp_path: Path, rng: np.random.Generator) -> None:
    gallery, persons = labelled(tmp_path / "g", rng)
    calibration = gallery.calibrate()
    assert set(calibration.pairs) == {"a|b", "a|n", "b|n", "a|c", "b|c"}  # c and n hang in one place
    pair = calibration.of("n", "a")
    assert pair is not None
    assert (pair.genuine, pair.impostors) == (40 * 16, 40 * 39 * 16)

    fresh = np.random.default_rng(99)
    probes = persons[:, None] + 0.7 * fresh.standard_normal((40, 50, D))
    rows = persons[:, None] + 0.7 * fresh.standard_normal((40, 50, D))
    genuine = np.sqrt(((probes - rows) ** 2).sum(-1)).ravel()
    strangers = np.sqrt(((probes - np.roll(rows, 1, axis=0)) ** 2).sum(-1)).ravel()
    for distance in np.quantile(strangers, [0.02, 0.1, 0.5]):
        assert pair.false_accept_rate(float(distance)) == pytest.approx((strangers <= distance).mean(), abs=0.04)
    probabilities = np.array([pair.probability(float(d)) for d in np.concatenate((genuine, strangers))])
    true = np.concatenate((np.ones(len(genuine)), np.zeros(len(strangers))))
    for low in np.arange(0, 1, 0.25):
        inside = (probabilities >= low) & (probabilities < low + 0.25)
        if inside.sum() > 100:
            assert probabilities[inside].mean() == pytest.approx(true[inside].mean(), abs=0.15)
    assert pair.probability(0) > 0.95 > 0.05 > pair.probability(30)


def test_an_answer_says_what_its_distances_mean_and_when_nobody_is_there(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    gallery, persons = labelled(tmp_path / "g", rng)
    options = SearchOptions(camera="n", modality=Modality.IR, top_k=3)
    before = Asked(gallery).find(persons[:1], options)
    assert (before.hits[0].meaning, before.doubtful, before.warnings) == (None, None, ())
    gallery.calibrate()

    known = Asked(gallery).find(persons[:1], options)
    stranger = Asked(gallery).find(3 * people(np.random.default_rng(5), 1), options)

    assert known.hits[0].meaning is not None
    assert known.hits[0].meaning.probability > 0.9
    assert known.doubtful is False
    assert stranger.doubtful is True
    assert "probably not in this gallery" in stranger.warnings[0]
    travelling = SearchResponse.of(stranger)
    assert travelling.doubtful is True
    assert (before.verdict.code, known.verdict.code, travelling.verdict.code) == ("unknown", "lead", "doubt")
    assert known.verdict.values["total"] == 160 * len(known.searched_cameras) == 320
    assert (travelling.remarks[0].code, travelling.remarks[0].text) == ("doubtful", stranger.warnings[0])
    assert travelling.remarks[0].values["strangers"] == min(
        hit.meaning.strangers for hit in travelling.hits if hit.meaning and hit.meaning.strangers is not None
    )
    assert travelling.hits[0].meaning is not None
    unnamed = Asked(gallery).find(persons[:1], SearchOptions(modality=Modality.IR))
    assert unnamed.doubtful is None
    with Gallery(tmp_path / "g") as again:
        assert again.calibration() is not None


def test_cameras_with_few_labels_stay_uncalibrated(tmp_path: Path, rng: np.random.Generator) -> None:
    with Gallery.create(tmp_path / "g", model(D), NETWORK) as gallery:
        gallery.add([NewSighting("a", row, f"{i}") for i, row in enumerate(people(rng, 300))])
        gallery.add(
            [NewSighting("b", row, f"b{i}", identity=i) for i, row in enumerate(people(rng, LEAST_GENUINE - 1))]
        )
        assert gallery.calibrate().pairs == {}
    result = CliRunner().invoke(app, ["index", "calibrate", "--gallery", str(tmp_path / "g")])
    assert "enrol labelled sightings of both" in str(result.exception)


def test_calibrating_by_the_command_line(tmp_path: Path, rng: np.random.Generator, encoder: Encoder) -> None:
    labelled(tmp_path / "g", rng)[0].close()
    shown = CliRunner().invoke(app, ["index", "calibrate", "--gallery", str(tmp_path / "g")]).output
    assert "a – n" in shown
    assert "640" in shown


def test_alogistic_curve_is_found_again_and_separable_data_stay_finite(rng: np.random.Generator) -> None:
    slope, offset = 2.0, -6.0
    distances = rng.uniform(0, 6, 60_000)
    same = rng.random(60_000) < 1 / (1 + np.exp(slope * distances + offset))
    curve = logistic(distances[same], distances[~same])
    # Equal weight of both kinds moves the offset by the logarithm of their ratio.
    expected = offset + np.log(same.sum() / (~same).sum())
    assert curve == pytest.approx((slope, expected), rel=0.06, abs=0.06)
    far = logistic(rng.uniform(0, 1, 100), rng.uniform(5, 6, 1000))
    assert np.isfinite(far).all()


@pytest.mark.parametrize("how", ["identity", "ids", "track", "older file"])
@pytest.mark.slow
def test_what_was_measured_with_the_erased_is_measured_again_without_them(
    tmp_path: Path, rng: np.random.Generator, how: str
) -> None:
    gallery, _ = labelled(tmp_path / "g", rng)
    gone = [sighting for sighting in gallery.sightings() if sighting.identity == 3]
    gallery.calibrate()
    gallery.close()
    shutil.copytree(tmp_path / "g", tmp_path / "older")
    gallery = Gallery(tmp_path / "g")
    if how == "ids":
        gallery.remove(ids=[sighting.id for sighting in gone])
    elif how == "track":
        assert gallery.remove(track="nobody's") == 0
        gallery.remove(identity=3)
    else:
        gallery.remove(identity=3)
    if how == "older file":
        gallery.close()
        shutil.rmtree(tmp_path / "g")
        (tmp_path / "older").rename(tmp_path / "g")
        gallery = Gallery(tmp_path / "g")
        assert gallery.erased_since == len(gone)
    left = gallery.calibration()
    assert left is not None

    # Another gallery that never had them.
    fresh = Gallery.create(tmp_path / "fresh", gallery.model, NETWORK)
    kept = gallery.sightings()
    rows = gallery.embeddings([sighting.id for sighting in kept])
    fresh.add(
        [
            NewSighting(sighting.camera, row, sighting.digest, sighting.source, None, sighting.identity)
            for sighting, row in zip(kept, rows, strict=True)
        ]
    )
    expected = fresh.calibrate()

    assert left[0].pairs.keys() == expected.pairs.keys()
    for name, pair in left[0].pairs.items():
        assert pair.strangers == pytest.approx(expected.pairs[name].strangers)
        assert (pair.genuine, pair.impostors) == (expected.pairs[name].genuine, expected.pairs[name].impostors)
    gallery.close()
    fresh.close()


def test_an_erasure_that_is_killed_before_it_measures_again_leaves_nothing_of_the_erased(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, _ = labelled(tmp_path / "g", rng)
    gallery.calibrate()
    with monkeypatch.context() as patched:
        patched.setattr(Gallery, "_renew_calibration", lambda self: None)
        gallery.remove(camera="a", identity=3)
    left = gallery.calibration()
    assert left is not None
    assert all("a" not in name.split("|") for name in left[0].pairs)
    gallery.remove(ids=["nobody"])
    again = gallery.calibration()
    assert again is not None
    assert any("a" in name.split("|") for name in again[0].pairs)
    gallery.close()
