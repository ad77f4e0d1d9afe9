"""Where the crop of a hit comes from: the client that brought the hit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from rgbir.client.errors import NoPicture

MOST_KEPT = 20
"""Crops that one answer keeps, so that a notebook shows it again without asking again."""


class Origin:
    """A client's way to crops. It takes no part in comparing models, and isn't copied or pickled with them.

    Args:
        fetch: gives a sighting's crop; none where there is no server.
        waits: whether what it gives is awaited.
    """

    def __init__(
        self, fetch: Callable[[str], bytes] | Callable[[str], Awaitable[bytes]] | None = None, waits: bool = False
    ) -> None:
        self.fetch: Callable[[str], Any] | None = fetch
        self.waits = waits
        self.kept: dict[str, bytes] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin)

    def __hash__(self) -> int:
        return 0

    def __deepcopy__(self, memo: dict[int, Any]) -> Origin:
        return self

    def __reduce__(self) -> tuple[type[Origin], tuple[()]]:
        return Origin, ()

    def image(self, sighting: str, has_crop: bool) -> Any:
        """The crop, as bytes; of an `AsyncClient` to be awaited.

        Raises:
            NoPicture: no crop was kept, or no client brought this.
        """
        if not has_crop:
            raise NoPicture(f"sighting {sighting} was enrolled without its crop, so there is no picture of it")
        if self.fetch is None:
            raise NoPicture(
                f"no server is known for sighting {sighting}: only what a client has just answered fetches its picture; use"
                " `client.image(id)`, or `gallery.crop(id)` of a gallery that is here"
            )
        return (
            self._awaited(sighting)
            if self.waits
            else self._keep(sighting, self.kept.get(sighting) or self.fetch(sighting))
        )

    async def _awaited(self, sighting: str) -> bytes:
        assert self.fetch is not None
        return self._keep(sighting, self.kept.get(sighting) or await self.fetch(sighting))

    def _keep(self, sighting: str, crop: bytes) -> bytes:
        if len(self.kept) < MOST_KEPT:
            self.kept[sighting] = crop
        return crop


NOWHERE = Origin()
