"""Matter of things that aren't worn: what walls, furniture and plants reflect of visible light and of near infrared."""

from __future__ import annotations

from rgbir.index.synthetic.drawing2.matter import Matter
from rgbir.index.synthetic.drawing2.streams import Stream

_KINDS: dict[str, tuple[tuple[float, float, float], float]] = {
    "wood": ((0.42, 0.34, 0.24), 0.55),
    "concrete": ((0.36, 0.35, 0.33), 0.40),
    "plaster": ((0.62, 0.60, 0.56), 0.60),
    "hedge": ((0.07, 0.12, 0.05), 0.60),
    "leaf": ((0.16, 0.30, 0.12), 0.70),
    "tarmac": ((0.20, 0.20, 0.20), 0.16),
    "floor": ((0.42, 0.36, 0.30), 0.42),
    "paper": ((0.70, 0.66, 0.60), 0.62),
    "glass": ((0.80, 0.85, 0.90), 0.15),
}


def thing(kind: str, stream: Stream, spread: float = 0.3) -> Matter:
    """A thing of that kind, or of painted metal, each time a little other."""
    if kind == "metal":
        colour = stream.between(0.1, 0.5), stream.between(0.1, 0.5), stream.between(0.1, 0.5)
        near = stream.between(0.1, 0.5)
    else:
        light, warm = stream.between(1 - spread, 1 + spread), stream.between(-0.04, 0.04)
        (red, green, blue), near = _KINDS[kind]
        colour = (_bounded(red * light + warm), _bounded(green * light), _bounded(blue * light - warm))
        near = _bounded(near * stream.between(1 - spread / 2, 1 + spread / 2))
    return Matter(colour, (near, near), 0.0, 0.0, None, kind)


def _bounded(value: float) -> float:
    return min(max(value, 0.02), 0.95)
