"""Bulk work in parts, and galleries brought together."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import BUNDLE
from tests.index.yard import model, network
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import Gallery, NewSighting, Query, SysuMM01
from rgbir.index.enrolment.merge import merge, shard
from rgbir.index.errors import GalleryMismatch, UsageError

runner = CliRunner()


@pytest.mark.slow
def test_parts_share_the_images_and_merged_they_are_the_whole(tmp_path: Path, people: SysuMM01) -> None:
    def add(gallery: str, *options: str) -> str:
        base = ["index", "add", str(people.root), "--layout", "sysu", "--bundle", str(BUNDLE), "--threads", "1"]
        result = runner.invoke(app, [*base, "--gallery", str(tmp_path / gallery), *options])
        assert result.exit_code == 0, result.output
        return result.output

    add("whole")
    for part in ("1/3", "2/3", "3/3"):
        add(f"part-{part[0]}", "--shard", part)
    for other in ("part-2", "part-3", "part-3"):
        merged = runner.invoke(app, ["index", "merge", str(tmp_path / other), "--gallery", str(tmp_path / "part-1")])
        assert merged.exit_code == 0, merged.output
    assert "0 added, " in merged.output

    with Gallery(tmp_path / "whole") as whole, Gallery(tmp_path / "part-1") as joined:
        assert joined.verify() == []
        ids = [sighting.id for sighting in whole.sightings()]
        assert sorted(ids) == sorted(sighting.id for sighting in joined.sightings())
        np.testing.assert_allclose(whole.embeddings(ids), joined.embeddings(ids), atol=1e-4)
        assert all(whole.crop(name) == joined.crop(name) for name in ids)
        query = Query(whole.embeddings(ids[:1])[0], camera="3", top_k=5)
        assert [hit.id for hit in whole.search(query).hits] == [hit.id for hit in joined.search(query).hits]


def test_every_image_is_in_one_part(people: SysuMM01) -> None:
    records = list(people.records("test"))
    parts = [list(shard(records, number, 4)) for number in (1, 2, 3, 4)]
    assert sorted(r.source for part in parts for r in part) == sorted(r.source for r in records)
    assert all(parts)
    for wrong in (0, 5):
        with pytest.raises(UsageError, match=f"parts 1 to 4, not {wrong}"):
            list(shard(records, wrong, 4))
    refused = runner.invoke(app, ["index", "add", str(people.root), "--layout", "sysu", "--bundle", str(BUNDLE),
                                  "--gallery", "g", "--shard", "two"])  # fmt: skip
    assert "--shard takes i/n, such as 2/8, not 'two'" in str(refused.exception)


def gallery_of(folder: Path, place: str = "yard", fingerprint: str = "f") -> Gallery:
    gallery = Gallery.create(folder, model(4, fingerprint=fingerprint), network({"a": place}))
    gallery.add([NewSighting("a", np.ones(4, np.float32), "x", "x")])
    return gallery


def test_galleries_that_do_not_fit_stay_apart(tmp_path: Path) -> None:
    with (
        gallery_of(tmp_path / "a") as a,
        gallery_of(tmp_path / "b", "hall") as b,
        gallery_of(tmp_path / "c", fingerprint="other") as c,
    ):
        with pytest.raises(UsageError, match=r"camera a looks at hall in .* and at yard in"):
            merge(b, a)
        with pytest.raises(GalleryMismatch, match="only galleries of one model can be merged"):
            merge(c, a)
        assert len(a) == 1


@pytest.mark.parametrize(
    ("third", "reason"),
    [
        ({"fingerprint": "other"}, "only galleries of one model can be merged"),
        ({"place": "hall"}, "camera a looks at hall in .*c and at yard in"),
        (None, "no gallery"),
    ],
)
@pytest.mark.parametrize("there", [False, True])
def test_if_one_of_several_does_not_fit_none_is_merged(
    tmp_path: Path, third: dict[str, str] | None, reason: str, there: bool
) -> None:
    gallery_of(tmp_path / "a").close()
    gallery_of(tmp_path / "b").close()
    if third is not None:
        gallery_of(tmp_path / "c", **third).close()
    if there:
        Gallery.create(tmp_path / "whole", model(4, fingerprint="f"), network({"a": "yard"})).close()
    sources = [str(tmp_path / name) for name in "abc"]
    result = runner.invoke(app, ["index", "merge", *sources, "--gallery", str(tmp_path / "whole")])
    assert re.search(reason, str(result.exception)), result.exception
    if there:
        with Gallery(tmp_path / "whole") as whole:
            assert len(whole) == 0
    else:
        assert not (tmp_path / "whole").exists()
