"""`rgbir embed`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rgbir.index.bulk import bulk_callers
from rgbir.index.bundle import Bundle
from rgbir.index.cameras import CameraNetwork, Modality
from rgbir.index.cli.options import SKIPPED_EXIT, BundleOption, NetworkOption, RunnerOption, ThreadsOption, progress
from rgbir.index.cli.output import Answer, in_groups, remark
from rgbir.index.datasets.own import OwnPictures
from rgbir.index.datasets.passed import passed_over_words
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.encoder import Encoder
from rgbir.index.errors import UsageError
from rgbir.index.evaluation.sources import encoded


@dataclass(frozen=True, slots=True)
class Embedded:
    """A features file.

    Attributes:
        file: where it is.
        embeddings: how many it holds.
        dimension: values of each.
        passed_over: files of own pictures that aren't read.
    """

    file: Path
    embeddings: int
    dimension: int
    passed_over: int = 0


@in_groups({"Which images": ("modality", "camera", "identity", "network")})
def embed(
    images: Annotated[
        list[Path], typer.Argument(help="Image files; with --network own pictures, in a folder or a table.")
    ],
    bundle: BundleOption,
    out: Annotated[Path, typer.Option(help="The features file to write (.npz).")],
    modality: Annotated[
        Modality | None, typer.Option(help="Which graph embeds them; of own pictures, which of them.")
    ] = None,
    camera: Annotated[str, typer.Option(help="The camera of all these images; unknown if not given.")] = "",
    identity: Annotated[int | None, typer.Option(help="Who they show, a whole number.", min=0)] = None,
    network: NetworkOption = None,
    threads: ThreadsOption = None,
    runner: RunnerOption = "onnxruntime",
) -> Answer[Embedded]:
    """Embed images and write a features file, for `rgbir evaluate --query` and anybody's analysis.

    Examples:
        rgbir embed a.jpg b.jpg --modality ir --camera 3 --bundle demo/expat_compact.synthetic_people --out q.npz
        rgbir embed pictures.csv --network site.toml --bundle demo/expat_compact.synthetic_people --out all.npz
    """
    over: Counter[str] = Counter()
    if network is None:
        if modality is None:
            raise UsageError("--modality says which graph embeds the images, rgb or ir; or give --network with a table")
        records = [ImageRecord(path, str(path), camera, modality, identity) for path in images]
    else:
        if camera or identity is not None or len(images) != 1:
            raise UsageError(
                "with --network the images are one folder or table, which says cameras and identities itself"
            )
        pictures = OwnPictures(images[0], CameraNetwork.read(network))
        records = [record for record in pictures.images if modality in (None, record.modality)]
        over = pictures.passed_over()
        for text in (*pictures.unsure(), *([passed_over_words(over)] if over else [])):
            remark(text)
        if not records:
            of_kind = f" {modality.upper()}" if modality else ""
            raise UsageError(
                f"{images[0]} has no{of_kind} image to embed, of {len(pictures.images):,}; nothing was written"
            )
    encoder = Encoder(Bundle(bundle), threads=threads, runner=runner, callers=bulk_callers())
    with progress("encoding", len(records)) as advance:
        encoded(records, encoder, advance).save(out)
    content = Embedded(out, len(records), encoder.card.dimension, over.total())
    line = f"{len(records):,} embeddings of {encoder.card.dimension} values in {out}"
    return Answer(content, [line], SKIPPED_EXIT if over else 0)
