"""Exact search by codes, bounds and a certificate: always brute force's answer, on data made to break it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.waiting import HANGS_AFTER_S, until

from rgbir.index import Metric
from rgbir.index.nearest.codes import Codes
from rgbir.index.nearest.coding import ASKED_BEFORE_CODES, WORTH_CODES, Coding
from rgbir.index.nearest.rows import Mark
from rgbir.index.nearest.slabs import NO_TIME, Filter, Moments, Slab, Tally
from rgbir.index.nearest.view import View

KINDS = (
    "people", "noise", "duplicates", "near duplicates", "ties by sign", "huge", "tiny", "mixed norms", "zeros",
    "constant dimensions", "one outlier",
)  # fmt: skip


LIMITS = {"float32": (-3.4e38, 3.4e38), "float16": (-6e4, 6e4)}


def rows_of(kind: str, rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    noise = rng.standard_normal((n, d))
    match kind:
        case "people":
            noise = 3 * rng.standard_normal((6, d))[rng.integers(0, 6, n)] + noise
        case "duplicates":
            noise = noise[rng.integers(0, max(1, n // 8), n)]
        case "near duplicates":
            noise = noise[:1] + 1e-7 * noise
        case "ties by sign":
            noise = np.sign(noise)
        case "huge":
            noise = noise * 1e18
        case "tiny":
            noise = noise * 1e-30
        case "mixed norms":
            noise = noise * 10.0 ** rng.integers(-9, 9, (n, 1))
        case "zeros":
            noise[rng.random(n) < 0.5] = 0
        case "constant dimensions":
            noise[:, : d // 2] = 7.0
        case "one outlier":
            noise[0, 0] = 1e6
    return noise.astype(np.float32)


def view_of(metric: Metric, vectors: np.ndarray, cameras: int, coded: bool) -> View:
    """Rows dealt out to cameras in turn, two slabs each."""
    slabs: dict[str, list[Slab]] = {}
    for camera in range(cameras):
        rows = np.arange(camera, len(vectors), cameras)
        for part in np.array_split(rows, 2):
            if len(part):
                times = np.where(part % 3 == 0, NO_TIME, part * 10)
                slab = Slab(metric, vectors[part], part.astype(np.int64) + 1, times, part % 5)
                if coded:
                    slab.code()
                slabs.setdefault(str(camera), []).append(slab)
    return View(metric, Mark(), {name: tuple(parts) for name, parts in slabs.items()})


@settings(max_examples=250, deadline=None)
@given(
    kind=st.sampled_from(KINDS), metric=st.sampled_from(list(Metric)), seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 150), d=st.sampled_from([1, 3, 16, 32, 40, 64]), cameras=st.integers(1, 3), top_k=st.integers(1, 60),
    coded=st.booleans(), inside=st.booleans(), filtered=st.booleans(), storage=st.sampled_from(["float32", "float16"]),
)  # fmt: skip
@pytest.mark.slow
def test_the_answer_is_brute_forces_in_its_order(
    kind: str,
    metric: Metric,
    seed: int,
    n: int,
    d: int,
    cameras: int,
    top_k: int,
    coded: bool,
    inside: bool,
    filtered: bool,
    storage: str,
) -> None:
    rng = np.random.default_rng(seed)
    vectors = metric.prepare(np.clip(rows_of(kind, rng, n, d), *LIMITS[storage])).astype(storage)
    query = vectors[rng.integers(0, n)] if inside else metric.prepare(rows_of(kind, rng, 1, d))[0]
    query = query.astype(np.float32)
    view = view_of(metric, vectors, cameras, coded)
    rows = Filter(since=100, until=900, identity=None) if filtered else Filter()

    nearest = view.nearest(query, [str(camera) for camera in range(cameras)], rows, top_k)

    allowed = [r for r in range(n) if not filtered or (r % 3 and 100 <= r * 10 < 900)]
    keys = metric.keys(query, vectors[allowed]) if allowed else np.empty(0)
    expected = sorted(zip(keys.tolist(), [r + 1 for r in allowed], strict=True))[:top_k]
    assert nearest == expected
    others = metric.prepare(rows_of(kind, rng, 5, d)[: rng.integers(0, 5)])
    together = view.nearest_of_many(
        np.vstack((others[:1], query, others[1:])), [str(c) for c in range(cameras)], rows, top_k
    )
    assert together[min(len(others), 1)] == expected


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(KINDS), metric=st.sampled_from(list(Metric)), seed=st.integers(0, 2**32 - 1),
    d=st.sampled_from([24, 32, 64, 512]), inside=st.booleans(), times=st.sampled_from([1e-3, 1.0, 7.0]),
)  # fmt: skip
@pytest.mark.slow
def test_no_key_is_below_its_bound(kind: str, metric: Metric, seed: int, d: int, inside: bool, times: float) -> None:
    rng = np.random.default_rng(seed)
    vectors = metric.prepare(rows_of(kind, rng, 80, d))
    query = metric.prepare(np.float32(times) * (vectors[:1] if inside else rows_of(kind, rng, 1, d)))[0]

    # Where 32 divides d, FAISS multiplies bytes: it rounds a query that isn't whole, and says nothing.
    candidates = Codes.of(metric, vectors).scan(query, 30)

    keys = metric.keys(query, vectors)
    known = ~np.isnan(candidates.lower)
    assert (keys[candidates.places][known] >= candidates.lower[known]).all()
    others = np.setdiff1d(np.arange(80), candidates.places)
    assert (keys[others] >= candidates.rest).all()


def test_a_slab_that_is_asked_often_gets_codes_and_answers_the_same(rng: np.random.Generator) -> None:
    vectors = rows_of("people", rng, 3000, 64)
    slab = Slab(Metric.EUCLIDEAN, vectors, np.arange(1, 3001), np.full(3000, NO_TIME), np.full(3000, -1))
    view = View(Metric.EUCLIDEAN, Mark(), {"1": (slab,)})
    first = view.nearest(vectors[5], ["1"], Filter(), 10)

    for _ in range(10):
        assert view.nearest(vectors[5], ["1"], Filter(), 10) == first
    until(lambda: view.coded == 3000, "the codes")

    assert view.nearest(vectors[5], ["1"], Filter(), 10) == first


@pytest.mark.parametrize(("rows", "coded"), [(8_000, True), (3_000, False)])
def test_joined_searches_make_codes_where_products_of_bytes_are_quicker(
    rng: np.random.Generator, rows: int, coded: bool
) -> None:
    vectors = rows_of("people", rng, rows, 512)
    slab = Slab(Metric.EUCLIDEAN, vectors, np.arange(1, rows + 1), np.full(rows, NO_TIME), np.full(rows, -1))
    view = View(Metric.EUCLIDEAN, Mark(), {"1": (slab,)})
    expected = [view.nearest(query, ["1"], Filter(), 5) for query in vectors[:3]]

    for _ in range(ASKED_BEFORE_CODES + 1):
        assert view.nearest_of_many(vectors[:3], ["1"], Filter(), 5) == expected
    if coded:
        until(lambda: slab.coded, "the codes")
    assert slab.coded == coded
    assert view.nearest_of_many(vectors[:3], ["1"], Filter(), 5) == expected


def test_codes_are_made_once_however_many_searches_ask_for_them() -> None:
    coding, together = Coding(WORTH_CODES, None), threading.Barrier(8)

    def searches(_: int) -> int:
        together.wait(HANGS_AFTER_S)
        return sum(coding.scanned() for _ in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(searches, range(8))) == 1


def test_searches_that_had_to_widen_ask_for_more_at_once(rng: np.random.Generator) -> None:
    vectors = rows_of("noise", rng, 3000, 512)
    slab = Slab(Metric.EUCLIDEAN, vectors, np.arange(1, 3001), np.full(3000, NO_TIME), np.full(3000, -1))
    slab.code()
    view = View(Metric.EUCLIDEAN, Mark(), {"1": (slab,)})

    for query in rows_of("noise", rng, 20, 512):
        keys = Metric.EUCLIDEAN.keys(query, vectors)
        assert view.nearest(query, ["1"], Filter(), 5) == sorted(zip(keys.tolist(), range(1, 3001), strict=True))[:5]

    assert slab.coded
    assert slab.coding.breadth > 1
    assert view.widenings < 12


def test_codes_are_given_up_where_they_bound_nothing(rng: np.random.Generator) -> None:
    vectors = rows_of("near duplicates", rng, 3000, 64)
    slab = Slab(Metric.EUCLIDEAN, vectors, np.arange(1, 3001), np.full(3000, NO_TIME), np.full(3000, -1))
    slab.code()
    view = View(Metric.EUCLIDEAN, Mark(), {"1": (slab,)})
    assert slab.coded

    for number in range(20):
        query = vectors[number]
        keys = Metric.EUCLIDEAN.keys(query, vectors)
        assert view.nearest(query, ["1"], Filter(), 5) == sorted(zip(keys.tolist(), range(1, 3001), strict=True))[:5]

    assert not slab.coded
    assert slab.coding.given_up
    assert view.widenings > 0


def test_codes_that_were_given_up_are_not_made_again(rng: np.random.Generator) -> None:
    vectors = rows_of("near duplicates", rng, 3000, 64)
    opened = Coding(3000, Codes.of(Metric.EUCLIDEAN, vectors))  # as from the cache
    opened.widened(first=True)
    for _ in range(ASKED_BEFORE_CODES + 1):
        assert not opened.given_up
        opened.too_wide(3000)

    assert opened.given_up
    assert not any(opened.scanned() for _ in range(100))
    opened.make(Metric.EUCLIDEAN, vectors)  # which was going on meanwhile
    assert (opened.codes, opened.lacking) == (None, False)


@pytest.mark.slow
def test_a_slabs_first_and_last_moment_decide_as_its_rows_do() -> None:
    """Positions and every count are those of a loop over rows, and rows are looked at one by one only where they differ."""
    rng = np.random.default_rng(0)

    def chance() -> bool:
        return bool(rng.random() < 0.5)

    def windows() -> np.ndarray:
        edges = np.sort(rng.choice(np.arange(-3, 19), 2 * rng.integers(0, 4), replace=False))
        return np.asarray(edges, np.int64).reshape(-1, 2)

    def bound() -> int | None:
        return int(rng.integers(-3, 19)) if chance() else None

    for _ in range(3_000):
        drawn = rng.integers(0, 16, rng.integers(1, 6)).tolist()
        times = [None if rng.random() < 0.15 else time for time in drawn]
        since, until, hours = bound(), bound(), windows() if chance() else None
        place = Moments(windows(), chance()) if rng.random() < 0.3 else None
        walk = Moments(windows(), chance()) if chance() else place
        slab = slab_at(times)
        tally = Tally()

        allowed = slab.allowed(Filter(since, until, windows=hours, camera=walk, place=place, tally=tally))

        whys = [left_out_by(time, since, until, hours, place, walk) for time in times]
        passing = [position for position, why in enumerate(whys) if why == "searched"]
        assert (list(range(len(times))) if allowed is None else allowed.tolist()) == passing
        counts = {why: getattr(tally, why) for why in ("place", "untimed", "time", "passages", "searched")}
        assert counts == {why: whys.count(why) for why in counts}
        if place is None and walk is None and hours is None and None not in times:
            apart = (since is not None and since > max(drawn)) or (until is not None and until <= min(drawn))
            whole = (since is None or since <= min(drawn)) and (until is None or until > max(drawn))
            assert tally.looked_at == (0 if apart or whole else len(times))


def slab_at(times: Sequence[int | None]) -> Slab:
    moments = np.array([NO_TIME if time is None else time for time in times], np.int64)
    return Slab(
        Metric.EUCLIDEAN, np.zeros((len(times), 2), np.float32), np.arange(len(times)), moments, np.full(len(times), -1)
    )


def left_out_by(
    time: int | None,
    since: int | None,
    until: int | None,
    hours: np.ndarray | None,
    place: Moments | None,
    walk: Moments | None,
) -> str:
    """What leaves a row of that time out first, in the order in which filters count; `searched` if nothing does."""

    def met(moments: Moments) -> bool:
        return moments.untimed if time is None else any(begin <= time < end for begin, end in moments.windows)

    if place is not None and not met(place):
        return "place"
    if since is not None or until is not None or hours is not None:
        if time is None:
            return "untimed"
        if (since is not None and time < since) or (until is not None and time >= until):
            return "time"
        if hours is not None and not any(begin <= time < end for begin, end in hours):
            return "time"
    return "passages" if walk is not None and walk is not place and not met(walk) else "searched"
