"""The whole way by the command line: images, training, bundle, gallery, search, measure, serve. One of them in processes of their own."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import BUNDLE
from tests.waiting import HANGS_AFTER_S, until

from rgbir.client import Client
from rgbir.client.cli import main
from rgbir.index import SysuMM01

RGBIR = [sys.executable, "-c", "from rgbir.client.cli import main; main()"]


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def rgbir(*arguments: object, cwd: Path | None = None) -> Done:
    """A command in this process, as `main` ends it: an interpreter of its own takes seconds."""
    stdout, stderr, before = io.StringIO(), io.StringIO(), Path.cwd()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(stdout), redirect_stderr(stderr):
        patched.setattr(sys, "argv", ["rgbir", *map(str, arguments)])
        patched.setenv("COLUMNS", "200")
        patched.setenv("NO_COLOR", "1")
        os.chdir(cwd or before)
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            os.chdir(before)
    return Done(code, stdout.getvalue(), stderr.getvalue())


def in_a_process(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "PYTHONWARNINGS": "default"}
    command = [*RGBIR, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)


@pytest.mark.slow
def test_from_images_to_a_trained_answer(tmp_path: Path, people: SysuMM01) -> None:
    settings = [
        "backbone=compact",
        "height=64",
        "width=32",
        "tuples=3",
        "schedule.updates=4",
        "validate_every=4",
        "augment.padcrop=2",
    ]
    trained = rgbir(
        "train",
        "expat",
        "--variant",
        "official-code",
        "--row",
        "table2.proposed",
        "--data",
        people.root,
        "--out",
        tmp_path / "run",
        *(part for s in settings for part in ("--set", s)),
    )
    assert trained.returncode == 0, trained.stderr
    assert "4 identities" in trained.stdout
    assert "validation: rank-1" in trained.stderr

    again = rgbir("train", "expat", "--data", people.root, "--out", tmp_path / "run")
    assert (again.returncode, "holds a run already; go on with --resume" in again.stderr) == (2, True)

    bundle = tmp_path / "expat_compact.people"
    exported = rgbir("export", tmp_path / "run", "--out", bundle, "--data", people.root)
    assert exported.returncode == 0, exported.stderr
    assert "parity:" in exported.stdout
    card = json.loads((bundle / "card.json").read_text())
    assert card["name"] == "expat_compact.people"
    assert card["row"] == "table2.proposed"
    figures = card["measured"]["sysu, mode all, shots single, identities test, people"]
    assert 0 <= figures["rank_1"] <= figures["rank_5"] <= figures["rank_10"] <= figures["rank_20"] <= 1
    assert str(tmp_path) not in (bundle / "card.json").read_text()

    gallery = tmp_path / "gallery"
    added = rgbir("index", "add", people.root, "--layout", "sysu", "--gallery", gallery, "--bundle", bundle, "--json")
    assert json.loads(added.stdout)["added"] == 48
    process = rgbir(
        "search",
        people.root / "cam3/0007/0001.jpg",
        "--camera",
        "3",
        "--gallery",
        gallery,
        "--bundle",
        bundle,
        "--json",
        "--top-k",
        "50",
    )
    answer = json.loads(process.stdout)
    assert len(answer["hits"]) == 36
    assert "2" not in {hit["camera"] for hit in answer["hits"]}

    out = tmp_path / "report.json"
    measured = rgbir("evaluate", "--data", people.root, "--bundle", bundle, "--gallery", gallery, "--report", out)
    assert measured.returncode == 0, measured.stderr
    report = json.loads(out.read_text())
    assert report["about"]["row"] == "table2.proposed"
    assert {
        "protocol",
        "cmc",
        "curve",
        "mAP",
        "mINP",
        "queries",
        "valid_queries",
        "gallery_rows",
        "gallery_identities",
        "trials",
    } <= report.keys()
    assert (report["queries"], len(report["trials"])) == (24, 10)


def test_a_users_folder(tmp_path: Path, people: SysuMM01) -> None:
    folder, gallery = tmp_path / "images", tmp_path / "gallery"
    shutil.copytree(people.root / "cam1/0007", folder / "hall")
    shutil.copytree(people.root / "cam4/0007", folder / "yard")
    (folder / "yard/broken.jpg").write_bytes(b"broken")
    network = tmp_path / "site.toml"
    network.write_text(
        'cameras = [{ id = "hall", place = "hall" }, { id = "yard", place = "yard" }, { id = "night", modality = "ir", place = "yard" }]'
    )

    added = rgbir("index", "add", folder, "--gallery", gallery, "--bundle", BUNDLE, "--network", network)
    assert added.returncode == 3
    assert "8 added, 0 were there, 1 skipped; 8 sightings" in added.stdout
    assert "skipped yard/broken.jpg" in added.stderr

    process = rgbir(
        "search", people.root / "cam3/0007/0001.jpg", "--camera", "night", "--gallery", gallery, "--bundle", BUNDLE
    )
    assert process.returncode == 0, process.stderr
    assert "left out: camera yard: same place as the query's camera night (yard)" in process.stdout
    assert "searched: hall" in process.stdout

    wrong = rgbir(
        "search", people.root / "cam3/0007/0001.jpg", "--camera", "nigth", "--gallery", gallery, "--bundle", BUNDLE
    )
    assert wrong.returncode == 2
    assert "did you mean 'night'" in wrong.stderr
    assert "Traceback" not in wrong.stderr

    assert "checksums hold" in rgbir("index", "verify", "--gallery", gallery).stdout
    assert (
        "4 removed; 4 sightings left"
        in rgbir("index", "remove", "--gallery", gallery, "--camera", "hall", "--yes").stdout
    )
    stats = json.loads(rgbir("index", "stats", "--gallery", gallery, "--json").stdout)
    assert [(c["camera"], c["sightings"]) for c in stats["cameras"]] == [("yard", 4)]


def test_a_folder_without_a_network_makes_each_folder_a_colour_camera(tmp_path: Path, people: SysuMM01) -> None:
    shutil.copytree(people.root / "cam1/0007", tmp_path / "images/hall")

    rgbir("index", "add", tmp_path / "images", "--gallery", tmp_path / "g", "--bundle", BUNDLE)

    process = rgbir(
        "search",
        people.root / "cam3/0007/0001.jpg",
        "--modality",
        "ir",
        "--gallery",
        tmp_path / "g",
        "--bundle",
        BUNDLE,
        "--json",
    )
    assert len(json.loads(process.stdout)["hits"]) == 4


def test_features_leave_and_come_back(tmp_path: Path, people: SysuMM01) -> None:
    gallery = tmp_path / "gallery"
    rgbir("index", "add", people.root, "--layout", "sysu", "--gallery", gallery, "--bundle", BUNDLE)
    rgbir("index", "export", "--gallery", gallery, "--out", tmp_path / "g.npz")
    with np.load(tmp_path / "g.npz") as content:
        assert content["embeddings"].shape[0] == 48
        assert content["identities"].dtype == np.int64
        asking = content["cameras"] == "1"
        queries = {
            name: values[asking] if len(values) == len(asking) else values
            for name, values in ((name, content[name]) for name in content.files)
        }
    queries["cameras"] = np.full(len(queries["cameras"]), "6")
    np.savez(tmp_path / "q.npz", **queries)

    measured = rgbir("evaluate", "--query", tmp_path / "q.npz", "--against", tmp_path / "g.npz", "--json")

    report = json.loads(measured.stdout)
    assert report["cmc"]["1"] == 1.0  # each query is in the gallery
    embedded = rgbir(
        "embed", people.root / "cam3/0007/0001.jpg", "--modality", "ir", "--bundle", BUNDLE, "--out", tmp_path / "e.npz"
    )
    assert embedded.returncode == 0, embedded.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["search", "absent.jpg", "--camera", "3", "--url", "http://127.0.0.1:9"], 2, "there is no absent.jpg"),
        (["index", "stats", "--gallery", "absent"], 2, "is not a gallery"),
        (["evaluate"], 2, "give --data with --bundle, --url or --features"),
        (["index", "add", "absent", "--gallery", "g", "--bundle", "absent"], 2, "is not a"),
        (["train", "expat", "--data", ".", "--out", "x"], 2, "expected cam1"),
        (["train", "nothing", "--data", ".", "--out", "x"], 2, "no method 'nothing'"),
        (["methods", "nothing"], 2, "no method 'nothing'; there are"),
        (["serve", "--gallery", "g", "--bundle", "b", "--host", "0.0.0.0"], 2, "say --open"),
        (["nothing"], 2, "No such command"),
    ],
)
def test_a_wrong_command_says_what_to_do(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = rgbir(*arguments, cwd=tmp_path)

    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.mark.slow
def test_a_served_gallery_answers_and_sees_what_is_enrolled_beside_it(tmp_path: Path, people: SysuMM01) -> None:
    gallery, port = tmp_path / "gallery", free_port()
    in_a_process(
        "index", "add", people.root, "--layout", "sysu", "--gallery", gallery, "--bundle", BUNDLE, "--list", "test"
    )
    server = subprocess.Popen(
        [*RGBIR, "serve", "--gallery", str(gallery), "--bundle", str(BUNDLE), "--port", str(port)]
    )
    try:
        with Client(f"http://127.0.0.1:{port}") as client:
            until(client.ready, "the server")
            url = f"http://127.0.0.1:{port}"
            process = in_a_process(
                "search", people.root / "cam3/0007/0001.jpg", "--camera", "3", "--url", url, "--json"
            )
            local = in_a_process(
                "search",
                people.root / "cam3/0007/0001.jpg",
                "--camera",
                "3",
                "--gallery",
                gallery,
                "--bundle",
                BUNDLE,
                "--json",
            )
            assert json.loads(process.stdout)["hits"] == json.loads(local.stdout)["hits"]

            in_a_process(
                "index",
                "add",
                people.root,
                "--layout",
                "sysu",
                "--gallery",
                gallery,
                "--bundle",
                BUNDLE,
                "--list",
                "val",
            )
            assert client.gallery().sightings == 48 + 32
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(HANGS_AFTER_S) == 0
