"""`rgbir export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rgbir.export.bundle import export as write_bundle
from rgbir.export.bundle import record_measurement
from rgbir.index import Bundle, Encoder, SysuMM01, decode, pixels, read_bytes
from rgbir.index.datasets.sysu_mm01 import INFRARED, VISIBLE
from rgbir.index.evaluation import PROTOCOLS, evaluate_sysu
from rgbir.index.evaluation.sources import encoded
from rgbir.training import load_run

SAMPLES = 12


def export(
    run: Annotated[Path, typer.Argument(help="The --out folder of `rgbir train`.")],
    out: Annotated[Path, typer.Option(help="The bundle's folder; must not exist.")],
    data: Annotated[
        Path | None,
        typer.Option(help="A SYSU-MM01 root: its images serve the proof, its test list is measured into the card."),
    ] = None,
    protocol: Annotated[str, typer.Option(help="What is measured with --data.")] = "sysu",
) -> None:
    """Write a bundle that serves without torch, after proving that it computes what the run computes."""
    trained = load_run(run)
    recipe = trained.recipe
    records = [] if data is None else list(SysuMM01(data).records("test"))
    chosen = records[:: max(1, len(records) // SAMPLES)][:SAMPLES]
    images = [
        pixels(decode(read_bytes(record.path), str(record.path)), recipe.height, recipe.width) for record in chosen
    ]
    card = write_bundle(trained, out, images)
    assert card.parity is not None
    print(f"{out}: {card.name}, {card.dimension} values, {card.metric}, fingerprint {card.fingerprint}")
    print(
        f"parity: {card.parity.largest_relative_difference:.2e} relative over {card.parity.cases} comparisons (allowed {card.parity.tolerance:.0e})"
    )
    if data is not None:
        source = SysuMM01(data)
        encoder = Encoder(Bundle(out))
        probes, gallery = (encoded(list(source.records("test", cameras)), encoder) for cameras in (INFRARED, VISIBLE))
        report = evaluate_sysu(source, probes, gallery, PROTOCOLS[protocol], metric=card.metric)
        result = {
            "data": f"{data.name}, test list: {report.trials[0].queries} queries, {report.trials[0].gallery_identities} identities",
            "command": f"rgbir evaluate --data {data.name} --bundle {out.name} --protocol {protocol}",
            "rank_1": round(report.rank(1), 6),
            "rank_10": round(report.rank(10), 6),
            "mAP": round(report.mean_ap, 6),
            "mINP": round(report.mean_inp, 6),
        }
        record_measurement(out, f"{protocol}, all-search, single-shot", result)
        print(f"measured: rank-1 {100 * report.rank(1):.2f}, mAP {100 * report.mean_ap:.2f} on {data.name}")
