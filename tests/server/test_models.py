"""Another model while the server answers: no request fails, nothing enrolled is lost, nothing erased comes back."""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from tests.server.processes import process
from tests.site.kills import Steps, trials
from tests.site.media import read_only
from tests.waiting import until
from typer.testing import CliRunner

from rgbir.client import Busy, Client, ClientError, Conflict, NotFound
from rgbir.client.cli import app
from rgbir.client.commands import _stands
from rgbir.client.wire import ServedModel
from rgbir.index import (
    CameraNetwork,
    Encoder,
    FittedMap,
    Gallery,
    GalleryAddress,
    Modality,
    NewSighting,
    SysuMM01,
    enrol,
    sha256,
)
from rgbir.server import Settings, create_app
from rgbir.server.engine.galleries import Galleries
from rgbir.server.errors import BadSettings

FIRST = BUNDLE.name


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """The same graphs under another metric, and with an unused file more: other models, as far as a gallery can tell."""
    folder = tmp_path / "bundles"
    for name in ("euclidean", "third"):
        shutil.copytree(BUNDLE, folder / name)
        card = json.loads((folder / name / "card.json").read_text())
        card["metric"] = "euclidean"
        if name == "third":
            (folder / name / "more.txt").write_text("")
            card["files"]["more.txt"] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        card["name"] = name
        (folder / name / "card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def settings(gallery: Gallery, bundles: Path, tmp_path: Path) -> Settings:
    return Settings(gallery.folder, BUNDLE, threads=1, bundles=bundles, audit=tmp_path / "audit.jsonl")


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        yield Client(http)


def infrared(people: SysuMM01) -> Path:
    return next(people.records("test", (3,))).path


def filled(client: Client, name: str, state: str = "ready") -> ServedModel:
    def now() -> ServedModel:
        return next(model for model in client.models() if model.name == name)

    until(lambda: now().state != "filling", "the end of filling")
    assert now().state == state, now()
    return now()


@pytest.mark.slow
def test_a_model_is_filled_compared_and_changed_to_and_back(
    client: Client, people: SysuMM01, settings: Settings
) -> None:
    image = infrared(people)
    before = client.search(image, camera="3")
    assert next((served.name, served.state) for served in client.models()) == (FIRST, "answering")

    assert client.prepare_model("euclidean").state == "filling"
    ready = filled(client, "euclidean")

    assert (ready.total, ready.missing) == (48, 0)
    assert ready.overlap is not None
    assert 0.3 < ready.overlap <= 1
    assert client.search(image, camera="3").model == before.model
    new = client.enrol(people.root / next(people.records("train", (1,))).source, camera="1")[0]
    assert client.remove(before.hits[0].id) == 1

    assert client.activate_model("euclidean").state == "answering"

    after = client.search(image, camera="3", top_k=50)
    assert after.model.fingerprint == ready.fingerprint != before.model.fingerprint
    assert before.hits[0].id not in {hit.id for hit in after.hits}
    assert new.id is not None
    assert client.sighting(new.id).camera == "1"
    assert client.gallery().sightings == 48
    assert client.activate_model(FIRST).state == "answering"
    back = client.search(image, camera="3")
    assert back.model == before.model
    assert [hit.id for hit in back.hits[:3]] == [hit.id for hit in before.hits[1:4]]
    actions = [entry["action"] for entry in client.audit()]
    assert actions.count("activated model") == 2


@pytest.mark.slow
def test_a_model_is_made_ready_for_a_gallery_of_one_camera(
    tmp_path: Path, bundles: Path, people: SysuMM01, encoder: Encoder
) -> None:
    with Gallery.open_or_create(tmp_path / "one", encoder.card, CameraNetwork.read("sysu-mm01")) as one:
        enrol(people.records("test", (1,)), encoder, one)
    settings = Settings(tmp_path / "one", BUNDLE, threads=1, bundles=bundles, audit=tmp_path / "audit.jsonl")
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        client = Client(http)
        client.prepare_model("euclidean")
        assert filled(client, "euclidean").overlap is None
        assert client.activate_model("euclidean").state == "answering"


@pytest.mark.slow
def test_a_fitted_model_is_filled_with_kept_embeddings(gallery: Gallery, bundles: Path, settings: Settings) -> None:
    """No crop of the new sighting is kept, and the map, which changes nothing but lengths, needs none."""
    gallery.add([NewSighting("1", np.full(256, 3, np.float32), "no crop", "bare.jpg")])
    file = bundles / "euclidean/map.npz"
    file.write_bytes(FittedMap(dict.fromkeys(Modality, np.zeros(256, np.float32)), None).to_bytes())
    figure = dict.fromkeys(("rank_1", "rank_1_spread", "mean_ap", "mean_ap_spread"), 0)
    about: dict[str, object] = {"fingerprint": gallery.model.fingerprint}
    about |= dict.fromkeys(("bundle", "unit_length", "command", "derived"), "")
    about |= dict.fromkeys(("plain", "centred", "fitted", "gain"), figure)
    about |= dict.fromkeys(("people", "sightings", "folds"), 1)
    card = json.loads((bundles / "euclidean/card.json").read_text())
    card["files"]["map.npz"] = sha256(file)
    card["fitted"] = about | {"file": "map.npz", "only_centred": True, "cameras": []}
    (bundles / "euclidean/card.json").write_text(json.dumps(card))

    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        client = Client(http)
        client.prepare_model("euclidean")
        ready = filled(client, "euclidean")

    assert (ready.total, ready.missing) == (49, 0)
    with Gallery(f"{gallery.folder}.{ready.fingerprint}") as made:
        bare = next(sighting.id for sighting in made.sightings() if sighting.source == "bare.jpg")
        np.testing.assert_allclose(made.embeddings([bare])[0], np.full(256, 1 / 16), atol=1e-6)


@pytest.mark.slow
def test_no_request_fails_while_models_change_and_every_answer_is_one_models(client: Client, people: SysuMM01) -> None:
    image, records = infrared(people), list(people.records("train", (1, 2, 4, 5)))
    client.prepare_model("euclidean")
    filled(client, "euclidean")
    stop, answers, problems, enrolled = threading.Event(), [], [], set[str]()

    def search() -> None:
        try:
            while not stop.is_set():
                answers.append(client.search(image, camera="3", top_k=3))
        except Exception as error:
            problems.append(error)

    def enrol() -> None:
        try:
            for record in records:
                (made,) = client.enrol(record.path, camera=record.camera)
                enrolled.add(made.id or "")
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=work) for work in (search, search, enrol)]
    for thread in threads:
        thread.start()
    for turn in range(8):
        client.activate_model(("euclidean", FIRST)[turn % 2])
        time.sleep(0.05)
    threads[2].join()
    client.activate_model("euclidean")
    stop.set()
    for thread in threads:
        thread.join()

    assert problems == []
    by_model: dict[str, set[tuple[str, ...]]] = {}
    for answer in answers:
        by_model.setdefault(answer.model.name, set()).add(tuple(hit.id for hit in answer.hits))
    assert set(by_model) == {FIRST, "euclidean"}
    assert len(enrolled) == len(records)
    assert all(client.sighting(sighting) for sighting in enrolled)


def test_a_model_that_no_longer_answers_is_let_go_though_it_was_counted(settings: Settings, people: SysuMM01) -> None:
    served = create_app(settings)
    with TestClient(served, base_url="http://127.0.0.1") as http:
        client = Client(http)
        client.prepare_model("euclidean")
        filled(client, "euclidean")
        client.search(infrared(people), camera="3")
        images = 'rgbir_model_images_total{modality="ir"} '
        (before,) = (line for line in http.get("/metrics").text.splitlines() if line.startswith(images))
        queue = weakref.ref(served.state.engine.now.queues[Modality.IR])
        client.activate_model("euclidean")
        client.prepare_model("third")  # takes the place of the one that answered before

        def gone() -> bool:
            gc.collect()
            return queue() is None

        until(gone, "the end of the first model's queue")
        client.search(infrared(people), camera="3")
        (after,) = (line for line in http.get("/metrics").text.splitlines() if line.startswith(images))
        assert float(after.split()[1]) == float(before.split()[1]) + 1


@pytest.mark.slow
def test_what_is_erased_is_erased_in_every_gallery_open_or_not(
    client: Client, people: SysuMM01, settings: Settings
) -> None:
    for name in ("euclidean", "third"):
        client.prepare_model(name)
        filled(client, name)
    client.activate_model("third")
    galleries = list(Galleries(settings).kept())
    assert len(galleries) == 3

    removed = client.remove(identity=7)

    assert removed == 16
    with Gallery(settings.gallery) as first:
        (sighting, *_) = first.sightings()
    result = CliRunner().invoke(
        app, ["index", "remove", "--gallery", str(settings.gallery), "--sighting", sighting.id, "--yes"]
    )
    assert result.output.count("1 removed from ") == 2
    for folder in galleries[1:]:
        with Gallery(folder) as gallery:
            assert len(gallery) == 31
            assert 7 not in {sighting.identity for sighting in gallery.sightings()}


@pytest.mark.slow
def test_lists_of_neighbours_are_each_models_and_know_nobody_who_was_erased(
    settings: Settings, people: SysuMM01
) -> None:
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        client, state, image = Client(http), http.app.state, infrared(people)  # type: ignore[attr-defined]
        client.prepare_model("euclidean")
        filled(client, "euclidean")
        for name in ("euclidean", FIRST):
            client.activate_model(name)
            answer = client.search(image, camera="3", rerank="aim:3,2")
            assert answer.reranking is not None
            assert answer.reranking.made == answer.reranking.kept == 48  # none of the other model's is taken
        galleries = [state.engine.now.gallery, state.models._other.gallery]
        gone = []
        for gallery in galleries:
            names = gallery._names(gallery.view())
            gone.append({row for row, name in names.items() if gallery.get(name).identity == 7})
            assert gone[-1] & {*gallery.neighbours._lists.near.reshape(-1).tolist()}

        assert client.remove(identity=7) == 16

        for gallery, rows in zip(galleries, gone, strict=True):
            lists = gallery.neighbours._lists
            assert not rows & {*lists.rows.tolist(), *lists.near.reshape(-1).tolist()}


@pytest.mark.slow
def test_a_damaged_gallery_of_another_model_keeps_nobody_from_being_erased(client: Client, settings: Settings) -> None:
    client.prepare_model("euclidean")
    filled(client, "euclidean")
    client.prepare_model("third")
    filled(client, "third")
    (closed,) = [folder for folder in Galleries(settings).kept()[1:] if folder != Path(client_other(client, settings))]
    whole = (closed / "gallery.sqlite3").read_bytes()
    (closed / "gallery.sqlite3").write_bytes(whole[:5000])

    erasure = client.erase(identity=7)

    assert (erasure.removed, erasure.unreached) == (16, [closed.name])
    (closed / "gallery.sqlite3").write_bytes(whole)
    with Gallery(closed) as gallery:
        assert 7 not in {sighting.identity for sighting in gallery.sightings()}


def client_other(client: Client, settings: Settings) -> Path:
    """The gallery that is open beside the one that answers."""
    name = next(served.fingerprint for served in client.models() if served.name == "third")
    return Path(f"{settings.gallery}.{name}")


@pytest.mark.slow
def test_what_another_process_erased_is_gone_from_the_next_model_too(
    client: Client, gallery: Gallery, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.prepare_model("euclidean")
    filled(client, "euclidean")
    gone = [sighting.id for sighting in gallery.sightings()[:5]]
    gallery.remove(ids=gone)
    monkeypatch.setattr("rgbir.index.enrolment.reencode.LOOKED_UP", 2)

    client.activate_model("euclidean")

    assert client.gallery().sightings == 43
    for folder in Galleries(settings).kept():
        with Gallery(folder) as opened:
            assert opened.known(gone) == set()


@pytest.mark.slow
def test_the_choice_outlives_a_restart_and_needs_its_bundles(
    settings: Settings, people: SysuMM01, bundles: Path
) -> None:
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        client = Client(http)
        client.prepare_model("euclidean")
        filled(client, "euclidean")
        client.activate_model("euclidean")
    with pytest.raises(BadSettings, match="say where the bundles lie with --bundles"):
        Galleries(replace(settings, bundles=None))
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        assert next((served.name, served.state) for served in Client(http).models()) == ("euclidean", "answering")
        assert Client(http).search(infrared(people), camera="3").model.name == "euclidean"
        Client(http).prepare_model(FIRST)
        filled(Client(http), FIRST)
        Client(http).activate_model(FIRST)
        Client(http).forget_model("euclidean")
    assert [folder.name for folder in Galleries(settings).kept()] == ["gallery"]
    with pytest.raises(BadSettings, match="rgbir index reencode"):
        Galleries(replace(settings, gallery="milvus://host:1/name"))


@pytest.mark.slow
def test_what_can_not_be_changed_to_is_said(client: Client, gallery: Gallery, bundles: Path) -> None:
    with pytest.raises(NotFound, match="no bundle 'nothing' here; there are"):
        client.prepare_model("nothing")
    with pytest.raises(NotFound):
        client.prepare_model("../bundles/euclidean")
    with pytest.raises(Conflict, match="euclidean is available, not ready; prepare it first"):
        client.activate_model("euclidean")
    with pytest.raises(Conflict, match="answers; activate another one first"):
        client.forget_model(FIRST)
    gallery.add([NewSighting("1", np.ones(256, np.float32), "no crop", "bare.jpg")])
    client.prepare_model("euclidean")
    standing = filled(client, "euclidean")
    assert (standing.missing, standing.reasons) == (1, {"bare.jpg": "it was enrolled without its crop"})
    with pytest.raises(Conflict, match="1 sightings have no crop that can be read"):
        client.activate_model("euclidean")
    assert client.activate_model("euclidean", allow_missing=True).state == "answering"
    (bundles / "third/ir.onnx").write_bytes(b"harmed")
    with pytest.raises(Exception, match="is not the file the card describes"):
        client.prepare_model("third")


def test_two_names_of_one_model_and_two_models_of_one_name(client: Client, bundles: Path, settings: Settings) -> None:
    shutil.copytree(BUNDLE, bundles / "again")
    with pytest.raises(Conflict, match="again is the same model as"):
        client.forget_model("again")
    with pytest.raises(Conflict, match="the model that answers, under another name"):
        client.prepare_model("again")
    assert client.gallery().sightings == 48
    shutil.copytree(bundles / "third", bundles / FIRST)
    with pytest.raises(BadSettings, match="two models of one name"):
        Galleries(settings)


def test_a_graph_that_fails_while_filling_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("of ONNX Runtime's own kind")

    monkeypatch.setattr("rgbir.index.Encoder.embed", broken)
    client.prepare_model("euclidean")
    assert filled(client, "euclidean", "failed").error == "the server failed; its log has the reason"


@pytest.mark.slow
def test_filling_is_stopped_and_goes_on(client: Client, settings: Settings) -> None:
    client.prepare_model("euclidean")
    with pytest.raises(Conflict, match="another gallery is being filled"):
        client.prepare_model("third")
    forgotten = client.forget_model("euclidean")
    assert forgotten.state == "available"
    assert [folder.name for folder in Galleries(settings).kept()] == ["gallery"]
    client.prepare_model("third")
    filled(client, "third")


def test_the_backup_of_a_forgotten_model_s_gallery_is_named_at_the_next_erasure(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    client.prepare_model("euclidean")
    filled(client, "euclidean")
    first, folder = Galleries(settings).kept()
    for gallery, name in ((first, "monday"), (folder, "tuesday")):
        backup = CliRunner().invoke(app, ["index", "backup", "--gallery", str(gallery), "--out", str(tmp_path / name)])
        assert backup.exit_code == 0
    client.forget_model("euclidean")
    assert not folder.exists()

    assert [copy.name for copy in client.erase(identity=7).backups] == ["monday", "tuesday"]


@pytest.mark.slow
@pytest.mark.parametrize("by", ["another process", "a disk that is closed"])
def test_a_model_is_not_forgotten_while_its_gallery_s_backups_cannot_be_noted(
    client: Client, settings: Settings, tmp_path: Path, by: str
) -> None:
    client.prepare_model("euclidean")
    filled(client, "euclidean")
    first, folder = Galleries(settings).kept()
    backup = CliRunner().invoke(app, ["index", "backup", "--gallery", str(folder), "--out", str(tmp_path / "tuesday")])
    assert backup.exit_code == 0
    holding = (
        "import sys; from pathlib import Path; from rgbir.index import locked\n"
        "with locked(Path(sys.argv[1]) / 'writer.lock'): print('held', flush=True); sys.stdin.read()"
    )

    with contextlib.ExitStack() as hindered:
        if by == "another process":
            words = [sys.executable, "-c", holding, str(first)]
            holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            hindered.callback(holder.communicate)
            assert holder.stdout is not None
            holder.stdout.readline()
        else:
            hindered.enter_context(read_only(first, first))
        with pytest.raises((Conflict, Busy), match="nothing was deleted, since its backups"):
            client.forget_model("euclidean")
        assert folder.exists()

    client.forget_model("euclidean")
    assert not folder.exists()
    assert [copy.name for copy in client.erase(identity=7).backups] == ["tuesday"]


@pytest.mark.slow
def test_forgetting_a_gallery_that_cannot_be_read_says_that_its_backups_are_unknown(
    client: Client, settings: Settings
) -> None:
    client.prepare_model("euclidean")
    filled(client, "euclidean")
    client.prepare_model("third")
    filled(client, "third")
    (folder,) = (folder for folder in Galleries(settings).kept() if is_of(folder, "euclidean"))
    file = folder / "gallery.sqlite3"
    file.write_bytes(file.read_bytes()[:5000])

    forgotten = client.forget_model("euclidean")

    assert forgotten.state == "available"
    assert "no erasure will name the backups" in str(forgotten.error)
    assert [*_stands(forgotten).lines][1:] == [forgotten.error]
    assert not folder.exists()


def is_of(folder: Path, name: str) -> bool:
    """Whether a gallery's folder is of the model of that name."""
    with Gallery(folder) as gallery:
        return gallery.model.name == name


@pytest.mark.slow
def test_what_of_a_forgotten_model_can_not_be_deleted_is_named_and_erasures_reach_it(
    client: Client, settings: Settings
) -> None:
    client.prepare_model("euclidean")
    filled(client, "euclidean")
    _, folder = Galleries(settings).kept()
    (folder / "aside").mkdir()
    (folder / "aside/crop.jpg").write_bytes(b"somebody")

    with read_only(folder / "aside", folder / "aside"), pytest.raises(Busy, match=r"aside, gallery\.sqlite3.* stay"):
        client.forget_model("euclidean")

    erasure = client.erase(identity=7)
    assert (erasure.removed, erasure.unreached) == (16, [])
    with Gallery(folder) as left:
        assert 7 not in {sighting.identity for sighting in left.sightings()}
    client.forget_model("euclidean")
    assert not folder.exists()


@pytest.mark.slow
def test_a_kill_while_a_gallery_is_deleted_leaves_it_its_database_to_the_last(tmp_path: Path, gallery: Gallery) -> None:
    gallery.save_cache()
    made = gallery.folder.with_name(f"made.{gallery.model.fingerprint}")

    def prepare(number: int) -> Callable[[], object]:
        (tmp_path / str(number)).mkdir()
        folder = shutil.copytree(gallery.folder, tmp_path / str(number) / made.name)
        return GalleryAddress.of(folder).delete

    outcomes = trials(prepare, Steps())

    assert len(outcomes) > 5
    for number in range(1, len(outcomes) + 1):
        folder = tmp_path / str(number) / made.name
        if folder.exists() and list(folder.iterdir()):
            assert GalleryAddress.of(folder).family() == [folder]
            with Gallery(folder) as left:
                assert left.remove(identity=7) == 16
        GalleryAddress.of(folder).delete()
        assert not folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize("kills", [20])
def test_a_server_that_is_killed_while_it_enrols_erases_and_changes_models_loses_nothing(
    settings: Settings, people: SysuMM01, bundles: Path, kills: int
) -> None:
    pictures = [record.path.read_bytes() for record in people.records("train", (1, 2))]
    added, erased = set[str](), set[str]()
    chance = random.Random(0)
    for _ in range(kills):
        with process(Path(settings.gallery), f", bundles=Path({str(bundles)!r})") as (server, port):
            working = [
                threading.Thread(target=work, args=(port, pictures, added, erased)) for work in (_enrol, _change)
            ]
            for thread in working:
                thread.start()
            enough = len(added) + chance.randrange(6, 25)
            until(lambda enough=enough: len(added) >= enough, "an enrolment")  # type: ignore[misc]
            server.kill()
            for thread in working:
                thread.join()
    assert len(Galleries(settings).kept()) == 2
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as http:
        client = Client(http)
        assert all(client.sighting(sighting) for sighting in added)
        for folder in Galleries(settings).kept():
            assert Gallery.problems_in(folder) == []
            with Gallery(folder) as gallery:
                assert gallery.known(sorted(erased)) == set()


def _enrol(port: int, pictures: list[bytes], added: set[str], erased: set[str]) -> None:
    """Until the server is gone; every third is erased again."""
    with contextlib.suppress(ClientError), Client(f"http://127.0.0.1:{port}", retries=0) as client:
        for number in itertools.count():
            (made,) = client.enrol(pictures[number % len(pictures)] + os.urandom(8), camera="1")
            assert made.id is not None
            if number % 3:
                added.add(made.id)
            else:
                client.remove(made.id)
                erased.add(made.id)


def _change(port: int, *_: object) -> None:
    with contextlib.suppress(ClientError), Client(f"http://127.0.0.1:{port}", retries=0) as client:
        while True:
            others = client.models()[1:]
            other = next(served for served in others if served.name in ("euclidean", FIRST))
            client.prepare_model(other.name)
            while client.models()[1].state == "filling" or client.models()[2].state == "filling":
                time.sleep(0.02)
            client.activate_model(other.name)


def test_a_server_without_bundles_says_so(gallery: Gallery) -> None:
    with TestClient(create_app(Settings(gallery.folder, BUNDLE, threads=1)), base_url="http://127.0.0.1") as http:
        client = Client(http)
        assert [served.state for served in client.models()] == ["answering"]
        with pytest.raises(NotFound, match="start it with --bundles FOLDER"):
            client.prepare_model(FIRST)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b'{"bundle": "x"}', b"\0" * 512, b"\xff"])
def test_a_damaged_choice_of_a_model_is_told_before_the_server_starts(settings: Settings, content: bytes) -> None:
    Galleries(settings).file.write_bytes(content)
    with pytest.raises(BadSettings, match="delete it to go back to --bundle"):
        Galleries(settings).chosen()
