"""Frigate's cameras, and what they are called here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rgbir.footage.frigate.errors import PassedOver
from rgbir.index import Camera, CameraNetwork, UsageError


def parse_map(pairs: Sequence[str]) -> dict[str, str]:
    """`front_door=hall` each: Frigate's name, and ours.

    Raises:
        UsageError: something else, or one of Frigate's cameras twice.
    """
    names: dict[str, str] = {}
    for pair in pairs:
        theirs, equals, ours = (part.strip() for part in pair.partition("="))
        if not (theirs and equals and ours):
            raise UsageError(
                f"--map is Frigate's name of a camera and the gallery's, such as front_door=hall, not {pair!r}"
            )
        if theirs in names:
            raise UsageError(f"--map names {theirs!r} twice; a camera of Frigate is one camera here")
        names[theirs] = ours
    return names


class CameraMap:
    """Which camera of the network a camera of Frigate is: as the map says, or the one of that name.

    Raises:
        UnknownCamera: the map names a camera that the network doesn't have.
    """

    def __init__(self, names: Mapping[str, str], network: CameraNetwork) -> None:
        self._network = network
        self._cameras = {theirs: network[ours] for theirs, ours in names.items()}

    def camera(self, theirs: str) -> Camera:
        """
        Raises:
            PassedOver: nobody said which camera it is.
        """
        camera = self._cameras.get(theirs) or self._network.get(theirs)
        if camera is None:
            raise PassedOver(
                f"camera {theirs!r} isn't mapped",
                f"Frigate's camera {theirs!r} is none of the network's: its people aren't enrolled; say --map {theirs}=CAMERA",
            )
        return camera
