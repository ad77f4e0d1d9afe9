"""What others wrote is shown on a terminal, and never obeyed by it: file names, headers of tables, cards, a server's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image
from rich.table import Table
from tests.commands import run
from tests.conftest import BUNDLE
from tests.index.yard import filled, sightings

from rgbir.client.output import Manner, as_document, printable, remark, show

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
CLEAR = "\x1b[2J\x9b31m\x07\r"
"""Clears a terminal, colours it, rings, and goes back to the line's beginning."""


@pytest.fixture(autouse=True)
def plain_loggers() -> Iterator[None]:
    yield
    Manner().take_effect()


def test_signs_that_a_terminal_obeys_are_written_out() -> None:
    assert printable("a\x1b[2J\x9bb\x7f\r\u2028\udcff") == r"a\u001b[2J\u009bb\u007f\u000d\u2028\udcff"
    plain = "Zürich 窃盗 «x»\n\tnext → 5 [red] \\u001b"
    assert printable(plain) == plain


def test_tables_remarks_and_documents_are_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name", f"head{CLEAR}")
    table.add_row(f"cell{CLEAR}", "x")
    Manner().take_effect()
    show([table, f"line{CLEAR}"])
    remark(f"remark{CLEAR}")
    shown = capsys.readouterr()
    for text in (shown.out, shown.err, as_document({"name": f"value{CLEAR}"})):
        assert not OBEYED.search(text)
        assert r"\u001b[2J" in text
    assert json.loads(as_document({"name": f"value{CLEAR}"})) == {"name": f"value{CLEAR}"}


@pytest.mark.parametrize("as_json", [[], ["--json"]])
@pytest.mark.slow
def test_names_headers_and_cards_of_others_are_written_out(tmp_path: Path, as_json: list[str]) -> None:
    (tmp_path / "camera").mkdir()
    Image.new("RGB", (8, 16)).save(tmp_path / "camera/good.jpg")
    (tmp_path / f"camera/{CLEAR}.jpg").write_bytes(b"no image")
    added = run(
        "index", "add", tmp_path / "camera", "--camera", "2", "--network", "sysu-mm01", "--bundle", BUNDLE, "--gallery", tmp_path / "g", *as_json
    )  # fmt: skip
    assert added.code == 3, added

    (tmp_path / "x.csv").write_text(f'camera,embedding,{CLEAR.strip()}\na,"[1, 2]",x\n')
    card = {"name": f"m{CLEAR}", "dimension": 2, "metric": "cosine", "provenance": "p", f"more{CLEAR}": 1}
    (tmp_path / "card.json").write_text(json.dumps(card))
    header = run("index", "import", tmp_path / "x.csv", "--gallery", tmp_path / "h", *as_json)
    (tmp_path / "x.csv").write_text('camera,embedding\na,"[1, 2]"\n')
    foreign = run(
        "index", "import", tmp_path / "x.csv", "--card", tmp_path / "card.json", "--gallery", tmp_path / "h", *as_json
    )
    missing = run("index", "stats", "--gallery", tmp_path / f"no{CLEAR}", *as_json)
    for done in (added, header, foreign, missing):
        assert not OBEYED.search(done.stdout + done.stderr)
        assert r"\u001b[2J" in done.stdout + done.stderr
    assert (header.code, foreign.code, missing.code) == (2, 2, 2)


def test_a_features_file_s_words_are_written_out(tmp_path: Path) -> None:
    filled(tmp_path / "g", sightings(2)).close()
    arrays: dict[str, Any] = {"embeddings": np.ones((1, 2), np.float32), f"a{CLEAR}": np.ones(1)}
    np.savez(tmp_path / "x.npz", **arrays)
    done = run("index", "import", tmp_path / "x.npz", "--gallery", tmp_path / "g")
    assert done.code == 2
    assert not OBEYED.search(done.stdout + done.stderr)
    assert r"\u001b[2J" in done.stderr


def test_a_server_s_words_are_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = json.dumps({"detail": f"no{CLEAR}", "code": f"c{CLEAR}"}).encode()
    transport = httpx2.MockTransport(lambda _: httpx2.Response(422, content=problem))
    plain = httpx2.Client
    monkeypatch.setattr(httpx2, "Client", lambda **more: plain(**more | {"transport": transport}))
    (tmp_path / "q.jpg").write_bytes(b"x")
    done = run("search", tmp_path / "q.jpg", "--camera", "3", "--url", "http://127.0.0.1:9")
    assert done.code == 2
    assert not OBEYED.search(done.stderr)
    assert r"no\u001b[2J" in done.stderr


def test_a_name_that_is_no_text_at_all_is_skipped_and_shown(tmp_path: Path) -> None:
    (tmp_path / "camera").mkdir()
    for name in ("good.jpg", "\udcff.jpg"):
        Image.new("RGB", (8, 16)).save(tmp_path / "camera" / name)
    (tmp_path / "camera/\udcff.txt").write_text("no image")
    where = ["index", "add", tmp_path / "camera", "--camera", "2", "--network", "sysu-mm01", "--bundle", BUNDLE]
    done = run(*where, "--gallery", tmp_path / "g")
    assert done.code == 3
    assert r"skipped \udcff.jpg: its name isn't UTF-8" in done.stderr
    answer = json.loads(run(*where, "--gallery", tmp_path / "g", "--json").stdout)
    assert (answer["present"], {skip["source"] for skip in answer["skipped"]}) == (1, {"\udcff.jpg", "\udcff.txt"})
