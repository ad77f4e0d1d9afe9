"""What every `rgbir bench` shares: the document, what is told of the machine, what is kept, and falls that are warned of."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import UsageError
from rgbir.index.bench import evaluation, here
from rgbir.index.bench.document import Machine, Measurement, keep, kept, written
from rgbir.index.bench.falls import compared
from rgbir.index.bench.here import at_work, machine
from rgbir.index.bench.search import ratios
from rgbir.index.cli import measured
from rgbir.index.cli.measured import begun

LAPTOP = Machine(processor="Some CPU", cores=4, gpu="none")


def measurement(**changes: Any) -> Measurement:
    content: dict[str, Any] = {
        "benchmark": "search", "settings": {"sightings": 100}, "machine": LAPTOP, "versions": {}, "date": "2026-11-20",
        "figures": {}, "ratios": {"against_a": 4.0, "against_b": 2.0},
    }  # fmt: skip
    return Measurement(**content | changes)


def test_each_ratio_that_lost_more_than_fifteen_percent_is_told_with_both_numbers() -> None:
    now = measurement(ratios={"against_a": 3.0, "against_b": 1.8, "against_c": 9.0})

    words, falls = compared(now, [measurement(commit="0123456789abcdef")])

    assert falls == [
        "against_a fell from 4 to 3, by 25%, since the measurement of 2026-11-20 at 0123456789ab."
    ]  # 1.8 of 2 is a tenth less
    assert words == "Compared with the measurement of 2026-11-20 at 0123456789ab: 1 of 2 ratios fell by more than 15%."


def test_the_last_measurement_counts_and_what_is_missing_now_is_named() -> None:
    before = [
        measurement(date="2026-11-22T10:00:00+00:00", ratios={"against_a": 3.0, "against_b": 2.0}),
        measurement(date="2026-11-21", ratios={"against_a": 9.0}),
    ]

    words, falls = compared(measurement(ratios={"against_a": 2.9}), before)

    assert falls == []
    assert words.startswith("Compared with the measurement of 2026-11-22: 0 of 1 ratios")
    assert words.endswith("Not measured this time: against_b.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": {"sightings": 200}}, "Not compared: no earlier measurement has these settings."),
        ({"benchmark": "encode"}, "Not compared: no earlier measurement has these settings."),
        (
            {"machine": Machine(processor="Some CPU", cores=2, gpu="none")},
            "Not compared: earlier measurements are of Some CPU with 2 cores. This is Some CPU with 4 cores.",
        ),
        (
            {"machine": Machine(processor="Some CPU", cores=4, gpu="Some GPU")},
            "Not compared: earlier measurements are of Some CPU with 4 cores and Some GPU. This is Some CPU with 4 cores.",
        ),
        (
            {"machine": Machine(cores=4, gpu="none")},
            "Not compared: earlier measurements are of a machine that wasn't noted. This is Some CPU with 4 cores.",
        ),
    ],
)
def test_what_differs_is_not_compared_and_it_is_told_why(changes: dict[str, Any], words: str) -> None:
    fallen = measurement(ratios={"against_a": 0.1})
    assert compared(fallen, [measurement(**changes)]) == (words, [])


def test_a_measurement_takes_the_place_of_the_last_of_its_kind(tmp_path: Path) -> None:
    unknown, elsewhere = (
        measurement(machine=Machine()),
        measurement(machine=Machine(processor="x", cores=1, gpu="none")),
    )
    others = [unknown, elsewhere, measurement(settings={"sightings": 7})]
    for old in (measurement(), *others):
        keep(old, tmp_path)
    again = measurement(date="2026-11-23", figures={"ms": 1.5, "words": "not measured: é"})

    file = keep(again, tmp_path)

    assert file == tmp_path / "search.json"
    assert kept(file) == [again, *others]
    keep(unknown, tmp_path)
    assert kept(file) == [again, *others, unknown]


def test_a_file_of_something_else_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "search.json").write_text('[{"benchmark": "search", "sightings": 3}]')

    with pytest.raises(UsageError, match=r"search\.json is no file of measurements \(0\.\w+: .*name another folder"):
        begun("search", {}, folder=tmp_path)


def test_the_processor_is_named_with_the_instructions_that_matter(tmp_path: Path) -> None:
    described = tmp_path / "cpuinfo"
    described.write_text("processor\t: 0\nmodel name\t: Some CPU v2\nflags\t\t: fpu avx2 sse2 avx512_vnni avx512f\n")
    assert (machine(described).processor, machine(described).instructions) == (
        "Some CPU v2",
        ["avx2", "avx512f", "avx512_vnni"],
    )
    described.write_text("processor\t: 0\nFeatures\t: fp asimd asimddp\n")
    assert machine(described).instructions == ["asimd", "asimddp"]
    assert machine(tmp_path / "none").instructions is None


def test_cores_at_work_are_counted_between_two_readings() -> None:
    """Of 400 ticks on four cores 200 were idle and 100 waited for a disk; a quarter of four is one."""
    lines = "cpu0 1 1 1 1\ncpu1 1 1 1 1\ncpu2 1 1 1 1\ncpu3 1 1 1 1\n"
    before = f"cpu  100 0 100 1000 50 0 0 0 0 0\n{lines}"
    after = f"cpu  150 0 130 1200 150 5 5 10 0 0\n{lines}"
    assert at_work(before, after) == 1.0
    assert at_work(before, before) is None
    assert at_work("nothing", "nothing") is None


def test_ratios_of_a_search_are_times_against_its_own() -> None:
    figures = {
        "search_ms": 2.0, "joined_ms": 10.0, "one_camera_ms": 0.5, "floats_read_at_gb_per_s": 60.0, "memory_gb_per_s": 20.0,
        "bare_faiss_ms": 6.0, "bare_faiss_joined_ms": 5.0, "peer_hnswlib_ms": 1.0, "peer_hnswlib_joined_ms": 40.0,
        "peer_lancedb": "not measured: no room",
    }  # fmt: skip
    assert ratios(figures) == {
        "floats_passed_against_memory": 3.0, "one_camera_against_all": 4.0,
        "against_flat_faiss": 3.0, "joined_against_flat_faiss": 0.5, "against_hnswlib": 0.5, "joined_against_hnswlib": 4.0,
    }  # fmt: skip


# --- by the command


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Figures of `rgbir bench evaluate`, in place of a measurement; the loop took twelve seconds."""
    figures = {"official all single, s": 1.0, "the loop, official all single, s": 12.0}
    monkeypatch.setattr(evaluation, "bench_evaluation", lambda dimension: dict(figures))
    monkeypatch.setattr(here, "busy_cores", lambda: 0.0)
    monkeypatch.setattr(evaluation, "ratios", lambda made: {"against_a_loop": 12.0 / figures["official all single, s"]})
    return figures


def bench(*options: object) -> tuple[int, dict[str, Any], str]:
    done = CliRunner().invoke(app, ["bench", "evaluate", "--json", *map(str, options)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, json.loads(done.stdout), done.stderr


def git(folder: Path, *words: str) -> None:
    author = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True)


def test_a_fall_since_the_last_commit_is_warned_of_and_is_a_no_with_strict(
    tmp_path: Path, times: dict[str, float]
) -> None:
    folder = tmp_path / "kept"
    code, document, words = bench("--keep", folder)
    assert (code, document["ratios"]) == (0, {"against_a_loop": 12.0})
    assert "Not compared: no earlier measurement has these settings." in words
    assert [each.model_dump(mode="json") for each in kept(folder / "evaluate.json")] == [document]
    git(tmp_path, "init")
    git(tmp_path, "add", "kept")
    git(tmp_path, "commit", "-m", "measured")

    times["official all single, s"] = 1.1  # a tenth more, and again a tenth: each alone would pass
    assert bench("--keep", folder)[0] == 0
    times["official all single, s"] = 1.25
    code, document, words = bench("--keep", folder)
    assert code == 0
    assert "against_a_loop fell from 12 to 9.6, by 20%" in words
    assert bench("--keep", folder, "--strict")[0] == 1
    times["official all single, s"] = 1.1
    assert bench("--keep", folder, "--strict")[0] == 0


def test_one_shape_tells_what_where_and_with_what(times: dict[str, float]) -> None:
    _, document, _ = bench("--dimension", 64)

    assert Measurement(**document).model_dump(mode="json") == document
    assert (document["benchmark"], document["settings"]) == ("evaluate", {"dimension": 64})
    assert document["figures"] == times
    assert {"python", "rgbir", "numpy"} == set(document["versions"])
    assert document["machine"]["cores"] >= 1
    assert document["by_hand"] is False


def test_a_busy_machine_is_told(monkeypatch: pytest.MonkeyPatch, times: dict[str, float]) -> None:
    monkeypatch.setattr(here, "busy_cores", lambda: 1.5)
    _, document, words = bench()
    assert "The machine is busy: other work takes 1.5 cores. Measure again when it is quiet." in words
    assert document["busy_cores"] == 1.5
    assert measured.BUSY < 1.5


def test_a_kept_file_reads_as_it_was_written() -> None:
    assert json.loads(written([measurement()]))[0]["ratios"] == {"against_a": 4.0, "against_b": 2.0}
