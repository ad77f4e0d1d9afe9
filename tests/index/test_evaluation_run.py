"""Evaluation of a bundle, of a gallery, and of saved features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rgbir.index import CameraNetwork, Encoder, Gallery, Metric, SysuMM01, UsageError
from rgbir.index.errors import EvaluationError
from rgbir.index.evaluation import PROTOCOLS, Features, evaluate_sysu, evaluate_trial
from rgbir.index.evaluation.sources import encoded, enrolled


def test_a_gallery_and_a_bundle_give_the_same_report(gallery: Gallery, people: SysuMM01, encoder: Encoder) -> None:
    probes, rows = encoded(list(people.records("test", (3, 6))), encoder), list(people.records("test", (1, 2, 4, 5)))

    from_gallery, from_bundle = (
        evaluate_sysu(people, probes, features, PROTOCOLS["sysu"], metric=encoder.card.metric)
        for features in (enrolled(rows, gallery), encoded(rows, encoder))
    )

    one, other = from_gallery.to_dict(), from_bundle.to_dict()
    assert one["protocol"] == other["protocol"]
    assert len(one["trials"]) == 10
    assert (one["queries"], one["gallery_rows"], one["gallery_identities"]) == (24, 12, 3)
    for key in ("mAP", "mINP"):
        assert one[key] == pytest.approx(other[key], abs=1e-9)


def test_the_report_is_the_mean_of_its_trials_and_survives_json(
    gallery: Gallery, people: SysuMM01, encoder: Encoder
) -> None:
    probes = encoded(list(people.records("test", (3, 6))), encoder)
    rows = enrolled(list(people.records("test", (1, 2, 4, 5))), gallery)

    report = evaluate_sysu(people, probes, rows, PROTOCOLS["sysu-seeded"], metric=Metric.COSINE, mode="indoor")

    content = json.loads(report.to_json())
    assert content["mAP"] == pytest.approx(np.mean([trial["mAP"] for trial in content["trials"]]))
    assert content["cmc"]["1"] == pytest.approx(np.mean([trial["cmc"]["1"] for trial in content["trials"]]))
    assert (content["protocol"]["selection"], content["protocol"]["metric"], content["protocol"]["mode"]) == (
        "seeded",
        "cosine",
        "indoor",
    )
    assert content["gallery_rows"] == 6


def test_indoor3_probes_with_camera_3_only(gallery: Gallery, people: SysuMM01, encoder: Encoder) -> None:
    probes = encoded(list(people.records("test", (3, 6))), encoder)
    rows = enrolled(list(people.records("test", (1, 2, 4, 5))), gallery)

    report = evaluate_sysu(people, probes, rows, PROTOCOLS["sysu-indoor3"], metric=Metric.EUCLIDEAN, mode="indoor")

    assert report.trials[0].queries == 12


def test_an_image_that_is_not_enrolled_is_named(gallery: Gallery, people: SysuMM01) -> None:
    with pytest.raises(EvaluationError, match=r"lacks 24 of the 72 images .* cam3/0007/0001\.jpg among them"):
        enrolled(list(people.records("test")), gallery)


def test_more_shots_than_a_folder_has_is_an_error(gallery: Gallery, people: SysuMM01, encoder: Encoder) -> None:
    rows = enrolled(list(people.records("test", (1, 2, 4, 5))), gallery)
    with pytest.raises(Exception, match="10 shots are asked for, the folder holds 4"):
        evaluate_sysu(people, rows, rows, PROTOCOLS["sysu"], metric=Metric.EUCLIDEAN, shots="multi")


def features(cameras: list[str], identities: list[int], values: list[float]) -> Features:
    embeddings = np.array(values, np.float32)[:, None]
    return Features(embeddings, np.array(identities), np.array(cameras), np.array([""] * len(values)))


def test_saved_features_are_one_trial_with_the_same_location_rule(tmp_path: Path) -> None:
    queries = features(["3", "6"], [4, 4], [0, 0])
    gallery = features(["2", "5", "1", "4", "1", "5"], [4, 2, 2, 4, 8, 4], [1, 2, 3, 4, 5, 6])
    queries.save(tmp_path / "q.npz")
    gallery.save(tmp_path / "g.npz")

    report = evaluate_trial(
        Features.load(tmp_path / "q.npz"),
        Features.load(tmp_path / "g.npz"),
        CameraNetwork.read("sysu-mm01"),
        PROTOCOLS["sysu"],
        Metric.EUCLIDEAN,
    )

    assert report.rank(1) == 1 / 2
    assert report.mean_ap == pytest.approx((2 / 3 + 11 / 30) / 2)


def test_features_that_are_not_finite_are_named() -> None:
    with pytest.raises(EvaluationError, match="the embedding of row 1 is not finite"):
        features(["1", "1"], [1, 2], [0, float("nan")])


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="not a features file"):
        Features.load(tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", embeddings=np.ones((1, 2)))
    with pytest.raises(UsageError, match="no cameras, identities"):
        Features.load(tmp_path / "y.npz")
