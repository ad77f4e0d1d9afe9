"""Counts the rooms of each part, the arrows between them and the floors they stand on: `python -m tests.rooms`.

A room is what lies directly under a part: a module, or a folder with all that is in it. An arrow is a room that imports
another. A room's floor is the longest way down from it; rooms that import each other in a circle share one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

import grimp

PARTS = ("client", "index", "training", "export", "footage", "server")


@dataclass(frozen=True, slots=True)
class House:
    """arrows: (importer, imported). circles: the rooms of each circle, by name."""

    rooms: frozenset[str]
    arrows: frozenset[tuple[str, str]]
    circles: tuple[tuple[str, ...], ...]
    floors: int


def house(part: str) -> House:
    """The rooms of `rgbir.<part>`."""
    package = f"rgbir.{part}"
    graph = grimp.build_graph(package, cache_dir=None)
    rooms = frozenset(graph.find_children(package))
    for room in rooms:
        if graph.find_descendants(room):
            graph.squash_module(room)
    below = {room: graph.find_modules_directly_imported_by(room) & rooms - {room} for room in rooms}
    arrows = frozenset((room, other) for room, others in below.items() for other in others)
    circles = _circles(below)
    return House(rooms, arrows, circles, _floors(below, circles))


def _reached(below: Mapping[str, set[str]], room: str) -> set[str]:
    seen: set[str] = set()
    waiting = [room]
    while waiting:
        for other in below[waiting.pop()] - seen:
            seen.add(other)
            waiting.append(other)
    return seen


def _circles(below: Mapping[str, set[str]]) -> tuple[tuple[str, ...], ...]:
    reached = {room: _reached(below, room) for room in below}
    circles = {tuple(sorted(other for other in reached[room] if room in reached[other])) for room in below}
    return tuple(sorted(circle for circle in circles if circle))


def _floors(below: Mapping[str, set[str]], circles: tuple[tuple[str, ...], ...]) -> int:
    first = {room: circle[0] for circle in circles for room in circle}
    joined: dict[str, set[str]] = {}
    for room, others in below.items():
        circle = first.get(room, room)
        joined.setdefault(circle, set()).update({first.get(other, other) for other in others} - {circle})
    floor: dict[str, int] = {}
    for room in TopologicalSorter(joined).static_order():
        floor[room] = 1 + max((floor[other] for other in joined[room]), default=0)
    return max(floor.values(), default=0)


def main() -> None:
    print(f"{'part':10}{'rooms':>6}{'arrows':>8}{'floors':>8}  circles")
    for part in PARTS:
        counted = house(part)
        circles = "; ".join(", ".join(room.rsplit(".", 1)[1] for room in circle) for circle in counted.circles)
        print(f"{part:10}{len(counted.rooms):6}{len(counted.arrows):8}{counted.floors:8}  {circles or 'none'}")


if __name__ == "__main__":
    main()
