"""Readers: what they find, and what they say of a folder that is wrong."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rgbir.index import ImageRecord, Modality, Skipped, SysuMM01, read_folders, read_table
from rgbir.index.errors import BadDataset


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_sysu_lists_and_counts(people: SysuMM01) -> None:
    assert people.identities("train") == (1, 2, 3, 4)
    assert people.identities("trainval") == (1, 2, 3, 4, 5, 6)
    assert people.identities("available") == tuple(range(1, 10))
    assert people.count("test") == dict.fromkeys(range(1, 7), 12)


def test_sysu_records_come_camera_by_camera_with_labels_from_the_last_path_parts(people: SysuMM01) -> None:
    records = list(people.records("test"))

    assert Counter(record.camera for record in records) == dict.fromkeys("123456", 12)
    first = records[0]
    assert (first.source, first.camera, first.modality, first.identity, first.number) == (
        "cam1/0007/0001.jpg",
        "1",
        Modality.RGB,
        7,
        1,
    )
    assert {record.modality for record in records if record.camera in "36"} == {Modality.IR}


def test_sysu_goes_by_its_lists_and_ignores_other_files(people: SysuMM01, tmp_path: Path) -> None:
    root = tmp_path / "copy_cam3_0007"
    shutil.copytree(people.root, root)
    touch(root / "cam1/0444/0001.jpg", root / "cam1/0007/Thumbs.db", root / "cam1/0007/.hidden.jpg")
    (root / "cam1/0007/0009.JPG").write_bytes((root / "cam1/0007/0001.jpg").read_bytes())

    files = SysuMM01(root).files(1, 7)

    assert files == ["0001.jpg", "0002.jpg", "0003.jpg", "0004.jpg", "0009.JPG"]
    assert len(list(SysuMM01(root).records("test", (1,)))) == 13


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda root: shutil.rmtree(root / "cam3"), "no folder cam3"),
        (lambda root: shutil.rmtree(root / "exp"), "no folder exp"),
        (lambda root: (root / "exp/test_id.txt").unlink(), "neither test_id.txt nor test_id.mat"),
        (lambda root: (root / "exp/test_id.txt").write_text("7;8"), "test_id.txt line 1: expected identity numbers"),
        (lambda root: (root / "exp/test_id.txt").write_text("1, 7,8\n"), "identities in train and in test"),
        (lambda root: (root / "exp/test_id.txt").write_text("7,7"), "listed twice"),
        (lambda root: (root / "exp/test_id.txt").write_text("7,77"), "identity 77 of exp/test_id has no image"),
        (lambda root: (root / "exp/rand_perm_cam.mat").write_bytes(b"x"), "not a MATLAB level 5 file"),
        (lambda root: (root / "exp/rand_perm_cam.mat").unlink(), "use protocol sysu-seeded"),
        (lambda root: (root / "exp/test_id.mat").write_bytes(b"MATLAB"), "not a MATLAB level 5 file"),
    ],
)
def test_a_sysu_folder_that_is_wrong_says_how(people: SysuMM01, tmp_path: Path, break_it: object, message: str) -> None:
    root = tmp_path / "sysu"
    shutil.copytree(people.root, root)
    break_it(root)  # type: ignore[operator]

    def read() -> None:
        data = SysuMM01(root)
        list(data.records("test"))
        data.permutations()

    with pytest.raises(BadDataset, match=message):
        read()


def test_the_outer_folder_of_a_nested_download_is_answered_with_the_inner_one(people: SysuMM01, tmp_path: Path) -> None:
    (tmp_path / "SYSU-MM01").symlink_to(people.root)

    with pytest.raises(BadDataset, match=f"did you mean {tmp_path}/SYSU-MM01"):
        SysuMM01(tmp_path)


def test_folders_take_the_camera_from_the_first_folder(tmp_path: Path) -> None:
    touch(tmp_path / "yard/a.jpg", tmp_path / "yard/day 1/b.PNG", tmp_path / "hall/c.jpeg", tmp_path / "hall/notes.txt")
    touch(tmp_path / "stray.jpg", tmp_path / ".git/x.jpg")

    records = list(read_folders(tmp_path))

    assert [(r.source, r.camera) for r in records if isinstance(r, ImageRecord)] == [
        ("hall/c.jpeg", "hall"),
        ("yard/a.jpg", "yard"),
        ("yard/day 1/b.PNG", "yard"),
    ]
    assert [(s.source, s.reason.split(";")[0]) for s in records if isinstance(s, Skipped)] == [
        ("hall/notes.txt", "no image by its name"),
        ("stray.jpg", "lies in no camera's folder"),
    ]


def test_folders_end_in_spite_of_symbolic_loops_and_take_no_image_twice(tmp_path: Path) -> None:
    touch(tmp_path / "yard/a.jpg")
    (tmp_path / "yard/again").symlink_to(tmp_path / "yard")
    (tmp_path / "yard/up").symlink_to(tmp_path)

    records = list(read_folders(tmp_path))

    assert [r.source for r in records if isinstance(r, ImageRecord)] == ["yard/a.jpg"]
    assert [s.source for s in records if isinstance(s, Skipped)] == ["yard/again", "yard/up"]


def test_one_camera_may_be_named_for_all(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "x/b.jpg")

    assert {r.camera for r in read_folders(tmp_path, "yard") if isinstance(r, ImageRecord)} == {"yard"}


def test_a_table_is_read_in_full(tmp_path: Path) -> None:
    file = tmp_path / "crops.csv"
    file.write_text(
        'path,camera,time,identity,track,box\na.jpg,yard,2026-03-01T22:15:00+01:00,7,t1,"0,1,20,60"\nb.jpg,hall,,,,\n'
    )

    first, second = read_table(file)

    assert isinstance(first, ImageRecord)
    assert isinstance(second, ImageRecord)
    assert first.taken_at == datetime(2026, 3, 1, 21, 15, tzinfo=UTC)
    assert (first.path, first.camera, first.identity, first.track, first.box) == (
        tmp_path / "a.jpg",
        "yard",
        7,
        "t1",
        (0, 1, 20, 60),
    )
    assert (second.taken_at, second.identity, second.track, second.box) == (None, None, None, None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",yard,,,,", "has no path"),
        ("a.jpg,,,,,", "has no camera"),
        ("a.jpg,yard,yesterday,,,", "time must be ISO 8601"),
        ("a.jpg,yard,2026-03-01T22:15:00,,,", "time needs a zone"),
        ("a.jpg,yard,,Bob,,", "identity must be a whole number"),
        ("a.jpg,yard,,-1,,", "identity must be a whole number"),
        ("a.jpg,yard,,,,1 2 3 4", "box is left,top,right,bottom in pixels, such as 40,10,90,160, not '1 2 3 4'"),
        ("a.jpg,yard,,,,1,2,3,4", "more cells than the header"),
    ],
)
def test_a_row_that_is_wrong_is_skipped_with_its_line_and_the_others_stay(
    tmp_path: Path, row: str, reason: str
) -> None:
    file = tmp_path / "crops.csv"
    file.write_text(f"path,camera,time,identity,track,box\n{row}\nb.jpg,hall,,,,\n")

    wrong, right = read_table(file)

    assert isinstance(wrong, Skipped)
    assert wrong.source == "crops.csv line 2"
    assert reason in wrong.reason
    assert isinstance(right, ImageRecord)


@pytest.mark.parametrize(
    ("header", "message"),
    [("path,time", "misses camera"), ("path,camera,colour", "unknown columns colour"), ("", "misses path and camera")],
)
def test_a_table_with_another_header_is_refused(tmp_path: Path, header: str, message: str) -> None:
    file = tmp_path / "crops.csv"
    file.write_text(header + "\n")
    with pytest.raises(BadDataset, match=message):
        list(read_table(file))
