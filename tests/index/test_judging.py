"""Pairs that people judge: drawn with chances that are known, and estimates that agree with the labels of everybody."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.index.yard import filled, network

from rgbir.index import (
    Camera,
    CameraNetwork,
    Crop,
    Gallery,
    JudgedPair,
    Modality,
    NewSighting,
    Pair,
    UsageError,
    from_microseconds,
    kappa,
    measured,
)
from rgbir.index.gallery.calibration import key
from rgbir.index.gallery.judging import chances_of, strata
from rgbir.index.stays import Stay

NETWORK = network({"a": "a", "b": "b", "c": "gate"}, ir={"n": "gate"})
D = 16


def peopled(folder: Path, noise: float, people: int = 40, shots: int = 4, labelled: bool = True) -> Gallery:
    """Everybody on cameras a, b, c and n, each shot with a crop."""
    rng = np.random.default_rng(1)
    persons = 2 * rng.standard_normal((people, D))
    new = [
        NewSighting(
            camera,
            (person + noise * rng.standard_normal(D)).astype(np.float32),
            f"{camera}-{number}-{shot}",
            f"{number}",
            None,
            number if labelled else None,
            None,
            Crop("image/png", b"x"),
        )
        for camera in "abcn"
        for number, person in enumerate(persons)
        for shot in range(shots)
    ]
    return filled(folder, new, NETWORK)


def judged(gallery: Gallery, pairs: Sequence[tuple[str, str, float]]) -> list[JudgedPair]:
    """By somebody who is always right: a sighting's source says whom it shows."""
    who = {sighting.id: sighting.source for sighting in gallery.sightings()}
    distances = gallery.distances_of([(query, other) for query, other, _ in pairs])
    return [
        JudgedPair(query, other, weight, distance, who[query] == who[other])
        for (query, other, weight), distance in zip(pairs, distances, strict=True)
        if distance is not None
    ]


def by_hand(gallery: Gallery, a: str, b: str) -> tuple[np.ndarray, np.ndarray]:
    """Distances of all pairs of one person and of two, by a loop."""
    sightings = gallery.sightings()
    rows = dict(
        zip(
            [sighting.id for sighting in sightings],
            gallery.embeddings([sighting.id for sighting in sightings]).astype(float),
            strict=True,
        )
    )
    same: list[float] = []
    strangers: list[float] = []
    for first in sightings:
        for second in sightings:
            if (first.camera, second.camera) == (a, b):
                distance = math.dist(rows[first.id], rows[second.id])
                (same if first.source == second.source else strangers).append(distance)
    return np.array(same), np.array(strangers)


@pytest.mark.parametrize(("octaves", "near"), [(1, 1.0), (3, 1.0), (6, 0.5), (7, 0.5), (20, 0.5)])
def test_half_of_the_pairs_are_of_the_first_seven_ranks(octaves: int, near: float) -> None:
    chances = chances_of(octaves)

    assert len(chances) == octaves
    assert chances.sum() == pytest.approx(1)
    assert chances[:3].sum() == pytest.approx(near)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 160, 1000, 1024])
def test_octaves_cover_a_ranking_once(count: int) -> None:
    edges = strata(count).tolist()

    assert (edges[0], edges[-1]) == (0, count)
    assert all(1 <= last - first <= 2 * max(first, 1) for first, last in itertools.pairwise(edges))


@pytest.mark.slow
def test_every_place_of_a_ranking_is_drawn_as_often_as_its_weight_says(tmp_path: Path) -> None:
    gallery = peopled(tmp_path / "g", 0.7, people=5, shots=1)
    ids = {sighting.id: sighting.camera for sighting in gallery.sightings()}
    times: dict[tuple[str, str], int] = {}
    weights: dict[tuple[str, str], set[float]] = {}
    runs, count = 800, 5

    for seed in range(runs):
        for query, other, weight in gallery.draw_pairs("n", "a", count, seed):
            times[query, other] = times.get((query, other), 0) + 1
            weights.setdefault((query, other), set()).add(weight)

    assert {(ids[query], ids[other]) for query, other in times} == {("n", "a")}
    assert len(times) == 25  # all of 5 × 5
    for pair, drawn in times.items():
        (weight,) = weights[pair]  # three octaves of 1, 1 and 3 places
        assert weight in (3.0, 9.0)
        assert drawn / runs == pytest.approx(1 / weight, abs=5 * math.sqrt(1 / weight / runs))
    gallery.close()


@pytest.mark.slow
def test_a_draw_is_its_seeds_and_its_order_says_nothing_of_ranks(tmp_path: Path) -> None:
    gallery = peopled(tmp_path / "g", 0.7)

    first, again, other = (gallery.draw_pairs("n", "a", 50, seed) for seed in (4, 4, 5))

    assert first == again != other
    assert len(first) == 50
    assert len({query for query, _, _ in first}) == 50
    orders = [
        np.corrcoef(np.arange(50), [weight for _, _, weight in gallery.draw_pairs("n", "a", 50, seed)])[0, 1]
        for seed in range(20)
    ]
    assert abs(np.mean(orders)) < 4 / math.sqrt(20 * 50)
    gallery.close()


def test_what_tells_nothing_or_cannot_be_looked_at_is_never_drawn(tmp_path: Path) -> None:
    gallery = peopled(tmp_path / "g", 0.7, people=3, shots=1)
    with pytest.raises(UsageError, match="cameras n and c look at one place"):
        gallery.draw_pairs("n", "c", 10, 0)
    gallery.close()

    since = from_microseconds(1_000_000)
    moved = Camera("m", frozenset(Modality), "gate").at([Stay("hall", None), Stay("gate", since)])
    sites = CameraNetwork("yard", (*NETWORK.cameras, moved))
    rows = np.random.default_rng(0).standard_normal((40, D)).astype(np.float32)
    new = [
        NewSighting(
            camera, rows[2 * number + (camera == "m")], f"{camera}{number}", "", from_microseconds(at), None, None, crop
        )
        for camera in "cm"
        for number, (at, crop) in enumerate(
            [(500_000, Crop("image/png", b"x"))] * 5 + [(2_000_000, Crop("image/png", b"x"))] * 5
        )
    ] + [NewSighting("c", row, f"no crop {number}", "") for number, row in enumerate(rows)]
    gallery = filled(tmp_path / "moved", new, sites)
    names = {sighting.id: sighting for sighting in gallery.sightings()}

    pairs = gallery.draw_pairs("c", "m", 200, 0)

    assert all(names[query].has_crop for query, _, _ in pairs)
    assert {names[other].taken_at for _, other, _ in pairs} == {from_microseconds(500_000)}  # later it hung beside c
    assert gallery.distances_of([(names_of[0], names_of[1]) for names_of in pairs]).count(None) == 0
    together = [name for name, sighting in names.items() if sighting.taken_at == from_microseconds(2_000_000)]
    assert gallery.distances_of([(together[0], together[-1]), (together[0], "nobody")]) == [None, None]
    gallery.close()


@pytest.mark.parametrize("noise", [0.7, 1.5])
@pytest.mark.slow
def test_the_estimate_agrees_with_the_labels_of_everybody(tmp_path: Path, noise: float) -> None:
    gallery = peopled(tmp_path / "g", noise)
    same, strangers = by_hand(gallery, "n", "a")

    within, rates = [], []
    near = float(np.quantile(strangers, 0.02))

    for seed in range(10):
        pair = measured(judged(gallery, gallery.draw_pairs("n", "a", 50, seed)), "t", ["weber"])
        assert pair.judged is not None
        assert (pair.judged.pairs, pair.genuine + pair.impostors, pair.judged.judges) == (50, 50, ("weber",))
        within += [
            (low <= (kind <= spread.distance).mean() <= high)
            for spread in pair.judged.spread
            for (_, low, high), kind in ((spread.strangers, strangers), (spread.same, same))
        ]
        rates.append(pair.false_accept_rate(near))
        assert pair.false_accept_rate(0) == pair.judged.least < 0.005
        assert pair.probability(0) > 0.8 > 0.2 > pair.probability(20)

    assert np.mean(within) > 0.9
    assert np.mean(rates) == pytest.approx(0.02, abs=0.01)
    gallery.close()


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "people", "count"), [(0.7, 40, 50), (1.5, 40, 50), (1.0, 100, 100)])
def test_the_spread_holds_the_truth_as_often_as_it_says(tmp_path: Path, noise: float, people: int, count: int) -> None:
    gallery = peopled(tmp_path / "g", noise, people)
    same, strangers = by_hand(gallery, "n", "a")
    held: dict[str, list[bool]] = {"strangers": [], "same": []}
    rates = []

    for seed in range(150):
        pair = measured(judged(gallery, gallery.draw_pairs("n", "a", count, seed)), "t", ["weber"])
        assert pair.judged is not None
        for spread in pair.judged.spread:
            for name, kind in (("strangers", strangers), ("same", same)):
                _, low, high = getattr(spread, name)
                held[name].append(low - 1e-9 <= (kind <= spread.distance).mean() <= high + 1e-9)
        rates.append(pair.false_accept_rate(float(np.quantile(strangers, 0.01))))

    assert np.mean(held["strangers"]) > 0.94
    assert np.mean(held["same"]) > 0.94
    assert np.mean(rates) == pytest.approx(0.01, abs=0.004)
    gallery.close()


def made(distances: Sequence[float], same: Sequence[bool | None], weights: Sequence[float] | None = None) -> Pair:
    weights = weights or [1.0] * len(same)
    return measured(
        [
            JudgedPair(f"q{number}", f"o{number}", weight, distance, answer)
            for number, (distance, answer, weight) in enumerate(zip(distances, same, weights, strict=True))
        ],
        "t",
        ["weber"],
    )


def test_a_pair_counts_for_as_many_as_it_stands_for() -> None:
    distances = [*np.linspace(1, 2, 6), *np.linspace(3, 12, 10)]
    weights = [1.0] * 6 + [1.0] * 5 + [9.0] * 5

    pair = made(distances, [True] * 6 + [False] * 10, weights)

    assert pair.shares is not None
    assert pair.shares == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.28, 0.46, 0.64, 0.82, 1.0])
    assert pair.distance_at(0.1) == pytest.approx(7)
    assert pair.false_accept_rate(7) == pytest.approx(0.1)
    assert pair.false_accept_rate(0) == pytest.approx(1 / 51)


def test_unsure_pairs_widen_the_spread_and_move_nothing() -> None:
    distances = [*np.linspace(1, 4, 12), *np.linspace(3, 12, 30)]
    sure: list[bool | None] = [*[True] * 12, *[False] * 30]
    without = made(distances, sure)
    unsure = made([*distances, 2.0, 2.5, 2.7], [*sure, None, None, None])

    assert (unsure.slope, unsure.strangers) == (without.slope, without.strangers)
    assert unsure.judged is not None
    assert unsure.judged.unsure == 3
    point = next(spread for spread in unsure.judged.spread if 2.7 <= spread.distance < 4)
    value = sum(distance <= point.distance for distance in distances[12:]) / 30
    assert point.strangers[0] == pytest.approx(value)
    assert point.strangers[2] > (value * 30 + 3) / 33  # all of them strangers, and chance besides


def test_nothing_is_measured_on_next_to_nothing() -> None:
    with pytest.raises(
        UsageError, match="4 pairs are of one person and 20 of two; nothing is measured on fewer than 5 and 10"
    ):
        made(range(24), [True] * 4 + [False] * 20)


def test_agreement_is_cohens() -> None:
    # His table of two judges who agree 29 times of 40 where chance gives 0.41.
    first = ["same"] * 10 + ["same"] * 6 + ["different"] * 5 + ["different"] * 19
    second = ["same"] * 10 + ["different"] * 6 + ["same"] * 5 + ["different"] * 19
    chance = (16 / 40) * (15 / 40) + (24 / 40) * (25 / 40)
    assert kappa(first, second) == pytest.approx((29 / 40 - chance) / (1 - chance))
    assert kappa(["same", "unsure"], ["same", "unsure"]) == 1
    assert kappa(["same", "same"], ["same", "same"]) is None


@pytest.fixture
def measured_on(tmp_path: Path) -> tuple[Gallery, Pair]:
    """A gallery without labels, and what was measured on pairs of n and a."""
    gallery = peopled(tmp_path / "unlabelled", 0.7, labelled=False)
    return gallery, measured(judged(gallery, gallery.draw_pairs("n", "a", 50, 3)), "t", ["weber"])


def calibrated(gallery: Gallery) -> set[str]:
    known = gallery.calibration()
    return set() if known is None else set(known[0].pairs)


def test_what_was_judged_is_told_and_an_erasure_of_what_was_judged_ends_it(measured_on: tuple[Gallery, Pair]) -> None:
    gallery, pair = measured_on
    gallery.use_judged("n", "a", pair)
    assert pair.judged is not None
    judged_of = set(pair.judged.sightings)
    another = next(sighting.id for sighting in gallery.sightings() if sighting.id not in judged_of)

    assert calibrated(gallery) == {key("n", "a")}
    gallery.remove(ids=[another])
    assert calibrated(gallery) == {key("n", "a")}
    gallery.calibrate()  # no labels say it
    assert calibrated(gallery) == {key("n", "a")}
    gallery.remove(ids=[pair.judged.sightings[0]])
    assert calibrated(gallery) == set()
    with pytest.raises(UsageError, match="1 of the sightings that were judged have left"):
        gallery.use_judged("n", "a", pair)
    gallery.close()


def test_a_move_ends_what_was_judged(measured_on: tuple[Gallery, Pair]) -> None:
    gallery, pair = measured_on
    gallery.use_judged("n", "a", pair)

    gallery.change_network(
        lambda sites: CameraNetwork(
            "yard", tuple(each.moved("shed", None) if each.id == "a" else each for each in sites.cameras)
        )
    )

    assert calibrated(gallery) == set()
    gallery.close()


@pytest.mark.slow
def test_labels_say_more_than_judgements_unless_somebody_asks(tmp_path: Path) -> None:
    gallery = peopled(tmp_path / "g", 0.7)
    labels = gallery.calibrate().of("n", "a")
    pair = measured(judged(gallery, gallery.draw_pairs("n", "a", 50, 3)), "t", ["weber"])

    with pytest.raises(UsageError, match="are calibrated on 640 labelled pairs"):
        gallery.use_judged("n", "a", pair)
    gallery.use_judged("n", "a", pair, in_place_of_labels=True)
    known = gallery.calibration()
    assert known is not None
    assert known[0].of("a", "n") == pair
    assert pair.judged is not None
    other = next(
        sighting
        for sighting in gallery.sightings()
        if sighting.camera == "a" and sighting.id not in pair.judged.sightings
    )
    gallery.remove(ids=[other.id])  # the labels of a are measured again, and don't come back by it
    known = gallery.calibration()
    assert known is not None
    assert known[0].of("a", "n") == pair
    assert set(known[0].pairs) == {"a|b", "a|n", "b|n", "a|c", "b|c"}
    again = gallery.calibrate().of("n", "a")
    assert again is not None
    assert labels is not None
    assert again.judged is None
    gallery.close()
