"""`rgbir.index.cameras`."""

from __future__ import annotations

from pathlib import Path

import pytest

from rgbir.index import Camera, CameraNetwork, Modality, UnknownCamera, UsageError

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
