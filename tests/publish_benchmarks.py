"""Rewrites docs/benchmarks.md: the words of docs/benchmarks/page.md.in, and tables of the measurements in the files beside it.

python -m tests.publish_benchmarks
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from rgbir.index.bench.document import Measurement, kept

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
FOLDER = PAGE.with_suffix("")
WORDS = FOLDER / "page.md.in"
NOT_YET = "Not measured yet."
ASKED = ("peer", "peers")
"""Settings of a search that say which other engines were asked, too."""


class Row(NamedTuple):
    """A line of a table.

    Attributes:
        words: what it is.
        key: of a figure, or of a ratio where there is no such figure; ratios are bold.
        digits: after the point; as many as suit the number if None.
    """

    words: str
    key: str
    digits: int | None = None


SEARCHES = (
    Row("one query, ms", "search_ms"),
    Row("flat FAISS, one query, ms", "bare_faiss_ms"),
    Row("**times as fast**", "against_flat_faiss"),
    Row("flat FAISS on the GPU, one query, ms", "bare_faiss_gpu_ms"),
    Row("one camera of four, ms", "one_camera_ms"),
    Row("32 queries joined, ms", "joined_ms"),
    Row("flat FAISS, 32 queries, ms", "bare_faiss_joined_ms"),
    Row("**times as fast**", "joined_against_flat_faiss"),
    Row("flat FAISS on the GPU, 32 queries, ms", "bare_faiss_gpu_joined_ms"),
    Row("rows as float32 passed, GB/s", "floats_read_at_gb_per_s", 0),
    Row("memory read by all cores, GB/s", "memory_gb_per_s", 0),
    Row("adding, sightings/s", "add_per_s", 0),
    Row("opening from SQLite, s", "open_from_sqlite_s", 2),
    Row("opening from the cache, s", "open_from_cache_s", 2),
    Row("first search after it, ms", "first_search_ms", 0),
    Row("writing the cache, s", "write_cache_s", 1),
    Row("removing one, ms", "remove_one_ms", 0),
    Row("first search after that, ms", "search_after_removal_ms", 0),
    Row("embeddings and codes, MiB", "gallery_mib", 0),
    Row("scans that had to widen, of some 100 searches", "widenings"),
)
ENCODED = (
    Row("`index add`", "index_add_per_s"),
    Row("the bare session on ready pixels", "bare_session_per_s"),
    Row("ratio", "index_add_against_bare_session", 2),
    Row("the session in lanes", "bare_lanes_per_s"),
    Row("Pillow and the session, one after the other", "libraries_together_per_s"),
    Row("ratio to both", "index_add_against_libraries", 2),
    Row("against ONNX Runtime", "runner_against_onnxruntime", 2),
)
SERVED = (
    Row("from its start to ready, s", "ready_s"),
    Row("the bare loop, ms", "bare_ms"),
    Row("a lone search over HTTP, ms", "lone_ms"),
    Row("decoding", "decode_ms"),
    Row("encoding", "encode_ms"),
    Row("searching", "search_ms"),
    Row("all the rest", "http_ms"),
    Row("searches a second by all clients", "searches_per_s", 0),
    Row("the bare loop, searches a second", "bare_per_s", 0),
    Row("ratio", "together_against_bare", 2),
    Row("median, ms", "together_p50_ms"),
    Row("99 of 100 within, ms", "together_p99_ms"),
)
EVALUATED = (
    Row("official all-search single-shot, s", "official all single, s", 2),
    Row("a loop over queries and rows with NumPy distances, same answers, s", "the loop, official all single, s", 2),
    Row("**times as fast**", "against_a_loop"),
    Row("all eight settings of SYSU-MM01, s", "all eight settings, s"),
    Row("Market-1501's sizes with distractors, s", "market with distractors, s"),
    Row("the process's memory at most, MiB", "peak memory of it, MiB", 0),
)
RERANKED = (
    Row("a plain search, ms", "plain_ms"),
    Row("all lists of neighbours made, s", "make_lists_s"),
    Row("all lists of neighbours made, s of one processor", "make_lists_processor_s"),
    Row("lists in memory, MiB", "lists_mib"),
    Row("a re-ranked search with all lists, ms", "reranked_ms"),
    Row("a re-ranked search with all lists, ms of one processor", "reranked_processor_ms"),
    Row("a search that makes the lists of its first 1,000, ms", "first_1000_ms"),
    Row("a search that makes the lists of its first 1,000, ms of one processor", "first_1000_processor_ms"),
)
FOUND = (
    Row("times real time", "times real time"),
    Row("the bare decoder", "times real time, bare decoder"),
    Row("ratio", "against_the_bare_decoder", 2),
)
TRAINED = (
    Row("the loop", "loop_per_s"),
    Row("ready tensors", "ready_tensors_per_s"),
    Row("ratio", "ratio", 2),
    Row("batches alone", "batches_alone_per_s"),
    Row("decoded the first time", "decode_per_s"),
    Row("decoded images found again", "find_decoded_per_s"),
    Row("decoded, MiB", "decoded_mib", 0),
    Row("memory of the workers (PSS), MiB", "workers_pss_mib", 0),
)


def latest(benchmark: str, gpu: bool, beside: Sequence[str] = (), folder: Path = FOLDER) -> list[Measurement]:
    """The last measurement of all settings, with or without a GPU, in the file's order.

    Args:
        benchmark: whose file.
        gpu: on machines that have one.
        beside: settings that don't tell two columns apart.
        folder: of the files.
    """
    last: dict[str, Measurement] = {}
    for measurement in kept(folder / f"{benchmark}.json"):
        if (measurement.machine.gpu not in (None, "none")) == gpu:
            key = repr([(name, value) for name, value in measurement.settings.items() if name not in beside])
            if key not in last or measurement.date >= last[key].date:
                last[key] = measurement
    return list(last.values())


def number(value: object, digits: int | None = None) -> str:
    """A figure for readers: as it was written where that is shorter, and empty if there is none."""
    if not isinstance(value, float):
        return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    there = 0 if value.is_integer() else len(repr(value).partition(".")[2])
    wanted = digits if digits is not None else 2 if abs(value) < 10 else 1
    return f"{value:,.{min(wanted, there)}f}"


def cell(measurement: Measurement, row: Row, prefix: str = "") -> str:
    key = prefix + row.key
    if key in measurement.figures:
        return number(measurement.figures[key], row.digits)
    text = number(measurement.ratios.get(key), row.digits if row.digits is not None else 1)
    return f"**{text}**" if text and row.words.startswith("**") else text


def drawn(lines: Iterable[Sequence[str]]) -> str:
    """A table of Markdown, whose first line has the heads."""
    heads, *rest = [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join([heads, "|---" * (heads.count(" | ") + 1) + "|", *rest])


def across(measurements: Sequence[Measurement], rows: Sequence[Row], label: Callable[[Measurement], str]) -> str:
    """A column for each measurement; figures that none of them has are left out."""
    if not measurements:
        return NOT_YET
    lines = [(row.words, *(cell(each, row) for each in measurements)) for row in rows]
    return (
        drawn([("", *map(label, measurements)), *(line for line in lines if any(line[1:]))])
        + "\n\n"
        + origins(measurements, label)
    )


def down(measurements: Sequence[Measurement], columns: Sequence[Row], label: Callable[[Measurement], str]) -> str:
    """A line for each measurement; figures that none of them has are left out."""
    if not measurements:
        return NOT_YET
    shown = [column for column in columns if any(cell(each, column) for each in measurements)]
    lines = [(label(each), *(cell(each, column) for column in shown)) for each in measurements]
    return drawn([("", *(column.words for column in shown)), *lines]) + "\n\n" + origins(measurements, label)


def origins(measurements: Sequence[Measurement], label: Callable[[Measurement], str]) -> str:
    """Where and when each was measured, once for those that share it."""
    shared: dict[str, list[str]] = {}
    for each in measurements:
        shared.setdefault(origin(each), []).append(label(each))
    texts = [
        text if len(shared) == 1 else f"{', '.join(f'`{each}`' for each in labels)}: {text}"
        for text, labels in shared.items()
    ]
    return "\n\n".join(textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False) for text in texts)


def origin(measurement: Measurement) -> str:
    machine = measurement.machine
    place = [
        machine.processor or "a processor whose name wasn't noted",
        f"{machine.cores} cores" if machine.cores else "",
        f"{machine.memory_gib:g} GiB" if machine.memory_gib else "",
        "no GPU" if machine.gpu == "none" else machine.gpu or "",
        " ".join(machine.instructions or []),
    ]
    sentences = [
        f"Measured on {measurement.day}{', written down by hand in an earlier version' if measurement.by_hand else ''}",
        "Machine: " + ", ".join(filter(None, place)),
    ]
    versions = [f"{name} {version}" for name, version in measurement.versions.items()]
    sentences += ["Versions: " + ", ".join(versions[at : at + 10]) for at in range(0, len(versions), 10)]
    if measurement.commit:
        sentences.append(
            f"Commit: {measurement.commit[:12]}{'-dirty' if measurement.commit.endswith('-dirty') else ''}"
        )
    if measurement.busy_cores is not None:
        sentences.append(f"Cores that other work took when it began: {measurement.busy_cores:.1f}")
    return ". ".join(sentences) + "." + (f" {measurement.remark}" if measurement.remark else "")


def command(measurement: Measurement) -> str:
    """The command that measures it again, as a block; settings that aren't known are left out."""
    words = [f"rgbir bench {measurement.benchmark}"]
    for name, setting in measurement.settings.items():
        for value in setting if isinstance(setting, list) else [setting]:
            if value is not None and value is not False:
                words.append(f"--{name}" if value is True else f"--{name} {shlex.quote(str(value))}")
    lines, line = [], words[0]
    for word in words[1:]:
        if len(line) + len(word) > 110:
            lines.append(line + " \\")
            line = "   "
        line += f" {word}"
    return "\n".join(['```sh title="Not run by the tests: it takes long"', *lines, line, "```"])


def search_label(measurement: Measurement) -> str:
    settings = measurement.settings
    parts = [f"{settings['sightings']:,} x {settings['dimension']:,}"]
    parts += [settings["storage"]] if settings["storage"] != "float32" else []
    parts += ["noise"] if settings["noise"] else []
    parts += [f"device {settings['device']}"] if measurement.machine.gpu != "none" else []
    return " ".join(parts)


def engines(measurements: Sequence[Measurement]) -> str:
    """Other engines on the same rows: a line for each and each size."""
    heads = ("", "engine", "one query, ms", "times as fast", "32 joined, ms", "times as fast", "right rows found")
    lines = []
    for each in measurements:
        keys = [name.removesuffix("_recall") for name in each.figures if name.endswith("_recall")]
        for key in keys:
            short = key.removeprefix("peer_")
            lines.append((
                search_label(each), short.replace("_", " "),
                number(each.figures[f"{key}_ms"]), number(each.ratios.get(f"against_{short}"), 1),
                number(each.figures[f"{key}_joined_ms"]), number(each.ratios.get(f"joined_against_{short}"), 1),
                number(each.figures[f"{key}_recall"], 3),
            ))  # fmt: skip
    return drawn([heads, *lines]) + "\n\n" + origins(measurements, search_label) if lines else NOT_YET


def trainings(measurements: Sequence[Measurement]) -> str:
    """A table for each measurement, a line for each kind of batch."""
    blocks = []
    for each in measurements:
        kinds = each.settings["kind"]
        shown = [row for row in TRAINED if any(cell(each, row, f"{kind}_") for kind in kinds)]
        lines = [
            (
                f"{kind}, {each.figures[f'{kind}_batch']} images"
                f" at {each.figures[f'{kind}_height']}x{each.figures[f'{kind}_width']}",
                *(cell(each, row, f"{kind}_") for row in shown),
            )
            for kind in kinds
        ]
        table = drawn([("batch of", *(row.words for row in shown)), *lines])
        blocks.append(f"{command(each)}\n\n{table}\n\n{_filled(origin(each))}")
    return "\n\n".join(blocks) or NOT_YET


def gpus(measurements: Sequence[Measurement]) -> str:
    """FAISS's searches, and what of the network was measured."""
    blocks = []
    for each in measurements:
        searches = [("search", "one query, ms", "GB read a second", "32 queries joined, ms")]
        for name in each.figures:
            if name.startswith("search_") and name.endswith("_joined_ms"):
                stem = name.removesuffix("_joined_ms")
                kind, rows = stem.removeprefix("search_").rsplit("_", 1)
                figures = (each.figures[f"{stem}_{what}"] for what in ("ms", "gb_per_s", "joined_ms"))
                searches.append((f"{int(rows):,} rows, {kind}", *map(number, figures)))  # type: ignore[arg-type]
        rates = [("images a second", "")]
        for name, value in each.figures.items():
            if name.startswith(("encode_", "torch_")) and name.endswith("_per_s"):
                rates.append((name.removesuffix("_per_s").replace("_", " "), number(value)))
        copied = (
            f"A copy within the memory moved {number(each.figures['copy_gb_per_s'])} GB a second, read and written."
        )
        blocks += [command(each), copied, drawn(searches), drawn(rates), _filled(origin(each))]
    return "\n\n".join(blocks) or NOT_YET


def _filled(text: str) -> str:
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


def tables() -> dict[str, str]:
    """What stands in the place of each name."""
    return {
        "search": across(latest("search", False, ASKED), SEARCHES, search_label),
        "engines": engines([each for each in latest("search", False) if any(map(each.settings.get, ASKED))]),
        "search_gpu": across(latest("search", True, ASKED), SEARCHES, search_label),
        "encode": down(latest("encode", False, ["identities"]), ENCODED, _bundle),
        "encode_gpu": down(latest("encode", True, ["identities"]), ENCODED, _bundle),
        "serve": across(latest("serve", False, ["requests"]), SERVED, _served),
        "evaluate": across(latest("evaluate", False), EVALUATED, lambda each: f"{each.settings['dimension']:,} values"),
        "rerank": across(latest("rerank", False), RERANKED, _reranked),
        "footage": down(latest("footage", False), FOUND, _footage),
        "train": trainings(latest("train", False)),
        "train_gpu": trainings(latest("train", True)),
        "gpu": gpus(latest("gpu", True)),
    }


def _bundle(measurement: Measurement) -> str:
    settings = measurement.settings
    threads = f", {settings['threads']} threads" if settings["threads"] else ""
    runner = f", {settings['runner']}" if settings["runner"] != "onnxruntime" else ""
    return f"{settings['bundle']}{runner}{threads}"


def _served(measurement: Measurement) -> str:
    settings = measurement.settings
    workers = settings.get("workers", 1)
    processes = f", {workers} workers" if workers > 1 else ""
    return f"{settings['bundle']}, {settings['sightings']:,} sightings, {settings['connections']} clients{processes}"


def _footage(measurement: Measurement) -> str:
    settings = measurement.settings
    return f"{settings['seconds']:g} s, {settings['detector']}, {settings['sample']:g} frames a second"


def _reranked(measurement: Measurement) -> str:
    settings = measurement.settings
    return f"{settings['sightings']:,} x {settings['dimension']:,}, {settings['rerank']}, {settings['queries']} queries"


def page() -> str:
    """The whole page."""
    made = tables()
    return re.sub(
        r"^\{\{ (\w+) \}\}$", lambda name: made[name[1]], WORDS.read_text(encoding="utf-8"), flags=re.MULTILINE
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
