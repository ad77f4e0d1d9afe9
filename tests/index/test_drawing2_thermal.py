"""Drawing 2's thermal pictures, and the pair of a dual camera in RegDB's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rgbir.index import Modality, RegDB, UsageError
from rgbir.index.synthetic.drawing2.matter import Matter
from rgbir.index.synthetic.drawing2.regdb import Pair, half, write_regdb
from rgbir.index.synthetic.drawing2.resample import cubic
from rgbir.index.synthetic.drawing2.streams import Key, Stream
from rgbir.index.synthetic.drawing2.thermal import Weather, automatic_gain, share_of, temperatures
from rgbir.index.synthetic.drawing2.world import World

INDOORS = Weather(20.0, 9.0, Key(0, 1, 11, 1))


def cloth(clo: float, colour: float = 0.5, name: str = "top") -> Matter:
    return Matter((colour, colour, colour), (0.5, 0.5), clo=clo, name=name)


def test_what_is_seen_of_a_cloth_is_its_insulation_by_iso_7730s_area_factor() -> None:
    for clo, factor in ((0.09, 1 + 1.29 * 0.155 * 0.09), (0.6, 1.05 + 0.645 * 0.155 * 0.6)):
        assert share_of(clo, 9.0) == pytest.approx(1 / (1 + 9 * factor * 0.155 * clo))
    assert share_of(0.0, 9.0) == 1


def test_thicker_is_colder_and_neither_dye_nor_colour_is_seen() -> None:
    sense = temperatures(INDOORS)

    assert 33 > sense(cloth(0.09))[0] > sense(cloth(0.35))[0] > sense(cloth(0.60))[0] > 20
    assert sense(cloth(0.25, 0.05)) == sense(cloth(0.25, 0.8))
    face, skin = (sense(Matter((0.5, 0.4, 0.3), (0.6, 0.5), share=1.0, name=name))[0] for name in ("face", "skin"))
    assert face == pytest.approx(0.98 * 34 + 0.02 * 20)
    assert face > skin > sense(cloth(0.09))[0]


def test_automatic_gain_is_half_straight_and_half_equalised() -> None:
    degrees = np.linspace(10, 30, 20 * 50, dtype=np.float32).reshape(1, 20, 50)

    grey = automatic_gain(degrees)

    # of values that are spread evenly both halves are straight lines between the 1 % and the 99.5 % point
    straight = np.clip((degrees - 10.2) / (29.9 - 10.2), 0, 1)
    assert grey == pytest.approx(0.5 * straight + 0.5 * (degrees - 10) / 20, abs=0.01)
    crowded = np.concatenate([np.full(900, 10.0), np.linspace(10, 30, 100)]).astype(np.float32).reshape(1, 20, 50)
    held = automatic_gain(crowded)
    assert held.max() == pytest.approx(1.0, abs=0.01)
    assert held[0, 0, 0] < 0.02


def test_cubic_resampling_keeps_straight_lines_and_sizes() -> None:
    line = (np.arange(40, dtype=np.float32) * 0.01)[None, :, None] * np.ones((1, 1, 30), np.float32)

    larger = cubic(line, 128, 64)

    assert larger.shape == (1, 128, 64)
    places = (np.arange(128) + 0.5) * 40 / 128 - 0.5
    assert larger[0, 8:-8, 5] == pytest.approx(places[8:-8] * 0.01, abs=1e-4)


def test_both_lenses_see_one_moment() -> None:
    pair = Pair(World(0), 5)

    visible, thermal = pair.visible(0), pair.thermal(0)

    assert visible.shape == thermal.shape == (128, 64, 3)
    assert np.ptp(thermal.astype(int), axis=2).max() == 0
    assert np.ptp(visible.astype(int), axis=2).max() > 10
    a, b = pair._scene(0, thermal=False), pair._scene(0, thermal=True)
    assert a.box == b.box
    assert (a.main.canvas.coverage == b.main.canvas.coverage).all()


@pytest.mark.parametrize("identities", [2, 20, 40, 120, 412])
def test_halves_are_halves_and_keep_look_alikes_together(identities: int) -> None:
    for split in range(1, 6):
        train = half(Stream(f"half {identities} {split}"), identities)
        assert len(train) == identities // 2
        divided = [
            first
            for first in range(1, identities + 1, 20)
            if len({n in train for n in range(first, first + 9) if n <= identities}) > 1
        ]
        assert len(divided) <= (identities < 20)


def test_a_folder_reads_as_regdb_and_its_names_say_from_where_people_are_seen(tmp_path: Path) -> None:
    count = write_regdb(tmp_path / "p", World(0), 4, 2, "4x2", workers=1)
    data = RegDB(tmp_path / "p")

    assert count == 16
    assert set(data.count(1).values()) == {4, 2}
    for modality in Modality:
        for record in data.test(modality):
            assert record.path.name.startswith(("person_front_", "person_back_"))
    names = [path.name for path in sorted((tmp_path / "p/Thermal/1").iterdir())]
    assert names[0].endswith("_t_00001_1.bmp")
    assert data.about["drawing"].startswith("synthetic-people v2/4x2, seed 0")
    with pytest.raises(UsageError, match="an even number of people, not 3"):
        write_regdb(tmp_path / "odd", World(0), 3)
