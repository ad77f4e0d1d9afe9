"""The key that signs evidence, as a server has it."""

from __future__ import annotations

from pathlib import Path

from rgbir.client.evidence.signing import NotAKey, Signer
from rgbir.index import why
from rgbir.server.access.private import expect_private
from rgbir.server.errors import BadSettings


def signer_of(file: Path) -> Signer:
    """Read once: the medium that it lies on may be taken away while the server runs.

    Raises:
        BadSettings: others can read it, or it is no Ed25519 private key in PEM.
    """
    try:
        expect_private(file)
        return Signer(file.read_bytes(), str(file))
    except NotAKey as error:
        raise BadSettings(f"--evidence-key: {error}") from error
    except OSError as error:
        raise BadSettings(
            f"--evidence-key {file} can't be read: {why(error)}; `rgbir evidence key FILE` makes one"
        ) from error
