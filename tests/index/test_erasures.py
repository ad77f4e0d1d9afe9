"""What is erased never comes back, and what is enrolled anew stays: random histories against a model of acknowledgements.

The model knows no clock and no file: it counts events, and holds for each gallery when each sighting became known to it.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.index.yard import model, network
from tests.site.media import read_only
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import Crop, Gallery, NewSighting, Query, UsageError
from rgbir.index.enrolment.merge import merge
from rgbir.index.errors import GalleryCorrupt, GalleryError
from rgbir.index.gallery.folder.backup import back_up, restore

NETWORK = network("abc")
MODEL = model(4)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def picture(number: int) -> NewSighting:
    """Always the same for a number."""
    chance = random.Random(number)
    return NewSighting(
        chance.choice("abc"),
        np.random.default_rng(number).standard_normal(4).astype(np.float32),
        f"digest-{number}",
        f"{number}.jpg",
        chance.choice([None, FIRST + timedelta(hours=chance.randrange(50))]),
        chance.choice([None, *range(5)]),
        chance.choice([None, *"xyz"]),
        chance.choice([None, Crop("image/png", bytes(chance.randrange(256) for _ in range(20)))]),
    )


@dataclass
class Truth:
    """A gallery as it must be. known: when each picture became known to it. erased: (event, picture's number) to (event, test)."""

    known: dict[int, int] = field(default_factory=dict)
    erased: list[tuple[int, Any]] = field(default_factory=list)

    def heed(self, known: dict[int, int]) -> dict[int, int]:
        """What of these isn't erased since."""
        return {
            number: since
            for number, since in known.items()
            if not any(since < event and meant(number) for event, meant in self.erased)
        }


def condition(chance: random.Random, known: list[int]) -> tuple[dict[str, Any], Any]:
    """An erasure's arguments, and whether it means a picture."""
    kind = chance.choice(["ids", "camera", "identity", "track", "before", "two"])
    some = set(chance.sample(known, min(len(known), chance.randrange(1, 4)))) | {chance.randrange(60)}
    moment = FIRST + timedelta(hours=chance.randrange(50))
    camera, identity, track = chance.choice("abc"), chance.randrange(5), chance.choice("xyz")
    given: dict[str, dict[str, Any]] = {
        "ids": {"ids": [picture(number).id for number in some]},
        "camera": {"camera": camera},
        "identity": {"identity": identity},
        "track": {"track": track},
        "before": {"before": moment},
        "two": {"camera": camera, "identity": identity},
    }

    def meant(number: int) -> bool:
        sighting = picture(number)
        return {
            "ids": number in some,
            "camera": sighting.camera == camera,
            "identity": sighting.identity == identity,
            "track": sighting.track == track,
            "before": sighting.taken_at is not None and sighting.taken_at < moment,
            "two": sighting.camera == camera and sighting.identity == identity,
        }[kind]

    return given[kind], meant


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 200))])
@pytest.mark.slow
def test_no_history_brings_the_erased_back_or_loses_what_was_enrolled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    clock = [time.time_ns()]
    # A gallery that lived apart is compared by the clocks; one place bears any clock.
    apart = seed % 2 == 0
    monkeypatch.setattr(time, "time_ns", lambda: clock[0])
    folder = tmp_path / "gallery"
    gallery, truth = Gallery.create(folder, MODEL, NETWORK), Truth()
    copies: list[tuple[str, Path, dict[int, int]]] = []
    for event in range(60):
        clock[0] += chance.choice(
            [1_000_000, 86_400 * 10**9, *([] if apart else [0, -3600 * 10**9, -400 * 86_400 * 10**9])]
        )
        what = chance.choice(["add", "add", "erase", "erase", "keep", "copy", "elsewhere", "restore", "merge", "open"])
        if what == "add":
            new = chance.sample(range(60), chance.randrange(1, 8))
            gallery.add([picture(number) for number in new])
            truth.known |= {number: event for number in new if number not in truth.known}
        elif what == "erase":
            given, meant = condition(chance, sorted(truth.known))
            expected = {number for number in truth.known if meant(number)}
            assert gallery.remove(**given) == len(expected)
            truth.erased.append((event, meant))
            truth.known = {number: since for number, since in truth.known.items() if number not in expected}
        elif what == "keep":
            out = tmp_path / f"backup-{event}"
            back_up(folder, out)
            copies.append(("backup", out, dict(truth.known)))
        elif what == "copy":  # as somebody copies a folder
            gallery.close()
            shutil.copytree(folder, tmp_path / f"copy-{event}")
            copies.append(("folder", tmp_path / f"copy-{event}", dict(truth.known)))
            gallery = Gallery(folder)
        elif what == "elsewhere" and apart and any(kind == "folder" for kind, *_ in copies):
            place, known = chance.choice([(place, known) for kind, place, known in copies if kind == "folder"])
            new = chance.sample(range(60), 3)
            with Gallery(place) as other:  # which knows of no erasure since it was copied
                other.add([picture(number) for number in new])
            known |= {number: event for number in new if number not in known}
        elif what in ("restore", "merge") and copies:
            kind, place, known = chance.choice(copies)
            if what == "merge" and kind == "folder":
                with Gallery(place) as other:
                    merge(other, gallery)
                truth.known = truth.heed(known) | truth.known
            elif what == "restore":
                gallery.close()
                shutil.rmtree(folder)
                if kind == "backup":
                    restore(place, folder)
                else:
                    shutil.copytree(place, folder)
                gallery = Gallery(folder)
                truth.known = truth.heed(known)
        elif what == "open":
            gallery.close()
            gallery = Gallery(folder)
        assert {sighting.id for sighting in gallery.sightings()} == {picture(number).id for number in truth.known}, (
            event,
            what,
        )
        if truth.known:
            hits = gallery.search(Query(np.zeros(4, np.float32), cameras=["a", "b", "c"], top_k=100)).hits
            assert len(hits) == len(truth.known)
    assert gallery.verify() == []
    gallery.close()


def made(folder: Path, numbers: range = range(20)) -> Gallery:
    gallery = Gallery.create(folder, MODEL, NETWORK)
    gallery.add([picture(number) for number in numbers])
    return gallery


def test_the_ledger_holds_nothing_of_the_erased_but_hashes(tmp_path: Path) -> None:
    with made(tmp_path / "gallery") as gallery:
        gone = [picture(number) for number in range(20) if picture(number).camera == "a"]
        gallery.remove(camera="a")
    noted = (tmp_path / "gallery.erasures").read_bytes()
    stored = (tmp_path / "gallery/gallery.sqlite3").read_bytes()
    for sighting in gone:
        crop = b"" if sighting.crop is None else sighting.crop.data
        for secret in (sighting.id.encode(), sighting.embedding.tobytes(), *([crop] if crop else [])):
            assert secret not in noted
            assert secret not in stored


def test_a_merge_takes_what_was_erased_in_its_source_from_the_target(tmp_path: Path) -> None:
    with (
        made(tmp_path / "a") as a,
        made(tmp_path / "b", range(10, 30)) as b,
        made(tmp_path / "whole", range(1)) as whole,
    ):
        first = merge(a, whole)
        merge(b, whole)
        assert (first.added, first.present) == (19, 1)
        gone = {number for number in range(20) if picture(number).identity == 2}
        assert a.remove(identity=2) == len(gone)

        again = merge(a, whole)

        left = set(range(30)) - gone  # b's others of that identity stay: nobody erased them there
        assert {sighting.id for sighting in whole.sightings()} == {picture(number).id for number in left}
        assert again.removed == len(gone)
        assert merge(a, whole).removed == 0


def test_a_copy_that_goes_on_follows_its_source(tmp_path: Path) -> None:
    made(tmp_path / "a").close()
    runner = CliRunner()
    result = runner.invoke(app, ["index", "copy", str(tmp_path / "a"), str(tmp_path / "b")])
    assert "20 added, 0 were there; 20 sightings" in result.output
    runner.invoke(app, ["index", "remove", "--yes", "--camera", "a", "--gallery", str(tmp_path / "a")])
    result = runner.invoke(app, ["index", "copy", str(tmp_path / "a"), str(tmp_path / "b")])
    gone = sum(picture(number).camera == "a" for number in range(20))
    assert f"{gone} were erased from {tmp_path / 'a'} since, and are removed from" in result.output
    with Gallery(tmp_path / "b") as b:
        assert {sighting.camera for sighting in b.sightings()} == {"b", "c"}


def test_a_restore_whose_ledger_is_lost_is_refused_until_it_is_said(tmp_path: Path) -> None:
    made(tmp_path / "gallery").close()
    back_up(tmp_path / "gallery", tmp_path / "copy")
    with Gallery(tmp_path / "gallery") as gallery:
        gallery.remove(camera="a")
    (tmp_path / "gallery.erasures").rename(tmp_path / "carried")
    with pytest.raises(UsageError, match="or is another one; name it with --erasures, or restore --without-erasures"):
        restore(tmp_path / "copy", tmp_path / "again")
    assert not (tmp_path / "again").exists()

    _, removed = restore(tmp_path / "copy", tmp_path / "again", [tmp_path / "carried"])

    assert removed == sum(picture(number).camera == "a" for number in range(20))
    with Gallery(tmp_path / "again") as again:
        assert again.verify() == []
        assert "a" not in {sighting.camera for sighting in again.sightings()}
    assert restore(tmp_path / "copy", tmp_path / "third", without_ledger=True)[1] == removed  # the gallery knows
    (tmp_path / "gallery").rename(tmp_path / "gone")
    assert restore(tmp_path / "copy", tmp_path / "fourth", without_ledger=True)[1] == 0


@pytest.mark.parametrize("left", ["gallery.sqlite3-wal", "gallery.sqlite3-shm", "cache"])
def test_a_restore_beside_what_a_crash_left_is_refused(tmp_path: Path, left: str) -> None:
    with made(tmp_path / "gallery") as gallery:
        back_up(tmp_path / "gallery", tmp_path / "copy")
        gallery.save_cache()
        shutil.copytree(tmp_path / "gallery", tmp_path / "killed")
    (tmp_path / "killed/gallery.sqlite3").unlink()
    for name in {"gallery.sqlite3-wal", "gallery.sqlite3-shm", "cache"} - {left}:
        place = tmp_path / "killed" / name
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    with pytest.raises(UsageError, match=f"has {left} of a gallery that was there"):
        restore(tmp_path / "copy", tmp_path / "killed")


def test_a_damaged_line_of_the_ledger_is_told_and_half_a_line_was_never_acknowledged(tmp_path: Path) -> None:
    with made(tmp_path / "gallery") as gallery:
        gallery.remove(camera="a")
    ledger = tmp_path / "gallery.erasures"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole + whole[:40])
    with Gallery(tmp_path / "gallery") as gallery:
        gallery.remove(camera="b")
    assert ledger.read_bytes().startswith(whole)
    assert ledger.read_bytes().count(b"\n") == 2
    for rubbish in (b"\n", b"{}\n", b"\0" * 70_000 + b"\n", b'{"uid": 1}\n', b"\xff\n"):
        ledger.write_bytes(whole + rubbish + whole)
        with pytest.raises(GalleryCorrupt, match="line 2 is no erasure"):
            Gallery(tmp_path / "gallery")


def test_an_erasure_that_a_closed_gallery_has_not_carried_out_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "gallery").close()
    shutil.copytree(tmp_path / "gallery", tmp_path / "older")
    with Gallery(tmp_path / "gallery") as gallery:
        gallery.remove(camera="a")
    shutil.rmtree(tmp_path / "gallery")
    (tmp_path / "older").rename(tmp_path / "gallery")
    (tmp_path / "closed.erasures").write_bytes((tmp_path / "gallery.erasures").read_bytes())
    with (
        read_only(tmp_path / "gallery", tmp_path / "closed") as closed,
        pytest.raises(GalleryError, match=r"tells of 1 erasures that .* hasn't carried out"),
    ):
        Gallery(closed)
    with Gallery(tmp_path / "gallery") as gallery:
        assert gallery.erased_since == sum(picture(number).camera == "a" for number in range(20))


def test_a_ledger_that_was_lost_is_written_again_from_the_gallery(tmp_path: Path) -> None:
    with made(tmp_path / "gallery") as gallery:
        gallery.remove(camera="a")
        gallery.remove(identity=1)
    ledger = tmp_path / "gallery.erasures"
    before = ledger.read_bytes()
    ledger.unlink()
    Gallery(tmp_path / "gallery").close()
    assert set(before.splitlines()) <= set(ledger.read_bytes().splitlines())


@pytest.mark.parametrize("given", [{"camera": "a"}, {"ids": [picture(number).id for number in range(40)]}])
def test_what_was_enrolled_elsewhere_after_an_erasure_stays(tmp_path: Path, given: dict[str, Any]) -> None:
    made(tmp_path / "gallery", range(20)).close()
    shutil.copytree(tmp_path / "gallery", tmp_path / "apart")
    with Gallery(tmp_path / "gallery") as gallery:
        gallery.remove(**given)
    with Gallery(tmp_path / "apart") as apart:
        apart.add([picture(number) for number in range(20, 40)])
    shutil.rmtree(tmp_path / "gallery")
    (tmp_path / "apart").rename(tmp_path / "gallery")
    meant = {number for number in range(20) if "ids" in given or picture(number).camera == "a"}
    with Gallery(tmp_path / "gallery") as gallery:
        assert {sighting.id for sighting in gallery.sightings()} == {
            picture(number).id for number in set(range(40)) - meant
        }


def test_a_backup_that_names_no_ledger_says_so_when_it_is_restored(tmp_path: Path) -> None:
    with made(tmp_path / "gallery") as gallery:
        back_up(tmp_path / "gallery", tmp_path / "copy")
        gallery.remove(camera="a")
    manifest = tmp_path / "copy/backup.json"
    content = {
        name: value for name, value in json.loads(manifest.read_text()).items() if name not in ("ledger", "mark")
    }
    manifest.write_text(json.dumps(content))  # as older versions wrote it
    shutil.rmtree(tmp_path / "gallery")
    runner = CliRunner()
    here = runner.invoke(app, ["index", "restore", str(tmp_path / "copy"), "--gallery", str(tmp_path / "gallery")])
    assert "were erased since, and are removed" in here.output
    assert f"only what {tmp_path / 'gallery.erasures'} tells was applied" in here.output
