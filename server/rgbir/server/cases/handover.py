"""A case as a ZIP that proves itself: its files, a manifest of all of them, and the manifest's signature."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, BinaryIO, Protocol

from rgbir.client.casework import Case, CaseAnswer
from rgbir.client.evidence.manifest import (
    CASE,
    GALLERY,
    LOG,
    MANIFEST,
    MODEL,
    README,
    REPORT,
    SIGNATURE,
    CaseName,
    ListedFile,
    LogEntry,
    Manifest,
    OfLog,
    SignedBy,
    grouped,
)
from rgbir.index import Crop
from rgbir.server.access.extract import Extract
from rgbir.server.cases.plain import plain
from rgbir.server.cases.report.dossier import Dossier
from rgbir.server.cases.report.page import zip_name

MADE = (1980, 1, 1, 0, 0, 0)
"""Of every file in the ZIP: the manifest says when it was made."""
SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/bmp": "bmp", "image/webp": "webp", "image/tiff": "tiff"}
_PIECE = 1 << 20
_OF_CALLER = {"access", "approvable", "new", "looked"}
"""What a case tells of whoever looks, and not of itself."""


class Signing(Protocol):
    """What signs: `Signer` of `rgbir.client.evidence.signing`."""

    @property
    def public(self) -> bytes: ...
    @property
    def fingerprint(self) -> str: ...
    def sign(self, content: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Handover:
    """What goes into the ZIP.

    Attributes:
        dossier: the case, and where the ZIP has its pictures.
        report: the report's document, piece by piece.
        crop: a picture's bytes by its id.
        extract: which entries of the audit log are the case's.
        log: these entries, read from where it stands.
        card: of the model.
        gallery: what is known of the gallery, without its address.
    """

    dossier: Dossier
    report: Iterable[bytes]
    crop: Callable[[str], Crop | None]
    extract: Extract
    log: BinaryIO
    card: Mapping[str, Any]
    gallery: Mapping[str, Any]


def files_of(case: Case, media_type: Callable[[str], str | None]) -> dict[str, str]:
    """Where the ZIP has each picture that is kept, by its id.

    Args:
        media_type: of a picture, by its id.
    """
    folders = {"query": "queries", "hit": "hits"}
    return {
        picture.id: f"{folders[picture.kind]}/{picture.id}.{SUFFIXES.get(media_type(picture.id) or '', 'bin')}"
        for picture in case.pictures
        if picture.sha256 is not None
    }


def write(out: BinaryIO, handover: Handover, signer: Signing | None) -> str:
    """Writes the ZIP, a file after the other; no more than one picture is in memory.

    Returns:
        The manifest's sha256.

    Raises:
        PictureGone: a picture was erased meanwhile.
    """
    dossier = handover.dossier
    listed: list[ListedFile] = []
    with zipfile.ZipFile(out, "w", allowZip64=True) as archive:

        def add(name: str, pieces: Iterable[bytes], *, packed: bool = True) -> None:
            size, digest = 0, hashlib.sha256()
            info = zipfile.ZipInfo(name, MADE)
            info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            info.external_attr = 0o100600 << 16
            with archive.open(info, "w", force_zip64=True) as file:
                for piece in pieces:
                    file.write(piece)
                    size += len(piece)
                    digest.update(piece)
            if name not in (MANIFEST, SIGNATURE):
                listed.append(ListedFile(name=name, bytes=size, sha256=digest.hexdigest()))

        add(README, [_readme(dossier, signer).encode()])
        add(REPORT, handover.report)
        add(CASE, [_json(_case(dossier))])
        add(MODEL, [_json(handover.card)])
        add(GALLERY, [_json(handover.gallery)])
        add(LOG, iter(lambda: handover.log.read(_PIECE), b""))
        for picture, name in dossier.files.items():
            crop = handover.crop(picture)
            if crop is None:
                raise PictureGone(name)
            add(name, [crop.data], packed=False)
        manifest = _manifest(dossier, handover.extract, listed, signer)
        add(MANIFEST, [manifest])
        if signer is not None:
            add(SIGNATURE, [signer.sign(manifest)], packed=False)
    return hashlib.sha256(manifest).hexdigest()


class PictureGone(Exception):
    """A picture was erased while the case was written down."""


def _manifest(dossier: Dossier, extract: Extract, listed: list[ListedFile], signer: Signing | None) -> bytes:
    number, total = extract.head
    manifest = Manifest(
        case=CaseName(id=dossier.case.id, number=dossier.case.number),
        made_at=dossier.made_at,
        made_by=dossier.made_by,
        rgbir=version("rgbir"),
        audit=OfLog(
            head=LogEntry(n=number, hash=total),
            begins=extract.begins,
            begins_at=extract.begins_at,
            first=extract.first,
            last=extract.last,
            entries=extract.entries,
        ),
        signed_by=None if signer is None else SignedBy(fingerprint=signer.fingerprint, public_key=signer.public.hex()),
        files=tuple(listed),
    )
    return manifest.model_dump_json(indent=1).encode()


def _case(dossier: Dossier) -> dict[str, Any]:
    """The case with the whole answers of its searches; pictures are named as the ZIP has them."""
    content = dossier.case.model_dump(mode="json", exclude=_OF_CALLER | {"pictures", "searches"})
    pictures = [picture.model_dump(mode="json", exclude={"image", "blank"}) for picture in dossier.case.pictures]
    return {
        **content,
        "pictures": [{**picture, "file": dossier.files.get(picture["id"])} for picture in pictures],
        "searches": [_answer(answer) for answer in dossier.answers],
    }


def _answer(answer: CaseAnswer) -> dict[str, Any]:
    content = answer.model_dump(mode="json")
    for hit in content["ranking"]:
        if hit is not None:
            hit.pop("image", None)  # an address of the server's
    return content


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def _readme(dossier: Dossier, signer: Signing | None) -> str:
    return "\n".join(_lines(dossier, signer)) + "\n"


def _lines(dossier: Dossier, signer: Signing | None) -> Iterator[str]:
    name, number, who = zip_name(dossier.case.number), plain(dossier.case.number), plain(dossier.made_by)
    yield f"Case {number}, written down on {dossier.made_at:%Y-%m-%d %H:%M:%S} UTC by {who}."
    yield ""
    yield "A person decided every mark in here. The software ordered pictures by how alike they look."
    yield "It is often wrong, it does not identify anybody, and a person who is not found may still have been there."
    yield ""
    yield f"{REPORT}     for people; it prints"
    yield f"{CASE}       the case: pictures, decisions with those that were taken back, notes, searches with their answers"
    yield "queries/, hits/ the pictures as the case keeps them"
    yield f"{LOG}     the case's entries of the server's audit log"
    yield f"{MODEL}      the card of the model that answers now, with its measured results"
    yield f"{GALLERY}    which gallery it was, without where it is"
    yield f"{MANIFEST}   size and sha256 of every file, the log's head, and by which key it is signed"
    yield f"{SIGNATURE}    the Ed25519 signature of exactly the bytes of {MANIFEST}"
    yield ""
    if signer is None:
        yield "It is UNSIGNED, so there is no manifest.sig. To see whether it is whole, without any server or network:"
        yield f"    pip install 'rgbir[evidence]' && rgbir evidence verify {name}"
    else:
        yield f"It is signed by the key {grouped(signer.fingerprint)}. To verify it, without any server or network:"
        yield f"    pip install 'rgbir[evidence]' && rgbir evidence verify {name} --key KEY.pub"
        yield "KEY.pub comes from whoever made this, by another way than this ZIP. OpenSSL 3 verifies the signature, too:"
        yield f"    openssl pkeyutl -verify -pubin -inkey KEY.pub -rawin -in {MANIFEST} -sigfile {SIGNATURE}"
