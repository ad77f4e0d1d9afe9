"""The shots of each track on one picture, to see what would be enrolled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from rgbir.footage.people import Passing
from rgbir.index import writing_to

HEIGHT, GAP, CAPTION = 160, 8, 120
MOST_ROWS = 200


def draw_sheet(passings: Sequence[Passing], file: Path) -> int:
    """A row for each of the first tracks, its shots in order of time; returns how many were drawn.

    Raises:
        CantWrite: the file can't be written.
    """
    rows = list(passings[:MOST_ROWS])
    strips = [[_fitted(shot.pixels) for shot in passing.shots] for passing in rows]
    width = CAPTION + max((sum(image.width + GAP for image in strip) for strip in strips), default=GAP)
    sheet = Image.new("RGB", (width, max((HEIGHT + GAP) * len(rows), HEIGHT)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, (passing, strip) in enumerate(zip(rows, strips, strict=True)):
        top, left = row * (HEIGHT + GAP), CAPTION
        words = f"track {passing.name}\n{passing.modality}\n{passing.seen[0].seconds:.1f} s to\n{passing.seen[-1].seconds:.1f} s"
        pen.multiline_text((GAP, top + GAP), words, fill="black")
        for image in strip:
            sheet.paste(image, (left, top))
            left += image.width + GAP
    with writing_to(file):
        sheet.save(file)
    return len(rows)


def _fitted(pixels: object) -> Image.Image:
    image = Image.fromarray(pixels)  # type: ignore[arg-type]
    return image.resize((max(round(image.width * HEIGHT / image.height), 1), HEIGHT))
