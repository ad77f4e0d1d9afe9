"""Keys that sign evidence: Ed25519, private ones in PEM without a passphrase, public ones in PEM beside them."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

MOST_BYTES = 65_536
"""Of a file with a key."""


class NotAKey(Exception):
    """A file that is no key of this kind."""

    exit_code = 2


class Signer:
    """A private key at work.

    Attributes:
        public: its public key's 32 bytes.

    Raises:
        NotAKey: the text is no Ed25519 private key in PEM, or has a passphrase.
    """

    def __init__(self, pem: bytes, name: str) -> None:
        try:
            key = load_pem_private_key(pem, None)
        except TypeError as error:
            raise NotAKey(
                f"{name} has a passphrase, which nobody could type for a server; `rgbir evidence key FILE` makes a key without"
            ) from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise NotAKey(f"{name} is no private key in PEM; `rgbir evidence key FILE` makes one") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise NotAKey(f"{name} is a key of another kind than Ed25519; `rgbir evidence key FILE` makes one")
        self._key = key
        self.public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)

    def sign(self, content: bytes) -> bytes:
        """The signature of exactly these bytes, 64 of its own."""
        return self._key.sign(content)


def make_pair(file: Path) -> tuple[Path, str]:
    """Writes a new private key to FILE, which nobody else may read, and its public key to FILE.pub.

    Returns:
        The public key's file, and its fingerprint.

    Raises:
        FileExistsError: one of them is there; no key is written over.
        OSError: they can't be written.
    """
    public_file = file.with_name(f"{file.name}.pub")
    for there in (file, public_file):
        if os.path.lexists(there):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(there))
    key = Ed25519PrivateKey.generate()
    public = key.public_key()
    _write(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _write(public_file, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    return public_file, fingerprint(public.public_bytes(Encoding.Raw, PublicFormat.Raw))


def _write(file: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as new:
        new.write(content)
        new.flush()
        os.fsync(new.fileno())


def read_public(file: Path) -> bytes:
    """A public key's 32 bytes.

    Raises:
        NotAKey: the file is no Ed25519 public key in PEM.
        OSError: it can't be read.
    """
    with file.open("rb") as opened:
        pem = opened.read(MOST_BYTES)
    if b"PRIVATE KEY" in pem:
        raise NotAKey(f"{file} is a private key, which stays where it signs; name the public one, {file.name}.pub")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NotAKey(f"{file} is no public key in PEM; `rgbir evidence key FILE` makes FILE.pub") from error
    if not isinstance(key, Ed25519PublicKey):
        raise NotAKey(f"{file} is a key of another kind than Ed25519; `rgbir evidence key FILE` makes FILE.pub")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def fingerprint(public: bytes) -> str:
    """sha256 of a public key's 32 bytes."""
    return hashlib.sha256(public).hexdigest()


def is_signed(public: bytes, signature: bytes, content: bytes) -> bool:
    """Whether that key signed exactly these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True
