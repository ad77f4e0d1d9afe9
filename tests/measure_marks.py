"""What marks are worth on the demonstration's people: `python -m tests.measure_marks demo`, after `rgbir demo`.

Of each night query the first ten hits are marked by who they show. Then the next search is measured on the hits that nobody marked:
the mean average precision among its first forty, where anybody is left to be found.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from rgbir.index import (
    Bundle,
    Encoder,
    Hit,
    Marks,
    Modality,
    Searcher,
    SearchOptions,
    SysuMM01,
    decode,
    open_gallery,
    read_bytes,
)

QUERIES, SEEN, SHOWN = 150, 10, 40


def average_precision(right: list[bool]) -> float:
    """Of a ranking, True where the hit shows the query's person; nan where none does."""
    places = np.flatnonzero(right)
    return float(np.mean([(n + 1) / (place + 1) for n, place in enumerate(places)])) if len(places) else float("nan")


def main(demo: Path) -> None:
    encoder = Encoder(Bundle(demo / "expat_compact.synthetic_people"))
    data = SysuMM01(demo / "people")
    records = list(data.records("test", (3, 6)))
    chosen = np.random.default_rng(0).choice(len(records), QUERIES, replace=False)
    values: dict[str, list[float]] = {}
    with open_gallery(str(demo / "gallery")) as gallery:
        searcher = Searcher(encoder, gallery)
        for place in chosen:
            record = records[place]
            embeddings = encoder.embed([decode(read_bytes(record.path), record.source)], Modality.IR)
            options = SearchOptions(camera=record.camera, top_k=SHOWN)
            before = searcher.find(embeddings, options)
            seen = before.hits[:SEEN]
            same = tuple(hit.id for hit in seen if hit.identity == record.identity)
            different = tuple(hit.id for hit in seen if hit.identity != record.identity)
            marked = set(same + different)

            def measured(
                hits: tuple[Hit, ...], marked: set[str] = marked, identity: int | None = record.identity
            ) -> float:
                return average_precision([hit.identity == identity for hit in hits if hit.id not in marked])

            for name, marks in {
                "no marks heeded": Marks(),
                "same": Marks(same),
                "different": Marks((), different),
                "both": Marks(same, different),
            }.items():
                answer = searcher.marked(embeddings, options, marks)
                values.setdefault(name, []).append(measured(answer.hits))
    for name, precisions in values.items():
        print(f"{name:16s} mAP {100 * np.nanmean(precisions):5.1f} over {np.isfinite(precisions).sum()} queries")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
