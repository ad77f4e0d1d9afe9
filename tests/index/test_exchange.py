"""Embeddings from and to files of other systems: what comes back is what was written, and what can't be kept is refused."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import faiss
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyarrow import parquet
from tests.index.yard import filled, model, network, random_rows, sightings
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import (
    AnyGallery,
    Camera,
    CameraNetwork,
    Gallery,
    GalleryError,
    GalleryMismatch,
    Limits,
    Metric,
    Modality,
    NewSighting,
    Query,
    Sighting,
    Storage,
    UsageError,
)
from rgbir.index.evaluation import Features
from rgbir.index.exchange import faiss_file, importing, npz, table
from rgbir.index.exchange import parquet as parquet_file
from rgbir.index.exchange import unfolded as unfolded_module
from rgbir.index.exchange.card import AnyCard, FileCard, ForeignCard, card_in
from rgbir.index.exchange.exporting import export_gallery
from rgbir.index.exchange.importing import Claims, import_file
from rgbir.index.exchange.sink import Sink
from rgbir.index.exchange.source import Source
from rgbir.index.exchange.table import marked, unmarked
from rgbir.index.exchange.unfold import answer
from rgbir.index.exchange.unfolded import Batch, Unfolded

KINDS = ("npz", "parquet", "csv", "faiss")
NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
runner = CliRunner()


def facts(gallery: Any) -> list[tuple[Any, ...]]:
    """All that a gallery says of its sightings but their rows."""
    return [(s.id, s.camera, s.source, s.digest, s.taken_at, s.identity, s.track, s.frame) for s in gallery.sightings()]


def values(gallery: Any) -> NDArray[np.float32]:
    rows: NDArray[np.float32] = gallery.embeddings([sighting.id for sighting in gallery.sightings()])
    return rows


def varied(rows: NDArray[np.float32]) -> list[NewSighting]:
    """Sightings of which each knows something else."""
    texts = ("plain", "=1+1", "'quoted'", "-x", "@y", 'a "b", c', "ü\U0001f600", "")
    return [
        NewSighting(
            "ab"[n % 2],
            row,
            hashlib.sha256(bytes([n])).hexdigest(),
            f"{texts[n % 8]}{n}" if n % 8 != 7 else "",
            NOON + timedelta(days=n, microseconds=n) if n % 3 else None,
            n if n % 4 else None,
            texts[n % 8] or None,
            since=1_000_000 + n,
            frame='{"box": [1, 2, 30, 40], "t": 0.5}' if n % 5 == 1 else None,
        )
        for n, row in enumerate(rows)
    ]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Files are read in this process, since it costs half a second to start one; what a reader says is the same."""

    @contextmanager
    def read_here(_: str, file: Path, limits: Limits, more: Sequence[str]) -> Iterator[Path]:
        folder = tmp_path_factory.mktemp("read")
        answer(file, folder, *more)
        yield folder

    monkeypatch.setattr(unfolded_module, "read_apart", read_here)


HALVES = (Storage.FLOAT32, Storage.FLOAT16, Storage.FLOAT32, Storage.FLOAT16)


@pytest.mark.parametrize(("kind", "storage"), [*zip(KINDS, HALVES, strict=True)])
@pytest.mark.slow
def test_what_is_imported_is_what_was_exported(tmp_path: Path, kind: str, storage: Storage) -> None:
    with filled(tmp_path / "a", varied(random_rows(40)), metric=Metric.COSINE, storage=storage) as given:
        export_gallery(given, tmp_path / f"x.{kind}")
        done = import_file(tmp_path / f"x.{kind}", str(tmp_path / "b"), storage=storage)

        assert (done.tally.added, done.tally.present) == (40, 0)
        with Gallery(tmp_path / "b") as made:
            assert made.verify() == []
            assert facts(made) == facts(given)
            assert [s.since for s in made.sightings()] == [s.since for s in given.sightings()]
            assert values(made).tobytes() == values(given).tobytes()
            assert (made.model, made.network) == (given.model, given.network)
            query = Query(random_rows(1, seed=9)[0], cameras=["a", "b"], top_k=20)
            assert made.search(query).hits == given.search(query).hits
            assert [origin.file for origin in made.origins()] == [f"x.{kind}"]
            assert not made.crop(made.sightings()[0].id)


FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
VECTORS = st.lists(st.lists(FLOATS, min_size=3, max_size=3), min_size=1, max_size=6)
WRITERS = {"npz": npz.write, "parquet": parquet_file.write, "csv": table.write, "faiss": faiss_file.write}


def source_of(rows: NDArray[np.float32], new: Sequence[Sighting]) -> Source:
    """As a gallery of these sightings gives it."""
    by_id = {sighting.id: row for sighting, row in zip(new, rows, strict=True)}
    stub = SimpleNamespace(
        model=model(rows.shape[1]),
        generation=1,
        network=network("a"),
        origins=list,
        embeddings=lambda ids: np.stack([by_id[name] for name in ids]),
    )
    gallery = cast(AnyGallery, stub)
    return Source(gallery, new, FileCard.of(gallery, len(new)))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)
@given(vectors=VECTORS, text=st.text(max_size=12).filter(lambda text: text.isprintable()))
def test_any_vectors_and_texts_come_back_bit_by_bit(
    kind: str, vectors: list[list[float]], text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Writer and reader by themselves; expected are the vectors and texts that were drawn."""
    file, folder = tmp_path_factory.mktemp("any") / f"x.{kind}", tmp_path_factory.mktemp("out")
    rows = np.array(vectors, np.float32)
    new = [Sighting(n, f"i{n}", "a", f"{text}{n}", f"d{n}", None, None, text or None, False) for n in range(len(rows))]
    source = source_of(rows, new)

    WRITERS[kind](file, source)
    table.write_labels(file.with_name("x.faiss.csv"), source)
    answer(file, folder, f".{kind}", str(1 << 20), str(file.with_name("x.faiss.csv")))
    batch: Batch = next(Unfolded(folder, len(rows), 3, None, ()).batches())

    assert batch.embeddings.tobytes() == rows.tobytes()
    assert [cell or "" for cell in batch.columns["track"]] == [text] * len(rows)
    assert batch.columns["source"] == [f"{text}{n}" for n in range(len(rows))]


def test_the_npz_is_a_features_file_still(tmp_path: Path) -> None:
    new = varied(random_rows(9))
    with filled(tmp_path / "a", new) as gallery:
        export_gallery(gallery, tmp_path / "x.npz")

    features = Features.load(tmp_path / "x.npz")

    assert np.array_equal(features.embeddings, random_rows(9))
    assert features.identities.tolist() == [-1 if s.identity is None else s.identity for s in new]
    assert features.cameras.tolist() == [s.camera for s in new]
    assert features.sources.tolist() == [s.source for s in new]


def test_other_programs_read_the_files(tmp_path: Path) -> None:
    rows = random_rows(12)
    with filled(tmp_path / "a", varied(rows)) as gallery:
        for kind in KINDS:
            export_gallery(gallery, tmp_path / f"x.{kind}")
        ids = [sighting.id for sighting in gallery.sightings()]

    table = parquet.read_table(tmp_path / "x.parquet")
    assert table["id"].to_pylist() == ids
    assert np.array_equal(np.stack(table["embedding"].to_numpy()), rows)
    assert table["taken_at"].to_pylist()[1] == NOON + timedelta(days=1, microseconds=1)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        assert arrays["ids"].tolist() == ids
        assert json.loads(str(arrays["card"][0]))["made_by"]["fingerprint"] == "f" * 16
    with (tmp_path / "x.csv").open(newline="") as lines:
        read = list(csv.DictReader(lines))
    assert [np.float32(value) for value in json.loads(read[3]["embedding"])] == rows[3].tolist()
    assert not [row for row in read for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    index = faiss.read_index(str(tmp_path / "x.faiss"))
    distances, numbers = index.search(rows[5:6], 1)
    assert (numbers[0, 0], distances[0, 0]) == (5, 0)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "'", "'=1", "''a", "\t=1", "a", "", "'a"])
def test_a_marked_cell_is_no_formula_and_reads_back_the_same(text: str) -> None:
    assert not marked(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unmarked(marked(text)) == text


FOREIGN = {"name": "vendor", "dimension": 4, "metric": "cosine", "provenance": "VendorNet 3, exported by hand"}


def foreign(**more: Any) -> AnyCard:
    return card_in(json.dumps({**FOREIGN, **more}), "card.json")


def table_of(file: Path, **columns: Any) -> Path:
    """A Parquet file of another system."""
    parquet.write_table(pa.table(columns), file)
    return file


def embeddings_of(rows: NDArray[Any], inner: pa.DataType | None = None) -> pa.Array:
    return pa.array(list(rows), pa.list_(inner or pa.float32()))


@pytest.mark.usefixtures("here")
def test_another_systems_file_makes_a_gallery_by_its_card(tmp_path: Path) -> None:
    rows = random_rows(3, 4)
    file = table_of(
        tmp_path / "v.parquet", id=["x", "y", "z"], camera=["gate", "gate", "dark"], modality=["rgb", "ir", "ir"],
        embedding=embeddings_of(rows.astype(np.float16), pa.float16()),
    )  # fmt: skip
    card = foreign()

    done = import_file(file, str(tmp_path / "g"), Claims(card))
    again = import_file(file, str(tmp_path / "g"), Claims(card))

    decisive = json.dumps(["vendor", 4, "cosine", "VendorNet 3, exported by hand"]).encode()
    assert done.model.fingerprint == hashlib.sha256(decisive).hexdigest()[:16]
    assert (done.tally.added, again.tally.present) == (3, 3)
    with Gallery(tmp_path / "g") as made:
        assert [s.source for s in made.sightings()] == ["x", "y", "z"]
        assert {camera.id: sorted(camera.modalities) for camera in made.network} == {
            "dark": ["ir"],
            "gate": ["ir", "rgb"],
        }
        half = rows.astype(np.float16).astype(np.float32)
        np.testing.assert_allclose(values(made), half / np.linalg.norm(half, axis=1, keepdims=True), rtol=1e-6)
        assert made.origins()[0].provenance == FOREIGN["provenance"]
    with pytest.raises(
        GalleryMismatch, match=r"holds embeddings of vendor \(\w+\), the file has those of vendor \(\w+\)"
    ):
        import_file(file, str(tmp_path / "g"), Claims(foreign(provenance="VendorNet 4")))
    assert isinstance(card, ForeignCard)


@pytest.mark.usefixtures("here")
def test_a_bare_index_takes_its_labels_by_number(tmp_path: Path) -> None:
    rows = random_rows(3, 4)
    index = faiss.IndexIDMap(faiss.IndexFlatIP(4))
    index.add_with_ids(rows, np.array([700, -5, 2**40]))
    faiss.write_index(index, str(tmp_path / "v.faiss"))
    (tmp_path / "who.csv").write_text(f"number,camera,identity\n-5,gate,1\n{2**40},gate,\n700,hall,3\n")
    claims = Claims(foreign(), labels=tmp_path / "who.csv")

    import_file(tmp_path / "v.faiss", str(tmp_path / "g"), claims)
    import_file(tmp_path / "v.faiss", str(tmp_path / "h"), Claims(foreign(), camera="yard"))

    with Gallery(tmp_path / "g") as made:
        assert [(s.camera, s.identity) for s in made.sightings()] == [("hall", 3), ("gate", 1), ("gate", None)]
    with Gallery(tmp_path / "h") as made:
        assert [(s.camera, s.source) for s in made.sightings()] == [
            ("yard", "700"),
            ("yard", "-5"),
            ("yard", str(2**40)),
        ]
    for text, message in (
        ("number,camera\n700,a\n-5,a\n", "no line for number 1099511627776"),
        (f"number,camera\n700,a\n-5,a\n{2**40},a\n9,a\n", "a line for number 9, which isn't in the index"),
        ("number,camera\n700,a\n700,a\n", "row 2: number 700 stands there twice"),
        ("number,camera\n7x,a\n", "row 1: number is a whole number, not '7x'"),
    ):
        (tmp_path / "who.csv").write_text(text)
        with pytest.raises(UsageError, match=message):
            answer(tmp_path / "v.faiss", _fresh(tmp_path), ".faiss", str(1 << 20), str(tmp_path / "who.csv"))


@pytest.mark.usefixtures("here")
def test_an_index_whose_labels_are_missing_is_refused(tmp_path: Path) -> None:
    with filled(tmp_path / "a", varied(random_rows(3))) as gallery:
        export_gallery(gallery, tmp_path / "x.faiss")
    (tmp_path / "x.faiss.csv").rename(tmp_path / "kept.csv")
    with pytest.raises(UsageError, match=r"exported with its labels in x\.faiss\.csv, which isn't there"):
        import_file(tmp_path / "x.faiss", str(tmp_path / "g"), Claims(camera="a"))
    bare = faiss.IndexFlatIP(4)
    bare.add(random_rows(2, 4))
    faiss.write_index(bare, str(tmp_path / "bare.faiss"))
    with pytest.raises(UsageError, match=r"has no labels, and there is no bare\.faiss\.csv beside it; give --labels"):
        import_file(tmp_path / "bare.faiss", str(tmp_path / "g"), Claims(foreign()))
    assert not (tmp_path / "g").exists()
    (tmp_path / "kept.csv").rename(tmp_path / "x.faiss.csv")
    assert import_file(tmp_path / "x.faiss", str(tmp_path / "g")).tally.added == 3


@pytest.mark.usefixtures("here")
def test_options_that_contradict_the_file_are_refused(tmp_path: Path) -> None:
    with filled(tmp_path / "a", varied(random_rows(4))) as gallery:
        export_gallery(gallery, tmp_path / "x.npz")
        known = gallery.network
    a = known["a"]
    moved = known.with_camera(Camera(a.id, a.modalities, "another place"))
    infrared = known.with_camera(Camera(a.id, frozenset({Modality.IR}), a.place))
    for declared, verb in ((moved, "looks at another place"), (infrared, "gives ir images")):
        with pytest.raises(UsageError, match=rf"camera a {verb} in --network and .* in the card of .*x\.npz"):
            import_file(tmp_path / "x.npz", str(tmp_path / "g"), Claims(network=declared))
    for camera in ("b", "yard"):
        with pytest.raises(
            UsageError, match=rf"every row of .*x\.npz names its camera \(a and b\), so --camera {camera} stands"
        ):
            import_file(tmp_path / "x.npz", str(tmp_path / "g"), Claims(camera=camera))
    assert not (tmp_path / "g").exists()

    more = CameraNetwork("more", (a, Camera("c", frozenset({Modality.IR}), "c")))
    import_file(tmp_path / "x.npz", str(tmp_path / "g"), Claims(network=more))
    with Gallery(tmp_path / "g") as made:
        assert {camera.id for camera in made.network} == {"a", "b", "c"}
        assert {s.camera for s in made.sightings()} == {"a", "b"}


def test_a_kind_that_is_only_written_is_not_offered_for_import(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected \.npz, \.parquet, \.csv or \.faiss, not \.xlsx"):
        import_file(tmp_path / "x.xlsx", str(tmp_path / "g"))
    with pytest.raises(UsageError, match="COCO has no embeddings; enrol its crops with `rgbir index add`"):
        import_file(tmp_path / "x.coco", str(tmp_path / "g"))
    with (
        filled(tmp_path / "a", varied(random_rows(1))) as gallery,
        pytest.raises(UsageError, match=r"expected \.npz, \.parquet, \.csv, \.faiss or \.coco, not \.xlsx"),
    ):
        export_gallery(gallery, tmp_path / "x.xlsx")


def _fresh(folder: Path) -> Path:
    made = folder / f"out{len(list(folder.iterdir()))}"
    made.mkdir()
    return made


@pytest.mark.usefixtures("here")
def test_a_file_of_another_model_or_of_none_is_refused(tmp_path: Path) -> None:
    with filled(tmp_path / "a", varied(random_rows(3))) as gallery:
        export_gallery(gallery, tmp_path / "x.npz")
        export_gallery(gallery, tmp_path / "x.csv")
    with Gallery.create(tmp_path / "b", model(16, fingerprint="0" * 16), network("ab")) as other:
        with pytest.raises(
            GalleryMismatch, match=r"holds embeddings of m \(0{16}\), the file has those of m \(f{16}\)"
        ):
            import_file(tmp_path / "x.npz", str(tmp_path / "b"))
        assert len(other) == 0
    with pytest.raises(GalleryMismatch, match=r"has embeddings of m \(f{16}\), as its card says, not of vendor"):
        import_file(tmp_path / "x.npz", str(tmp_path / "a"), Claims(foreign()))

    (tmp_path / "x.csv").write_bytes((tmp_path / "x.csv").read_bytes() + b"\n")
    with pytest.raises(UsageError, match=r"is the card of another file, or x\.csv was changed"):
        import_file(tmp_path / "x.csv", str(tmp_path / "a"))
    (tmp_path / "x.csv.card.json").unlink()
    with pytest.raises(UsageError, match=r"doesn't tell which model made its embeddings; name it with --bundle, or"):
        import_file(tmp_path / "x.csv", str(tmp_path / "a"))


def rows_read(cells: dict[str, list[Any]], rows: NDArray[np.float32], folder: Path, monkeypatch: Any) -> str:
    """What an import says of a file that a reader gave these cells of."""

    @contextmanager
    def unfolded(*_: Any) -> Iterator[Unfolded]:
        with Sink(_fresh(folder), 1 << 20) as sink:
            sink.put(cells, rows)
        yield Unfolded(sink.folder, len(rows), rows.shape[1], None, ())

    monkeypatch.setattr(importing, "unfolded", unfolded)
    with pytest.raises(UsageError) as refused:
        import_file(folder / "x.npz", str(folder / "g"), Claims(foreign(), network({"a": "a"}, ir={"n": "n"})))
    assert not (folder / "g").exists()
    return str(refused.value)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"taken_at": "2026-03-01T10:00:00"}, "row 2: time needs a zone, 2026-03-01T10:00:00 has none"),
        ({"taken_at": "yesterday"}, "row 2: time must be ISO 8601 such as"),
        ({"taken_at": 2**62}, "row 2: taken_at lies between the years 2 and 9998"),
        ({"identity": -4}, "row 2: identity must be 0 or more"),
        ({"identity": "1.5"}, "row 2: identity is a whole number, not '1.5'"),
        ({"identity": True}, "row 2: identity is a whole number, not 'True'"),
        ({"camera": "nowhere"}, "row 2: no camera 'nowhere' in network 'yard'; it has: a and n"),
        ({"camera": ""}, "row 2: camera is empty; name it in the file, or give --camera"),
        ({"camera": "n", "modality": "rgb"}, "row 2: camera n gives ir images, not rgb"),
        ({"modality": "thermal"}, "row 2: modality is rgb or ir, not 'thermal'"),
        ({"track": "a\x1b[31m"}, r"row 2: track has the control character U+001B"),
        ({"track": "x" * 1025}, "row 2: track has 1,025 bytes, at most 1,024 are kept"),
        ({"id": "y" * 1025}, "row 2: id has 1,025 bytes, at most 1,024 are kept"),
        ({"id": "x", "digest": "d"}, "row 2: id is x, and "),
        ({"box": "1,2,3"}, "row 2: box is left,top,right,bottom in pixels, such as 40,10,90,160, not '1,2,3'"),
        ({"box": "5,2,5,9"}, "row 2: box has 0 ≤ left < right and 0 ≤ top < bottom, which 5,2,5,9 has not"),
        ({"box": "1,2,3,4", "frame": '{"box": [1, 2, 3, 5]}'}, "row 2: box is [1, 2, 3, 4], and frame names [1, 2, 3, 5]"),
        ({"frame": "[1]"}, "row 2: frame is a JSON object, not '[1]'"),
        ({"since": 2**62}, "row 2: since is microseconds since 1970"),
        ({"id": "first"}, "row 2: it is the same sighting as row 1"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_kept_is_refused_by_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: dict[str, Any], reason: str
) -> None:
    first = {"camera": "a", "id": "first"}
    second = {"camera": "a", **cells}
    columns = {name: [first.get(name), second.get(name)] for name in {**first, **cells}}

    message = rows_read(columns, random_rows(2, 4), tmp_path, monkeypatch)

    assert message.startswith(f"{tmp_path / 'x.npz'} has rows that can't be enrolled, so none was:\n  {reason}")


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, "NaN or infinite"), (np.inf, "NaN or infinite"), (0, "is zero everywhere")]
)
def test_an_embedding_that_is_none_is_refused_by_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float, reason: str
) -> None:
    rows = random_rows(30, 4)
    rows[5:] = value
    message = rows_read({"camera": ["a"] * 30}, rows, tmp_path, monkeypatch)
    assert message.count("\n") == 10
    assert f"row 6: embedding {'has values that are ' if reason[0] == 'N' else ''}{reason}" in message


@pytest.mark.usefixtures("here")
def test_times_keep_their_microseconds_and_zones(tmp_path: Path) -> None:
    moment = datetime(2026, 3, 29, 3, 0, 0, 7, UTC)
    berlin = pa.array([moment] * 2, pa.timestamp("us", "Europe/Berlin"))
    file = table_of(
        tmp_path / "v.parquet", camera=["a", "a"], taken_at=berlin, embedding=embeddings_of(random_rows(2, 4))
    )
    import_file(file, str(tmp_path / "g"), Claims(foreign()))
    with Gallery(tmp_path / "g") as made:
        assert [s.taken_at for s in made.sightings()] == [moment] * 2

    naive = pa.array([datetime(2026, 3, 29)] * 2, pa.timestamp("ms"))
    file = table_of(
        tmp_path / "v.parquet", camera=["a", "a"], taken_at=naive, embedding=embeddings_of(random_rows(2, 4))
    )
    with pytest.raises(UsageError, match="row 1: time needs a zone, 2026-03-29T00:00:00 has none"):
        import_file(file, str(tmp_path / "g"), Claims(foreign()))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("how", ["id", "identity", "camera"])
def test_whoever_was_erased_does_not_come_back_by_a_file(tmp_path: Path, how: str) -> None:
    new = sightings(6, people=3)
    with filled(tmp_path / "a", new) as gallery:
        export_gallery(gallery, tmp_path / "x.csv")
        ways: dict[str, Any] = {"id": {"ids": [new[2].id]}, "identity": {"identity": 2}, "camera": {"camera": "a"}}
        gallery.remove(**ways[how])
        left = facts(gallery)

        done = import_file(tmp_path / "x.csv", str(tmp_path / "a"))

        assert done.tally.erased == 6 - len(left) > 0
        assert done.tally.added == 0
        assert facts(gallery) == left


@pytest.mark.usefixtures("here")
def test_the_moment_that_a_row_claims_is_never_after_the_export(tmp_path: Path) -> None:
    """A file that says of a row that it is known since the day after tomorrow would outlive every erasure."""
    new = sightings(2)
    with filled(tmp_path / "a", new) as gallery:
        export_gallery(gallery, tmp_path / "x.npz")
        with np.load(tmp_path / "x.npz") as arrays:
            parts = dict(arrays)
        parts["since"][:] = 4 * 10**15
        np.savez(tmp_path / "y.npz", **parts)
        gallery.remove(ids=[new[0].id])

        done = import_file(tmp_path / "y.npz", str(tmp_path / "a"))

        assert (done.tally.erased, done.tally.present) == (1, 1)


@pytest.mark.usefixtures("here")
def test_other_labels_than_a_sighting_has_are_passed_over_and_told(tmp_path: Path) -> None:
    with filled(tmp_path / "a", sightings(3, people=3)) as gallery:
        export_gallery(gallery, tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as arrays:
        parts = dict(arrays)
    parts["identities"][1] = 7
    np.savez_compressed(tmp_path / "y.npz", **parts)

    done = import_file(tmp_path / "y.npz", str(tmp_path / "a"))

    assert (done.tally.added, done.tally.present) == (0, 2)
    assert [(item.source, item.reason[:41]) for item in done.tally.skipped] == [
        ("1.jpg", "it is enrolled with identity 1, not 7: la")
    ]


@pytest.mark.usefixtures("here")
@pytest.mark.slow
def test_an_import_that_was_stopped_goes_on(tmp_path: Path) -> None:
    with filled(tmp_path / "a", sightings(2500, people=9)) as given:
        export_gallery(given, tmp_path / "x.parquet")

        def stop(_: int) -> None:
            raise KeyboardInterrupt

        @contextmanager
        def bar(total: int) -> Iterator[Callable[[int], None]]:
            assert total == 2500
            yield stop

        with pytest.raises(KeyboardInterrupt):
            import_file(tmp_path / "x.parquet", str(tmp_path / "b"), bar=bar)
        done = import_file(tmp_path / "x.parquet", str(tmp_path / "b"))

        assert (done.tally.added, done.tally.present) == (2500 - 1024, 1024)
        with Gallery(tmp_path / "b") as made:
            assert facts(made) == facts(given)


@pytest.mark.usefixtures("here")
def test_cameras_that_contradict_the_gallerys_are_refused(tmp_path: Path) -> None:
    with filled(tmp_path / "a", sightings(2), network({"a": "hall", "b": "yard"})) as gallery:
        export_gallery(gallery, tmp_path / "x.npz")
    with (
        filled(tmp_path / "b", sightings(2, cameras="b"), network("b")),
        pytest.raises(UsageError, match=r"camera b looks at yard in .*x\.npz and at b in"),
    ):
        import_file(tmp_path / "x.npz", str(tmp_path / "b"))


def test_sightings_that_are_erased_while_they_are_written_are_not_handed_on(tmp_path: Path) -> None:
    new = sightings(4)
    with filled(tmp_path / "a", new) as gallery:

        def erase(_: int) -> None:
            gallery.remove(ids=[new[0].id])

        with pytest.raises(GalleryError, match=r"1 sighting was erased from .* meanwhile; export it again"):
            export_gallery(gallery, tmp_path / "x.csv", erase)
        assert sorted(file.name for file in tmp_path.iterdir() if file.suffix in (".csv", ".json")) == []


@pytest.mark.usefixtures("here")
@pytest.mark.slow
def test_the_commands_say_what_they_did_in_json(tmp_path: Path) -> None:
    with filled(tmp_path / "a", sightings(3)):
        pass
    written = runner.invoke(
        app, ["index", "export", "--gallery", str(tmp_path / "a"), "--out", str(tmp_path / "x.faiss"), "--json"]
    )
    assert written.exit_code == 0, written.output
    facts = json.loads(written.stdout)
    assert facts.keys() == {"sightings", "files", "skipped", "card"}
    assert facts["files"] == [str(tmp_path / name) for name in ("x.faiss", "x.faiss.csv", "x.faiss.card.json")]
    FileCard.model_validate(facts["card"])

    read = runner.invoke(
        app, ["index", "import", str(tmp_path / "x.faiss"), "--gallery", str(tmp_path / "b"), "--json"]
    )
    assert read.exit_code == 0, read.output
    facts = json.loads(read.stdout)
    assert facts.keys() == {"added", "present", "erased", "skipped", "sightings", "model", "origin"}
    assert (facts["added"], facts["sightings"], facts["origin"]["file"]) == (3, 3, "x.faiss")

    told = runner.invoke(app, ["index", "import", str(tmp_path / "x.faiss"), "--gallery", str(tmp_path / "b")])
    assert told.stdout.startswith("0 added, 3 were there, 0 skipped; 3 sightings in ")
    for kind in ("import", "export"):
        assert runner.invoke(app, ["index", kind, "--help"]).output.count(f"rgbir index {kind} ") == 2


@pytest.mark.usefixtures("here")
def test_where_embeddings_come_from_travels_on_with_them(tmp_path: Path) -> None:
    file = table_of(tmp_path / "v.parquet", camera=["a"], embedding=embeddings_of(random_rows(1, 4)))
    import_file(file, str(tmp_path / "g"), Claims(foreign(exported_at="2026-01-01T00:00:00Z")))
    for turn in range(2):
        with Gallery(tmp_path / f"{'gh'[turn]}") as gallery:
            export_gallery(gallery, tmp_path / f"{turn}.npz")
        import_file(tmp_path / f"{turn}.npz", str(tmp_path / f"{'hi'[turn]}"))

    with Gallery(tmp_path / "i") as last:
        origins = last.origins()
    assert [origin.file for origin in origins] == ["v.parquet", "0.npz", "1.npz"]
    assert origins[0].provenance == FOREIGN["provenance"]
    assert origins[0].exported_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert [origin.sha256 for origin in origins] == [
        hashlib.sha256((tmp_path / origin.file).read_bytes()).hexdigest() for origin in origins
    ]


@pytest.mark.usefixtures("here")
def test_a_foreign_file_is_as_old_as_its_card_says(tmp_path: Path) -> None:
    """The camera was erased between the two moments."""
    file = table_of(tmp_path / "v.parquet", camera=["a"], embedding=embeddings_of(random_rows(1, 4)))
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    import_file(file, str(tmp_path / "g"), Claims(foreign()))
    with Gallery(tmp_path / "g") as gallery:
        gallery.remove(camera="a")

        for card in (foreign(), foreign(exported_at="2020-01-01T00:00:00Z")):
            assert import_file(file, str(tmp_path / "g"), Claims(card)).tally.erased == 1
        assert import_file(file, str(tmp_path / "g"), Claims(foreign(exported_at=tomorrow))).tally.added == 1


@pytest.mark.usefixtures("here")
def test_labels_that_were_changed_are_not_those_of_the_card(tmp_path: Path) -> None:
    with filled(tmp_path / "a", sightings(3, people=3)) as gallery:
        export_gallery(gallery, tmp_path / "x.faiss")
    text = (tmp_path / "x.faiss.csv").read_text()
    (tmp_path / "x.faiss.csv").write_text(text.replace("2.jpg", "3.jpg"))
    with pytest.raises(UsageError, match=r"is the card of another file, or x\.faiss\.csv was changed"):
        import_file(tmp_path / "x.faiss", str(tmp_path / "b"))


def test_cameras_of_a_hostile_card_are_refused(tmp_path: Path) -> None:
    with filled(tmp_path / "a", sightings(1)) as gallery:
        card = FileCard.of(gallery, 1)
    for declared in ({"cameras": [1]}, {"cameras": [{"id": "a", "aliases": 3}]}, {"cameras": [{"id": "a\x9b1m"}]}, {}):
        with pytest.raises(UsageError, match="the file's card"):
            _ = card.model_copy(update={"network": declared}).cameras


def test_a_card_that_is_none_is_refused_in_words() -> None:
    for text, message in (
        ("[]", "expected a JSON object"),
        ("{", "not JSON"),
        (json.dumps({**FOREIGN, "metric": "manhattan"}), "metric: "),
        (json.dumps({**FOREIGN, "dimension": 0}), "dimension: "),
        (json.dumps({**FOREIGN, "provenance": "a\nb"}), "provenance: "),
        (json.dumps({**FOREIGN, "colour": 1}), "colour: Extra inputs"),
        (
            json.dumps({"format": "rgbir embeddings 2"}),
            "c.json has format rgbir embeddings 2; this version reads format rgbir embeddings 1: update rgbir",
        ),
        (json.dumps({"format": "rgbir embeddings"}), "format: "),
    ):
        with pytest.raises(UsageError, match=message):
            card_in(text, "c.json")


def _milvus(folder: Path) -> str:
    return f"milvus+file:{folder}/m.db/g"


@pytest.mark.usefixtures("here")
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_gallery_in_milvus_is_exported_and_imported(tmp_path: Path, kind: str) -> None:
    from rgbir.index import open_gallery

    with filled(tmp_path / "a", varied(random_rows(30))) as given:
        export_gallery(given, tmp_path / f"x.{kind}")
        import_file(tmp_path / f"x.{kind}", _milvus(tmp_path))
        with open_gallery(_milvus(tmp_path)) as made:
            assert facts(made) == facts(given)
            assert values(made).tobytes() == values(given).tobytes()
            made.remove(identity=5)
            export_gallery(made, tmp_path / f"y.{kind}")
        done = import_file(tmp_path / f"x.{kind}", _milvus(tmp_path))
        assert (done.tally.added, done.tally.erased) == (0, 1)
        again = import_file(tmp_path / f"y.{kind}", str(tmp_path / "c"))
        assert again.tally.added == 29
