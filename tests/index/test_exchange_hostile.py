"""Files that somebody made to do harm, and files that are damaged: each ends in words, and nothing in it is run."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.index.yard import filled, random_rows, sightings
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import Limits, UsageError
from rgbir.index.exchange.exporting import export_gallery
from rgbir.index.exchange.unfold import answer
from rgbir.index.exchange.unfolded import Unfolded, unfolded

ROWS = random_rows(8, 4)
MIB = 1 << 20


class Harmful:
    """Makes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, tuple[str, int]]:
        return os.open, (str(self.file), os.O_CREAT)


def flat(file: Path, change: Callable[[bytearray], None] = lambda _: None) -> Path:
    """An IndexFlatL2 of `ROWS`, whose bytes are changed. 4: dimension; 8: how many vectors; 37: how many values follow."""
    index = faiss.IndexFlatL2(4)
    index.add(ROWS)
    content = bytearray(faiss.serialize_index(index).tobytes())
    assert struct.unpack_from("<iq", content, 4) == (4, 8)
    assert struct.unpack_from("<Q", content, 37) == (32,)
    change(content)
    file.write_bytes(content)
    return file


def table(file: Path, **columns: Any) -> Path:
    embedding = pa.array(list(ROWS), pa.list_(pa.float32()))
    parquet.write_table(pa.table({"embedding": embedding, **columns}), file)
    return file


def refused(file: Path, limits: Limits = Limits(seconds=60)) -> str:
    """Why a process of its own didn't read it."""
    with pytest.raises(UsageError) as error, unfolded(file, limits=limits):
        raise AssertionError("it was read")
    assert error.value.exit_code == 2
    assert str(error.value).startswith(f"{file} can't be read: ")
    return str(error.value)


def refused_here(file: Path, most: int = MIB) -> str:
    """Why it wasn't read, by the reader itself, for files that can't harm this process."""
    folder = file.with_name(f"out-{file.name}")
    folder.mkdir()
    with pytest.raises(UsageError) as error:
        answer(file, folder, file.suffix, str(most))
    assert not (folder / "about.json").exists()
    return str(error.value)


def arrays(file: Path, **parts: Any) -> Path:
    np.savez(file, **{"embeddings": ROWS, **parts})
    return file


# --- FAISS


@pytest.mark.slow
def test_an_index_that_claims_more_than_it_has_is_refused(tmp_path: Path) -> None:
    def claim(content: bytearray) -> None:
        struct.pack_into("<q", content, 8, 2**60)
        struct.pack_into("<Q", content, 37, 2**62)

    def alone(content: bytearray) -> None:
        struct.pack_into("<q", content, 8, 2**60)

    def large(content: bytearray) -> None:
        """So many that the memory may not hold them, and so few that FAISS tries."""
        struct.pack_into("<q", content, 8, 2**31)
        struct.pack_into("<Q", content, 37, 2**33)

    assert "it is damaged, or no FAISS index" in refused(flat(tmp_path / "a.faiss", claim))
    assert "it is damaged, or no FAISS index" in refused_here(flat(tmp_path / "b.faiss", alone))
    assert "it takes more memory than" in refused(flat(tmp_path / "c.faiss", large))


@pytest.mark.slow
def test_a_truncated_index_and_one_that_is_none_are_refused(tmp_path: Path) -> None:
    def cut(content: bytearray) -> None:
        del content[-20:]

    assert "it is damaged, or no FAISS index" in refused(flat(tmp_path / "a.faiss", cut))
    (tmp_path / "b.faiss").write_bytes(pickle.dumps(Harmful(tmp_path / "harm")))
    assert "it is damaged, or no FAISS index" in refused_here(tmp_path / "b.faiss")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("kind", ["SQ8", "HNSW4", "IDMap2,SQ8", "PCA2,Flat"])
def test_an_index_that_does_not_hold_its_vectors_is_refused_by_its_kind(tmp_path: Path, kind: str) -> None:
    index = faiss.index_factory(4, kind)
    index.train(random_rows(300, 4))
    if kind.startswith("IDMap"):
        index.add_with_ids(ROWS, np.arange(8))
    else:
        index.add(ROWS)
    faiss.write_index(index, str(tmp_path / "x.faiss"))

    names = {"SQ8": "IndexScalarQuantizer", "HNSW4": "IndexHNSWFlat", "PCA2,Flat": "IndexPreTransform"}
    expected = names.get(kind.removeprefix("IDMap2,"), "")
    assert f"it is an {expected}, which doesn't hold vectors as they were given" in refused_here(tmp_path / "x.faiss")


# --- Parquet


@pytest.mark.slow
def test_a_parquet_bomb_ends_within_its_limits(tmp_path: Path) -> None:
    """A few kilobytes that stand for 2 GB of text, and for 2 GB of zeros."""
    text = pa.DictionaryArray.from_arrays(np.zeros(100, np.int32), pa.array(["x" * (20 * MIB)]))
    plain = pa.schema([("embedding", pa.list_(pa.float32(), 1)), ("track", pa.string())])
    parquet.write_table(
        pa.table({"embedding": pa.array([[1.0]] * 100, plain[0].type), "track": text}).cast(
            pa.schema([plain[0], pa.field("track", text.type)])
        ),
        tmp_path / "a.parquet", compression="zstd", store_schema=False,
    )  # fmt: skip
    assert (tmp_path / "a.parquet").stat().st_size < MIB
    assert "it takes more memory than 0.3 GiB" in refused(tmp_path / "a.parquet", Limits(memory=256 * MIB, seconds=60))

    zeros = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2**22, np.float32)), 2**16)
    with parquet.ParquetWriter(
        tmp_path / "b.parquet", pa.schema([("embedding", zeros.type)]), compression="zstd"
    ) as writer:
        for _ in range(4):
            writer.write_table(pa.table({"embedding": zeros}))
    assert "a file of its size may unfold to 0.0 GiB" in refused_here(tmp_path / "b.parquet", 10 * MIB)


def test_a_truncated_parquet_file_and_one_that_is_none_are_refused(tmp_path: Path) -> None:
    content = table(tmp_path / "x.parquet", camera=["a"] * 8).read_bytes()
    for number, damaged in enumerate((content[:-30], content[: len(content) // 2] + content[-60:], b"PAR1", b"")):
        file = tmp_path / f"{number}.parquet"
        file.write_bytes(damaged)
        assert "it is damaged, or no Parquet file" in refused_here(file)


def test_extension_types_are_refused_before_anything_is_made_of_them(tmp_path: Path) -> None:
    class Pickled(pa.ExtensionType):  # type: ignore[misc]
        made = 0

        def __init__(self) -> None:
            super().__init__(pa.string(), "rgbir.pickled")

        def __arrow_ext_serialize__(self) -> bytes:
            return pickle.dumps(Harmful(tmp_path / "harm"))

        @classmethod
        def __arrow_ext_deserialize__(cls, storage: pa.DataType, content: bytes) -> Pickled:
            cls.made += 1
            pickle.loads(content)
            return cls()

    odd = pa.ExtensionArray.from_storage(Pickled(), pa.array(["a"] * 8))
    file = table(tmp_path / "x.parquet", camera=odd)
    pa.register_extension_type(Pickled())
    try:
        assert "it has an extension type, which is made by code; write plain columns" in refused_here(file)
    finally:
        pa.unregister_extension_type("rgbir.pickled")
    assert (Pickled.made, (tmp_path / "harm").exists()) == (0, False)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"camera": pa.array([b"a"] * 8)}, "column camera is binary; expected a text"),
        ({"camera": pa.array(["a"] * 8).dictionary_encode()}, "column camera is dictionary"),
        ({"track": pa.array([{"a": 1}] * 8)}, "column track is struct"),
        ({"identity": pa.array([1.5] * 8)}, "column identity is double; expected whole numbers"),
        ({"taken_at": pa.array([1] * 8)}, "column taken_at is int64; expected a timestamp or a text"),
        ({"colour": pa.array(["a"] * 8)}, "it has colour, which nothing reads here"),
        ({"camra": pa.array(["a"] * 8)}, "; did you mean 'camera'?"),
        ({"embedding": pa.array([[1.0]] * 8)}, "column embedding is list<element: double>; expected a list of float32"),
        ({"embedding": pa.array([[1.0, None]] * 8, pa.list_(pa.float32()))}, "embeddings of rows 1 to 8 have gaps"),
    ],
)
def test_a_column_of_another_type_or_name_is_refused_by_name(tmp_path: Path, columns: Any, reason: str) -> None:
    assert reason in refused_here(table(tmp_path / "x.parquet", **columns))


def test_rows_of_another_length_are_named(tmp_path: Path) -> None:
    lists = [[1.0, 2.0], [1.0], None, [3.0, 4.0]]
    parquet.write_table(pa.table({"embedding": pa.array(lists, pa.list_(pa.float32()))}), tmp_path / "x.parquet")
    (tmp_path / "x.csv").write_text('embedding\n"[1, 2]"\n"[1]"\nnone\n"[3, 4]"\n')
    for file in (tmp_path / "x.parquet", tmp_path / "x.csv"):
        folder = tmp_path / f"out{file.suffix}"
        folder.mkdir()
        answer(file, folder, file.suffix, str(MIB))
        problems = json.loads((folder / "about.json").read_text())["problems"]
        assert [row for row, _ in problems] == [2, 3]
        assert problems[0][1] == "it has 1 values, the rows before it 2; all have as many"
        assert next(Unfolded(folder, 4, 2, None, ()).batches()).embeddings[[0, 3]].tolist() == [[1, 2], [3, 4]]


# --- npz


@pytest.mark.slow
def test_a_pickle_in_an_npz_file_is_never_loaded(tmp_path: Path) -> None:
    tracks = np.array([Harmful(tmp_path / "harm")] * 8, object)
    assert "tracks holds Python objects, which would have to be unpickled" in refused(
        arrays(tmp_path / "x.npz", tracks=tracks)
    )
    assert not (tmp_path / "harm").exists()


def archive(file: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in members.items():
            written.writestr(f"{name}.npy", content)
    return file


def array(values: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def test_an_npz_that_unfolds_to_more_than_it_may_is_refused_by_its_header(tmp_path: Path) -> None:
    bomb = archive(tmp_path / "a.npz", embeddings=array(np.zeros((2**14, 64), np.float32)))
    assert bomb.stat().st_size < 20_000
    assert "it unfolds to 0.0 GiB; a file of its size may unfold to" in refused_here(bomb)

    claimed = archive(tmp_path / "b.npz", embeddings=array(ROWS).replace(b"(8, 4)", b"(9, 4)"))
    assert "embeddings claims 144 bytes and has 128; the file is damaged" in refused_here(claimed)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"embeddings": ROWS.astype(np.float64)}, "embeddings are float32 or float16, not float64"),
        ({"embeddings": ROWS[0]}, r"embeddings are n rows of d values, not (4,)"),
        ({"embeddings": np.asfortranarray(ROWS)}, "embeddings is in Fortran's order"),
        ({"cameras": np.array(["a"])}, r"cameras has shape (1,), embeddings have 8 rows"),
        ({"cameras": np.arange(8)}, "cameras are texts, empty for unknown, not int64"),
        ({"identities": np.full(8, 0.5)}, "identities are whole numbers, -1 for unknown, not float64"),
        ({"colours": np.arange(8)}, "it has colours, which nothing reads here"),
        ({"tracks": np.full(8, "x" * 1025)}, "tracks are texts of at most 1,024 bytes"),
        ({"card": np.arange(2)}, "card is one text, a JSON object"),
    ],
)
def test_an_array_of_another_kind_is_refused_by_name(tmp_path: Path, parts: Any, reason: str) -> None:
    assert reason in refused_here(arrays(tmp_path / "x.npz", **parts))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"garbage" * 100, pickle.dumps([1])])
def test_what_is_no_npz_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    assert "it is damaged, or no .npz file" in refused_here(tmp_path / "x.npz")


def test_an_archive_that_cannot_be_unfolded_is_refused_in_words(tmp_path: Path) -> None:
    whole = archive(tmp_path / "a.npz", embeddings=array(random_rows(64, 16))).read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        begin = opened.infolist()[0].header_offset + 30 + len("embeddings.npy") + 200

    def with_bytes(place: int, content: bytes) -> str:
        file = tmp_path / f"{place}.npz"
        file.write_bytes(whole[:place] + content + whole[place + len(content) :])
        return refused_here(file)

    central = whole.index(b"PK\x01\x02")
    assert with_bytes(begin, b"\xff" * 40) == "it is damaged, or no .npz file; write it again with np.savez"
    assert with_bytes(central + 8, b"\x01") == "it is encrypted; write it with np.savez"
    assert with_bytes(central + 10, b"\x61").startswith("it is compressed in a way that isn't read here")


# --- CSV


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "its first line names no column embedding; it names nothing"),
        ("camera;embedding\n", "its columns are separated by semicolons"),
        ("camera,embedding,colour\n", "it has colour, which nothing reads here"),
        ("camera,camera,embedding\n", "it has camera twice"),
        ("number,camera,embedding\n", "it has number, which nothing reads here"),
        ('camera,embedding\na,[1]\n"a"b,[1]\n', "it is no CSV table, by line 3: a quote stands where none may be"),
        ("camera,embedding\na," + "x" * (9 << 20), "by line 2: a cell has over 8 MiB"),
        ("camera,embedding\na\n", "row 1 has 1 cells, its first line names 2 columns"),
        ('camera,embedding\n"a,[1]\n', "it is no CSV table, by line 2: a quote is opened and never closed"),
        ("camera,embedding\n\xff,[1]\n", "it is no CSV table in UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "x.csv").write_bytes(text.encode("latin-1"))
    assert reason in refused_here(tmp_path / "x.csv")


@pytest.mark.parametrize("cell", ["[1, null]", "[true]", '{"a": 1}', "[]", "1", "[" * 10_000, '["1"]'])
def test_a_cell_that_is_no_embedding_is_named_by_its_row(tmp_path: Path, cell: str) -> None:
    (tmp_path / "x.csv").write_text("embedding\n[1]\n" + '"' + cell.replace('"', '""') + '"\n')
    folder = tmp_path / "out"
    folder.mkdir()
    answer(tmp_path / "x.csv", folder, ".csv", str(MIB))
    assert '"problems": [[2, "embedding is a JSON list of numbers, not ' in (folder / "about.json").read_text()


@pytest.mark.slow
def test_the_command_ends_with_2_and_makes_no_gallery(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    done = CliRunner().invoke(app, ["index", "import", str(tmp_path / "x.parquet"), "--gallery", str(tmp_path / "g")])
    assert isinstance(done.exception, UsageError)
    assert done.exception.exit_code == 2
    assert not (tmp_path / "g").exists()


def test_what_takes_too_long_is_refused(tmp_path: Path) -> None:
    assert "it took longer than 0 seconds" in refused(flat(tmp_path / "x.faiss"), Limits(seconds=0))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["faiss", "parquet", "npz", "csv"])
def test_damage_anywhere_ends_in_words_or_in_other_rows(tmp_path: Path, kind: str) -> None:
    with filled(tmp_path / "g", sightings(20, people=3)) as gallery:
        export_gallery(gallery, tmp_path / f"x.{kind}")
    content = (tmp_path / f"x.{kind}").read_bytes()
    rng = np.random.default_rng(0)
    for number in range(40):
        damaged = bytearray(content)
        for place in rng.integers(len(content), size=1 + number % 5):
            damaged[place] = rng.integers(256)
        (tmp_path / f"y.{kind}").write_bytes(damaged)
        with suppress(UsageError), unfolded(tmp_path / f"y.{kind}", limits=Limits(seconds=60)) as rows:
            assert sum(len(batch.embeddings) for batch in rows.batches()) == rows.rows
