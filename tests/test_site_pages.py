"""Pages for those who run a site: errors that they quote exist, and figures that they repeat are those that were measured."""

from __future__ import annotations

import re

from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from rgbir.index.gallery.folder.schema import MOVED
from rgbir.training import METHODS
from tests.conftest import ROOT

HOW_TO = ROOT / "docs/how-to"


def test_errors_that_the_troubleshooting_page_quotes_exist() -> None:
    page = (HOW_TO / "troubleshooting.md").read_text()
    source = "\n".join(
        file.read_text()
        for part in ("client", "index", "footage", "server")
        for file in sorted((ROOT / part).rglob("*.py"))
    )
    joined = re.sub(r'"\s*\n\s*f?"', "", source)  # a message over several lines
    quoted = [
        text
        for row in re.findall(r"^\| ([^-|\n].*) \|$", page, re.MULTILINE)
        for text in re.findall(r"`([^`]+)`", row.rpartition(" | ")[0])
    ]
    assert len(quoted) > 20
    missing = [text for text in quoted if text not in joined]
    assert missing == []


def test_statuses_on_the_troubleshooting_page_are_those_of_the_interface() -> None:
    statuses = set(re.findall(r"^\| (\d{3}) \|", (HOW_TO / "troubleshooting.md").read_text(), re.MULTILINE))
    source = (ROOT / "server/rgbir/server/http").rglob("*.py")
    told = set(re.findall(r"\b[45]\d\d\b", "".join(file.read_text() for file in source)))
    assert len(statuses) > 8
    assert statuses <= told


def test_sizes_follow_from_values_and_codes_and_are_those_that_were_measured() -> None:
    rows = re.findall(
        r"^\| ([\d,]+) \| ([\d,]+) MiB \| ([\d,]+) MiB \| ([\d,]+) MiB \|$",
        (HOW_TO / "sizing.md").read_text(),
        re.MULTILINE,
    )
    assert len(rows) == 3
    for row in rows:
        sightings, *told = (int(text.replace(",", "")) for text in row)
        for dimension, width, mebibytes in zip((512, 2048, 2048), (5, 5, 3), told, strict=True):
            assert round(sightings * dimension * width / 2**20) == mebibytes
    benchmarks = (ROOT / "docs/benchmarks.md").read_text()
    measured = next(line for line in benchmarks.splitlines() if line.startswith("| embeddings and codes, MiB"))
    assert {row[1] for row in rows} | {row[2] for row in rows} <= set(re.findall(r"[\d,]+", measured))
    for figure in re.findall(r"^\| [^|]* \| ([\d.]+)(?: ms)? \|$", (HOW_TO / "sizing.md").read_text(), re.MULTILINE):
        assert figure in benchmarks, figure


def test_the_upgrading_page_names_the_formats_that_are_read() -> None:
    assert f"Formats 1 to {MOVED} of galleries are read" in (HOW_TO / "upgrading.md").read_text()


def test_the_figures_of_papers_on_the_page_of_models_are_those_of_their_rows() -> None:
    page = (HOW_TO / "where-a-model-comes-from.md").read_text()
    rows = re.findall(r"^\| \[[^|]*\| ([\d.]+) \| ([\d.]+) \|$", page, re.MULTILINE)
    assert len(rows) == 5
    published = (ROOT / "docs/methods/rows.md").read_text()
    for rank_1, mean_precision in rows:
        assert re.search(rf"all-search single-shot R1 {rank_1} [^;|]*mAP {mean_precision}\b", published), rank_1


def test_words_that_the_answers_to_questions_quote_exist() -> None:
    quoted = set(re.findall(r"`([^`]+)`", (ROOT / "docs/faq.md").read_text()))
    source = "\n".join(
        file.read_text() for part in ("client", "index", "server") for file in sorted((ROOT / part).rglob("*.py"))
    )
    for text in quoted - {"make demo", "CONTRIBUTING.md"}:
        words = text.removeprefix("rgbir ").replace("--no-", "--").removeprefix("--").replace("-", "_")
        assert all(word in source for word in re.findall(r"\w+", words)), text


def test_figures_of_the_readme_stand_where_it_says_how_they_were_measured() -> None:
    rows = re.findall(
        r"^\| \*\*([\d.]+).*\| \[.*\]\(docs/benchmarks.md#(.*)\) \|$", (ROOT / "README.md").read_text(), re.M
    )
    assert len(rows) == 3
    sections = (ROOT / "docs/benchmarks.md").read_text().split("\n## ")
    for figure, anchor in rows:
        (section,) = (text for text in sections if text.split("\n")[0].lower().replace(" ", "-") == anchor)
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d.])", section), (figure, anchor)


def test_every_room_has_its_line_in_the_tables_of_rooms() -> None:
    tables = (ROOT / "docs/reference/rooms.md").read_text()
    for part in ("index", "server"):
        table = tables[tables.index(f"| room of `{part}/rgbir/{part}/` |") :].partition("\n\n")[0]
        named = set(re.findall(r"^\| `(\w+)(?:/|\.py)`", table, re.MULTILINE))
        rooms = {
            path.stem
            for path in (ROOT / part / "rgbir" / part).iterdir()
            if path.stem[0] != "_" and (path.suffix == ".py" or (path / "__init__.py").exists())
        }
        assert named == rooms


def test_the_film_is_small_goes_round_and_each_picture_stands_long_enough_to_be_read() -> None:
    path = ROOT / "docs/images/film.webp"
    assert path.stat().st_size < 2_000_000
    with Image.open(path) as film:
        assert isinstance(film, WebPImageFile)
        assert 6 <= film.n_frames <= 10
        assert film.info["loop"] == 0
        for frame in range(film.n_frames):
            film.seek(frame)
            film.load()
            assert film.info["duration"] >= 1500


def test_the_first_page_counts_the_methods_that_there_are() -> None:
    assert re.findall(r"^rgbir methods +# (\d+) methods", (ROOT / "README.md").read_text(), re.M) == [str(len(METHODS))]
