"""A server that takes the people, by its track call."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from rgbir.client import Busy, Client, ClientError, ConnectionFailed, ServerFailed, Unprocessable, Untrusted
from rgbir.footage.frigate.errors import Closed, Later, PassedOver
from rgbir.footage.frigate.places import Outcome, Shot
from rgbir.index import Camera, CameraNetwork, Modality

FAILED_ON_IT = "internal"
"""The problem of a server that failed on one request, which may be the request's fault."""


class OnServer:
    """A server's gallery, in a `with` block. Its retention is the server's affair.

    Args:
        url, key, ca: see `Client`.
    """

    def __init__(self, url: str, key: str | None, ca: Path | None) -> None:
        self._client = Client(url, key=key, ca=ca)

    def network(self) -> CameraNetwork:
        """
        Raises:
            Closed: nobody answers.
        """
        try:
            network = self._client.cameras()
        except ClientError as error:
            raise _later(error) from None
        cameras = (
            Camera(
                camera.id,
                frozenset(Modality(light) for light in camera.modalities),
                camera.place,
                aliases=frozenset(camera.aliases),
            )
            for camera in network.cameras
        )
        return CameraNetwork(network.name, tuple(cameras))

    def take(self, shot: Shot) -> Outcome:
        """Sends the snapshot and the person's box; the server keeps that part alone.

        Raises:
            ClientError: a key without the right, or a certificate that isn't trusted.
            Later: the server failed on it.
            Closed: the server can't take anybody now, or doesn't answer.
            PassedOver: the server can't take it.
        """
        if len(shot.camera.modalities) > 1 and shot.modality is Modality.IR:
            raise PassedOver(
                f"ir of {shot.camera.id}",
                f"a server takes pictures of {shot.camera.shown}, which has both, for colour, and event {shot.event} is infrared;"
                " enrol with --gallery, or declare two cameras",
            )
        try:
            [result] = self._client.enrol_track(
                [shot.data], camera=shot.camera.id, track=shot.event, box=shot.box, taken_at=shot.taken_at
            )
        except Unprocessable as error:
            raise PassedOver("refused by the server", f"event {shot.event}: {error}") from None
        except ClientError as error:
            raise _later(error) from None
        if result.status == "skipped":
            raise PassedOver("unreadable", f"event {shot.event}: {result.reason}")
        return result.status

    def upkeep(self) -> None:
        """Nothing: the server does it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _later(error: ClientError) -> Exception:
    """A key without the right, or a certificate that isn't trusted, stays so: that ends the command."""
    text = f"the server doesn't take it: {error}"
    if isinstance(error, ServerFailed) and error.code == FAILED_ON_IT:
        return Later(text)
    closed = isinstance(error, (Busy, ConnectionFailed, ServerFailed)) and not isinstance(error, Untrusted)
    return Closed(text) if closed else error
