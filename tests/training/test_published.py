"""What the papers print is here whole: counted by table, and compared digit by digit with the list of reported numbers."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT

from rgbir.index.datasets.known import DATA_SETS as KINDS
from rgbir.training.methods import METHODS, published_rows
from rgbir.training.methods import published as published_file
from rgbir.training.methods.published import (
    ON,
    SETTINGS,
    MeasuredBy,
    Printing,
    measured_by,
    printed,
    printings,
    quoted_by,
    remark_of,
)

DATA_SETS = {protocol.name: kind.names for kind in KINDS for protocol in kind.protocols}
"""Names of what is measured by a protocol."""
RESULTS = ROOT.parent / "shared/spec/results.md"
FILE: dict[str, Any] = tomllib.loads(Path(published_file.__file__).with_suffix(".toml").read_text(encoding="utf-8"))
OWN = {
    (method, row, setting): cells
    for method, rows in FILE.items()
    if method != "quoted"
    for row, settings in rows.items()
    for setting, cells in settings.items()
    if setting in SETTINGS
}
QUOTED = {
    (setting, name, papers): cells
    for setting, lines in FILE["quoted"].items()
    for name, printings in lines.items()
    for papers, cells in printings.items()
}
Own = dict[tuple[str, str, str], str]

# Counted in the list of reported numbers: rows of a table times its columns, where none is missing.
NUMBERS = {
    ("expat", "table1"): 8 * 4,
    ("expat", "table2"): 4 * 4,
    ("expat", "table3"): 3 * 4,
    ("expat", "table4"): 5 * 4,
    ("expat", "table5"): 8 * 4,
    ("expat", "table6"): 5 * 8,
    ("expat", "table7"): 5 * 4,
    ("expat", "table8"): 8 * 4,
    ("expat", "table9"): 4 * 4,
    ("expat_single", "table10"): 9 * 4,
    ("lccrf", "table1"): 5 * 4,
    ("lccrf", "sysu"): 2 * 4,
    ("lccrf", "regdb"): 2 * 2,
    ("dfe", "sysu"): 3 * 16,
    ("dfe", "regdb"): 4 * 4,
    ("hpiln", "table2"): 5 * 16,
    ("hpiln", "table4"): 15 * 4,
    ("hpiln", "table5"): 9 * 2,
    ("base_derivative", "study"): 6 * 4 + 4,
    ("base_derivative", "regdb"): 6 * 2 + 2,
    ("caj", "printed"): 3 * 2,
    ("mscm", "printed"): 2,
    ("mac", "printed"): 2 * 2,
}
FIVE = {"expat", "expat_single", "lccrf", "dfe", "hpiln", "base_derivative"}
"""The methods of the five papers, whose numbers the list has."""
LINES = {
    "all-single": 42,
    "all-multi": 23,
    "indoor-single": 23,
    "indoor-multi": 14,
    "visible-to-thermal": 31,
    "thermal-to-visible": 10,
    "Market-1501": 10,
    "CUHK03": 5,
    "DukeMTMC-reID": 10,
}
"""Of [quoted.*], by setting; a line for each way in which somebody's numbers are printed."""


def numbers(cells: str) -> list[str]:
    return [cell for cell in cells.split() if cell != "-"]


def test_every_table_has_as_many_numbers_as_its_paper_prints() -> None:
    counted = Counter[tuple[str, str]]()
    for (method, row, _), cells in OWN.items():
        counted[method, row.partition(".")[0]] += len(numbers(cells))
    assert counted == NUMBERS
    assert Counter(setting for setting, _, _ in QUOTED) == LINES


def test_cells_are_four_numbers_and_belong_to_rows_methods_and_papers_that_there_are() -> None:
    for cells in (*OWN.values(), *QUOTED.values()):
        assert re.fullmatch(r"(\d+(\.\d+)?|-)( (\d+(\.\d+)?|-)){3}", cells), cells
    for method in FILE.keys() - {"quoted"}:
        rows = METHODS[method].rows
        for row, words in FILE[method].items():
            assert row in rows or any(name.startswith(f"{row}.") for name in rows), row
            assert words.keys() <= {*SETTINGS, "quoted", "why"}
            if "quoted" in words:
                assert any(name == words["quoted"] for _, name, _ in QUOTED)
    assert {setting for setting, _, _ in QUOTED} == SETTINGS.keys()
    assert {paper for _, _, papers in QUOTED for paper in papers.split(" (")[0].split()} == {
        "expat", "lccrf", "dfe", "hpiln", "base_derivative",
    }  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_every_row_has_its_numbers_or_the_reason_why_there_are_none(name: str) -> None:
    for row in METHODS[name].rows:
        words = printed(name, row)
        assert re.search(r"(R1|mAP) \d", words) or re.fullmatch(r"none: .{20,}", words), row
        if row.startswith("ours."):
            assert words.startswith("none: ")


def test_protocols_are_known_and_the_pages_that_they_name_tell_of_them() -> None:
    file = Path(published_file.__file__).with_name("protocols.toml")
    said: dict[str, dict[str, str]] = tomllib.loads(file.read_text(encoding="utf-8"))
    assert said.keys() == METHODS.keys() & FILE.keys()
    for method, lines in said.items():
        page = (ROOT / "docs" / lines["page"]).read_text(encoding="utf-8")
        for name, protocol in lines.items():
            if name == "page":
                continue
            assert name in {*SETTINGS, *ON.values()}, (method, name)
            assert name in DATA_SETS[protocol] or ON.get(name) in DATA_SETS[protocol]
            assert f"`{protocol}`" in page or f"--protocol {protocol}" in page or protocol == "regdb", (
                method,
                protocol,
            )


def test_a_setting_goes_before_its_data_set_and_silence_is_told() -> None:
    assert measured_by("dfe", "indoor-multi").protocol == "sysu-indoor3"
    assert measured_by("dfe", "all-multi").protocol is None
    assert measured_by("expat", "all-multi") == MeasuredBy("sysu-imagecmc", "methods/expat.md")
    assert measured_by("nobody", "all-multi") == MeasuredBy(None, "")


def test_printings_are_the_papers_own_or_what_others_quote() -> None:
    assert printings("expat", "table9.at") == (
        Printing("thermal-to-visible", "", ("65.65", "-", "-", "65.39")),
        Printing("visible-to-thermal", "", ("69.60", "-", "-", "69.84")),
    )
    indoor = [p for p in printings("hcml", "peers.hcml") if p.setting == "indoor-single"]
    assert indoor == [
        Printing("indoor-single", "lccrf", ("24.52", "73.25", "86.73", "30.08")),
        Printing("indoor-single", "base_derivative", ("24.52", "-", "-", "30.08")),
    ]
    assert printings("hpiln", "margin.0.3") == ()
    assert remark_of("lccrf", "regdb.full").startswith("its released script trains and tests on different splits")
    assert remark_of("lccrf", "table1.a") == ""


def test_words_of_a_row() -> None:
    rows = published_rows()
    assert rows["expat"]["table1.id+at+csbn"] == "all-search single-shot R1 37.00  R10 75.82  R20 85.68  mAP 37.28"
    assert rows["agw"]["peers.agw"] == (
        "all-search single-shot R1 47.50  mAP 47.65 (base_derivative);"
        " indoor-search single-shot R1 54.17  mAP 62.97 (base_derivative);"
        " visible to thermal R1 70.05  mAP 66.37 (lccrf base_derivative)"
    )
    assert rows["dfe"]["ours.sysu.wo-ld"] == "none: the paper leaves out this loss on RegDB only"
    assert "all-search single-shot: HOG + KISSME R1 2.12  R10 16.21  R20 29.13  mAP 3.53" in quoted_by("expat")
    assert not [line for line in quoted_by("dfe") if "KISSME" in line]


def test_what_methods_say_in_short_stands_in_the_tables() -> None:
    everything = {number for cells in (*OWN.values(), *QUOTED.values()) for number in numbers(cells)}
    for name, entry in METHODS.items():
        for line in entry.published:
            words = re.findall(r"\d+\.\d+", re.sub(r"\(mINP [\d.]+\)", "", line))
            assert words or line.startswith("none: ")
            assert set(words) <= everything, name


# --- against the list of reported numbers, where it lies beside the checkout


def rows_between(start: str, end: str) -> Iterator[list[str]]:
    """The cells of each line of the tables between two headings, without rules."""
    text = RESULTS.read_text(encoding="utf-8")
    for line in text[text.index(start) : text.index(end, text.index(start))].splitlines():
        if line.startswith("|") and not line.startswith("|--"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


SYSU = {
    "expAT: AT": ("expat", "table6.at"),
    "expAT": ("expat", "table6.expat"),
    "LCCRF": ("lccrf", "sysu.full"),
    "DFE baseline": ("dfe", "sysu.baseline"),
    "DFE w/o L_c": ("dfe", "sysu.wo-lc"),
    "DFE": ("dfe", "sysu.full"),
    **{
        f"HPILN {name}": ("hpiln", f"table2.{row}")
        for name, row in (("Res-Mid", "res_mid"), ("MGN", "mgn"), ("PCB", "pcb"), ("MLFN", "mlfn"), ("BFE", "bfe"))
    },
    "Base-Derivative": ("base_derivative", "study.MDL4"),
    "BNNeck (re-run by expAT)": ("expat", "table6.bnneck"),
    "cosine softmax (re-run)": ("expat", "table6.cosine"),
    "N-pair (2+1) (re-run, cosine)": ("expat", "table6.npair"),
}
REGDB = {
    "bi-directional triplet (expAT, re-run)": ("expat", "table9.trip"),
    "BNNeck (expAT, re-run)": ("expat", "table9.bnneck"),
    "expAT: AT": ("expat", "table9.at"),
    "expAT": ("expat", "table9.expat"),
    "LCCRF": ("lccrf", "regdb.full"),
    "DFE baseline": ("dfe", "regdb.baseline"),
    "DFE w/o L_c": ("dfe", "regdb.wo-lc"),
    "DFE w/o L_d": ("dfe", "regdb.wo-ld"),
    "DFE": ("dfe", "regdb.full"),
    "Base-Derivative": ("base_derivative", "regdb.MDL4"),
}
TABLE1 = ("id", "id+csbn", "id+trip", "id+trip+csbn", "id+at", "id+at+el+csbn", "id+at+csbn", "id+expat+csbn")
TABLES2_3 = (
    "table2.full",
    "table2.none",
    "table2.uni",
    "table2.proposed",
    "table3.cosine",
    "table3.at",
    "table3.expat",
)
TABLE8 = {"cosine softmax": "cosine", "N-pair (2+1)": "npair", "BNNeck": "bnneck", "expAT": "expat"}
TABLE10 = {
    "triplet baseline": "triplet", "BNNeck": "bnneck", "AT": "at", "expAT_alone (no CSBN)": "expat_alone",
    "expAT_l2norm": "expat_l2norm", "expAT": "expat", "BNNeck + centre loss": "bnneck+centre",
    "AT + centre loss": "at+centre", "expAT + centre loss": "expat+centre",
}  # fmt: skip


def reported_of_sysu() -> Iterator[tuple[tuple[str, str, str], list[str]]]:
    for search, start, end in (
        ("all", "### 1.1", "### 1.2"),
        ("indoor", "### 1.2", "## 2."),
        ("all", "### 4.1", "### 4.2"),
    ):
        for row in rows_between(start, end):
            if row[0] in SYSU:
                yield (*SYSU[row[0]], f"{search}-single"), row[1:5]
                yield (*SYSU[row[0]], f"{search}-multi"), row[5:9]
    for row in list(rows_between("Table IV (R1 / mAP)", "Table III: baseline"))[1:]:
        mode = row[0].split()[0]
        yield ("base_derivative", f"regdb.{mode}", "visible-to-thermal"), [row[1], "-", "-", row[2]]
        yield ("base_derivative", f"study.{mode}", "all-single"), [row[3], "-", "-", row[4]]
        yield ("base_derivative", f"study.{mode}", "indoor-single"), [row[5], "-", "-", row[6]]


def reported_of_regdb() -> Iterator[tuple[tuple[str, str, str], list[str]]]:
    for row in list(rows_between("## 2.", "## 3."))[1:]:
        known = row[1] != "(a)"
        yield (*REGDB[row[0]], "thermal-to-visible"), row[1:5] if known else ["-"] * 4
        yield (*REGDB[row[0]], "visible-to-thermal"), row[5:9]


def reported_of_expat() -> Iterator[tuple[tuple[str, str, str], list[str]]]:
    def single(row: str, cells: list[str]) -> tuple[tuple[str, str, str], list[str]]:
        return ("expat", row, "all-single"), cells

    def body(start: str, end: str) -> list[list[str]]:
        return list(rows_between(start, end))[1:]

    for name, row in zip(TABLE1, body("Table I. Columns", "Table II (variants"), strict=True):
        yield single(f"table1.{name}", row[4:8])
    for name, row in zip(TABLES2_3, body("Table II (variants", "Table IV (margin"), strict=True):
        yield single(name, row[1:5])
    for row in body("Table IV (margin", "Table V (LS"):
        yield single(f"table4.xi={float(row[0]):g}", row[1:5])
        yield single(f"table7.{row[6]}", row[7:11])
    for row in body("Table V (LS", "Table VIII (all"):
        tricks = "+".join(name for name, mark in zip(("ls", "re", "wu"), row, strict=False) if mark == "x")
        yield single(f"table5.{tricks or 'none'}", row[3:7])
    for row in body("Table VIII (all", "Multi-shot of the same"):
        yield single(f"table8.{TABLE8[row[0]]}{'+tricks' if row[1] == 'x' else ''}", row[2:6])
    for row in body("Table X (single", "### 3.2"):
        if row[0] in TABLE10:
            for setting, (rank, mean_ap) in (("Market-1501", row[1:3]), ("DukeMTMC-reID", row[3:5])):
                yield ("expat_single", f"table10.{TABLE10[row[0]]}", setting), [rank, "-", "-", mean_ap]


def reported_of_the_others() -> Iterator[tuple[tuple[str, str, str], list[str]]]:
    for name, row in zip("abcde", list(rows_between("### 3.2", "### 3.3"))[1:], strict=True):
        yield ("lccrf", f"table1.{name}", "all-single"), row[3:7]
    settings = ("all-single", "all-multi", "indoor-single", "indoor-multi")
    for row in list(rows_between("Table 4, rank-1 by loss", "Table 5, rank-1"))[1:]:
        network = row[0].lower().replace("-", "_")
        for setting, rank in zip(settings, row[2:6], strict=True):
            yield ("hpiln", f"table4.{network}.{row[1].lower()}", setting), [rank, "-", "-", "-"]
    text = RESULTS.read_text(encoding="utf-8")
    table5 = text[text.index("Table 5, rank-1") : text.index("Table 1 (input")]
    for network, *ranks in re.findall(r"([\w-]+) ([\d.]+) / ([\d.]+)", table5):
        for setting, rank in zip(settings, ranks, strict=False):
            row_name = network.lower().replace("-", "_")
            yield ("hpiln", f"table5.{row_name}", setting), [rank.rstrip("."), "-", "-", "-"]


@pytest.mark.skipif(not RESULTS.is_file(), reason="the list of reported numbers is not beside this checkout")
def test_the_papers_own_numbers_are_those_reported_one_by_one() -> None:
    reported: dict[tuple[str, str, str], list[str]] = {}
    for source in (reported_of_sysu(), reported_of_regdb(), reported_of_expat(), reported_of_the_others()):
        for key, cells in source:
            before = reported.setdefault(key, ["-"] * 4)
            for i, cell in enumerate(cells):
                assert "-" in (before[i], cell) or before[i] == cell, key
                before[i] = cell if before[i] == "-" else before[i]
    expected: Own = {key: " ".join(cells) for key, cells in reported.items() if set(cells) != {"-"}}

    assert expected.keys() - OWN.keys() == set()
    assert expected == {key: cells for key, cells in OWN.items() if key[0] in FIVE}


BEYOND = ROOT.parent / "shared/spec/beyond.md"


@pytest.mark.skipif(not BEYOND.is_file(), reason="the list of newer methods is not beside this checkout")
def test_newer_methods_print_only_numbers_that_were_verified() -> None:
    """Those marked as the paper's or the code's; what is marked [?] is from memory."""
    text = BEYOND.read_text(encoding="utf-8")
    chosen = text.partition("### 0.2")[2].partition("(a) the table")[0]
    table = chosen + text.partition("### 9.1")[2].partition("### 9.2")[0]
    verified = {number for pair in re.findall(r"([\d.]+ / [\d.]+) \[[PC]\]", table) for number in pair.split(" / ")}
    assert {n for (method, _, _), cells in OWN.items() if method not in FIVE for n in numbers(cells)} <= verified


PAPERS = {"E": "expat", "L": "lccrf", "D": "dfe", "H": "hpiln", "B": "base_derivative"}
ALONE = {
    "HCML, indoor": ("L (R10, R20 only there) B", ["lccrf", "base_derivative"]),
    "MAC, indoor": (
        "B (LCCRF prints 36.43 / 62.36 / 71.63 / 37.03, which are MAC's RegDB numbers)",
        ["base_derivative"],
    ),
    "zero-padding": ("D B (E and L print mAP 31.83, which is BDTR's)", ["dfe", "base_derivative"]),
}
"""Remarks in the column of papers, and the papers that print the line's numbers."""
REMARKED = {
    ("indoor-single", "HCML", "base_derivative"): "24.52 - - 30.08",
    ("indoor-single", "MAC", "lccrf"): "36.43 62.36 71.63 37.03",
    ("visible-to-thermal", "deep zero-padding", "expat lccrf"): "17.75 - - 31.83",
    ("visible-to-thermal", "deep zero-padding", "dfe (its second table)"): "17.75 56.42 67.52 31.83",
}
"""Numbers that stand in remarks; the search for their text in the list is below."""


def papers_of(column: str) -> list[str]:
    for remark, papers in ALONE.values():
        if column == remark:
            return papers
    column = re.sub(r" \(mINP [\d.]+ from its authors\)", "", column)
    return list(PAPERS.values()) if column == "all five" else [PAPERS[letter] for letter in column.split()]


def alternatives(cells: list[str]) -> Iterator[tuple[list[str] | None, list[str]]]:
    """A cell such as `20.80 (D), 20.08 (E L B)` makes a line for each; the papers are None where the column tells them."""
    split = [re.findall(r"([\d.]+) \(([A-Z ]+)\)", cell) for cell in cells]
    if not any(split):
        yield None, cells
        return
    place = next(i for i, values in enumerate(split) if values)
    for number, letters in split[place]:
        yield [PAPERS[letter] for letter in letters.split()], [*cells[:place], number, *cells[place + 1 :]]


def reported_quotes() -> Iterator[tuple[str, str, list[str], list[str]]]:
    for search, start, end in (("all", "### 4.1", "### 4.2"), ("indoor", "### 4.2", "## 5.")):
        for row in list(rows_between(start, end))[1:]:
            if row[0] in SYSU:
                continue
            name = row[0].split(" (")[0]
            for shots, cells in (("single", row[1:5]), ("multi", row[5:9])):
                for papers, line in alternatives(cells):
                    by = papers or papers_of(row[9])
                    if shots == "multi":  # which LCCRF and Base-Derivative don't measure
                        by = [paper for paper in by if paper not in ("lccrf", "base_derivative")]
                    if (search, shots, name) == ("indoor", "single", "HCML"):
                        by = ["lccrf"]
                    yield f"{search}-{shots}", name, by, line
    for direction, start, end in (
        ("visible-to-thermal", "## 5.", "Thermal to visible:"),
        ("thermal-to-visible", "Thermal to visible:", "## 6."),
    ):
        for row in list(rows_between(start, end))[1:]:
            for papers, line in alternatives(row[1:5]):
                by = papers or papers_of(row[5])
                yield direction, row[0], [paper for paper in by if (row[0], paper) != ("expAT", "expat")], line
    for row in list(rows_between("Table X (single", "### 3.2"))[1:]:
        if row[0] not in TABLE10:
            yield "Market-1501", row[0], ["expat"], [row[1], "-", "-", row[2]]
            yield "DukeMTMC-reID", row[0], ["expat"], [row[3], "-", "-", row[4]]
    text = RESULTS.read_text(encoding="utf-8")
    table3 = text[text.index("Table 3 (backbones") : text.index("Figs. 7 and 8")]
    pair = r"([\d.]+)/(\d+(?:\.\d+)?)"
    for name, *values in re.findall(rf"([\w-]+) {pair},\s+{pair},\s+{pair}", table3):
        for setting, i in (("Market-1501", 0), ("CUHK03", 2), ("DukeMTMC-reID", 4)):
            yield setting, name, ["hpiln"], [values[i], "-", "-", values[i + 1]]


@pytest.mark.skipif(not RESULTS.is_file(), reason="the list of reported numbers is not beside this checkout")
def test_the_numbers_quoted_of_others_are_those_reported_one_by_one() -> None:
    by: dict[tuple[str, str, str], set[str]] = {}
    for setting, name, given, row in reported_quotes():
        if set(row) != {"-"}:
            by.setdefault((setting, name, " ".join(row)), set()).update(given)
    text = RESULTS.read_text(encoding="utf-8")
    assert "36.43 / 62.36 / 71.63 / 37.03" in text
    assert "17.75 / 56.42 / 67.52 / 31.83" in text
    for (setting, name, papers), cells in REMARKED.items():
        by[setting, name, cells] = {papers} if "(" in papers else set(papers.split())

    assert by == {
        (setting, name, cells): {papers} if "(" in papers else set(papers.split())
        for (setting, name, papers), cells in QUOTED.items()
    }


@pytest.mark.skipif(not RESULTS.is_file(), reason="the list of reported numbers is not beside this checkout")
def test_no_number_of_the_reported_tables_is_left_out() -> None:
    ours = {number for cells in (*OWN.values(), *QUOTED.values()) for number in numbers(cells)}
    reported = {
        number for row in rows_between("## 1.", "## 6.") for cell in row for number in re.findall(r"\d+\.\d+", cell)
    }
    margins, of_their_authors = {"0.0", "0.5", "1.0", "1.5", "2.0"}, {"35.30", "50.19"}
    assert reported - ours == margins | of_their_authors
