"""On what a model errs: each property in a made situation, means and intervals by formula, the verdict by a slow loop."""

from __future__ import annotations

import csv
import json
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.stats import beta, binom
from tests import layouts
from tests.conftest import BUNDLE
from typer.testing import CliRunner, Result

from rgbir.client.cli import app
from rgbir.index import Bundle, SysuMM01
from rgbir.index.datasets.records import Tracklet
from rgbir.index.errors import BadDataset, UsageError
from rgbir.index.evaluation import PROTOCOLS, Features, evaluate
from rgbir.index.evaluation.robustness.accepts import accepts
from rgbir.index.evaluation.robustness.alike import ALIKE, ALONE, drawn, written
from rgbir.index.evaluation.robustness.cuts import between, thirds
from rgbir.index.evaluation.robustness.intervals import LEAST_IDENTITIES, estimate
from rgbir.index.evaluation.robustness.measuring import robustness
from rgbir.index.evaluation.robustness.part import Part
from rgbir.index.evaluation.robustness.pictures import Looks, sharpness
from rgbir.index.evaluation.robustness.units import Units, sought
from rgbir.index.gallery.calibration import pair_of
from rgbir.index.metric import Metric
from rgbir.index.robustness import ERRORS, Estimate, Robustness, Side, errors_of
from rgbir.index.robustness_page import errors_page, markdown

SITE = """
name = "site"
cameras = [
    { id = "hall", modality = "rgb", place = "hall" },
    { id = "gate", modality = "rgb", place = "gate" },
    { id = "yard", modality = "ir", place = "yard" },
    { id = "roof", modality = "ir", place = "roof" },
]
"""
PEOPLE, ODD = 36, 12
"""Of so many people the first twelve are odd: a third, which is what a slice of the least is."""


def rgbir(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


# --- intervals


def test_an_interval_of_one_value_a_person_is_that_of_the_binomial_distribution() -> None:
    values, k = np.repeat([1.0, 0.0], [12, 28]), 40

    got = estimate(values, np.arange(k), draws=200_000)

    # A resample of k people holds a binomial number of ones: the bootstrap's percentiles are its quantiles.
    assert got.value == 12 / k
    assert (got.low, got.high) == (binom.ppf(0.025, k, 12 / k) / k, binom.ppf(0.975, k, 12 / k) / k)


def test_further_pictures_of_the_same_people_make_no_interval_narrower() -> None:
    values, people = np.repeat([1.0, 0.0], [12, 28]), np.arange(40)
    again = estimate(np.repeat(values, 25), np.repeat(people, 25))
    assert again == estimate(values, people)
    alone = estimate(np.repeat(values, 25), np.arange(1_000))
    assert alone.high - alone.low < 0.3 * (again.high - again.low)


def test_a_mean_is_over_probes_and_not_over_people() -> None:
    got = estimate(np.array([1.0] * 9 + [0.0]), np.array([0] * 9 + [1]))
    assert (got.value, got.low, got.high) == (0.9, 0.0, 1.0)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_where_all_are_alike_the_interval_is_clopper_and_pearson_s_of_so_many_people(value: float) -> None:
    got = estimate(np.full(60, value), np.repeat(np.arange(20), 3))
    ends = (beta.ppf(0.025, 20, 1), 1.0) if value else (0.0, beta.ppf(0.975, 1, 20))
    assert (got.value, got.low, got.high) == pytest.approx((value, *ends))


# --- pictures


def test_sharpness_is_the_variance_of_the_laplacian_of_a_slow_loop() -> None:
    grey = np.random.default_rng(1).integers(0, 256, (7, 5)).astype(float)
    answers = []
    for row in range(1, 6):
        for column in range(1, 4):
            around = grey[row - 1, column] + grey[row + 1, column] + grey[row, column - 1] + grey[row, column + 1]
            answers.append(around - 4 * grey[row, column])
    assert sharpness(grey) == pytest.approx(sum((a - sum(answers) / 15) ** 2 for a in answers) / 15)
    assert sharpness(np.zeros((2, 9))) == 0.0


def test_a_picture_is_looked_at_as_a_reader_would_count_it() -> None:
    pixels = np.full((100, 40, 3), 100, np.uint8)
    pixels[20:56, 10:31] = 30  # the torso, and nothing else
    pixels[:10, :4] = 255
    pixels[90:, :8] = 2
    looks = Looks.of(Image.fromarray(pixels))
    assert looks.height == 100
    assert looks.torso == 30
    assert looks.clipped == pytest.approx((40 + 80) / 4_000)
    torso, white, black = 36 * 21, 40, 80
    rest = 4_000 - torso - white - black
    assert looks.luminance == pytest.approx((30 * torso + 255 * white + 2 * black + 100 * rest) / 4_000)


# --- slices


def test_thirds_hold_the_least_the_middle_and_the_largest_and_what_isn_t_known() -> None:
    values = np.array([9.0, 1, 5, np.nan, 2, 8, 4, 7, 3, 6])
    cut = {name: sorted(values[mask].tolist()) for name, mask in thirds(values, "px")}
    assert list(cut) == ["up to 3 px", "over 3 to 6 px", "over 6 px", "not known"]
    assert list(cut.values())[:3] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert [(name, int(mask.sum())) for name, mask in thirds(np.full(5, 128.0))] == [("up to 128", 5)]
    assert thirds(np.full(2, np.nan)) == []


def test_fixed_edges_belong_to_the_upper_slice() -> None:
    cut = between(np.array([0.0, 0.99, 1, 9, 10, np.nan]), (1, 10), ("few", "some", "many"))
    assert [(name, np.flatnonzero(mask).tolist()) for name, mask in cut] == [
        ("few", [0, 1]), ("some", [2, 3]), ("many", [4]), ("not known", [5]),
    ]  # fmt: skip


# --- made situations, on own labelled pictures, by the command


def plain(person: int, camera: int) -> Image.Image:
    """Noise about a middle grey, of which nothing is clipped."""
    rng = np.random.default_rng((person, camera))
    return Image.fromarray(rng.integers(90, 170, (64 + person % 2, 30), np.uint8).repeat(3).reshape(-1, 30, 3))


def small(image: Image.Image) -> Image.Image:
    return image.resize((14, 32), Image.Resampling.NEAREST)


def blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(2))


def dim(image: Image.Image) -> Image.Image:
    return image.point(lambda value: value * 0.4)


def burnt(image: Image.Image) -> Image.Image:
    image.paste((255, 255, 255), (0, image.height - 4, 30, image.height))
    return image


def dressed_dark(image: Image.Image) -> Image.Image:
    image.paste((20, 20, 20), (5, 12, 25, 38))
    return image


Change = Callable[[Image.Image], Image.Image]


def site(folder: Path, change: Change | None = None, whose: str = "probe", times: bool = False) -> list[object]:
    """Pictures of 36 people by one camera of four each way, in a table; embeddings tell everybody apart but the odd ones.

    An odd person's infrared pictures have the embedding of the next odd person, and are changed, or else the colour ones are.
    """
    (folder / "site.toml").write_text(SITE)
    names, vectors, identities, cameras = list[str](), [], list[int](), list[str]()
    with (folder / "site.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "camera", "identity", *(["time"] if times else [])])
        for person in range(PEOPLE):
            for camera in ("hall", "gate", "yard", "roof"):
                infrared = camera in ("yard", "roof")
                odd = person < ODD
                image = plain(person, len(names))
                if change is not None and odd and infrared == (whose == "probe"):
                    image = change(image)
                name = f"{camera}-{person}.png"
                image.save(folder / name)
                hours = 2 if odd and infrared else 0
                at = f"2026-03-01T{10 + hours}:00:{10 if infrared else 0:02}Z"
                rows.writerow([name, camera, person, *([at] if times else [])])
                shown = (person + 1) % ODD if odd and infrared else person
                names.append(name)
                vectors.append(np.eye(PEOPLE, dtype=np.float32)[shown])
                identities.append(person)
                cameras.append(camera)
    Features.of(np.stack(vectors), identities, cameras, names).save(folder / "f.npz")
    base = ["evaluate", "--data", folder / "site.csv", "--network", folder / "site.toml", "--list", "available"]
    return [*base, "--features", folder / "f.npz", "--direction", "infrared->visible", "--report", "robustness"]


def measured(*words: object) -> Any:
    result = rgbir(*words, "--json")
    assert result.exit_code == 0, result.output
    (side,) = json.loads(result.stdout)["sides"]
    return side


def property_of(side: Any, name: str, of: str) -> Any:
    (found,) = (each for each in side["properties"] if (each["name"], each["of"]) == (name, of))
    return found


@pytest.mark.parametrize("whose", ["probe", "rows sought"])
@pytest.mark.parametrize(
    ("name", "change", "place"),
    [
        ("crop size", small, 0),
        ("blur", blurred, 0),
        ("exposure", dim, 0),
        ("clipped pixels", burnt, -1),
        ("dark clothes", dressed_dark, 0),
    ],
)
def test_whoever_is_missed_for_a_property_is_missed_in_its_slice(
    tmp_path: Path, name: str, change: Change, place: int, whose: str
) -> None:
    side = measured(*site(tmp_path, change, whose))

    slices = property_of(side, name, whose)["slices"]
    assert side["whole"]["rank_1"]["value"] == pytest.approx(1 - ODD / PEOPLE)
    odd = slices.pop(place)
    assert (odd["identities"], odd["rank_1"]["value"]) == (ODD, 0.0)
    assert {each["rank_1"]["value"] for each in slices} == {1.0}
    assert sum(each["probes"] for each in slices) == 2 * (PEOPLE - ODD)
    other = property_of(side, name, "rows sought" if whose == "probe" else "probe")["slices"]
    assert all(each["rank_1"]["value"] > 0 for each in other), "nothing was changed there"


@pytest.mark.slow
def test_time_between_is_told_where_times_are_known_and_else_why_it_isn_t(tmp_path: Path) -> None:
    for part in ("with", "without"):
        (tmp_path / part).mkdir()
    timed = property_of(measured(*site(tmp_path / "with", times=True)), "time between", "both")
    assert [(each["name"], each["identities"], each["rank_1"]["value"]) for each in timed["slices"]] == [
        ("below a minute", PEOPLE - ODD, 1.0), ("an hour to a day", ODD, 0.0),
    ]  # fmt: skip
    untimed = property_of(measured(*site(tmp_path / "without")), "time between", "both")
    assert not untimed["slices"]
    assert "no probe and row sought have both a time" in untimed["unknown"]


@pytest.mark.slow
def test_people_who_are_dressed_alike_are_those_of_a_table(tmp_path: Path) -> None:
    words = site(tmp_path)
    unknown = property_of(measured(*words), "uniforms and look-alikes", "both")
    assert "--alike FILE" in unknown["unknown"]
    with (tmp_path / "alike.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("identity", "group"), *((n, "guards") for n in range(ODD)), (20, "alone"), (21, "")]
        )
    told = property_of(measured(*words, "--alike", tmp_path / "alike.csv"), "uniforms and look-alikes", "both")
    assert [(each["name"], each["identities"], each["rank_1"]["value"]) for each in told["slices"]] == [
        (ALIKE, ODD, 0.0), (ALONE, PEOPLE - ODD, 1.0),
    ]  # fmt: skip


def test_a_table_of_groups_that_is_none_is_told_in_words(tmp_path: Path) -> None:
    for text, words in (
        ("identity,team\n1,a\n", "expected the columns identity and group"),
        ("identity,group\n1,a\n1,b\n", "line 3: identity '1' is no whole number, or came before"),
        ("identity,group\nx,a\n", "line 2: identity 'x'"),
    ):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(BadDataset, match=words.replace("(", r"\(")):
            written(tmp_path / "a.csv")


def test_a_drawing_knows_its_look_alikes(tmp_path: Path) -> None:
    assert drawn(tmp_path) is None
    (tmp_path / "exp").mkdir()
    about = {"name": "n", "drawing": 2, "seed": 0, "without": []}
    (tmp_path / "exp/drawing.json").write_text(json.dumps(about))
    alike = drawn(tmp_path)
    assert alike is not None
    kinds = [alike(person) for person in range(1, 21)]
    assert [kinds.count(kind) for kind in dict.fromkeys(kinds)] == [4, 3, 2, 11]
    (tmp_path / "exp/drawing.json").write_text(json.dumps(about | {"without": ["lookalikes"]}))
    assert (alone := drawn(tmp_path)) is not None
    assert {alone(person) for person in range(1, 21)} == {kinds[-1]}
    (tmp_path / "exp/drawing.json").write_text(json.dumps(about | {"drawing": 1}))
    assert drawn(tmp_path) is None


def test_few_people_get_a_reason_in_place_of_a_figure(tmp_path: Path) -> None:
    words = site(tmp_path)
    rows = (tmp_path / "site.csv").read_text().splitlines()
    few = 4 * (LEAST_IDENTITIES - 1)
    (tmp_path / "site.csv").write_text("\n".join(rows[: few + 1]) + "\n")
    side = measured(*words)
    assert side["whole"]["rank_1"] is None
    assert side["whole"]["why"] == f"too few identities: {LEAST_IDENTITIES - 1} of at least {LEAST_IDENTITIES}"
    assert all("too few" in each["why"] for each in side["accepts"])


# --- against slow loops


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> SysuMM01:
    """44 people in SYSU-MM01's layout, of pictures that say nothing; every fifth wasn't seen by cameras 1 and 2."""
    root, rng = tmp_path_factory.mktemp("crowd"), np.random.default_rng(5)
    (root / "exp").mkdir()
    for name, people in (("train", [91]), ("val", [92]), ("test", range(1, 45))):
        (root / f"exp/{name}_id.txt").write_text(",".join(map(str, people)))
        for person in people:
            for camera in range(1, 7):
                folder = root / f"cam{camera}/{person:04d}"
                if person % 5 == 0 and camera < 3:
                    continue
                folder.mkdir(parents=True)
                for number in (1, 2):
                    pixels = rng.integers(0, 256, (20, 10, 3), np.uint8)
                    Image.fromarray(pixels).save(folder / f"{number:04d}.jpg")
    return SysuMM01(root)


def embedded(data: SysuMM01, seed: int = 9) -> tuple[Any, Features, Features]:
    """A seeded task with embeddings of which some are told apart."""
    task = data.task(PROTOCOLS["sysu-seeded"])
    task = replace(task, draws=task.draws[:3]).trimmed()
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(100, 8))
    sides = [
        np.stack([centres[r.identity or 0] + rng.normal(scale=1.1, size=8) for r in records]).astype(np.float32)
        for records in (task.queries, task.gallery)
    ]
    return task, Features.of_images(sides[0], task.queries), Features.of_images(sides[1], task.gallery)


@pytest.mark.slow
def test_pairs_of_cameras_are_those_of_a_slow_loop_and_the_whole_is_the_evaluation_s(crowd: SysuMM01) -> None:
    task, queries, gallery = embedded(crowd)
    protocol = PROTOCOLS["sysu-seeded"]
    report = evaluate(task, queries, gallery, protocol, Metric.EUCLIDEAN)

    (side,) = robustness([Part(task, queries, gallery, report)], protocol, Metric.EUCLIDEAN, {}).sides

    first, precision = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for draw in task.draws:
        for q in draw.queries:
            probe = task.queries[q]
            for camera in ("1", "2", "4", "5"):
                rows = [g for g in draw.gallery if task.gallery[g].camera == camera]
                if (probe.camera, camera) == ("3", "2"):
                    continue
                gaps = [
                    float(np.linalg.norm(queries.embeddings[q].astype(float) - gallery.embeddings[g])) for g in rows
                ]
                order = [rows[place] for place in np.argsort(gaps, kind="stable")]
                hits = [place for place, g in enumerate(order, 1) if task.gallery[g].identity == probe.identity]
                if hits:
                    name = f"{probe.camera} → {camera}"
                    first[name].append(float(hits[0] == 1))
                    precision[name].append(sum(n / place for n, place in enumerate(hits, 1)) / len(hits))
    assert {pair.name for pair in side.pairs} == set(first)
    for pair in side.pairs:
        assert pair.rank_1 is not None
        assert pair.mean_ap is not None
        assert pair.rank_1.value == pytest.approx(np.mean(first[pair.name]))
        assert pair.mean_ap.value == pytest.approx(np.mean(precision[pair.name]))
    assert side.whole.rank_1 is not None
    assert side.whole.rank_1.value == pytest.approx(report.rank(1))
    assert side.whole.mean_ap is not None
    assert side.whole.mean_ap.value == pytest.approx(report.mean_ap)


def test_the_rows_sought_are_those_of_the_person_that_the_probe_may_see(crowd: SysuMM01) -> None:
    task, queries, gallery = embedded(crowd)
    report = evaluate(task, queries, gallery, PROTOCOLS["sysu-seeded"], Metric.EUCLIDEAN)
    units = Units.of(task, task.draws, [trial.by_query for trial in report.trials])

    rows = sought(task, "place", units)

    assert len(rows) == len(units.probe) == 3 * len(task.queries)
    for numbers, probe, trial in zip(rows, units.probe, units.trial, strict=True):
        asked = task.queries[probe]
        cameras = {"1", "4", "5"} | ({"2"} if asked.camera == "6" else set())
        shown = [
            int(row)
            for row in task.draws[trial].gallery
            if task.gallery[row].identity == asked.identity and task.gallery[row].camera in cameras
        ]
        assert sorted(numbers) == sorted(shown)


def test_the_verdict_is_worth_what_a_slow_loop_counts(crowd: SysuMM01) -> None:
    task, queries, gallery = embedded(crowd)
    everyone = [np.ones(len(queries), bool)], [np.ones(len(gallery), bool)]
    part = Part(task, queries, gallery, evaluate(task, queries, gallery, PROTOCOLS["sysu-seeded"], Metric.EUCLIDEAN))

    lines = {(line.camera, line.searched): line for line in accepts([part], Metric.EUCLIDEAN, *everyone)}

    people = sorted({*queries.identities.tolist(), *gallery.identities.tolist()})
    halves = dict(zip(people, np.random.default_rng(0).permutation(np.arange(len(people)) % 2).tolist(), strict=True))

    wide = queries.embeddings.astype(float), gallery.embeddings.astype(float)
    gaps = np.linalg.norm(wide[0][:, None] - wide[1][None], axis=2)

    def gap(q: int, g: int) -> float:
        return float(gaps[q, g])

    def of(records: Any, camera: str) -> list[int]:
        return [row for row, record in enumerate(records) if record.camera == camera]

    def pair(asked: str, shown: str, half: int) -> Any:
        """Measured on the half that isn't judged."""
        kinds: dict[bool, list[float]] = {True: [], False: []}
        for q in of(task.queries, asked):
            for g in of(task.gallery, shown):
                a, b = int(queries.identities[q]), int(gallery.identities[g])
                if halves[a] != half and halves[b] != half:
                    kinds[a == b].append(gap(q, g))
        return pair_of(np.array(kinds[True]), np.array(kinds[False]))

    checked = {("3", "all"): ["1", "4", "5"], ("6", "all"): ["1", "2", "4", "5"], ("6", "2"): ["2"], ("3", "5"): ["5"]}
    for (asked, title), cameras in checked.items():
        pairs = {(camera, half): pair(asked, camera, half) for camera in cameras for half in (0, 1)}
        assert all(pairs.values())
        false, found, passing = [], [], []
        for draw in task.draws:
            for q in of(task.queries, asked):
                person = int(queries.identities[q])
                seen = [int(g) for g in draw.gallery if task.gallery[g].camera in cameras]
                for with_person in (True, False):
                    rows = [g for g in seen if with_person or gallery.identities[g] != person]
                    if with_person and not any(gallery.identities[g] == person for g in rows):
                        continue
                    best = min(rows, key=lambda g: gap(q, g))
                    expected = 0.0
                    for camera in cameras:
                        here = sum(task.gallery[g].camera == camera for g in rows)
                        expected += pairs[camera, halves[person]].false_accept_rate(gap(q, best)) * here
                    right = gallery.identities[best] == person
                    if not with_person:
                        false.append(expected < 1)
                    else:
                        found.append(right and expected < 1)
                        passing += [expected < 1] if right else []
        line = lines[asked, title]
        for got, counted in ((line.false_accepts, false), (line.right_leads, found), (line.passing, passing)):
            assert got is not None
            assert got.value == pytest.approx(np.mean(counted)), (asked, title)
            assert got.low <= got.value <= got.high
    assert ("3", "2") not in lines, "it is at the same place"


def part_of(data: SysuMM01, seed: int) -> Part:
    task, queries, gallery = embedded(data, seed)
    return Part(task, queries, gallery, evaluate(task, queries, gallery, PROTOCOLS["sysu-seeded"], Metric.EUCLIDEAN))


def side_of(*parts: Part) -> Side:
    (side,) = robustness(parts, PROTOCOLS["sysu-seeded"], Metric.EUCLIDEAN, {}).sides
    return side


def test_two_data_sets_are_searched_apart_and_told_together(crowd: SysuMM01) -> None:
    """They have the same numbers of people, who are others all the same; with as many probes, each figure is the mean of two."""
    parts = [part_of(crowd, seed) for seed in (9, 10)]
    (one, other), both = map(side_of, parts), side_of(*parts)
    assert one.whole.rank_1 != other.whole.rank_1

    def expect_mean(figure: Estimate | None, *of_each: Estimate | None) -> None:
        assert figure is not None
        assert figure.value == pytest.approx(np.mean([each.value for each in of_each if each is not None]))

    assert both.whole.identities == one.whole.identities + other.whole.identities == 2 * one.whole.identities
    for name in ("rank_1", "mean_ap", "mean_inp"):
        expect_mean(getattr(both.whole, name), getattr(one.whole, name), getattr(other.whole, name))
    assert [pair.name for pair in both.pairs] == [pair.name for pair in one.pairs]
    for pair, *of_each in zip(both.pairs, one.pairs, other.pairs, strict=True):
        assert pair.identities == sum(each.identities for each in of_each)
        expect_mean(pair.rank_1, *(each.rank_1 for each in of_each))
    for line, *judged in zip(both.accepts, one.accepts, other.accepts, strict=True):
        assert (line.camera, line.searched) == (judged[0].camera, judged[0].searched)
        assert (line.probes, line.identities) == (2 * judged[0].probes, 2 * judged[0].identities)
        assert bool(line.why) == bool(judged[0].why)
        if not line.why:
            expect_mean(line.false_accepts, *(each.false_accepts for each in judged))
            expect_mean(line.right_leads, *(each.right_leads for each in judged))
    for of_both, of_one in zip(both.properties, one.properties, strict=True):
        assert sum(each.probes for each in of_both.slices) == 2 * sum(each.probes for each in of_one.slices)


@pytest.mark.slow
def test_twice_as_many_people_make_intervals_narrower_by_the_root_of_two(crowd: SysuMM01) -> None:
    part = part_of(crowd, 9)
    once, twice = side_of(part).whole.rank_1, side_of(part, part).whole.rank_1
    assert once is not None
    assert twice is not None
    assert twice.value == pytest.approx(once.value)
    assert (twice.high - twice.low) / (once.high - once.low) == pytest.approx(2**-0.5, rel=0.1)


@pytest.mark.slow
def test_the_command_tells_several_data_sets_together(crowd: SysuMM01, tmp_path: Path) -> None:
    shutil.copytree(crowd.root, tmp_path / "others")
    words = ["evaluate", "--bundle", BUNDLE, "--protocol", "sysu-seeded", "--report", "robustness", "--json"]
    alone, together = (
        json.loads(rgbir(*words, "--data", crowd.root, *also).stdout) for also in ((), ("--also", tmp_path / "others"))
    )
    assert together["about"]["data"] == f"{crowd.root.name}, others"
    assert together["about"]["data sets"] == "2"
    assert "data sets" not in alone["about"]
    (once,), (twice,) = alone["sides"], together["sides"]
    assert twice["whole"]["probes"] == 2 * once["whole"]["probes"]
    assert twice["whole"]["rank_1"]["value"] == pytest.approx(once["whole"]["rank_1"]["value"])


def test_a_verdict_that_can_t_be_measured_says_why(tmp_path: Path) -> None:
    side = measured(*site(tmp_path))
    assert {each["why"].partition(":")[0] for each in side["accepts"]} == {"too few labelled pairs for a verdict"}


# --- what is refused


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--report", "robustnes"], "not 'robustnes'; did you mean 'robustness'?"),
        (["--report", "a.json", "--report", "b.json"], "--report writes one file, and a.json and b.json came"),
        (["--alike", "a.csv"], "--alike says who is dressed alike, for --report robustness"),
        (["--also", "b"], "--also brings more people to --report robustness; give both, or leave it out"),
        (["--report", "robustness", "--also", "b", "--features", "f.npz"], "--features has no effect"),
        (["--report", "robustness", "--also", "b", "--alike", "a.csv"], "--alike has no effect"),
        (["--report", "robustness", "--rerank", "aim"], "--rerank has no effect"),
        (["--report", "robustness", "--plots", "p", "--query-shots", "2"], "--query-shots and --plots have no effect"),
        (["--report", "robustness", "--gallery", "g"], "--gallery has no effect"),
        (["--report", "robustness", "--bundle", "a", "--bundle", "b"], "is of one model"),
        (["--report", "robustness"], "is of one model: give one --bundle, or --features"),
    ],
)
def test_what_has_no_such_report_is_refused_by_name(crowd: SysuMM01, words: list[str], told: str) -> None:
    result = rgbir("evaluate", "--data", crowd.root, "--protocol", "sysu-seeded", *words)
    assert told in str(result.exception)


def test_a_data_set_that_came_before_or_is_of_another_kind_is_refused(crowd: SysuMM01, tmp_path: Path) -> None:
    words = [
        "evaluate",
        "--data",
        crowd.root,
        "--protocol",
        "sysu-seeded",
        "--bundle",
        BUNDLE,
        "--report",
        "robustness",
    ]
    twice = rgbir(*words, "--also", crowd.root)
    assert f"{crowd.root} came twice; --also brings other people" in str(twice.exception)
    other = rgbir(*words, "--also", layouts.regdb(tmp_path, crowd))
    assert "is RegDB, and --data SYSU-MM01; give sets of one kind" in str(other.exception)


def test_tracklets_are_refused(crowd: SysuMM01) -> None:
    task, queries, gallery = embedded(crowd)
    report = evaluate(task, queries, gallery, PROTOCOLS["sysu-seeded"], Metric.EUCLIDEAN)
    tracks = replace(task, queries=[Tracklet.of(r.source, [r]) for r in task.queries])
    with pytest.raises(UsageError, match="measured by tracklets"):
        robustness([Part(tracks, queries, gallery, report)], PROTOCOLS["sysu-seeded"], Metric.EUCLIDEAN, {})


# --- the report's files


@pytest.fixture(scope="module")
def known() -> Robustness:
    return Robustness.model_validate_json((BUNDLE / ERRORS).read_bytes())


def test_the_demonstration_s_bundle_has_the_report_of_its_own_model(known: Robustness) -> None:
    # After another model: docs/how-to/errors-to-know.md has the command that measures it again.
    bundle = Bundle(BUNDLE)
    assert errors_of(bundle, bundle.card.fingerprint) == known
    (side,) = known.sides
    assert (side.whole.probes, side.whole.identities) == (7_200, 600)


def test_a_bundle_without_a_report_of_its_model_has_none_and_says_which_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(BUNDLE, tmp_path / "b")
    bundle = Bundle(tmp_path / "b")
    assert errors_of(bundle, "0123456789abcdef") is None
    assert f"is of model {bundle.card.fingerprint}, and 0123456789abcdef answers" in caplog.text
    (tmp_path / "b" / ERRORS).write_text('{"report": "robustness"}')
    assert errors_of(bundle, bundle.card.fingerprint) is None
    assert "is no report of `rgbir evaluate --report robustness`" in caplog.text
    caplog.clear()
    (tmp_path / "b" / ERRORS).unlink()
    assert errors_of(bundle, bundle.card.fingerprint) is None
    assert not caplog.text


def test_the_command_writes_json_and_markdown_that_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    words = [*site(tmp_path / "site", dim), "--report", tmp_path / "e.json", "--markdown", tmp_path / "e.md"]
    result = rgbir(*words)
    assert result.exit_code == 0, result.output
    written_report = Robustness.model_validate_json((tmp_path / "e.json").read_bytes())
    page = (tmp_path / "e.md").read_text()
    assert page == markdown(written_report)
    for text in ("# Errors that you must know", "### Exposure (the probe's)", "| all | 72 | 36 | 66.7 ("):
        assert text in page
    assert "Errors that you must know" in result.stdout


def test_a_page_shows_every_cell_of_the_markdown_and_no_tag_of_anybody_s(known: Robustness) -> None:
    named = known.model_copy(update={"about": {"data": "<script>alert(1)</script>"}})
    page = errors_page(named)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    lines = [line for line in markdown(known).splitlines() if line.startswith("| ")]
    cells = [cell.strip() for line in lines for cell in line.strip("|").split("|")]
    assert len(cells) > 200
    assert all(cell.replace("&", "&amp;").replace("'", "&#x27;") in page for cell in cells)
