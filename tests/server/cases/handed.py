"""A case that was handed over, and what somebody may do to the ZIP on its way."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from tests.server.test_keys import bearer

from rgbir.client import Client
from rgbir.client.casework import Mark
from rgbir.client.evidence.signing import Signer, make_pair
from rgbir.server import Settings, create_app
from rgbir.server.access.keys import Keyring, Role

SECRET = "the nurse's name"
Files = dict[str, bytes]


def hand_over(folder: Path, enrolled: Path, night: bytes) -> None:
    """Leaves `signed.zip` and `unsigned.zip` of one case, `key.pem` with its `.pub`, and the log `audit.jsonl` in a folder.

    The case has a query, six hits with marks of two people, one of them taken back, a hit that was erased, and a note.
    """
    shutil.copytree(enrolled, folder / "gallery")
    make_pair(folder / "key.pem")
    ring = Keyring(folder / "keys.json")
    tokens = {name: ring.add(name, role) for name, role in (("weber", Role.SEARCH), ("okafor", Role.SEARCH))}
    settings: dict[str, Any] = {
        "threads": 1, "keys": ring.file, "audit": folder / "audit.jsonl", "cases": folder / "cases",
    }  # fmt: skip
    for name, key in (("signed", folder / "key.pem"), ("unsigned", None)):
        app = create_app(Settings(folder / "gallery", BUNDLE, evidence_key=key, **settings))
        with TestClient(app, base_url="http://127.0.0.1") as http:
            http.headers.update(bearer(tokens["weber"]))
            weber = Client(http, retries=0)
            if name == "signed":
                fill(http, weber, tokens["okafor"], night)
                http.headers.update(bearer(tokens["weber"]))
            weber.evidence("26-117", folder / f"{name}.zip", zone="Europe/Berlin")


def fill(http: TestClient, weber: Client, okafor: str, night: bytes) -> None:
    case = weber.add_case("26-117", title="Missing patient", purpose="find missing patient", workers=["okafor"])
    answer = weber.search(night, camera="3", top_k=12, case=case.id)
    assert answer.case is not None
    decisions: tuple[Mark, ...] = ("same", "same", "unsure", "different", "different", "same")
    marks = [
        weber.mark(case.id, mark, sighting=hit.id, note=f"seen {hit.rank}", search=answer.case.search)
        for mark, hit in zip(decisions, answer.hits, strict=False)
    ]
    weber.withdraw_mark(case.id, marks[1].n)
    weber.remove_picture(case.id, marks[5].picture)
    weber.add_note(case.id, SECRET)
    http.headers.update(bearer(okafor))
    weber.mark(case.id, "different", sighting=answer.hits[2].id)


def files_in(file: Path) -> Files:
    """Every file of a ZIP, in order."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(file: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """Writes a ZIP, as a server would."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o100600 << 16
            archive.writestr(info, content)
    return file


def resigned(files: Files, key: Path) -> Files:
    """The files with a manifest that fits them, signed by that key: what its holder can make."""
    signer = Signer(key.read_bytes(), "key")
    manifest = json.loads(files["manifest.json"])
    rest = {name: content for name, content in files.items() if not name.startswith("manifest.")}
    manifest["files"] = [
        {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in rest.items()
    ]
    manifest["signed_by"] = {"fingerprint": signer.fingerprint, "public_key": signer.public.hex()}
    content = json.dumps(manifest).encode()
    return {**rest, "manifest.json": content, "manifest.sig": signer.sign(content)}
