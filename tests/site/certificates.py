"""Certificates as a site has them, made by OpenSSL's own command."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class Files(NamedTuple):
    cert: Path
    key: Path


def authority(folder: Path) -> Files:
    """A site's own, whose certificate its clients trust."""
    return _made(folder, "-subj", "/CN=our authority")


def made(folder: Path, by: Files | None = None, days: int = 30, names: str = "DNS:localhost,IP:127.0.0.1") -> Files:
    """A new certificate of an authority, or one that is its own, and its key."""
    signed = ["-addext", "basicConstraints=CA:FALSE", "-CA", str(by.cert), "-CAkey", str(by.key)] if by else []
    return _made(folder, "-days", str(days), "-subj", "/CN=rgbir", "-addext", f"subjectAltName={names}", *signed)


def _made(folder: Path, *words: str) -> Files:
    folder.mkdir(exist_ok=True)
    files = Files(folder / "cert.pem", folder / "key.pem")
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", *words,
        "-keyout", str(files.key), "-out", str(files.cert),
    )  # fmt: skip
    files.key.chmod(0o600)
    return files


def serial(certificate: str | Path) -> str:
    """The number of a certificate in PEM, as text or in a file."""
    text = certificate.read_text() if isinstance(certificate, Path) else certificate
    return openssl("x509", "-noout", "-serial", given=text)


def openssl(*words: str, given: str = "") -> str:
    return subprocess.run(["openssl", *words], input=given, capture_output=True, text=True, check=True).stdout.strip()
