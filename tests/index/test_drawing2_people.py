"""Drawing 2's people: who resembles whom, in which lists they are, and which cameras saw them."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from rgbir.index import SysuMM01, UsageError
from rgbir.index.datasets.dataset import drawing_of
from rgbir.index.errors import BadDataset
from rgbir.index.synthetic.drawing2.about import name_of
from rgbir.index.synthetic.drawing2.lookalikes import group, resemble
from rgbir.index.synthetic.drawing2.people import person
from rgbir.index.synthetic.drawing2.sysu import SIZES, absent, write_sysu
from rgbir.index.synthetic.drawing2.wardrobe import Outfit
from rgbir.index.synthetic.drawing2.world import World, knobs
from rgbir.index.synthetic.folder import Split

WORLD = World(0)


def cloths(outfit: Outfit) -> list[tuple[tuple[float, float, float], tuple[float, float]]]:
    every = (outfit.top_cloth, outfit.sleeve_cloth, outfit.shirt, outfit.bottom_cloth)
    return [(matter.colour, matter.near) for cloth in every for matter in (cloth.ground, cloth.accent)]


@pytest.mark.parametrize("block", [0, 1, 21])
def test_a_block_has_four_in_uniform_three_twins_in_colour_and_two_in_infrared(block: int) -> None:
    people = [person(WORLD, block * 20 + place) for place in range(1, 21)]
    worn = [cloths(who.outfit) for who in people]

    assert worn[0] == worn[1] == worn[2] == worn[3]
    colours = [[colour for colour, _ in outfit] for outfit in worn]
    assert colours[4] == colours[5] == colours[6]
    assert worn[4] != worn[5] != worn[6]
    assert people[7].outfit.top == people[8].outfit.top
    near = np.array([[value for _, value in outfit] for outfit in worn[7:9]])
    assert np.abs(near[0] - near[1]).max() < 0.04
    tops = [who.outfit.top_cloth.ground.colour for who in people[7:9]]
    assert np.abs(np.subtract(tops[0], tops[1])).sum() >= 0.3
    for a, b in combinations(range(9, 20), 2):
        assert worn[a] != worn[b]


def test_within_a_group_bodies_and_gait_differ() -> None:
    people = [person(WORLD, number) for number in range(1, 5)]

    assert len({who.gait for who in people}) == len({(who.height_m, who.girth) for who in people}) == 4


def test_look_alikes_can_be_switched_off() -> None:
    without = World(0, frozenset({"lookalikes"}))

    assert {group(without, number) for number in range(1, 41)} == {"alone"}
    assert resemble(WORLD, 1, 4)
    assert not resemble(WORLD, 1, 5)
    assert not resemble(WORLD, 1, 21)
    assert not resemble(without, 1, 4)


def test_cloth_of_drawing_1_leaves_colours_and_changes_infrared() -> None:
    usual, free = person(WORLD, 30), person(World(0, frozenset({"cloth"})), 30)

    assert usual.outfit.top_cloth.ground.colour == free.outfit.top_cloth.ground.colour
    assert usual.outfit.top_cloth.ground.near != free.outfit.top_cloth.ground.near


def test_half_of_all_garments_are_black_navy_charcoal_or_denim() -> None:
    dark = {(0.06, 0.06, 0.07), (0.08, 0.10, 0.20), (0.22, 0.23, 0.25), (0.20, 0.29, 0.45)}
    from rgbir.index.synthetic.drawing2.wardrobe import COLOURS

    share = sum(weight for colour, weight in COLOURS if colour in dark) / sum(weight for _, weight in COLOURS)
    assert share == pytest.approx(0.5, abs=0.1)


def test_absent_people_are_as_in_sysu() -> None:
    gone = [absent(WORLD, number) for number in range(1, 2001)]

    assert sum({1, 2} <= cameras for cameras in gone) / 2000 == pytest.approx(0.35, abs=0.03)
    assert sum(6 in cameras for cameras in gone) / 2000 == pytest.approx(0.02, abs=0.01)
    assert not any(({3, 6} <= cameras) or ({1, 2, 4, 5} <= cameras) for cameras in gone)


@pytest.mark.slow
def test_lists_begin_with_a_block_and_the_folder_reads_as_sysu(tmp_path: Path) -> None:
    write_sysu(tmp_path / "p", WORLD, Split(3, 1, 2), 2, "6x2", workers=1)
    data = SysuMM01(tmp_path / "p")

    assert data.identities("train") == (1, 2, 3)
    assert data.identities("val") == (21,)
    assert data.identities("test") == (41, 42)
    for number in (1, 41):
        seen = {camera for camera in range(1, 7) if data.files(camera, number)}
        assert seen == set(range(1, 7)) - absent(WORLD, number)
    for protocol in data.protocols[:2]:
        assert len(data.task(protocol).queries) >= 4
    about = json.loads((tmp_path / "p/exp/drawing.json").read_text())
    assert about == about | {"name": "synthetic-people v2/6x2", "drawing": 2, "seed": 0, "without": []}
    assert data.about["drawing"].startswith("synthetic-people v2/6x2, seed 0, sheet ")


def test_a_broken_drawing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "exp").mkdir()
    assert drawing_of(tmp_path) == {}
    for broken in ("[", "[]", '{"name": "v2"}'):
        (tmp_path / "exp/drawing.json").write_text(broken)
        with pytest.raises(BadDataset, match="draw them again"):
            drawing_of(tmp_path)


def test_sizes_are_whole_blocks_and_a_set_with_something_switched_off_is_never_called_v2() -> None:
    for size in SIZES.values():
        assert not [count for count in (size.split.train, size.split.val, size.split.test) if count % 20]
    assert name_of(WORLD, "small") == "synthetic-people v2/small"
    assert name_of(World(0, knobs(["sensor"])), "small") == "synthetic-people v2-sensor/small"
    with pytest.raises(UsageError, match="--without knows lookalikes, cloth, occlusion, crops and sensor, not rain"):
        knobs(["rain"])


def test_numbers_of_five_digits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="four digits"):
        write_sysu(tmp_path / "p", WORLD, Split(9990, 2, 7), 1)
