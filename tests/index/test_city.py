"""The arithmetic for a city: worked by hand, printed on its page, and drawn, routed and counted by a gallery's own code."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import ROOT
from tests.index.yard import model, network, random_rows
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import Crop, Gallery, NewSighting, Query, UsageError
from rgbir.index.bench.city import City, figures_of
from rgbir.index.nearest import view as view_module
from rgbir.index.nearest.slabs import Filter, Tally

PAGE = (ROOT / "docs/explanation/a-city.md").read_text()
BENCHMARKS = (ROOT / "docs/benchmarks.md").read_text()
START = datetime(2026, 3, 1, tzinfo=UTC)
HOURLY = np.array([1] * 6 + [3] * 6 + [5] * 6 + [2] * 6) / 66
"""Of a drawn camera's day."""


def test_a_small_city_worked_by_hand() -> None:
    city = City(
        cameras=10, cameras_a_place=2, sightings_a_day=360, days=4, busiest_hour=0.25, dimension=100, crop_bytes=600,
        label_bytes=200, searches_per_s=1, asked_cameras=0.5, asked_hours=12, answer_s=math.log(100), rows_per_core_s=720,
        flat_rows_per_core_s=90, images_per_s=0.05, servers=1, replicas=2, cores=4, memory_gib=1, log_hours=12,
    )  # fmt: skip

    figures = figures_of(city)

    # 10 x 360 = 3,600 a day, 14,400 in 4 days. Half of 8 cameras: 4 x 360 x 4 = 5,760 rows, an eighth of them in 12 of 96 hours.
    assert (figures["sightings_a_day"], figures["sightings_kept"], figures["rows_without_routing"]) == (
        3600,
        14400,
        14400,
    )
    assert (figures["rows_by_camera"], figures["rows_by_camera_and_time"]) == (5760, 720)
    # A camera has one slab that isn't full, into which both ends of the window fall.
    assert figures["rows_whose_times_are_looked_at"] == 5760
    # 1 search a second and ln 100 / ln 100 = 1 more: 2 x 720 rows, of which a core passes 720, or 90.
    assert (figures["folder_cores"], figures["milvus_cores"]) == pytest.approx((2, 16))
    assert figures["folder_search_s"] == pytest.approx(0.5)
    # A quarter of 3,600 in an hour is 900, 0.25 in a second: 5 encoders of 0.05. All of a day take one 20 hours.
    assert figures["busiest_hour_images_per_s"] == pytest.approx(0.25)
    assert figures["encoders_for_the_busiest_hour"] == 5
    assert figures["encoder_hours_a_day"] == pytest.approx(20)
    # 400 bytes of embedding, 100 of codes, 32 and 8 beside; 200 of labels; 600 of crop, 800 as text.
    sizes = {
        "folder_memory_gib": 532, "folder_sqlite_gib": 1200, "folder_cache_gib": 540, "milvus_memory_gib": 800,
        "milvus_disk_of_query_nodes_gib": 2000, "milvus_object_storage_gib": 1800,
    }  # fmt: skip
    assert {name: figures[name] * 2**30 / 14400 for name in sizes} == pytest.approx(sizes)
    assert figures["milvus_segments"] == 1
    assert figures["milvus_log_gib"] * 2**30 == pytest.approx(3600 / 2 * 1400)
    # A replica: 16 / 2 cores, on machines of 4.
    assert figures["milvus_query_nodes"] == 4
    # A camera has 1 sighting in 240 s, and none within 1 s with a chance of e^(-1/240).
    assert figures["milvus_requests_a_search"] == pytest.approx(3 + 10 * (1 - math.exp(-1 / 240)))
    assert figures["network_crops_mbit_per_s"] == pytest.approx(0.25 * 600 * 8 / 1e6)
    assert figures["network_into_milvus_mbit_per_s"] == pytest.approx(0.25 * 1400 * 8 / 1e6)
    assert figures["network_of_searches_mbit_per_s"] == pytest.approx((26 * 600 + 4 * 16) * 8 / 1e6)


def test_the_page_has_the_commands_figures_and_the_command_those_that_were_measured() -> None:
    figures = {
        name: value for name, value in re.findall(r"`(\w+)`(?: is)? ([\d,.]*\d)", PAGE) if name in figures_of(City())
    }
    answer = CliRunner().invoke(app, ["bench", "city"])
    printed = dict(re.findall(r"^ *(\w+)  ([\d,.]+)$", answer.stdout, re.MULTILINE))
    assert printed.keys() == figures_of(City()).keys()
    assert len(figures) >= len(printed) - 3
    for name, told in figures.items():
        digits = len(told.partition(".")[2])
        assert f"{float(printed[name].replace(',', '')):,.{digits}f}" == told, name
    single, flat = (
        float(re.findall(rf"^\| {row}, ms \|.* ([\d.]+) \|(?: [\d.]+ \|){{2}}$", BENCHMARKS, re.MULTILINE)[0])
        for row in ("one query", "flat FAISS, one query")
    )
    assert f"in {single} ms on two cores, and in {flat} ms with flat FAISS" in PAGE
    assert City().rows_per_core_s == pytest.approx(1e9 / single / 2, rel=0.01)
    assert City().flat_rows_per_core_s == pytest.approx(1e9 / flat, rel=0.01)
    assert f"| {City().images_per_s} |" in BENCHMARKS


@pytest.mark.slow
def test_every_assumption_is_an_option_and_changes_a_figure() -> None:
    usual = figures_of(City())
    for name in City.__slots__:
        value = getattr(City(), name) / 2
        given = str(int(value) if isinstance(getattr(City(), name), int) else value)
        answer = CliRunner().invoke(app, ["bench", "city", f"--{name.replace('_', '-')}", given])
        assert answer.exit_code == 0, answer.output
        printed = dict(re.findall(r"^ *(\w+)  ([\d,.]+)$", answer.stdout, re.MULTILINE))
        assert any(
            float(text.replace(",", "")) != pytest.approx(usual[key], rel=1e-3) for key, text in printed.items()
        ), name


@pytest.mark.parametrize(("name", "value"), [("cameras", 0), ("asked_cameras", 1.5), ("days", math.inf)])
def test_what_no_city_has_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{name} is {value}"):
        City(**{name: value})  # type: ignore[arg-type]


def drawn(city: City, rng: np.random.Generator) -> Iterator[NewSighting]:
    """Every camera's arrivals, hour by hour, in the order in which they come."""
    counts = rng.poisson(HOURLY * city.sightings_a_day, (int(city.days), city.cameras, 24))
    for day, hour in np.ndindex(int(city.days), 24):
        camera = np.repeat(np.arange(city.cameras), counts[day, :, hour])
        moments = rng.uniform(0, 3600, len(camera))
        for at in np.argsort(moments).tolist():
            moment = START + timedelta(days=int(day), hours=int(hour), seconds=moments[at])
            name = f"{day} {hour} {at}"
            yield NewSighting(f"c{camera[at]}", random_rows(1, 2)[0], name, name, moment)


@pytest.mark.slow
def test_a_gallery_passes_as_many_rows_of_drawn_sightings_as_the_arithmetic_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cameras with their hours of the day, queries at drawn places and times; the gallery leaves out places and slabs by itself.

    The mean of so many queries is normal: it is off by more than 4 of its standard errors once in 16,000 draws.
    """
    slab, queries = 256, 200
    monkeypatch.setattr(view_module, "ROWS", slab)
    rng = np.random.default_rng(5)
    city = City(cameras=24, cameras_a_place=2, sightings_a_day=80, days=12, asked_hours=6)
    places = network((), both={f"c{n}": f"place {n // 2}" for n in range(city.cameras)})
    sightings = list(drawn(city, rng))
    rows, looked, allowed = [], [], []
    with Gallery.create(tmp_path / "g", model(2), places) as gallery:
        for start in range(0, len(sightings), 2000):
            gallery.add(sightings[start : start + 2000])
        full = gallery.view().compacted()
        for _ in range(queries):
            since = START + timedelta(hours=rng.uniform(0, 24 * city.days - city.asked_hours))
            query = Query(
                np.zeros(2, np.float32), camera=f"c{rng.integers(city.cameras)}", since=since,
                until=since + timedelta(hours=city.asked_hours), top_k=1,
            )  # fmt: skip
            answer = gallery.search(query)
            rows.append(answer.coverage.searched)
            allowed.append(answer.coverage.total - answer.coverage.place)
            tally = Tally()
            wanted = gallery._filter(query, full, Scoped)  # type: ignore[arg-type]
            full.count(answer.searched_cameras, Filter(wanted.since, wanted.until, tally=tally))
            looked.append(tally.looked_at)
            assert tally.searched == answer.coverage.searched

    def near(counts: list[int], expected: float, drawn_rows: float) -> None:
        """Within 4 standard errors: of the queries' spread, and of the arrivals that all of them share."""
        error = math.hypot(np.std(counts) / math.sqrt(queries), expected / math.sqrt(drawn_rows))
        assert abs(np.mean(counts) - expected) < 4 * error, (np.mean(counts), expected, error)

    near([len(sightings)], city.sightings, city.sightings)
    near(allowed, city.rows_by_camera, city.sightings)
    near(rows, city.rows, city.sightings)
    near(looked, city.rows_looked_at(slab), city.sightings)
    assert np.mean(rows) < np.mean(looked) < 0.6 * np.mean(allowed)


class Scoped:
    """A scope without moments of its own."""

    moments: dict[str, object] = {}  # noqa: RUF012
    places: dict[str, object] = {}  # noqa: RUF012


@pytest.mark.slow
def test_a_gallery_takes_the_memory_and_the_disk_of_the_arithmetic(tmp_path: Path) -> None:
    count, city = 600, City(cameras=4, sightings_a_day=150, days=1)
    figures = figures_of(city)
    rng = np.random.default_rng(0)
    with Gallery.create(
        tmp_path / "g", model(city.dimension), network([f"camera-{n:05d}" for n in range(4)])
    ) as gallery:
        for start in range(0, count, 200):
            gallery.add([
                NewSighting(
                    f"camera-{n % 4:05d}", rng.standard_normal(city.dimension).astype(np.float32), f"{n:064x}",
                    f"camera-{n % 4:05d}/2026-11-27/{n:08d}.jpg", START + timedelta(seconds=n), None, f"track-{n // 5}",
                    Crop("image/jpeg", rng.bytes(city.crop_bytes)),
                )
                for n in range(start, start + 200)
            ])  # fmt: skip
        for slab in gallery.view().slabs(gallery.view().cameras):
            slab.code()
        gallery.save_cache()
        memory = gallery.view().bytes
    sqlite = sum(file.stat().st_size for file in (tmp_path / "g").glob("gallery.sqlite3*"))
    cache = sum(file.stat().st_size for file in (tmp_path / "g/cache").rglob("*") if file.is_file())
    assert memory / 2**30 == pytest.approx(figures["folder_memory_gib"], rel=0.01)
    assert sqlite / 2**30 == pytest.approx(figures["folder_sqlite_gib"], rel=0.02)
    assert cache / 2**30 == pytest.approx(figures["folder_cache_gib"], rel=0.01)


def test_ninety_nine_of_a_hundred_searches_are_answered_in_time_by_the_cores_of_the_arithmetic() -> None:
    """A queue with drawn arrivals, one after another on all cores: with exponential times as said, and sooner with equal ones."""
    city, count = City(searches_per_s=4, answer_s=0.5), 200_000
    rng = np.random.default_rng(1)
    mean = city.rows / city.rows_per_core_s / city.cores_for(city.rows, city.rows_per_core_s)

    def in_time(lasting: np.ndarray) -> float:
        arrivals = np.cumsum(rng.exponential(1 / city.searches_per_s, count))
        free, within = 0.0, 0
        for arrival, takes in zip(arrivals.tolist(), lasting.tolist(), strict=True):
            free = max(free, arrival) + takes
            within += free - arrival <= city.answer_s
        return within / count

    spread = math.sqrt(0.99 * 0.01 / count) * 4
    assert in_time(rng.exponential(mean, count)) == pytest.approx(0.99, abs=4 * spread)  # neighbours wait alike
    assert in_time(np.full(count, mean)) > 0.99
