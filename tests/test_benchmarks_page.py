"""docs/benchmarks.md is what its words and the measurements beside them make."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from rgbir.index.bench.document import Machine, Measurement, kept, written
from tests import publish_benchmarks
from tests.publish_benchmarks import (
    FOLDER,
    NOT_YET,
    PAGE,
    SEARCHES,
    across,
    command,
    engines,
    latest,
    number,
    page,
    search_label,
)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.publish_benchmarks"


def test_every_kept_measurement_is_of_the_benchmark_that_its_file_is_named_for() -> None:
    files = sorted(FOLDER.glob("*.json"))
    assert files
    for file in files:
        for measurement in kept(file):
            assert measurement.benchmark == file.stem
            assert measurement.day
            assert all(map(math.isfinite, measurement.ratios.values()))
        assert written(kept(file)) == file.read_text(encoding="utf-8")


def made_up(date: str = "2026-11-20", **changes: Any) -> Measurement:
    settings = {
        "sightings": 2000,
        "dimension": 64,
        "noise": False,
        "storage": "float32",
        "device": "cpu",
        "peers": False,
    }
    return Measurement(
        benchmark="search",
        settings=settings | changes,
        machine=Machine(processor="Some CPU", cores=4, gpu="none", memory_gib=8.0, instructions=["avx2"]),
        versions={"numpy": "2.0"},
        date=date,
        busy_cores=0.04,
        commit="0123456789abcdef",
        figures={"search_ms": 1.234, "bare_faiss_ms": 12.345, "gallery_mib": 1234.5, "widenings": 3},
        ratios={"against_flat_faiss": 10.004},
    )


def test_a_table_has_a_column_for_each_and_says_where_it_was_measured() -> None:
    table = across([made_up(), made_up(noise=True)], SEARCHES, search_label)

    assert table.splitlines() == [
        "|  | 2,000 x 64 | 2,000 x 64 noise |",
        "|---|---|---|",
        "| one query, ms | 1.23 | 1.23 |",
        "| flat FAISS, one query, ms | 12.3 | 12.3 |",
        "| **times as fast** | **10.0** | **10.0** |",
        "| embeddings and codes, MiB | 1,234 | 1,234 |",
        "| scans that had to widen, of some 100 searches | 3 | 3 |",
        "",
        "Measured on 2026-11-20. Machine: Some CPU, 4 cores, 8 GiB, no GPU, avx2. Versions: numpy 2.0. Commit: 0123456789ab.",
        "Cores that other work took when it began: 0.0.",
    ]


def test_other_engines_have_a_line_each() -> None:
    asked = made_up(peers=True)
    asked.figures.update(
        {"peer_usearch_exact_ms": 5.0, "peer_usearch_exact_joined_ms": 50.5, "peer_usearch_exact_recall": 0.5}
    )
    asked.ratios.update({"against_usearch_exact": 4.05, "joined_against_usearch_exact": 2.0})

    line = engines([asked]).splitlines()[2]

    assert line == "| 2,000 x 64 | usearch exact | 5 | 4.0 | 50.5 | 2 | 0.5 |"
    assert engines([]) == NOT_YET


def test_the_last_of_the_same_settings_is_shown(tmp_path: Path) -> None:
    old, new, other = made_up(), made_up("2026-11-22T00:00:00+00:00", peers=True), made_up("2026-11-19", noise=True)
    (tmp_path / "search.json").write_text(written([new, old, other]))

    assert latest("search", False, ["peers"], tmp_path) == [new, other]
    assert latest("search", True, ["peers"], tmp_path) == []
    assert latest("search", False, folder=tmp_path) == [new, old, other]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.25, "1.25"),
        (12.3456, "12.3"),
        (8.5, "8.5"),
        (59.0, "59"),
        (1827.653, "1,827.7"),
        (10_000, "10,000"),
        (None, ""),
    ],
)
def test_a_number_is_as_long_as_it_was_written_or_shorter(value: object, text: str) -> None:
    assert number(value) == text


def test_a_measurement_tells_its_command() -> None:
    assert command(made_up(noise=True)).splitlines()[1:-1] == [
        "rgbir bench search --sightings 2000 --dimension 64 --noise --storage float32 --device cpu"
    ]
    assert command(made_up(peer=["faiss tuned", "hnswlib"])).splitlines()[1:-1] == [
        "rgbir bench search --sightings 2000 --dimension 64 --storage float32 --device cpu --peer 'faiss tuned' \\",
        "    --peer hnswlib",
    ]
    assert publish_benchmarks.WORDS.exists()
