"""What the command refuses before anything is asked for, and what a server takes in place of a gallery."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest
from tests.commands import run
from tests.conftest import BUNDLE
from tests.footage.frigate.conftest import NETWORK
from tests.footage.frigate.frigate import FrigateDouble
from tests.footage.frigate.people import Passing, frame_of, passings
from tests.footage.frigate.test_bridge import enrolled
from tests.server.processes import process

from rgbir.footage.frigate.api import trusted
from rgbir.footage.frigate.broker import Broker
from rgbir.index import CameraNetwork, Encoder, Gallery, Model, SysuMM01, UsageError, decode, locked

SINCE = ("--since", "2000-01-01T00:00:00Z")


def watch(*words: object) -> tuple[int, str]:
    done = run("watch", "frigate", *words)
    return done.code, done.stderr


@pytest.mark.slow
def test_once_takes_what_frigate_lists_into_a_new_gallery_and_ends(
    frigate: FrigateDouble, people: SysuMM01, tmp_path: Path
) -> None:
    shown = passings(people, 2)
    frigate.rows = [passing.row() for passing in shown]
    frigate.pictures = {passing.id: passing.picture for passing in shown}
    (tmp_path / "cameras.toml").write_text(NETWORK)
    folder = tmp_path / "new"
    words = (
        "--once", "--url", frigate.url, "--map", "front_door=hall", "--gallery", folder, "--bundle", BUNDLE,
        "--network", tmp_path / "cameras.toml", "--no-retention", "--json", *SINCE,
    )  # fmt: skip
    told = [json.loads(run("watch", "frigate", *words).stdout) for _ in range(2)]
    assert [each["added"] for each in told] == [2, 0]
    assert len(enrolled(folder)) == 2
    assert stat.S_IMODE((tmp_path / "new.frigate").stat().st_mode) == 0o600
    plain = run("watch", "frigate", *(word for word in words if word != "--json"))
    assert plain.stdout.strip() == "0 people enrolled; 0 known already"


def test_once_says_no_where_nobody_answers(house: Path) -> None:
    code, words = watch("--once", "--url", "http://127.0.0.1:9", "--gallery", house, "--bundle", BUNDLE)
    assert code == 1
    assert "Frigate doesn't answer: nobody listens there" in words


@pytest.mark.slow
def test_somebody_must_say_for_how_long_people_are_kept(tmp_path: Path, encoder: Encoder) -> None:
    folder = tmp_path / "house"
    with Gallery.create(folder, Model.of(encoder.card), CameraNetwork.from_toml(NETWORK)):
        pass
    base = ("--once", "--url", "http://127.0.0.1:9", "--gallery", folder, "--bundle", BUNDLE)
    code, words = watch(*base)
    assert (code, "--keep-days N, or --no-retention" in words) == (2, True)
    assert not folder.with_name("house.frigate").exists()
    assert watch(*base, "--keep-days", 30)[0] == 1  # nobody answers there, and the rule is set
    with Gallery(folder) as gallery:
        assert gallery.keep_days == 30
    assert watch(*base)[0] == 1
    assert watch(*base, "--keep-days", 10)[0] == 2
    assert watch(*base, "--no-retention")[0] == 2
    assert watch(*base, "--keep-days", 30, "--no-retention")[0] == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "give --mqtt, the broker"),
        (("--once", "--mqtt", "broker"), "--once asks no broker: --mqtt has no effect"),
        (("--once", "--mqtt-tls"), "--mqtt-tls has no effect"),
        (("--once", "--map", "hall"), "--map is Frigate's name of a camera and the gallery's"),
        (("--once", "--map", "a=hall", "--map", "a=gate"), "--map names 'a' twice"),
        (("--once", "--since", "yesterday"), "--since must be ISO 8601"),
        (("--once", "--since", "2026-01-01T00:00:00"), "has no zone"),
        (("--once", "--key", "k"), "a gallery here is no server: --key has no effect"),
        (("--mqtt", "user:pass@broker"), "--mqtt is a broker's HOST or HOST:PORT"),
        (("--mqtt", "broker:99999"), "--mqtt is a broker's HOST or HOST:PORT"),
        (("--mqtt", "broker", "--topic", "frigate/#"), "--topic is the prefix"),
        (("--once", "--server", "http://127.0.0.1:9", "--state", "s"), "a server has its own"),
    ],
)
def test_what_can_t_be_meant_is_refused_by_name(house: Path, words: tuple[str, ...], expected: str) -> None:
    code, message = watch("--url", "http://127.0.0.1:9", "--gallery", house, "--bundle", BUNDLE, *words)
    assert code == 2
    assert expected in message
    assert "pass@" not in message
    assert not house.with_name("house.frigate").exists()


def test_a_map_to_a_camera_that_there_isn_t_ends_it(house: Path, frigate: FrigateDouble) -> None:
    words = ("--once", "--url", frigate.url, "--gallery", house, "--bundle", BUNDLE, "--map", "front_door=hallway")
    code, message = watch(*words)
    assert (code, "did you mean 'hall'" in message) == (2, True)


def test_a_shared_url_is_a_server_s_and_never_frigate_s(house: Path, frigate: FrigateDouble) -> None:
    words = ("watch", "frigate", "--once", "--bundle", BUNDLE)
    done = run(*words, RGBIR_URL=frigate.url, RGBIR_GALLERY=str(house))
    assert (done.code, "--url" in done.stderr) == (2, True)
    assert not frigate.asked
    done = run(*words, "--url", frigate.url, RGBIR_URL="http://127.0.0.1:9", RGBIR_GALLERY=str(house))
    assert done.code == 0, done.stderr
    assert frigate.asked["/api/events"] == 1


def test_two_bridges_don_t_share_a_resume_point(house: Path, frigate: FrigateDouble) -> None:
    with locked(house.with_name("house.frigate.lock")):
        code, message = watch("--once", "--url", frigate.url, "--gallery", house, "--bundle", BUNDLE)
    assert (code, "wait until it is done, or stop it" in message) == (1, True)


@pytest.mark.parametrize(
    ("address", "tls", "expected"),
    [
        ("broker", False, ("broker", 1883)),
        ("broker", True, ("broker", 8883)),
        ("broker:1884", True, ("broker", 1884)),
        ("::1", False, ("::1", 1883)),
        ("[::1]", False, ("::1", 1883)),
        ("[fe80::7]:1885", False, ("fe80::7", 1885)),
    ],
)
def test_a_broker_s_address(address: str, tls: bool, expected: tuple[str, int]) -> None:
    broker = Broker.of(address, trusted(None) if tls else None, "frigate/")
    assert ((broker.host, broker.port), broker.prefix) == (expected, "frigate")


@pytest.mark.parametrize("address", ["", ":1883", "mqtt://broker", "a b", "broker:", "broker:x"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(UsageError):
        Broker.of(address, None, "frigate")


@pytest.mark.slow
def test_a_server_takes_the_people_and_says_what_it_can_t(
    house: Path, frigate: FrigateDouble, people: SysuMM01, tmp_path: Path
) -> None:
    """Into a gallery and by a server: the same people, cameras, times, tracks and pictures."""
    shown = [*passings(people, 3), *passings(people, 5, camera="gate")[3:]]
    night = Passing(
        9, frame_of(decode(shown[0].picture, "x", shown[0].box), shown[0].box, grey=True), shown[0].box, "gate"
    )
    frigate.rows = [passing.row() for passing in [*shown, night]]
    frigate.pictures = {passing.id: passing.picture for passing in [*shown, night]}
    shutil.copytree(house, tmp_path / "served")
    base = ["watch", "frigate", "--once", "--url", frigate.url, "--map", "front_door=hall", "--json", *SINCE]
    run(*base, "--gallery", house, "--bundle", BUNDLE)
    with process(tmp_path / "served") as (_, port):
        words = [*base, "--server", f"http://127.0.0.1:{port}", "--state", tmp_path / "state"]
        told = [json.loads(run(*words).stdout) for _ in range(2)]
        (tmp_path / "state").unlink()
        told.append(json.loads(run(*words).stdout))
    assert [(each["added"], each["present"]) for each in told] == [(5, 0), (0, 0), (0, 5)]
    assert told[0]["passed_over"] == {"ir of gate": 1}
    with Gallery(house) as here, Gallery(tmp_path / "served") as there:
        by_track = [
            {
                each.track: (each.camera, each.taken_at, each.digest)
                for each in gallery.sightings()
                if each.track != night.id
            }
            for gallery in (here, there)
        ]
    assert by_track[0] == by_track[1]
    assert len(by_track[0]) == 5


@pytest.mark.slow
def test_a_server_that_is_away_is_a_no(frigate: FrigateDouble, tmp_path: Path) -> None:
    base = ["--once", "--url", frigate.url, "--server", "http://127.0.0.1:9", "--state", tmp_path / "state"]
    code, message = watch(*base)
    assert code == 1
    assert "the server doesn't take it" in message
