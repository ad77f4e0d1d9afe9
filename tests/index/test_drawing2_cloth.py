"""Cloth in the near infrared: what garments of black cloth reflect, and how lamps and colours change it."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from rgbir.index.synthetic.drawing2.cloth import DYES, FIBRES, Dye, Dyed, Fibre, Garment, dyed, near_infrared
from rgbir.index.synthetic.drawing2.streams import Key

BLACK = (0.06, 0.06, 0.07)
SHARES: dict[Garment, tuple[int, int, int, int]] = {
    "upper": (15, 15, 9, 61),
    "jacket": (21, 15, 21, 43),
    "lower": (9, 17, 5, 69),
    "shoe": (38, 17, 13, 32),
    "bag": (27, 17, 20, 37),
    "hat": (11, 16, 15, 58),
}
"""Percent of black cloth that reflects under 0.15, to 0.35, to 0.5, and more, at 850 nm."""


@pytest.mark.parametrize("garment", SHARES)
def test_garments_of_black_cloth_are_as_often_dark_or_pale_as_the_tables_say(garment: Garment) -> None:
    stream = Key(0).stream(f"shares:{garment}")
    drawn = [near_infrared(dyed(stream, garment), BLACK, 850) for _ in range(20_000)]

    edges = (0.0, 0.15, 0.35, 0.5, 2.0)
    shares = [100 * sum(low <= x < high for x in drawn) / 20_000 for low, high in pairwise(edges)]
    assert shares == pytest.approx(SHARES[garment], abs=2)


def test_a_value_is_kubelka_and_munks_formula() -> None:
    cloth, colour = Dyed("denim", "indigo", 0.25), (0.2, 0.3, 0.45)

    def absorbed(r: float) -> float:
        return (1 - r) ** 2 / (2 * r)

    least, most, fold = DYES["indigo"]
    assert fold is not None
    for lamp in (850, 940):
        keeps = math.exp(math.log(least) + 0.25 * (math.log(most) - math.log(least))) * math.exp(-(lamp - 850) / fold)
        k = absorbed(FIBRES["denim"][0]) + keeps * sum(map(absorbed, colour)) / 3
        assert near_infrared(cloth, colour, lamp) == pytest.approx(1 + k - math.sqrt(k * k + 2 * k), abs=1e-3)


@pytest.mark.parametrize(
    ("fibre", "dye", "least", "most"),
    [
        ("cotton", "reactive", 0.47, 0.75),
        ("cotton", "vat", 0.14, 0.39),
        ("cotton", "sulfur", 0.12, 0.28),
        ("polyester", "disperse", 0.52, 0.70),
        ("polyester", "carbon", 0.05, 0.06),
        ("nylon", "acid", 0.24, 0.53),
        ("denim", "indigo", 0.46, 0.67),
        ("leather", "finish", 0.06, 0.21),
    ],
)
def test_dark_cloth_is_pale_or_dark_by_its_dye(fibre: Fibre, dye: Dye, least: float, most: float) -> None:
    dark, white = (0.05, 0.05, 0.05), (0.8, 0.8, 0.8)
    assert near_infrared(Dyed(fibre, dye, 1.0), dark, 850) == pytest.approx(least, abs=0.01)
    assert near_infrared(Dyed(fibre, dye, 0.0), dark, 850) == pytest.approx(most, abs=0.01)
    assert all(0.47 < near_infrared(Dyed(fibre, dye, u), white, 850) < 0.8 for u in (0.0, 1.0))
