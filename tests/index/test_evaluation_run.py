"""Tasks of every protocol, ranked once and measured trial by trial; saved features."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat
from tests import layouts

from rgbir.index import (
    LLCM,
    CameraNetwork,
    Encoder,
    Gallery,
    ImageRecord,
    Market1501,
    Metric,
    Modality,
    RegDB,
    Setting,
    SysuMM01,
    UsageError,
)
from rgbir.index.errors import EvaluationError
from rgbir.index.evaluation import (
    PROTOCOLS,
    Draw,
    Features,
    Protocol,
    Task,
    evaluate,
    evaluate_ranked,
    evaluate_trial,
)
from rgbir.index.evaluation.run import hidden_rows
from rgbir.index.evaluation.sources import encoded, enrolled
from rgbir.index.nearest.comparison import Comparison, Ranked

# --- SYSU-MM01 on synthetic people


def test_a_gallery_and_a_bundle_give_the_same_report(gallery: Gallery, people: SysuMM01, encoder: Encoder) -> None:
    task = people.task(PROTOCOLS["sysu"])
    probes = encoded(task.queries, encoder)

    of_gallery, of_bundle = (
        evaluate(task, probes, rows, PROTOCOLS["sysu"], encoder.card.metric).to_dict()
        for rows in (enrolled(task.gallery, gallery), encoded(task.gallery, encoder))
    )

    assert of_gallery == of_bundle
    assert len(of_gallery["trials"]) == 10
    assert (of_gallery["queries"], of_gallery["gallery_rows"], of_gallery["gallery_identities"]) == (24, 12, 3)


def test_the_report_is_the_mean_of_its_trials_and_survives_json(
    gallery: Gallery, people: SysuMM01, encoder: Encoder
) -> None:
    task = people.task(PROTOCOLS["sysu-seeded"], Setting(mode="indoor"))

    report = evaluate(
        task, encoded(task.queries, encoder), enrolled(task.gallery, gallery), PROTOCOLS["sysu-seeded"], Metric.COSINE
    )

    content = json.loads(report.to_json())
    assert content["mAP"] == pytest.approx(np.mean([trial["mAP"] for trial in content["trials"]]))
    assert content["cmc"]["1"] == pytest.approx(np.mean([trial["cmc"]["1"] for trial in content["trials"]]))
    protocol = content["protocol"]
    assert (protocol["selection"], protocol["metric"], protocol["mode"]) == ("seeded", "cosine", "indoor")
    assert content["gallery_rows"] == 6
    by_query = content["trials"][0]["by_query"]
    assert np.mean([rank == 0 for rank in by_query["rank"]]) == content["trials"][0]["cmc"]["1"]
    assert np.mean(by_query["ap"]) == pytest.approx(content["trials"][0]["mAP"])
    assert report.to_markdown().count("\n| ") == 12


def test_indoor3_probes_with_camera_3_only(people: SysuMM01) -> None:
    task = people.task(PROTOCOLS["sysu-indoor3"], Setting(mode="indoor"))
    assert {record.camera for record in task.queries} == {"3"}
    assert len(task.queries) == 12


def test_an_image_that_is_not_enrolled_is_named(gallery: Gallery, people: SysuMM01) -> None:
    with pytest.raises(EvaluationError, match=r"lacks 24 of the 72 images .* cam3/0007/0001\.jpg among them"):
        enrolled(list(people.records("test")), gallery)


def test_an_image_without_a_feature_and_a_wrong_label_are_named(people: SysuMM01, encoder: Encoder) -> None:
    task = people.task(PROTOCOLS["sysu"])
    probes = encoded(task.queries, encoder)
    with pytest.raises(EvaluationError, match=r"\d+ of \d+ images have no feature, cam1/0007/000\d\.jpg among them"):
        evaluate(task, probes, probes, PROTOCOLS["sysu"], Metric.EUCLIDEAN)
    wrong = Features(probes.embeddings, probes.identities + 1, probes.cameras, probes.sources)
    with pytest.raises(EvaluationError, match=r"cam3/0007/0001\.jpg shows identity 8, the data set says 7; 24 images"):
        wrong.of_records(task.queries)


def test_more_shots_than_a_folder_has_is_an_error(people: SysuMM01) -> None:
    with pytest.raises(Exception, match="10 shots are asked for, the folder holds 4"):
        people.task(PROTOCOLS["sysu"], Setting(shots="multi"))


# --- the other data sets


def reader_of(records: Sequence[ImageRecord], seed: int = 0) -> Features:
    """Random features whose first values tell the identity a little."""
    rng = np.random.default_rng(seed)
    labels = np.array([-1 if r.identity is None else r.identity for r in records])
    values = rng.standard_normal((len(records), 6)) + 0.3 * labels[:, None]
    return Features.of(
        values.astype(np.float32),
        [r.identity for r in records],
        [r.camera for r in records],
        [r.source for r in records],
    )


def test_regdb_asks_all_of_one_modality_against_all_of_the_other(tmp_path: Path, people: SysuMM01) -> None:
    data = RegDB(layouts.regdb(tmp_path / "RegDB", people))
    for direction, asked, word in (
        ("visible->infrared", Modality.RGB, "visible->thermal"),
        ("infrared->visible", Modality.IR, "thermal->visible"),
    ):
        task = data.task(PROTOCOLS["regdb"], Setting(direction=direction, split=4))  # type: ignore[arg-type]
        assert {record.modality for record in task.queries} == {asked}
        assert {record.modality for record in task.gallery} == {asked.other}
        assert task.setting == {"direction": word}
        report = evaluate(
            task, reader_of(task.queries), reader_of(task.gallery, 1), PROTOCOLS["regdb"], Metric.EUCLIDEAN
        )
        by_identity = evaluate(
            task, reader_of(task.queries), reader_of(task.gallery, 1), PROTOCOLS["regdb-idcmc"], Metric.EUCLIDEAN
        )
        (trial,), (other,) = report.trials, by_identity.trials
        assert (trial.queries, trial.valid_queries, trial.gallery_rows, len(trial.curve)) == (16, 16, 16, 16)
        assert len(other.curve) == 4
        assert (trial.rank(1), trial.mean_ap, trial.mean_inp) == (other.rank(1), other.mean_ap, other.mean_inp)
        assert other.rank(2) >= trial.rank(2)


def test_llcm_draws_one_image_of_each_identity_and_camera(tmp_path: Path, people: SysuMM01) -> None:
    data = LLCM(layouts.llcm(tmp_path / "LLCM", people))
    task = data.task(PROTOCOLS["llcm"])

    assert (len(task.queries), len(task.draws)) == (24, 10)
    assert len(task.gallery) == len({int(row) for draw in task.draws for row in draw.gallery}) <= 48
    for draw in task.draws:
        drawn = [task.gallery[int(row)] for row in draw.gallery]
        assert [(r.identity, int(r.camera)) for r in drawn] == [(i, c) for i in (7, 8, 9) for c in (1, 2, 3, 4)]
    assert len({tuple(draw.gallery) for draw in task.draws}) > 5

    report = evaluate(task, reader_of(task.queries), reader_of(task.gallery, 1), PROTOCOLS["llcm"], Metric.EUCLIDEAN)
    slow = by_hand(task, reader_of(task.queries), reader_of(task.gallery, 1), PROTOCOLS["llcm"])
    assert [(t.rank(1), t.mean_ap, t.mean_inp) for t in report.trials] == [pytest.approx(values) for values in slow]


def test_llcm_swapped_asks_with_drawn_images(tmp_path: Path, people: SysuMM01) -> None:
    data = LLCM(layouts.llcm(tmp_path / "LLCM", people))
    plain = data.task(PROTOCOLS["llcm"], Setting(direction="visible->infrared"))
    swapped = data.task(PROTOCOLS["llcm-swapped"], Setting(direction="visible->infrared"))

    assert {record.modality for record in plain.queries} == {Modality.RGB} == {r.modality for r in swapped.gallery}
    assert {record.modality for record in swapped.queries} == {Modality.IR}
    for draw, other in zip(plain.draws, swapped.draws, strict=True):
        drawn = [plain.gallery[int(row)].source for row in draw.gallery]
        assert [swapped.queries[int(row)].source for row in other.queries] == drawn
        assert len(other.gallery) == 48
    report = evaluate(
        swapped, reader_of(swapped.queries), reader_of(swapped.gallery, 1), PROTOCOLS["llcm-swapped"], Metric.COSINE
    )
    assert {trial.queries for trial in report.trials} == {6}


@pytest.mark.parametrize("name", ["market", "market-trapezoid"])
def test_market_hides_the_querys_own_identity_and_camera(tmp_path: Path, people: SysuMM01, name: str) -> None:
    data = Market1501(layouts.market(tmp_path / "Market", people))
    task, protocol = data.task(PROTOCOLS[name]), PROTOCOLS[name]

    report = evaluate(task, reader_of(task.queries), reader_of(task.gallery, 1), protocol, Metric.EUCLIDEAN)

    (trial,) = report.trials
    assert (trial.queries, trial.valid_queries, trial.gallery_rows, len(trial.curve)) == (12, 12, 37, 37)
    (expected,) = by_hand(task, reader_of(task.queries), reader_of(task.gallery, 1), protocol)
    assert (trial.rank(1), trial.mean_ap, trial.mean_inp) == pytest.approx(expected)


def by_hand(task: Task, queries: Features, gallery: Features, protocol: Protocol) -> list[tuple[float, float, float]]:
    """Rank-1, mAP and mINP of each trial; evaluation.md 1, one query at a time."""
    results = []
    for draw in task.draws:
        firsts, aps, inps, asked = 0, 0.0, 0.0, 0
        for q in draw.queries:
            query = task.queries[int(q)]
            shown = []
            for g in draw.gallery:
                row = task.gallery[int(g)]
                same_person = row.identity == query.identity and row.identity is not None
                hidden = {
                    "nothing": False,
                    "place": task.network.same_place(row.camera, query.camera),
                    "identity and camera": same_person and row.camera == query.camera,
                }[protocol.hiding]
                if not hidden:
                    a, b = queries.embeddings[q].astype(float), gallery.embeddings[g].astype(float)
                    shown.append((float(((a - b) ** 2).sum()), row.identity))
            names = [name for _, name in sorted(shown, key=lambda pair: pair[0])]
            places = [p for p, name in enumerate(names, start=1) if name == query.identity]
            asked += bool(places) or protocol.denominator == "all"
            if not places:
                continue
            firsts += places[0] == 1
            precision = [i / p for i, p in enumerate(places, start=1)]
            if protocol.ap == "trapezoid":
                before = [1.0 if p == 1 else (i - 1) / (p - 1) for i, p in enumerate(places, start=1)]
                precision = [(a + b) / 2 for a, b in zip(before, precision, strict=True)]
            aps += sum(precision) / len(places)
            inps += len(places) / places[-1]
        results.append((firsts / asked, aps / asked, inps / asked))
    return results


# --- ranking once for all trials


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    hiding=st.sampled_from(["place", "place and modality", "identity and camera", "nothing"]),
    cmc=st.sampled_from(["identity", "image"]),
    ap=st.sampled_from(["rectangle", "trapezoid"]),
    levels=st.sampled_from([3, 1_000_000]),
)
@pytest.mark.slow
def test_every_trial_is_measured_as_if_it_were_alone_ties_included(
    seed: int, hiding: Any, cmc: Any, ap: Any, levels: int
) -> None:
    rng = np.random.default_rng(seed)
    network = CameraNetwork.read("sysu-mm01")
    who = [rng.integers(0, 5, n).tolist() for n in (7, 20)]
    where = [rng.choice(list("3612"), 7).tolist(), rng.choice(list("123456"), 20).tolist()]
    records = [
        [
            ImageRecord(Path("x"), f"{k}/{n}", c, Modality.IR if c in "36" else Modality.RGB, None if i == 4 else i)
            for n, (i, c) in enumerate(zip(a, b, strict=True))
        ]
        for k, (a, b) in enumerate(zip(who, where, strict=True))
    ]
    draws = [
        Draw(rng.permutation(7)[: rng.integers(3, 8)], rng.permutation(20)[: rng.integers(5, 21)]) for _ in range(4)
    ]
    task = Task(network, {}, records[0], records[1], draws)
    protocol = Protocol("x", hiding=hiding, cmc=cmc, ap=ap, selection="everything", denominator="all")
    keys = rng.integers(0, levels, (7, 20)).astype(np.float64)
    features = [
        Features.of(
            np.zeros((len(r), 1), np.float32), [x.identity for x in r], [x.camera for x in r], [x.source for x in r]
        )
        for r in records
    ]

    try:
        report = evaluate_ranked(task, lambda rows: Ranked.of(keys[rows]), protocol, Metric.EUCLIDEAN)
    except EvaluationError as error:
        assert "none of the" in str(error)  # noqa: PT017
        return

    from rgbir.index.evaluation import measure

    hidden = hidden_rows(hiding, network, features[0], features[1])
    for trial, draw in zip(report.trials, draws, strict=True):
        cut = np.ix_(draw.queries, draw.gallery)
        alone = measure(
            keys[cut],
            features[0].identities[draw.queries],
            features[1].identities[draw.gallery],
            None if hidden is None else hidden[cut],
            cmc=cmc,
            ap=ap,
            denominator="all",
        )
        assert trial.curve.tolist() == alone.curve.tolist()
        assert (trial.mean_ap, trial.mean_inp) == (alone.mean_ap, alone.mean_inp)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), metric=st.sampled_from(list(Metric)), scale=st.sampled_from([1e-15, 1.0, 1e15]))
def test_a_matrix_product_orders_as_the_exact_arithmetic_does(seed: int, metric: Metric, scale: float) -> None:
    rng = np.random.default_rng(seed)
    rows = (rng.standard_normal((40, 5)) * scale).astype(np.float32)
    rows[rng.integers(0, 40, 20)] = rows[rng.integers(0, 40, 20)]  # exact ties
    rows[::7] = np.nextafter(rows[1::7][: len(rows[::7])], np.float32(np.inf))  # the least apart
    queries = np.concatenate([rows[:4], np.zeros((1, 5), np.float32), (rng.standard_normal((3, 5)) * scale)]).astype(
        np.float32
    )

    keys = Comparison(metric, rows).keys(queries)

    prepared, gallery = metric.prepare(queries), metric.prepare(rows)
    for query in range(len(queries)):
        exact = metric.keys(prepared[query], gallery)
        order, expected = np.argsort(keys[query], kind="stable"), np.argsort(exact, kind="stable")
        assert order.tolist() == expected.tolist()
        ties = np.diff(exact[expected]) == 0
        assert (np.diff(keys[query][order]) == 0).tolist() == ties.tolist()


def test_an_order_that_a_matrix_product_can_not_tell_is_the_exact_arithmetics(rng: np.random.Generator) -> None:
    """Rows far from the origin and near each other: the product's error is larger than what keeps them apart."""
    rows = np.tile(rng.integers(15_000_000, 16_000_000, 512), (60, 1)).astype(np.float32)
    rows[:, :5] += rng.integers(-3, 4, (60, 5))
    exact = np.stack([Metric.EUCLIDEAN.keys(query, rows) for query in rows[:20]])
    wide = rows.astype(np.float64)
    squares = (wide * wide).sum(axis=1)
    product = squares[:20, None] + squares[None, :] - 2 * wide[:20] @ wide.T
    assert (np.argsort(product, axis=1, kind="stable") != np.argsort(exact, axis=1, kind="stable")).any()

    keys = Comparison(Metric.EUCLIDEAN, rows).keys(rows[:20])

    assert (np.argsort(keys, axis=1, kind="stable") == np.argsort(exact, axis=1, kind="stable")).all()


def test_people_without_a_label_are_not_one_person_to_be_hidden() -> None:
    unknown = features(["1", "1"], [-1, 7], [0.0, 1.0])
    hidden = hidden_rows("identity and camera", CameraNetwork.read("sysu-mm01"), unknown, unknown)
    assert hidden is not None
    assert hidden.tolist() == [[False, False], [False, True]]


def test_nan_names_both_images(people: SysuMM01) -> None:
    task = people.task(PROTOCOLS["sysu"])

    def ranking(rows: np.ndarray) -> Ranked:
        values = np.ones((len(rows), len(task.gallery)))
        values[1, 2] = np.nan
        return Ranked.of(values)

    with pytest.raises(EvaluationError, match=r"of cam3/0007/0002\.jpg to cam1/0007/000\d\.jpg is NaN"):
        evaluate_ranked(task, ranking, PROTOCOLS["sysu"], Metric.EUCLIDEAN)


# --- saved features


def features(cameras: list[str], identities: list[int], values: list[float]) -> Features:
    embeddings = np.array(values, np.float32)[:, None]
    return Features(embeddings, np.array(identities), np.array(cameras), np.array([""] * len(values)))


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_saved_features_are_one_trial_with_the_same_location_rule(tmp_path: Path, suffix: str) -> None:
    parts = {
        "q": features(["3", "6"], [4, 4], [0, 0]),
        "g": features(["2", "5", "1", "4", "1", "5"], [4, 2, 2, 4, 8, 4], [1, 2, 3, 4, 5, 6]),
    }
    for name, part in parts.items():
        if suffix == ".npz":
            part.save(tmp_path / f"{name}.npz")
        else:
            cell = np.array(part.cameras, dtype=object)
            content = {"embeddings": part.embeddings, "identities": part.identities, "cameras": cell}
            savemat(tmp_path / f"{name}.mat", content)

    report = evaluate_trial(
        Features.load(tmp_path / f"q{suffix}"),
        Features.load(tmp_path / f"g{suffix}"),
        CameraNetwork.read("sysu-mm01"),
        PROTOCOLS["sysu"],
        Metric.EUCLIDEAN,
    )

    assert report.rank(1) == 1 / 2
    assert report.mean_ap == pytest.approx((2 / 3 + 11 / 30) / 2)


def test_matlab_may_number_its_cameras(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"embeddings": np.eye(3), "identities": [[1], [2], [3]], "cameras": [3, 6, 1]})
    loaded = Features.load(tmp_path / "x.mat")
    assert (loaded.cameras.tolist(), loaded.identities.tolist()) == (["3", "6", "1"], [1, 2, 3])


def test_features_that_are_not_finite_are_named() -> None:
    with pytest.raises(EvaluationError, match="the embedding of row 1 is not finite"):
        features(["1", "1"], [1, 2], [0, float("nan")])


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"nothing")
    (tmp_path / "x.mat").write_bytes(b"nothing")
    for name in ("x.npz", "x.mat"):
        with pytest.raises(UsageError, match="not a features file"):
            Features.load(tmp_path / name)
    np.savez(tmp_path / "y.npz", embeddings=np.ones((1, 2)))
    with pytest.raises(UsageError, match="no cameras or identities"):
        Features.load(tmp_path / "y.npz")
