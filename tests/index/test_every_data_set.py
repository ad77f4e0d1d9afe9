"""What holds for every data set of the table, one as the other."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest
from tests.conftest import BUNDLE
from tests.layouts import TREES
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import DataSet, Modality, Setting, SysuMM01, open_data_set
from rgbir.index.datasets.known import DATA_SETS, MEASURED, PROTOCOLS

runner = CliRunner()


@pytest.fixture(scope="module", params=[kind.layout for kind in DATA_SETS])
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, people: SysuMM01) -> DataSet:
    return open_data_set(TREES[request.param](tmp_path_factory.mktemp(request.param) / "tree", people))


def test_a_data_set_says_what_it_is(data: DataSet) -> None:
    assert type(data) in DATA_SETS
    assert data.choices <= {field.name for field in fields(Setting)}
    assert [protocol.data for protocol in data.protocols] == [data.name] * len(data.protocols)
    assert all(PROTOCOLS[protocol.name] is protocol for protocol in data.protocols)
    assert len(PROTOCOLS) == sum(len(kind.protocols) for kind in MEASURED), "two protocols of one name"
    assert len({kind.layout for kind in DATA_SETS}) == len(DATA_SETS)


def test_its_images_are_there_and_its_cameras_known(data: DataSet) -> None:
    training = list(data.training())
    tested = [record for modality in Modality for record in data.test(modality)]
    assert training
    assert tested
    for record in (*training, *tested):
        assert record.path.is_file()
        assert record.modality in data.network[record.camera].modalities
        assert data.root in record.path.parents
    assert all(record.identity is not None for record in training)
    assert len({record.source for record in tested}) == len(tested)
    people = {record.identity for record in training} & {record.identity for record in tested} - {None}
    assert not people, "nobody is trained on and tested"


def test_every_protocol_of_it_asks_something(data: DataSet) -> None:
    for protocol in data.protocols:
        task = data.task(protocol)
        shown = {int(row) for draw in task.draws for row in draw.gallery}
        assert shown == set(range(len(task.gallery)))
        assert all(record.camera in data.network for record in (*task.queries, *task.gallery))
    if (watched := data.held_back()) is not None:
        _, task = watched
        trained = {record.identity for record in data.training()}
        assert not trained & {record.identity for record in (*task.queries, *task.gallery)}


def test_its_counts_name_what_they_count_once(data: DataSet) -> None:
    counts = data.counts()
    assert counts
    assert len({count.what for count in counts}) == len(counts)
    assert isinstance(data.passed_over(), Counter)


@pytest.mark.slow
def test_it_is_counted_enrolled_and_measured_by_the_commands(data: DataSet, tmp_path: Path) -> None:
    root, bundle, gallery = str(data.root), str(BUNDLE), str(tmp_path / "gallery")
    passed = 3 if data.passed_over() else 0
    assert runner.invoke(app, ["counts", root]).exit_code == passed

    added = runner.invoke(
        app,
        ["index", "add", root, "--layout", data.layout, "--gallery", gallery, "--bundle", bundle, "--modality", "both"],
    )
    measured = runner.invoke(app, ["evaluate", "--data", root, "--bundle", bundle, "--gallery", gallery, "--json"])

    assert added.exit_code == 0, added.output
    assert (measured.exit_code, data.protocols[0].name in measured.output) == (passed, True), measured.output


@pytest.mark.slow
def test_choices_and_drawings_that_it_does_not_have_are_refused(data: DataSet, tmp_path: Path) -> None:
    measure = ["evaluate", "--data", str(data.root), "--bundle", str(BUNDLE)]
    options = {
        "identities": ["--list", "val"],
        "mode": ["--mode", "indoor"],
        "shots": ["--shots", "multi"],
        "permutations": ["--permutations", str(tmp_path / "x.mat")],
        "direction": ["--direction", "visible->infrared"],
        "split": ["--split", "2"],
        "pool": ["--pool", "best"],
    }
    assert set(options) == {field.name for field in fields(Setting)}
    for choice in set(options) - data.choices:
        refused = str(runner.invoke(app, [*measure, *options[choice]]).exception)
        assert f"{data.name} has no such choice: {options[choice][0]} has no effect" in refused
    drawings = {protocol.selection for protocol in data.protocols}
    for drawing in {"official", "seeded", "everything"} - drawings:
        refused = str(runner.invoke(app, [*measure, "--selection", drawing]).exception)
        assert f"selection is {' or '.join(sorted(drawings))} for {data.name}, not {drawing}" in refused
