"""The same numbers from a bundle, from a gallery, over HTTP, and from saved features; by the command line."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from tests import layouts
from tests.conftest import BUNDLE
from tests.waiting import until
from typer.testing import CliRunner

from rgbir.client import Client
from rgbir.client.cli import app
from rgbir.index import SysuMM01
from rgbir.index.evaluation import Features
from rgbir.server import Settings, create_app

runner = CliRunner()


def rgbir(*arguments: object) -> str:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, f"{result.output}{result.exception!r}"
    return result.stdout


@contextmanager
def served(gallery: Path, bundle: Path = BUNDLE) -> Iterator[str]:
    """A real server on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(
        create_app(Settings(gallery, bundle, threads=1)), port=port, log_level="error", lifespan="on"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with Client(f"http://127.0.0.1:{port}") as client:
            until(client.ready, "the server")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def measured(*arguments: object) -> dict[str, Any]:
    """A report without what it was measured with."""
    report: dict[str, Any] = json.loads(rgbir("evaluate", *arguments, "--json"))
    report.pop("about")
    return report


@pytest.mark.slow
def test_four_routes_lead_to_the_same_numbers_to_the_last_digit(tmp_path: Path, people: SysuMM01) -> None:
    cases: dict[str, tuple[Path, list[Any], list[Any]]] = {
        "sysu": (people.root, ["--mode", "indoor"], ["--layout", "sysu"]),
        "regdb": (layouts.regdb(tmp_path / "RegDB", people), ["--split", 3], ["--layout", "regdb", "--split", 3, "--modality", "ir"]),
        "llcm": (layouts.llcm(tmp_path / "LLCM", people), [], ["--layout", "llcm"]),
        "market": (layouts.market(tmp_path / "Market", people), [], ["--layout", "market"]),
    }  # fmt: skip
    for name, (data, options, layout) in cases.items():
        gallery = tmp_path / f"gallery-{name}"
        saved = tmp_path / f"{name}.npz"
        rgbir("index", "add", data, *layout, "--gallery", gallery, "--bundle", BUNDLE, "--threads", 1)

        of_bundle = measured("--data", data, *options, "--bundle", BUNDLE, "--save-features", saved)
        of_gallery = measured("--data", data, *options, "--bundle", BUNDLE, "--gallery", gallery)
        with served(gallery) as url:
            over_http = measured("--data", data, *options, "--url", url)
        of_features = measured(
            "--data", data, *options, "--features", saved, "--metric", of_bundle["protocol"]["metric"]
        )

        assert of_bundle["protocol"]["name"] == name
        assert of_bundle == of_gallery == over_http == of_features, name


def test_the_authors_feature_files_are_written_and_read(tmp_path: Path, people: SysuMM01) -> None:
    base = ["--data", people.root, "--protocol", "sysu-seeded"]
    of_bundle = measured(*base, "--bundle", BUNDLE, "--save-features", tmp_path / "deep")

    assert {file.name for file in tmp_path.iterdir()} == {f"deep_cam{c}.mat" for c in range(1, 7)}
    metric = of_bundle["protocol"]["metric"]
    assert measured(*base, "--features", tmp_path / "deep", "--metric", metric) == of_bundle
    (tmp_path / "deep_cam6.mat").unlink()
    refused = runner.invoke(app, ["evaluate", *map(str, base), "--features", str(tmp_path / "deep")])
    assert "deep_cam6.mat has 0 rows of identity 7; cam6/0007/0001.jpg is image 1" in str(refused.exception)
    refused = runner.invoke(app, ["evaluate", *map(str, base), "--features", str(tmp_path / "none")])
    assert "no none_cam1.mat …" in str(refused.exception)


def test_regdb_takes_a_bundle_for_each_split_and_refuses_the_wrong_one(tmp_path: Path, people: SysuMM01) -> None:
    data = layouts.regdb(tmp_path / "RegDB", people)
    bundles = []
    for split in (2, 7):
        copy = tmp_path / f"expat_compact.regdb_split{split}"
        copy.mkdir()
        for file in BUNDLE.iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        card = json.loads((copy / "card.json").read_text())
        (copy / "card.json").write_text(json.dumps({**card, "training_data": f"regdb_split{split}"}))
        bundles += ["--bundle", copy]

    report = measured("--data", data, *bundles, "--direction", "infrared->visible")

    assert len(report["trials"]) == 2
    assert report["protocol"]["direction"] == "thermal->visible"
    alone = [measured("--data", data, *bundles[i : i + 2], "--direction", "infrared->visible") for i in (0, 2)]
    assert report["mAP"] == pytest.approx((alone[0]["mAP"] + alone[1]["mAP"]) / 2)
    refused = runner.invoke(app, ["evaluate", "--data", str(data), "--bundle", str(bundles[1]), "--split", "3"])
    assert "would meet people of its training" in str(refused.exception)


def test_switches_change_a_preset_and_the_report_prints_them(people: SysuMM01) -> None:
    shown = rgbir("evaluate", "--data", people.root, "--bundle", BUNDLE, "--selection", "seeded", "--cmc", "image")
    assert "sysu mode=all shots=single identities=test metric=cosine selection=seeded cmc=image ap=rectangle" in shown
    assert "denominator=valid hiding=place indoor_probes=3,6 trials=10" in shown


@pytest.mark.slow
def test_two_reports_are_compared_with_a_paired_bootstrap(tmp_path: Path, people: SysuMM01) -> None:
    files = [tmp_path / f"{name}.json" for name in "ab"]
    markdown = tmp_path / "a.md"
    base = ["evaluate", "--data", people.root, "--bundle", BUNDLE]
    rgbir(*base, "--report", files[0], "--markdown", markdown)
    rgbir(*base, "--metric", "euclidean", "--report", files[1])

    shown = rgbir("evaluate", "--compare", *files)

    assert all(word in shown for word in ("R1", "mAP", "mINP", "difference", "bootstrap"))
    assert "| mean | " in markdown.read_text()
    other = tmp_path / "c.json"
    rgbir(*base, "--cmc", "image", "--report", other)
    refused = runner.invoke(app, ["evaluate", "--compare", str(files[0]), str(other)])
    assert "reports of different protocols can't be compared (cmc: identity and image)" in str(refused.exception)


@pytest.mark.slow
def test_a_protocol_of_another_data_set_and_missing_options_say_what_to_do(people: SysuMM01) -> None:
    cases = [
        (["--data", people.root, "--bundle", BUNDLE, "--protocol", "regdb"], "leave --protocol out, or say sysu"),
        (["--data", people.root, "--bundle", BUNDLE, "--protocol", "sys"], "no protocol 'sys'; there are sysu, "),
        (["--data", people.root], "--data needs what to measure on it"),
        ([], "give --data with --bundle, --url or --features"),
        (["--data", people.root, "--url", "http://127.0.0.1:9"], "no answer from"),
    ]
    for arguments, message in cases:
        refused = runner.invoke(app, ["evaluate", *map(str, arguments)])
        assert message in str(refused.exception)


@pytest.mark.slow
def test_several_shots_and_reranking_have_names_of_their_own(tmp_path: Path, people: SysuMM01) -> None:
    """Of embeddings with noise in them: the network finds three people without an error, and nothing would be moved."""
    file, rng = tmp_path / "features.npz", np.random.default_rng(0)
    measured("--data", people.root, "--bundle", BUNDLE, "--save-features", file)
    exact = Features.load(file)
    noise = 2 * exact.embeddings.std() * rng.standard_normal(exact.embeddings.shape)
    replace(exact, embeddings=(exact.embeddings + noise).astype(np.float32)).save(file)
    base = ["--data", people.root, "--features", file]
    plain, shots = measured(*base), measured(*base, "--query-shots", 3)
    reranked = measured(*base, "--rerank", "5,3,0.3")

    assert shots["protocol"]["name"] == "sysu+3shots"
    assert shots["queries"] == 2 * 3 * 2  # four images of three people by two cameras: three and one
    assert reranked["protocol"]["name"] == "sysu+reranked(5,3,0.3)"
    assert (reranked["queries"], reranked["gallery_rows"]) == (plain["queries"], plain["gallery_rows"])
    assert reranked["mAP"] != plain["mAP"]
    unchanged = measured(*base, "--rerank", "5,3,1")
    assert (unchanged["mAP"], unchanged["cmc"]) == (plain["mAP"], plain["cmc"])  # all the weight on the plain distance

    alone = measured(*base, "--rerank", "k-reciprocal:5,3,0.3,gallery")
    assert alone["protocol"]["name"] == "sysu+reranked(5,3,0.3,gallery)"
    assert alone["mAP"] not in (plain["mAP"], reranked["mAP"])  # a query's neighbours are the gallery's alone
    by_aim = {way: measured(*base, "--rerank", way) for way in ("aim", "aim:4,1", "aim:10,2", "aim:published")}
    assert by_aim["aim"]["mAP"] == by_aim["aim:4,1"]["mAP"] == by_aim["aim:published"]["mAP"]
    assert by_aim["aim"]["protocol"]["rerank"] == "aim(4,1), neighbours among the gallery"
    assert [report["protocol"]["name"] for report in by_aim.values()] == [
        "sysu+aim(4,1)", "sysu+aim(4,1)", "sysu+aim(10,2)", "sysu+aim(published,4,1)",
    ]  # fmt: skip
    assert len({report["mAP"] for report in (plain, *by_aim.values())}) > 1
    assert plain["protocol"]["rerank"] == "none"

    for wrong, message in (
        ("5,x", "k-reciprocal has the settings k1, k2, weight and neighbours"), ("3,5,0.3", "1 ≤ k2 ≤ k1"),
        ("aim:1,2,3", "aim has the settings k1 and k2"), ("aim:0,1", "k1 ≥ 1"), ("own", "rerank is aim or k-reciprocal"),
        ("k-reciprocal:5,3,0.3,queries", "all or gallery, not 'queries'"),
    ):  # fmt: skip
        refused = runner.invoke(app, ["evaluate", *map(str, base), "--rerank", wrong])
        assert message in str(refused.exception)
