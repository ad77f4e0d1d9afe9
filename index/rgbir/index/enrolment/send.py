"""Bulk enrolment on a server: images are read here, and decoded, encoded and kept there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from typing import Any

from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.enrolment.enrol import Tally
from rgbir.index.enrolment.intake import crop_of
from rgbir.index.errors import BadImage, UsageError
from rgbir.index.images import decode, read_bytes
from rgbir.index.progress import Progress, silent


def send(
    records: Iterable[ImageRecord | Skipped],
    url: str,
    key: str | None = None,
    progress: Progress = silent,
) -> Tally:
    """Sends every record's image, in requests of neighbours; one that was sent before is known by its content.

    The index knows no HTTP; the client is found by the entry point `rgbir.remote`.

    Raises:
        UsageError: the client isn't installed. Whatever the client raises.
    """
    points = list(entry_points(group="rgbir.remote"))
    if not points:
        raise UsageError("sending to a server needs rgbir's client: pip install rgbir")
    tally, sent = Tally(), list[str]()

    def skip(source: str, reason: str) -> None:
        tally.skipped.append(Skipped(source, reason))
        progress(1)

    def images() -> Iterator[tuple[bytes, dict[str, Any]]]:
        for record in records:
            if isinstance(record, Skipped):
                skip(record.source, record.reason)
                continue
            try:
                data = read_bytes(record.path)
                if record.box is not None:
                    data = crop_of(data, decode(data, record.source, record.box), as_given=False).data
            except BadImage as error:
                skip(record.source, str(error))
                continue
            sent.append(record.source)
            labels = {
                "camera": record.camera, "taken_at": record.taken_at, "identity": record.identity, "track": record.track
            }  # fmt: skip
            yield data, labels

    with points[0].load()(url, key=key) as client:
        for result in client.enrol_all(images()):
            source = sent.pop(0)
            if result.status == "skipped" or result.reason is not None:
                skip(source, result.reason or "the server skipped it")
                continue
            tally.added += result.status == "added"
            tally.present += result.status == "present"
            progress(1)
    return tally
