"""What is worth knowing of a recording that was worked through, in words."""

from __future__ import annotations

from collections.abc import Iterator

from rgbir.footage.enrolment import Report
from rgbir.footage.people import Counts
from rgbir.index import Camera, Modality


def remarks_on(report: Report, camera: Camera) -> Iterator[str]:
    """What is worth knowing of a recording that was worked through."""
    counts = report.counts
    if report.was_done:
        yield f"{report.name}: it was worked through before; --again looks at it once more"
    elif report.about is not None and report.start is None:
        yield f"{report.name}: nobody knows when it was taken ({report.time_from}), so its people have no time"
    if report.decoding.cut:
        yield f"{report.name}: it is cut: {report.decoding.cut}"
    if report.decoding.damaged:
        yield f"{report.name}: {report.decoding.damaged:,} damaged packets or pictures were passed over"
    yield from on_light(counts, camera)


def on_light(counts: Counts, camera: Camera) -> Iterator[str]:
    """What is worth knowing of frames that are of another modality than their camera."""
    if counts.contrary:
        frames = sum(counts.frames.values())
        declared = " and ".join(sorted(camera.modalities))
        kind = "grey" if counts.frames[Modality.IR] == counts.contrary else "in colour"
        taken = "they were taken all the same" if counts.contrary and counts.detections else "--trust-frames takes them"
        yield f"camera {camera.shown} is declared {declared}; {counts.contrary:,} of {frames:,} frames are {kind}: {taken}"
