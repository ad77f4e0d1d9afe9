"""Pictures of an evaluation: all are drawn, and show what they say."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import BUNDLE
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import Encoder, Metric, SysuMM01
from rgbir.index.evaluation import PROTOCOLS, evaluate
from rgbir.index.evaluation.sources import encoded
from rgbir.index.plots.cameras import camera_pairs
from rgbir.index.plots.canvas import RIGHT, WRONG

runner = CliRunner()


@pytest.mark.slow
def test_every_picture_is_drawn_by_one_command(tmp_path: Path, people: SysuMM01) -> None:
    base = ["evaluate", "--data", str(people.root), "--bundle", str(BUNDLE)]
    other = tmp_path / "cosine.json"
    assert runner.invoke(app, [*base, "--metric", "cosine", "--report", str(other)]).exit_code == 0

    result = runner.invoke(app, [*base, "--plots", str(tmp_path / "plots"), "--curves", str(other)])

    assert result.exit_code == 0, result.output
    names = {"cmc.png", "ranked.png", "map.png", "distances.png", "cameras.png", "cameras.csv"}
    assert {path.name for path in (tmp_path / "plots").iterdir()} == names
    for name in names - {"cameras.csv"}:
        with Image.open(tmp_path / "plots" / name) as picture:
            assert min(picture.size) > 150
            assert np.asarray(picture.convert("L")).std() > 5
    with Image.open(tmp_path / "plots/ranked.png") as sheet:
        colours = {tuple(pixel) for pixel in np.asarray(sheet.convert("RGB")).reshape(-1, 3)[::7].tolist()}
    for framed in (RIGHT, WRONG):
        assert tuple(int(framed[i : i + 2], 16) for i in (1, 3, 5)) in colours


def test_camera_pairs_are_the_protocol_on_a_pair_alone(people: SysuMM01, encoder: Encoder) -> None:
    protocol = PROTOCOLS["sysu"]
    task = people.task(protocol)
    queries, gallery = encoded(task.queries, encoder), encoded(task.gallery, encoder)

    pairs = camera_pairs(task, queries, gallery, protocol, Metric.EUCLIDEAN)

    assert [(p.query, p.gallery) for p in pairs] == [(q, g) for q in "36" for g in "1245"]
    hidden = next(p for p in pairs if (p.query, p.gallery) == ("3", "2"))
    assert (hidden.queries, hidden.rank_1, hidden.mean_ap) == (0, None, None)
    others = [p for p in pairs if p is not hidden]
    assert {p.queries for p in others} == {12}
    assert all(p.mean_ap is not None and p.rank_1 is not None and p.rank_1 <= p.mean_ap for p in others)
    whole = evaluate(task, queries, gallery, protocol, Metric.EUCLIDEAN)
    assert whole.trials[0].queries == 24


@pytest.mark.slow
def test_the_table_of_pairs_is_a_file_too(tmp_path: Path, people: SysuMM01) -> None:
    arguments = ["evaluate", "--data", str(people.root), "--bundle", str(BUNDLE), "--plots", str(tmp_path)]
    assert runner.invoke(app, arguments).exit_code == 0
    rows = list(csv.DictReader((tmp_path / "cameras.csv").read_text().splitlines()))
    assert rows[1] == {"query camera": "3", "gallery camera": "2", "valid queries": "0", "rank-1": "", "mAP": ""}


def test_plots_of_reranked_or_fused_rankings_are_refused(tmp_path: Path, people: SysuMM01) -> None:
    arguments = ["evaluate", "--data", str(people.root), "--bundle", str(BUNDLE), "--plots", str(tmp_path)]
    refused = runner.invoke(app, [*arguments, "--query-shots", "2"])
    assert "--plots shows plain rankings" in str(refused.exception)


def test_counts_stand_beside_what_was_published(people: SysuMM01) -> None:
    shown = runner.invoke(app, ["counts", str(people.root)])
    assert shown.exit_code == 0
    assert "21 of 21 counts differ from the published SYSU-MM01" in shown.output
    content = json.loads(runner.invoke(app, ["counts", str(people.root), "--json"]).output)
    assert content[0] == {"what": "train identities", "found": 4, "published": 296}


@pytest.mark.parametrize("layout", ["regdb", "llcm", "market"])
def test_every_layout_is_counted(tmp_path: Path, people: SysuMM01, layout: str) -> None:
    from tests import layouts

    root = getattr(layouts, layout)(tmp_path / layout, people)
    content = json.loads(runner.invoke(app, ["counts", str(root), "--json"]).output)
    assert all(entry["published"] is not None for entry in content)
    assert {"regdb": 60, "llcm": 6, "market": 8}[layout] == len(content)
