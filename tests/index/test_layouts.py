"""RegDB, LLCM, Market-1501 and DukeMTMC-reID: small trees in the true layouts, and folders that are wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests import layouts

from rgbir.index import LLCM, BadDataset, Market1501, Modality, RegDB, SysuMM01, open_data_set


@pytest.fixture(scope="module")
def regdb(tmp_path_factory: pytest.TempPathFactory, people: SysuMM01) -> Path:
    return layouts.regdb(tmp_path_factory.mktemp("webcam3") / "RegDB", people)


@pytest.fixture(scope="module")
def llcm(tmp_path_factory: pytest.TempPathFactory, people: SysuMM01) -> Path:
    return layouts.llcm(tmp_path_factory.mktemp("x_c1") / "LLCM", people)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory, people: SysuMM01) -> Path:
    return layouts.market(tmp_path_factory.mktemp("x_c1") / "Market", people)


def copied(folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(folder, tmp_path / folder.name)
    return tmp_path / folder.name


@pytest.mark.slow
def test_a_folder_is_known_by_what_it_holds(
    tmp_path: Path, people: SysuMM01, regdb: Path, llcm: Path, market: Path
) -> None:
    inner = layouts.market(tmp_path / "outer", people, "Market-1501-v15.09.15")
    kinds = [type(open_data_set(root)) for root in (people.root, regdb, llcm, market, inner)]
    assert kinds == [SysuMM01, RegDB, LLCM, Market1501, Market1501]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadDataset, match=r"no data set that is known here; expected cam1 … cam6"):
        open_data_set(tmp_path / "empty")
    with pytest.raises(BadDataset, match="is not a folder"):
        open_data_set(tmp_path / "absent")


def test_a_folder_above_the_root_is_refused_with_the_root_that_was_meant(regdb: Path, llcm: Path) -> None:
    for kind, root in ((RegDB, regdb), (LLCM, llcm)):
        with pytest.raises(BadDataset, match=rf"expected {kind.names[0]}'s root with .*; did you mean {root}\?"):
            kind(root.parent)
        with pytest.raises(BadDataset, match=rf"is not a folder; expected {kind.names[0]}'s root with "):
            kind(root / "absent")


# --- RegDB


def test_a_split_of_regdb(regdb: Path) -> None:
    data = RegDB(regdb)
    records = list(data.records(3, "test", Modality.IR))

    assert [record.source for record in records[:2]] == [
        "Thermal/1/male_front_t_00001_1.bmp",
        "Thermal/1/male_front_t_00002_1.bmp",
    ]
    assert {record.camera for record in records} == {"thermal"}
    assert {data.network[record.camera].place for record in records} == {"thermal"}
    train = {record.identity for record in data.records(3, "train", Modality.RGB)}
    assert train == {4, 5, 6, 7}
    assert train.isdisjoint({record.identity for record in records})
    assert data.count(3) == {
        "train visible images": 16,
        "train thermal images": 16,
        "test visible images": 16,
        "test thermal images": 16,
        "train identities": 4,
        "test identities": 4,
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Visible/2/male_front_v_00001_2.bmp 0", "Visible/2/male_front_v_00001_2.bmp x", r"train_visible_1.txt line 1: expe"),
        ("Visible/2/male_front_v_00001_2.bmp 0", "Visible/2/none.bmp 0", r"line 1: .*none.bmp is not there"),
        ("Visible/2/male_front_v_00001_2.bmp 0", "Visible/2/male_front_v_00001_2.bmp 1", r"has labels 1 and 0|stands for"),
        ("Visible/3/male_front_v_00001_3.bmp 1", "Visible/3/male_front_v_00001_3.bmp 0", r"label 0 stands for people 2 and 3"),
    ],
)  # fmt: skip
def test_a_broken_index_file_is_named_with_its_line(
    tmp_path: Path, regdb: Path, old: str, new: str, message: str
) -> None:
    root = copied(regdb, tmp_path)
    file = root / "idx/train_visible_1.txt"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(BadDataset, match=message):
        list(RegDB(root).records(1, "train", Modality.RGB))


def test_people_in_both_parts_or_in_one_modality_are_refused(tmp_path: Path, regdb: Path) -> None:
    root = copied(regdb, tmp_path)
    for word in ("visible", "thermal"):
        shutil.copy(root / f"idx/train_{word}_1.txt", root / f"idx/test_{word}_1.txt")
    with pytest.raises(BadDataset, match="split 1: people in train and in test"):
        RegDB(root).count(1)
    fewer = (root / "idx/train_thermal_2.txt").read_text().splitlines()[:-4]
    (root / "idx/train_thermal_2.txt").write_text("\n".join(fewer))
    with pytest.raises(BadDataset, match="split 2, train: people in one modality only"):
        RegDB(root).count(2)
    (root / "idx/test_thermal_4.txt").unlink()
    with pytest.raises(BadDataset, match=r"test_thermal_4.txt is not there"):
        RegDB(root).count(4)
    with pytest.raises(BadDataset, match="splits 1 to 10, not 11"):
        RegDB(root).count(11)
    shutil.rmtree(root / "Thermal")
    with pytest.raises(BadDataset, match="no folder Thermal"):
        RegDB(root)


# --- LLCM


def test_llcms_training_lists_and_test_folders(llcm: Path) -> None:
    data = LLCM(llcm)
    training = list(data.records("train", Modality.IR))
    test = list(data.test(Modality.IR))

    assert training[0].source == "nir/0001/0001_c01_s185535_f0001_nir.jpg"
    assert (training[0].camera, training[0].identity, training[0].modality) == ("1", 1, Modality.IR)
    assert {record.camera for record in test} == {"1", "2"}
    assert [record.identity for record in test[:5]] == [7, 7, 7, 7, 8]
    assert data.files(Modality.IR, 3, 7) == ()
    assert data.count() == {
        "train vis images": 64,
        "train nir images": 32,
        "train identities": 4,
        "test vis images": 48,
        "test nir images": 24,
        "test identities": 3,
    }


def test_an_llcm_folder_that_is_wrong(tmp_path: Path, llcm: Path) -> None:
    root = copied(llcm, tmp_path)
    (root / "idx/test_id.txt").write_text("7,eight")
    with pytest.raises(BadDataset, match=r"test_id.txt line 1: expected identity numbers"):
        _ = LLCM(root).test_identities
    (root / "idx/test_id.txt").unlink()
    with pytest.raises(BadDataset, match=r"test_id.txt is not there"):
        _ = LLCM(root).test_identities
    named = root / "vis/0001/nobody.jpg"
    shutil.copy(next(named.parent.iterdir()), named)
    (root / "idx/train_vis.txt").write_text("vis/0001/nobody.jpg 0\n")
    with pytest.raises(BadDataset, match=r"train_vis.txt: vis/0001/nobody.jpg: expected a name such as 0001_c01"):
        list(LLCM(root).records("train", Modality.RGB))
    shutil.rmtree(root / "test_nir")
    with pytest.raises(BadDataset, match="no folder test_nir; expected LLCM's root"):
        LLCM(root)


# --- Market-1501, DukeMTMC-reID


def test_market_leaves_junk_out_and_keeps_distractors_without_an_identity(market: Path) -> None:
    data = Market1501(market)
    gallery = list(data.records("gallery"))

    assert [record.source for record in gallery[:2]] == [
        "bounding_box_test/0000_c4s2_000001_01.jpg",
        "bounding_box_test/0007_c1s1_000002_00.jpg",
    ]
    assert [record.identity for record in gallery[:2]] == [None, 7]
    assert {record.identity for record in gallery} == {None, 7, 8, 9}
    assert [record.source for record in gallery] == sorted(record.source for record in gallery)
    assert data.count() == {
        "train files": 64, "train identities": 4, "query files": 12, "query identities": 3,
        "gallery files": 38, "gallery identities": 3, "junk": 1, "distractors": 1,
    }  # fmt: skip
    assert data.network.name == "market-1501"


def test_dukes_eight_cameras_are_recognised_and_foreign_names_refused(tmp_path: Path, market: Path) -> None:
    root = copied(market, tmp_path)
    file = next((root / "query").glob("*.jpg"))
    shutil.copy(file, root / "query/0007_c8_f0046985.jpg")
    assert Market1501(root).network.name == "dukemtmc-reid"
    assert "8" in {record.camera for record in Market1501(root).records("query")}

    shutil.copy(file, root / "query/someone.jpg")
    with pytest.raises(BadDataset, match=r"query/someone.jpg: expected a name such as 0001_c1s1"):
        list(Market1501(root).records("query"))
    shutil.rmtree(root / "query")
    with pytest.raises(BadDataset, match="no bounding_box_train, query or bounding_box_test"):
        Market1501(root)
