"""`rgbir attend`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from rgbir.index import (
    Modality,
    UsageError,
    beside,
    decode,
    expect_writable,
    pixels,
    read_bytes,
)
from rgbir.index.cli.output import Answer

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Drawing:
    """Where a network looks, drawn.

    Attributes:
        file: the picture.
        maps: how many images it shows.
    """

    file: Path
    maps: int


def attend(
    run: Annotated[Path, typer.Argument(help="A run's folder, as `rgbir train --out` wrote it.")],
    images: Annotated[list[Path], typer.Argument(help="Images of one modality.")],
    modality: Annotated[Modality, typer.Option(help="Of the images.")],
    out: Annotated[Path, typer.Option(help="The picture to write (.png): each image beside its map.")],
    against: Annotated[
        Path | None, typer.Option(help="Show what the images have in common with this one, of the other modality.")
    ] = None,
) -> Answer[Drawing]:
    """Draw where a trained network looks (Grad-CAM).

    Examples:
        rgbir attend runs/expat a.jpg b.jpg --modality ir --out maps.png
        rgbir attend runs/expat a.jpg --modality ir --against colour.jpg --out common.png
    """
    import torch

    from rgbir.training.attention import attention, overlaid
    from rgbir.training.data.transforms import normalise
    from rgbir.training.run import load_run

    if out.suffix.lower() != ".png" or not out.parent.is_dir():
        raise UsageError(f"--out is a .png file in a folder that is there, not {out}")
    expect_writable(out)
    trained = load_run(run)
    method, recipe = trained.load_weights(), trained.recipe

    def prepared(file: Path) -> tuple[NDArray[np.uint8], Tensor]:
        picture = pixels(decode(read_bytes(file), str(file)), recipe.height, recipe.width, recipe.resize).copy()
        return picture, normalise(torch.from_numpy(picture[None]))[0]

    with torch.no_grad():
        other = None if against is None else method.embed(prepared(against)[1][None], modality.other)[0]
    pairs = []
    for picture, image in map(prepared, images):
        pairs.append(np.hstack([picture, overlaid(picture, attention(method, image, modality, other))]))
    if against is not None:
        shown = prepared(against)[0]
        pairs.insert(0, np.hstack([shown, np.zeros_like(shown)]))
    with beside(out) as new:
        Image.fromarray(np.hstack(pairs)).save(new)
    return Answer(Drawing(out, len(images)), [f"{len(images)} maps in {out}"])
