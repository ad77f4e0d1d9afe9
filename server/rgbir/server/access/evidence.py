"""What an audit log is good for: a search repeated, and a case handed on."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import deque
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rgbir.client.evidence.entries import Entry
from rgbir.index import (
    Answer,
    AnyGallery,
    Box,
    Distances,
    Hours,
    Marks,
    Searcher,
    SearchOptions,
    beside,
    decode,
    listed,
)
from rgbir.server.access.audit import entries
from rgbir.server.access.chain import problems
from rgbir.server.errors import AuditFailed


def replay(entry: Entry, images: Sequence[bytes], searcher: Searcher) -> list[str]:
    """Searches as the entry says. Why the hits can't be, or aren't, the same; none if they are.

    Raises:
        AuditFailed: the entry is no search by images.
    """
    searched = entry.get("action") == "search" and entry.get("hits")
    if not (searched or entry.get("action") == "distances") or "sha256" not in entry.get("query", {}):
        raise AuditFailed(f"entry {entry.get('n')} is no search by images; only those can be replayed")
    reasons = []
    hashes = [hashlib.sha256(image).hexdigest() for image in images]
    if hashes != entry["query"]["sha256"]:
        return ["these are not the images that were searched with: their hashes differ"]
    if searcher.encoder.card.fingerprint != entry["fingerprint"]:
        return [
            f"the search was made with the model {entry['model']} ({entry['fingerprint']}), this is {searcher.encoder.card.name}"
        ]
    now = searcher.gallery.generation
    if now != entry["generation"]:
        reasons.append(f"the gallery has changed since: it was of generation {entry['generation']} and is of {now}")
    boxes = _boxes(entry.get("box"), len(images))
    shots = [
        decode(image, f"image {place}", box) for place, (image, box) in enumerate(zip(images, boxes, strict=True), 1)
    ]
    options = options_of(entry["options"])
    if entry["action"] == "distances":
        embeddings = searcher.encoder.embed(shots, searcher.modality_of(options))
        same = answer_digest(searcher.distances(embeddings, options)) == entry["answer"]
        return (
            []
            if same
            else reasons or ["the distances differ, and neither the model nor the gallery's generation explains it"]
        )
    if entry.get("batch"):
        embeddings = searcher.encoder.embed(shots, searcher.modality_of(options))
        answers = searcher.each(embeddings, options)
    elif marks := entry.get("marks"):
        embeddings = (
            searcher.encoder.embed(shots, searcher.modality_of(options))
            if shots
            else np.empty((0, searcher.encoder.card.dimension), np.float32)
        )
        answers = [searcher.marked(embeddings, options, Marks(tuple(marks["same"]), tuple(marks["different"])))]
    else:
        answers = [_as_then(searcher, shots, options, entry.get("rerank"))]
    hits = [[hit.id for hit in answer.hits] for answer in answers]
    if hits == entry["hits"]:
        return []
    return reasons or ["the hits differ, and neither the model nor the gallery's generation explains it"]


def _as_then(
    searcher: Searcher, shots: list[Image.Image], options: SearchOptions, then: dict[str, Any] | None
) -> Answer:
    """A search that orders as many sightings anew as it did then."""
    if then is not None and 0 < then["scored"] < then["seen"]:
        fewer = min(options.top_k, then["scored"])  # no others were hits
        options = replace(options, candidates=then["scored"], top_k=fewer)
    answer = searcher.search(shots, options)
    if then is None or answer.reranking is None or answer.reranking.scored == then["scored"]:
        return answer
    searcher.gallery.finish_lists()
    return searcher.search(shots, options)


def _boxes(box: Any, count: int) -> list[Box | None]:
    """As an entry has them: none, one of all images, or one for each; left, top, right, bottom."""
    if not box or isinstance(box[0], int):
        return [tuple(box) if box else None] * count
    return [tuple(each) if each else None for each in box]


def answer_digest(distances: Distances) -> str:
    """sha256 of who was compared, in order, and how far each was: float64, little endian."""
    return hashlib.sha256("\0".join(distances.sightings).encode() + distances.keys.astype("<f8").tobytes()).hexdigest()


def options_of(options: dict[str, Any]) -> SearchOptions:
    """The options as they were.

    Raises:
        AuditFailed: an option that this version doesn't know.
    """
    values = dict(options)
    if unknown := values.keys() - {each.name for each in fields(SearchOptions)}:
        raise AuditFailed(f"the entry has options that this version doesn't know: {listed(sorted(unknown))}")
    if hours := values.get("hours"):
        values["hours"] = Hours(time.fromisoformat(hours["start"]), time.fromisoformat(hours["end"]), hours["zone"])
    return SearchOptions.read(values)


def export_case(log: Path, case: str, gallery: AnyGallery, out: Path) -> tuple[int, int]:
    """Writes a ZIP with the case's entries, the crops of their hits, and `manifest.json` with a sha256 of each file.

    Returns:
        How many entries, and how many hits have no crop any more.

    Raises:
        AuditFailed: the log's chain is broken, or there is no such case.
    """
    if broken := problems(log):
        raise AuditFailed(f"{log}: {broken[0]}; a case can't be vouched for")
    case_entries = [entry for entry in entries(log) if entry.get("case") == case]
    if not case_entries:
        raise AuditFailed(f"{log} has no entry of case {case!r}")
    hits = dict.fromkeys(hit for entry in case_entries for answer in entry.get("hits", ()) for hit in answer)
    files = {"entries.jsonl": "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in case_entries).encode()}
    missing = 0
    for hit in hits:
        crop = gallery.crop(hit)
        if crop is None:
            missing += 1
        else:
            files[f"hits/{hit}.{crop.media_type.removeprefix('image/')}"] = crop.data
    head = deque(entries(log), maxlen=1)[0]["hash"]
    manifest = {
        "case": case,
        "log_head": head,
        "files": {n: hashlib.sha256(data).hexdigest() for n, data in files.items()},
    }
    with beside(out) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr("manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False))
    return len(case_entries), missing
