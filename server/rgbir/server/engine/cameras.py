"""Changes of the cameras, in every gallery of a server."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from rgbir.index import AnyGallery, Camera, CameraNetwork, IndexFailure, Touched, UsageError, listed
from rgbir.server.access.keys import Key
from rgbir.server.engine.swap import ModelSwap

_log = logging.getLogger(__name__)
Change = Callable[[CameraNetwork], CameraNetwork]


@dataclass(frozen=True, slots=True)
class CamerasChanged:
    """What a change makes of a network.

    Attributes:
        before, after: the network.
        touched: what it means for sightings.
        unreached: names of galleries of other models that can't be changed now. They follow before they answer.
    """

    before: CameraNetwork
    after: CameraNetwork
    touched: tuple[Touched, ...]
    unreached: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def was(self, name: str) -> Camera | None:
        """The camera of that name before."""
        return self.before.get(name)

    def now(self, name: str) -> Camera | None:
        """The camera that had that name before, or has it now, after the change."""
        camera = self.was(name)
        return next((new for new in self.after if new.id == (name if camera is None else camera.id)), None)


def planned(gallery: AnyGallery, change: Change) -> CamerasChanged:
    """What a change would make of a gallery's network.

    Raises:
        UsageError: it is refused.
    """
    _ = gallery.generation  # with what other processes changed
    before = gallery.network
    after = change(before)
    return CamerasChanged(before, after, tuple(gallery.touched(after)))


def carried_out(models: ModelSwap, change: Change) -> CamerasChanged:
    """Changes the network of the gallery that answers, and of those of other models; runs where changes are made.

    Raises:
        UsageError: it is refused.
    """
    gallery = models.engine.gallery
    with gallery.writing():
        plan = planned(gallery, change)
        gallery.change_network(lambda _: plan.after)
    unreached = []
    for folder, other in models.others():
        try:
            with other as opened:
                opened.change_network(lambda network: network.following(plan.after))
        except IndexFailure as error:
            _log.error("%s: its cameras are changed when it is filled again: %s", folder, error)
            unreached.append(folder.name)
    return CamerasChanged(plan.before, plan.after, plan.touched, tuple(unreached))


def expect_keys_unchanged(keys: tuple[Key, ...], before: CameraNetwork, after: CameraNetwork) -> None:
    """No key of some cameras sees more than before: a name that it has, and no camera had, isn't given away.

    Raises:
        UsageError: a key would see a camera by its new name or alias.
    """
    given = {name for camera in after for name in camera.names if name != camera.id} - before.names
    for key in keys:
        if widened := given & set(key.cameras or ()):
            raise UsageError(
                f"the key {key.name!r} is for a camera called {listed(sorted(widened))}, and would see this one from then on;"
                " choose another name, or revoke the key"
            )
