"""Training on tracklets: each counts once, however many frames it has."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.layouts import bupt, vcm
from tests.training.small import recipe_of
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import ImageRecord, Modality, SysuMM01, frames_of, open_data_set
from rgbir.index.evaluation import evaluate
from rgbir.training.data.source import Source
from rgbir.training.data.tracklets import Tracklets
from rgbir.training.errors import BadRecipe
from rgbir.training.methods import entry
from rgbir.training.recipe import AnyRecipe
from rgbir.training.validate import embedded, first_trial_of

LENGTHS = {"short": 1, "middle": 3, "long": 20}
PEOPLE = 4


def records(tracks: bool = True) -> list[ImageRecord]:
    """Each person has three tracklets in each modality; the numbers in the names are the frames'."""
    return [
        ImageRecord(Path("x.jpg"), f"{who}/{light}/{name}/{frame}", "1", light, who, track=name if tracks else None)
        for who in range(PEOPLE)
        for light in Modality
        for name, frames in LENGTHS.items()
        for frame in range(frames)
    ]


def recipe(method: str, **changes: object) -> AnyRecipe:
    return recipe_of(method, changes={"data.draw": "tracklets", "seed": 3, **changes})


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the images that batches show; no file is read."""
    numbers: list[int] = []

    def image(source: Source, number: int, rng: np.random.Generator, shown: bool = True) -> NDArray[np.uint8]:
        numbers.append(number)
        return np.zeros((source.recipe.height, source.recipe.width, 3), np.uint8)

    monkeypatch.setattr(Source, "_image", image)
    return numbers


@pytest.mark.parametrize("method", ["agw", "hpiln", "dfe", "expat"])
@pytest.mark.slow
def test_every_frame_is_drawn_as_often_as_one_over_tracklets_and_length(method: str, drawn: list[int]) -> None:
    # A person's image is shown with probability 1 / (3 tracklets · frames of its own); expected counts are those times N.
    source = Source(records(), recipe(method, **({"pairs": 4} if method == "dfe" else {})))
    updates = 300
    for update in range(updates):
        source.raw(update)

    by_track = Counter(source.records[number].track for number in drawn)
    shares = {name: by_track[name] / len(drawn) for name in LENGTHS}
    assert all(abs(share - 1 / 3) < 0.02 for share in shares.values()), (
        shares
    )  # by images they would be 1/24, 3/24, 20/24
    by_frame = Counter(
        source.records[number].source.rpartition("/")[2] for number in drawn if source.records[number].track == "long"
    )
    expected = by_track["long"] / LENGTHS["long"]
    assert all(abs(by_frame[str(frame)] - expected) < 5 * np.sqrt(expected) for frame in range(LENGTHS["long"]))


def test_an_epoch_counts_tracklets_and_images_stay_as_they_were(drawn: list[int]) -> None:
    by_tracklet = Source(records(), recipe("dfe", pairs=4))
    by_image = Source(records(), recipe("dfe", pairs=4).changed({"data.draw": "images"}))

    assert by_tracklet.updates_per_epoch == PEOPLE * len(LENGTHS) // 4
    assert by_image.updates_per_epoch == PEOPLE * sum(LENGTHS.values()) // 4
    by_image.raw(0)
    assert drawn == [*by_image.sampler.draw(0).rgb, *by_image.sampler.draw(0).ir]  # type: ignore[union-attr]


def test_the_same_update_draws_the_same_frames_and_both_images_of_a_row_show_one_person(drawn: list[int]) -> None:
    source = Source(records(), recipe("dfe", pairs=4))

    batch = source.raw(5)
    first = drawn.copy()
    drawn.clear()
    source.raw(5)

    assert drawn == first
    people = [source.classes[source.records[number].identity or 0] for number in first]
    assert people[:4] == people[4:] == batch.labels.tolist()
    lights = [source.records[number].modality for number in first]
    assert lights == [Modality.RGB] * 4 + [Modality.IR] * 4


def test_an_image_without_a_track_is_one_by_itself_and_none_at_all_is_refused() -> None:
    some = [*records()[:4], ImageRecord(Path("y.jpg"), "y", "1", Modality.RGB, 0)]

    assert len(Tracklets(some)) == 3  # short, middle, and the image
    with pytest.raises(BadRecipe, match="none of 192 images says its tracklet"):
        Source(records(tracks=False), recipe("agw"))


@pytest.mark.slow
def test_the_test_set_watches_a_training_by_pooled_tracklets(people: SysuMM01, tmp_path: Path) -> None:
    settings = recipe("agw", select="best_on_test")
    data = open_data_set(bupt(tmp_path / "bupt", people, frames=3))
    torch.manual_seed(1)
    method = entry("agw").build(settings, 4)
    measure = first_trial_of(data, settings)

    report = measure(method, torch.device("cpu"))

    task = data.task(data.protocols[0])
    made = [embedded(method, store, torch.device("cpu")) for store in measure.stores]
    queries, gallery = made
    assert report is not None
    assert queries is not None
    assert gallery is not None
    assert set(queries.sources) == {frame.source for frame in frames_of(task.queries)}
    assert report.mean_ap == evaluate(task, queries, gallery, data.protocols[0], method.metric).mean_ap


@pytest.mark.parametrize("tree", [vcm, bupt])
@pytest.mark.slow
def test_tracklets_are_trained_on_by_the_command(
    tree: Callable[[Path, SysuMM01], Path], people: SysuMM01, tmp_path: Path
) -> None:
    small = [
        "backbone=compact",
        "height=64",
        "width=32",
        "people=3",
        "images=2",
        "data.draw=tracklets",
        "schedule.epochs=1",
    ]
    data, out = tree(tmp_path / "data", people), tmp_path / "run"
    words = ["train", "agw", "--data", data, "--out", out, "--no-cache", *(w for s in small for w in ("--set", s))]

    answer = CliRunner().invoke(app, [str(word) for word in words])

    assert answer.exit_code == 0, answer.output
    assert json.loads((out / "recipe.json").read_text())["recipe"]["data"]["draw"] == "tracklets"
    assert (out / "weights.safetensors").is_file()
