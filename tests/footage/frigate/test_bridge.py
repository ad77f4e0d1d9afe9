"""`rgbir watch frigate` as a process, between a real broker and a double of Frigate, while all of them go away and come back."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import BUNDLE
from tests.footage.frigate.broker import MOSQUITTO, AnyBroker, BrokerDouble, Mosquitto, publisher
from tests.footage.frigate.frigate import FrigateDouble
from tests.footage.frigate.people import Passing, passings
from tests.site import certificates
from tests.waiting import HANGS_AFTER_S, until

from rgbir.index import Gallery, SysuMM01

NO_MOSQUITTO = (
    "mosquitto isn't installed (apt-get install mosquitto), so the bridge was tried with a double of a broker only"
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[AnyBroker]:
    """mosquitto where it is installed."""
    made: AnyBroker = Mosquitto(tmp_path) if MOSQUITTO else BrokerDouble()
    made.start()
    yield made
    made.stop()


class Bridge:
    """A process of the command.

    Args:
        port: of the broker.
        more: further options.
    """

    def __init__(self, house: Path, frigate: FrigateDouble, port: int, *more: object, **environment: str) -> None:
        logs = () if "-vv" in more else ("-v",)
        self.state = house.with_name("house.frigate")
        words = [
            "watch", "frigate", "--mqtt", f"127.0.0.1:{port}", "--url", frigate.url, "--map", "front_door=hall",
            "--gallery", house, "--bundle", BUNDLE, "--threads", 1, "--since", "2000-01-01T00:00:00Z", "--json", *logs, *more,
        ]  # fmt: skip
        self.command = [sys.executable, "-c", "from rgbir.client.cli import main; main()", *map(str, words)]
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NO_COLOR": "1", **environment},
        )

    def settled(self) -> int:
        """Events that are done with."""
        return max(self.state.read_bytes().count(b"\n") - 1, 0) if self.state.exists() else -1

    def takes(self, count: int) -> None:
        until(lambda: self.process.poll() is not None or self.settled() >= count, f"event {count}")
        assert self.process.poll() is None, self.process.communicate()

    def end(self) -> tuple[dict[str, Any], str]:
        """What it tells after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        told, words = self.process.communicate(timeout=HANGS_AFTER_S)
        assert self.process.returncode == 0, words
        return json.loads(told), words

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def bridging(house: Path, frigate: FrigateDouble, port: int, *more: object, **environment: str) -> Iterator[Bridge]:
    bridge = Bridge(house, frigate, port, *more, **environment)
    try:
        yield bridge
    finally:
        bridge.kill()


def enrolled(house: Path) -> set[tuple[Any, ...]]:
    """What the gallery holds, all that is the same however it came."""
    with Gallery(house) as gallery:
        assert gallery.verify() == []
        return {
            (each.id, each.camera, each.source, each.track, each.taken_at, each.frame) for each in gallery.sightings()
        }


class Site:
    """A Frigate whose tracks end: the list holds the event, and a message tells of it."""

    def __init__(self, frigate: FrigateDouble, publish: Any) -> None:
        self.frigate, self.publish = frigate, publish

    def end(self, passing: Passing, *, listed: bool = True, told: bool = True) -> None:
        self.frigate.pictures[passing.id] = passing.picture
        if listed:
            self.frigate.rows.append(passing.row())
        if told:
            self.publish("frigate/events", passing.message("new"))
            self.publish("frigate/events", passing.message())


@pytest.mark.slow
def test_people_are_enrolled_as_their_tracks_end_and_sigterm_ends_it_in_order(
    house: Path, frigate: FrigateDouble, broker: AnyBroker, people: SysuMM01
) -> None:
    shown = passings(people, 6)
    with publisher(broker.port) as publish, bridging(house, frigate, broker.port) as bridge:
        site = Site(frigate, publish)
        site.end(shown[0], told=False)
        bridge.takes(1)
        for passing in shown[1:4]:
            site.end(passing, listed=False)
        publish("frigate/events", b"{not json")
        publish("frigate/events", shown[4].message(label="cat"))
        publish("frigate/events", shown[4].message(id="../../x"))
        publish("frigate/events", b"\xff" * 2_000_000)
        for passing in shown[1:4]:  # what a broker may deliver twice
            publish("frigate/events", passing.message())
        site.end(shown[5], listed=False)
        bridge.takes(5)
        told, words = bridge.end()
    assert told["added"] == 5
    assert told["passed_over"] == {"malformed": 3}
    assert told["connections"] == 1
    assert stat.S_IMODE(bridge.state.stat().st_mode) == 0o600
    assert {track for *_, track, _, _ in enrolled(house)} == {passing.id for passing in shown[:4] + shown[5:]}
    assert f"event {shown[1].id} of front_door: added as a sighting of hall" in words


@pytest.mark.slow
def test_the_broker_and_frigate_may_be_away_at_the_start_and_go_away_later(
    house: Path, people: SysuMM01, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shown = passings(people, 4)
    broker: AnyBroker = Mosquitto(tmp_path) if MOSQUITTO else BrokerDouble()
    request.addfinalizer(broker.stop)
    frigate = FrigateDouble()
    with frigate.running():
        pass  # it has a port now, where nobody listens
    with bridging(house, frigate, broker.port) as bridge:
        bridge.takes(0)
        broker.start()
        with frigate.running(), publisher(broker.port) as publish:
            Site(frigate, publish).end(shown[0])
            bridge.takes(1)
        broker.stop()
        Site(frigate, None).end(shown[1], told=False)  # nobody hears of it
        with frigate.running():
            broker.start()
            bridge.takes(2)
        with publisher(broker.port) as publish:  # now Frigate is away while its last words arrive
            Site(frigate, publish).end(shown[2])
            Site(frigate, publish).end(shown[3], told=False)
            with frigate.running():
                publish("frigate/available", b"online", retain=True)
                bridge.takes(4)
                told, words = bridge.end()
    assert told["added"] == 4
    assert "can't be reached" in words
    assert "answers again" in words
    assert len(enrolled(house)) == 4


@pytest.mark.slow
def test_what_it_can_t_go_on_after_ends_it(house: Path, frigate: FrigateDouble, broker: AnyBroker) -> None:
    with bridging(house, frigate, broker.port, "--map", "garden=hallway") as bridge:
        told, words = bridge.process.communicate(timeout=HANGS_AFTER_S)
        assert (bridge.process.returncode, told) == (2, "")
        assert "did you mean 'hall'" in words


def undisturbed(house: Path, frigate: FrigateDouble, port: int, shown: Sequence[Passing]) -> set[Any]:
    """What a bridge enrols that nothing happens to."""
    frigate.rows = [passing.row() for passing in shown]
    frigate.pictures = {passing.id: passing.picture for passing in shown}
    with bridging(house, frigate, port) as bridge:
        bridge.takes(len(shown))
        bridge.end()
    frigate.rows, frigate.pictures = [], {}
    return enrolled(house)


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_bridge_that_is_killed_in_the_middle_loses_and_doubles_nothing(
    kills: int, house: Path, frigate: FrigateDouble, broker: AnyBroker, people: SysuMM01, tmp_path: Path
) -> None:
    chance = random.Random(3)
    shown = passings(people, 4 * kills + 4)
    (tmp_path / "other").mkdir()
    shutil.copytree(house, tmp_path / "other" / "house")
    expected = undisturbed(tmp_path / "other" / "house", frigate, broker.port, shown)
    coming = iter(shown)
    with publisher(broker.port) as publish:
        site = Site(frigate, publish)
        for _ in range(kills):
            with bridging(house, frigate, broker.port) as bridge:
                until(lambda: bridge.settled() >= 0, "the bridge")
                before = bridge.settled()
                for _ in range(3):
                    site.end(next(coming))
                bridge.takes(before + 1)
                time.sleep(chance.uniform(0, 0.05))
                bridge.kill()
            site.end(next(coming))  # while it is down
        with bridging(house, frigate, broker.port) as bridge:
            for passing in coming:
                site.end(passing)
            bridge.takes(len(shown))
            bridge.end()
    assert enrolled(house) == expected
    assert len(expected) == len(shown)


@pytest.mark.slow
def test_passwords_are_in_no_word_no_file_and_no_process_list(
    house: Path, frigate: FrigateDouble, people: SysuMM01, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    broker = BrokerDouble()
    request.addfinalizer(broker.stop)
    broker.start()
    frigate.token, frigate.login = "tok3n-of-frigate", ("viewer", "pass-of-frigate")
    secrets = {
        "RGBIR_MQTT_USER": "bridge",
        "RGBIR_MQTT_PASSWORD": "pass-of-broker",
        "RGBIR_FRIGATE_USER": "viewer",
        "RGBIR_FRIGATE_PASSWORD": "pass-of-frigate",
    }
    [passing] = passings(people, 1)
    with bridging(house, frigate, broker.port, "-vv", **secrets) as bridge, publisher(broker.port) as publish:
        until(lambda: bridge.process.poll() is not None or frigate.asked["/api/login"] > 0, "the login")
        Site(frigate, publish).end(passing)
        bridge.takes(1)
        line = Path(f"/proc/{bridge.process.pid}/cmdline").read_bytes()
        told, words = bridge.end()
    assert any(b"pass-of-broker" in seen and b"bridge" in seen for seen in broker.seen)
    files = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    for secret in ("pass-of-broker", "pass-of-frigate", "tok3n-of-frigate"):
        assert secret not in words + json.dumps(told)
        assert secret.encode() not in line + files
    assert told["added"] == 1
    assert b"Bob" not in files  # whom Frigate recognised


@pytest.mark.skipif(MOSQUITTO is None, reason=NO_MOSQUITTO)
@pytest.mark.slow
def test_the_double_of_a_broker_does_as_mosquitto_does(tmp_path: Path) -> None:
    """The same is told to a subscriber, by both, before and after a restart."""
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    def heard(broker: AnyBroker) -> list[tuple[str, bytes, int, bool]]:
        broker.start()
        messages: list[tuple[str, bytes, int, bool]] = []
        ready: list[Any] = []
        with publisher(broker.port) as publish:
            publish("frigate/available", b"online", retain=True)
            client = paho.Client(CallbackAPIVersion.VERSION2)
            client.on_message = lambda _, __, message: messages.append(
                (message.topic, bytes(message.payload), message.qos, message.retain)
            )
            client.on_subscribe = lambda *given: ready.append(given)
            client.connect("127.0.0.1", broker.port)
            client.loop_start()
            until(client.is_connected)
            client.subscribe([("frigate/events", 1), ("frigate/available", 1)])
            until(lambda: len(ready) == 1 and len(messages) == 1, "the retained message")
            publish("frigate/events", b"1")
            publish("frigate/other", b"2")
            publish("frigate/events", b"x" * 300_000)
            publish("frigate/available", b"offline", retain=True)
            until(lambda: len(messages) == 4, "all messages")
            broker.stop()
            until(lambda: not client.is_connected(), "the end")
            client.loop_stop()
        return messages

    assert heard(BrokerDouble()) == heard(Mosquitto(tmp_path))


@pytest.mark.skipif(MOSQUITTO is None, reason=NO_MOSQUITTO)
@pytest.mark.slow
def test_a_broker_with_tls_and_a_password(
    house: Path, frigate: FrigateDouble, people: SysuMM01, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ours = certificates.authority(tmp_path / "ours")
    mine = certificates.made(tmp_path / "broker", by=ours)
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "bridge", "secret"], check=True)
    more = f"cafile {ours.cert}\ncertfile {mine.cert}\nkeyfile {mine.key}\npassword_file {passwords}\n"
    broker = Mosquitto(tmp_path, more)
    request.addfinalizer(broker.stop)
    broker.start()
    [passing] = passings(people, 1)
    Site(frigate, None).end(passing, told=False)
    options = ("--mqtt-tls", "--ca", ours.cert)
    right = {"RGBIR_MQTT_USER": "bridge", "RGBIR_MQTT_PASSWORD": "secret"}
    with bridging(house, frigate, broker.port, *options, **right) as bridge:
        bridge.takes(1)
        until(lambda: bridge.process.poll() is not None or frigate.asked["/api/events"] >= 2, "the connection")
        told, _ = bridge.end()
    assert told["connections"] == 1
    with bridging(house, frigate, broker.port, *options, **right | {"RGBIR_MQTT_PASSWORD": "wrong"}) as bridge:
        until(lambda: bridge.process.poll() is not None or frigate.asked["/api/events"] >= 3, "the start")
        assert "can't be reached" in _first_word(bridge)
        told, _ = bridge.end()
    assert told["connections"] == 0


def _first_word(bridge: Bridge) -> str:
    assert bridge.process.stderr is not None
    while "the broker at" not in (line := bridge.process.stderr.readline()):
        assert line
    return line
