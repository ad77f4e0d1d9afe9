"""`rgbir.index.nearest.affinity`: against numbers computed elsewhere, and a plain reading of the formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rgbir.index import Metric, SysuMM01, UsageError
from rgbir.index.datasets.dataset import Setting
from rgbir.index.evaluation import Features, evaluate_reranked, measure
from rgbir.index.nearest.affinity import Affinity, aim_scores

AQ = np.array([[1, 0.2, 0], [0.1, 1, 0.3]], np.float32)
AG = np.array([[1, 0.1, 0], [0.9, 0.4, 0.1], [0, 1, 0.2], [0.2, 0.8, 0.6], [-0.5, 0.1, 1]], np.float32)


def slow_scores(queries: np.ndarray, gallery: np.ndarray, k1: int, k2: int) -> np.ndarray:
    """The formula row by row and value by value. Cosines that differ by rounding only are ties."""

    def unit(vector: np.ndarray) -> np.ndarray:
        return np.asarray(vector / max(float(np.sqrt((vector**2).sum())), 1e-12))

    def cosines(vector: np.ndarray) -> list[float]:
        return [round(float((unit(vector) * unit(row)).sum()), 12) for row in gallery.astype(np.float64)]

    def keep(values: list[float]) -> np.ndarray:
        least = sorted(values, reverse=True)[:k1][-1]
        return np.array([value if value >= least else 0.0 for value in values])

    near = [cosines(row) for row in gallery.astype(np.float64)]
    sides = []
    for j, values in enumerate(near):
        others = sorted((-value, i) for i, value in enumerate(values) if i != j)
        friends = [j, *(i for _, i in others)][:k2]
        sides.append(unit(np.mean([keep(near[i]) for i in friends], axis=0)))
    rows = []
    for query in queries.astype(np.float64):
        values = cosines(query)
        asked = unit(keep(values))
        rows.append([float((asked * side).sum()) + value for side, value in zip(sides, values, strict=True)])
    return np.array(rows)


@pytest.mark.parametrize(
    ("k1", "k2", "expected"),
    [
        (2, 1, [[1.995102, 1.969892, 0.192308, 0.346154, -0.419314], [0.189746, 0.500834, 1.990531, 1.930876, 0.607444]]),
        (3, 2, [[1.993987, 1.969484, 0.584711, 0.738557, -0.084825], [0.609008, 0.920096, 1.990666, 1.934569, 1.176471]]),
        (5, 1, [[1.992048, 1.946756, 0.606742, 0.821850, -0.891464], [0.592763, 1.154191, 1.987533, 1.920884, 0.726309]]),
        (1, 3, [[1.572579, 1.548076, 0.192308, 0.346154, -0.419314], [0.189746, 0.500834, 1.568394, 1.512297, 0.874644]]),
    ],
)  # fmt: skip
def test_its_scores_are_those_of_another_program(k1: int, k2: int, expected: list[list[float]]) -> None:
    np.testing.assert_allclose(aim_scores(AQ, AG, k1, k2), expected, atol=1e-6)
    np.testing.assert_allclose(slow_scores(AQ, AG, k1, k2), expected, atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), rows=st.integers(1, 30), k1=st.integers(1, 12), k2=st.integers(1, 6))
@pytest.mark.slow
def test_it_is_the_formula_with_fewer_rows_than_neighbours_and_with_twins(
    seed: int, rows: int, k1: int, k2: int
) -> None:
    rng = np.random.default_rng(seed)
    gallery = rng.standard_normal((rows, 4)).astype(np.float32)
    gallery[rng.integers(0, rows, rows // 3)] = gallery[0]
    queries = np.concatenate(
        [rng.standard_normal((3, 4)).astype(np.float32), gallery[:1], np.zeros((1, 4), np.float32)]
    )

    scores = aim_scores(queries, gallery, k1, k2)

    np.testing.assert_allclose(scores, slow_scores(queries, gallery, k1, k2), atol=1e-6)


def test_a_querys_scores_do_not_depend_on_other_queries_nor_on_the_lengths_of_vectors(rng: np.random.Generator) -> None:
    queries, rows = (rng.standard_normal((n, 6)).astype(np.float32) for n in (5, 40))

    together = Affinity(4, 2).keys(queries, 3 * rows, Metric.EUCLIDEAN)

    alone = [Affinity(4, 2).keys(query[None] / 7, rows, Metric.COSINE)[0] for query in queries]
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert (together >= 0).all()


def test_it_brings_up_a_row_that_shares_its_neighbours() -> None:
    """The person's second picture is turned further away than a stranger's, and its neighbours are the first ones'."""
    angles = np.radians([10, 12, 14, 28, -27, -28, -29])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    query = np.array([[1.0, 0.0]], np.float32)
    plain = (rows @ query[0]).tolist()
    assert plain[4] > plain[3]

    scores = aim_scores(query, rows, k1=3)[0].tolist()

    assert scores[4] < scores[3]


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="k1 ≥ 1"):
        Affinity(0, 1)


@pytest.mark.slow
def test_a_benchmark_reranks_each_query_among_the_rows_that_it_may_see(people: SysuMM01) -> None:
    protocol, rng = people.protocols[0], np.random.default_rng(4)
    task = people.task(protocol, Setting("available"))
    shown = {record.identity: rng.standard_normal(8) for record in (*task.queries, *task.gallery)}
    queries, gallery = (
        Features.of_images(
            np.array([shown[image.identity] + 2 * rng.standard_normal(8) for image in images], np.float32), images
        )
        for images in (task.queries, task.gallery)
    )

    report = evaluate_reranked(task, queries, gallery, protocol, Metric.EUCLIDEAN, Affinity(3, 2))

    assert report.rerank == "aim(3,2), neighbours among the gallery"
    asked, places = (
        [people.network[image.camera].place for image in images] for images in (task.queries, task.gallery)
    )
    for draw, trial in zip(task.draws, report.trials, strict=True):
        keys = np.full((len(draw.queries), len(draw.gallery)), np.inf)
        for number, query in enumerate(draw.queries.tolist()):
            seen = [at for at, row in enumerate(draw.gallery.tolist()) if places[row] != asked[query]]
            rows = gallery.embeddings[draw.gallery[seen]]
            keys[number, seen] = -slow_scores(queries.embeddings[query][None], rows, 3, 2)[0]
        expected = measure(
            keys, queries.identities[draw.queries], gallery.identities[draw.gallery], np.isinf(keys),
            cmc=protocol.cmc, ap=protocol.ap, denominator=protocol.denominator,
        )  # fmt: skip
        assert trial.mean_ap == pytest.approx(expected.mean_ap, abs=1e-9)
        assert trial.curve == pytest.approx(expected.curve, abs=1e-9)
