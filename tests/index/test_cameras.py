"""`rgbir.index.cameras`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rgbir.index import Camera, CameraNetwork, Modality, UnknownCamera, UsageError
from rgbir.index.stays import Stay

RGB, IR = frozenset({Modality.RGB}), frozenset({Modality.IR})


def test_sysu_mm01s_cameras_2_and_3_share_a_place_and_no_others_do() -> None:
    network = CameraNetwork.read("sysu-mm01")

    same = [(a.id, b.id) for a in network for b in network if a.id < b.id and network.same_place(a.id, b.id)]

    assert same == [("2", "3")]
    assert [camera.id for camera in network.of(Modality.IR)] == ["3", "6"]


@pytest.mark.parametrize("name", CameraNetwork.built_in())
def test_every_built_in_network_reads_and_survives_json(name: str) -> None:
    network = CameraNetwork.read(name)

    assert network.name == name
    assert CameraNetwork.from_dict(network.to_dict()) == network


def test_a_camera_answers_to_its_aliases() -> None:
    assert CameraNetwork.read("sysu-mm01")["cam3"].id == "3"


def test_an_unknown_camera_is_answered_with_those_there_are_and_the_nearest() -> None:
    network = CameraNetwork("site", (Camera("yard-1", RGB, "yard"), Camera("hall", RGB, "hall")))

    with pytest.raises(
        UnknownCamera, match=r"no camera 'yard-3' in network 'site'; it has: yard-1 and hall; did you mean 'yard-1'"
    ):
        network["yard-3"]


def test_two_cameras_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two cameras are called 'a'"):
        CameraNetwork("site", (Camera("a", RGB, "x"), Camera("b", IR, "y", aliases=frozenset({"a"}))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cameras = [", "not TOML"),
        ("name = 'x'", r"expected `name` and a \[\[cameras\]\] table"),
        ("cameras = [{ id = 'a', modality = 'thermal' }]", "modality is 'rgb', 'ir' or both, not 'thermal'"),
        ("cameras = [{ id = 'a', room = 1 }]", "unknown keys"),
        ("cameras = [{ modality = 'ir' }]", "without id"),
        ("cameras = [{ id = 'a', scene = 'moon' }]", "scene must be"),
    ],
)
def test_a_network_file_that_is_wrong_says_how(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "site.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        CameraNetwork.read(file)


def test_a_missing_network_names_the_built_in_ones() -> None:
    with pytest.raises(UsageError, match=r"give a TOML file or one of .*llcm, market-1501, regdb(,| or) sysu-mm01"):
        CameraNetwork.read("sysu")


MOVED = """
cameras = [
    { id = "a", modality = "rgb", scene = "indoor", places = [
        { place = "hall", position = [1, 2.5] },
        { place = "gate", since = 2026-05-01T00:00:00+02:00 },
        { place = "gate", since = 2026-06-01T00:00:00+02:00, position = [3, 4] },
    ] },
    { id = "b", modality = "ir", place = "gate", position = [0, 0], name = "night", aliases = ["n"] },
]
plan = "ground floor, metres from the south-west corner"
"""
MAY, JUNE = datetime(2026, 4, 30, 22, tzinfo=UTC), datetime(2026, 5, 31, 22, tzinfo=UTC)


def test_a_network_reads_and_writes_where_its_cameras_were_and_since_when() -> None:
    network = CameraNetwork.from_toml(MOVED, "site")
    a, b = network

    assert a == Camera(
        "a", RGB, "gate", "indoor", history=(Stay("hall", None, (1, 2.5)), Stay("gate", MAY), Stay("gate", JUNE, (3, 4))),
        position=(3, 4),
    )  # fmt: skip
    assert (b.position, b.shown, b.names, network["night"], network["n"]) == (
        (0, 0),
        "night",
        ("b", "night", "n"),
        b,
        b,
    )
    assert CameraNetwork.from_dict(json.loads(json.dumps(network.to_dict()))) == network
    assert network.plan == "ground floor, metres from the south-west corner"
    assert not network.plain
    assert all(CameraNetwork.read(name).plain for name in CameraNetwork.built_in())
    assert network.moved == ("a",)
    assert [a.places(moment) for moment in (None, MAY - timedelta(microseconds=1), MAY, JUNE)] == [
        {"hall", "gate"}, {"hall"}, {"gate"}, {"gate"},
    ]  # fmt: skip
    assert network.same_place("a", "b")
    assert not network.same_place("a", "b", MAY - timedelta(days=1))
    assert network.same_place("b", "a", None, MAY)


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        ("places = []", "say `place`, or `places` with a table for each"),
        ('place = "x", places = [{ place = "y" }]', "say `place`, or `places`"),
        ('places = [{ place = "y" }]', "has two at least"),
        ('places = [{ place = "y" }, { place = "z" }]', "all but the first have one; 'z' doesn't follow 'y'"),
        ('places = [{ place = "y", since = 2026-05-01T00:00:00Z }, { place = "z" }]', "where was the camera before 2026"),
        ('places = [{ place = "y" }, { place = "z", since = 2026-05-01T00:00:00 }]', "since needs a zone"),
        ('places = [{ place = "y" }, { place = "z", since = "May" }]', "since is a time with a zone, .* not 'May'"),
        ('places = [{ place = "y" }, { place = "y", since = 2026-05-01T00:00:00Z }]', "follows itself"),
        ('places = [{ place = "y", until = 1 }]', "a place is { place = NAME, since = TIME"),
        ("position = [1]", r"a position is \[x, y\], not \[1\]"),
        ("position = [1, inf]", "two numbers"),
        ('place = "x", name = ""', "needs an id"),
    ],
)  # fmt: skip
def test_a_history_that_is_wrong_says_how(camera: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CameraNetwork.from_toml(f'cameras = [{{ id = "a", {camera} }}]')


def test_a_move_holds_until_the_next_that_is_known() -> None:
    camera = Camera("a", RGB, "hall", position=(1, 1))
    there = camera.moved("gate", JUNE)
    assert there.stays == (Stay("hall", None, (1, 1)), Stay("gate", JUNE))
    assert there.moved("yard", MAY).stays == (Stay("hall", None, (1, 1)), Stay("yard", MAY), Stay("gate", JUNE))
    assert there.moved("gate", MAY).stays == (Stay("hall", None, (1, 1)), Stay("gate", MAY))
    assert there.moved("hall", JUNE, (1, 1)) == camera
    assert camera.moved("hall", MAY) == camera
    assert there.moved("yard", None) == Camera("a", RGB, "yard")


def test_what_knows_one_place_a_camera_refuses_those_that_moved() -> None:
    network = CameraNetwork.from_toml(MOVED)
    network.expect_unmoved(["b"], "a benchmark")
    with pytest.raises(
        UsageError, match="a benchmark knows one place a camera, and a moved; declare a camera of its own"
    ):
        network.expect_unmoved(["b", "a"], "a benchmark")
