"""All commands alike: one mistake has one exit code, `--json` has one documented shape, help has examples and fits in 80 columns."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rgbir.client import output
from rgbir.client.cli import SUMMARIES
from rgbir.client.client import Client
from rgbir.client.exits import EXIT_CODES, explained
from rgbir.client.options import box_of
from rgbir.client.output import Manner, as_document, shape_of
from rgbir.client.words import why as why_client
from rgbir.index import Gallery, SysuMM01, UsageError, local, parse_box, why
from rgbir.index.cli.options import SKIPPED_EXIT
from rgbir.index.evaluation import Features
from tests import publish_reference
from tests.commands import Done, everything, run, words_of
from tests.conftest import BUNDLE

COMMANDS = everything()
PHRASES = (
    "Traceback", "Errno", "No such file or directory", "Expecting value", "invalid literal", "validation error", "Invalid value",
    "Is a directory", "codec can't", "Value error",
)  # fmt: skip
ALONE = {
    "bench city",
    "bench evaluate",
    "bench footage",
    "bench gpu",
    "bench rerank",
    "bench search",
    "bench serve",
    "bench synthetic",
    "bench train",
    "config",
    "demo",
    "evidence key",
    "keys add",
    "methods",
    "reproduce demonstration",
    "reproduce synth",
    "synthesize",
}
"""Commands that need nothing that must be there."""
OUTSIDE = {
    "enrol",
    "evidence get",
    "evidence report",
    "model activate",
    "model forget",
    "model list",
    "model prepare",
    "ready",
}
"""Commands of a server."""


@pytest.fixture(autouse=True)
def plain_loggers() -> Iterator[None]:
    yield
    Manner().take_effect()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client doesn't wait before it asks again."""
    monkeypatch.setattr(Client, "_pause", lambda self, attempt, error: None)


def refused(done: Done, code: int = 2) -> str:
    """What it says, which is one error in our words."""
    assert done.code == code, done
    assert not done.stdout, done
    assert not [phrase for phrase in PHRASES if phrase in done.stderr], done
    return done.stderr


def here(words: list[str]) -> list[str]:
    """An example that asks nobody: without Milvus, and a port where nobody listens."""
    return [
        word.replace("milvus://127.0.0.1:19530/", "").replace("8077", "9").replace("rgbir.example", "127.0.0.1:9")
        for word in words
    ]


def examples(*names: str) -> list[Any]:
    chosen = names or tuple(COMMANDS)
    return [
        pytest.param(name, example, id=f"{name} {number}")
        for name in chosen
        for number, example in enumerate(COMMANDS[name].examples)
    ]


# --- what each has


def test_there_are_all_commands() -> None:
    assert len(COMMANDS) >= 57
    assert {name.split()[0] for name in COMMANDS} == set(SUMMARIES)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_answers_in_json_quietly_or_in_detail_and_shows_two_examples(name: str) -> None:
    command = COMMANDS[name]
    flags = [flag for param in command.params for flag in param.opts]
    for flag in ("--json", "--quiet", "-q", "--verbose", "-v"):
        assert flags.count(flag) == 1, flag
    assert len(command.examples) >= 2
    assert "Examples:" not in command.help
    options = [param for param in command.params if param.opts[0].startswith("-")]
    beside = [param for param in options if param.rich_help_panel is None]
    assert len(beside) <= 8, [param.name for param in beside]
    unknown = {name for names in getattr(command.callback, "panels", {}).values() for name in names}
    assert unknown <= {param.name for param in command.params}
    assert all(param.help for param in command.params), [param.name for param in command.params if not param.help]


@pytest.mark.parametrize(("name", "example"), examples())
def test_an_example_is_what_can_be_typed(name: str, example: str) -> None:
    """Its options are there, its values are in their ranges, and nothing that is required lacks."""
    words = words_of(name, example)
    context = COMMANDS[name].make_context(name, words)
    assert context.params


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_in_80_columns_and_names_its_variables_once(name: str) -> None:
    done = run(*name.split(), "--help", COLUMNS="80", TERMINAL_WIDTH="80")
    assert done.code == 0
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert done.stdout.count("RGBIR_") == 1, [line for line in lines if "RGBIR_" in line]


@cache
def reference() -> str:
    return publish_reference.command_line()


def shapes(shape: Any) -> Iterator[Any]:
    """The records in a shape."""
    if dataclasses.is_dataclass(shape) or typing.is_typeddict(shape) or hasattr(shape, "model_fields"):
        yield shape
    for part in typing.get_args(shape):
        yield from shapes(part)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_shape_of_each_answer_is_documented(name: str) -> None:
    shape = shape_of(COMMANDS[name].callback)
    assert shape is not None
    section = reference().split(f" rgbir {name}\n", 1)[1].split("\n## ", 1)[0].split("\n### ", 1)[0]
    for record in shapes(shape):
        for key in typing.get_type_hints(record):
            if key not in ("model_config", "model_computed_fields", "model_fields") and not key.startswith("_"):
                assert f"`{key}`" in section, (key, section)


# --- one mistake, one exit code


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_and_a_missing_one_end_with_2(name: str) -> None:
    words = here(words_of(name, COMMANDS[name].examples[0]))
    assert f"--xyzzy; see rgbir {name} --help" in refused(run(*name.split(), *words, "--xyzzy"))
    if name in ("counts", "index add", "serve"):
        as_json = json.loads(run(*name.split(), *words, "--xyzzy", "--json").stderr)
        assert (as_json["exit_code"], "--xyzzy" in as_json["error"]) == (2, True)
    if any(param.required for param in COMMANDS[name].params):
        assert f"; see rgbir {name} --help" in refused(run(*name.split(), "--quiet"))


LACKING = [
    pytest.param(*each.values, id=each.id, marks=[pytest.mark.slow] if place % 2 else [])
    for place, each in enumerate(examples(*sorted(set(COMMANDS) - ALONE - OUTSIDE)))
]
"""The first example of each by default, all in the long run."""


@pytest.mark.parametrize(("name", "example"), LACKING)
def test_what_isn_t_there_ends_with_2(name: str, example: str, tmp_path: Path) -> None:
    """In an empty folder each example names a file, a gallery or a bundle that isn't there."""
    message = refused(run(*name.split(), *here(words_of(name, example)), folder=tmp_path))
    assert not list(tmp_path.iterdir())
    if "--json" in example:
        assert json.loads(message)["exit_code"] == 2


@pytest.mark.parametrize("name", sorted(OUTSIDE - {"ready"}))
def test_a_server_that_is_away_ends_with_1_and_a_url_that_is_none_with_2(name: str, tmp_path: Path) -> None:
    for image in ("a.jpg", "b.jpg"):
        (tmp_path / image).write_bytes(b"x")
    words = here(words_of(name, COMMANDS[name].examples[0]))
    message = refused(run(*name.split(), *words, folder=tmp_path), code=1)
    assert "nobody listens there; is `rgbir serve` running there?" in message
    bad = [word.removeprefix("http://") for word in words]
    message = refused(run(*name.split(), *bad, folder=tmp_path))
    assert "a server is a URL with http:// or https://, such as http://127.0.0.1:8077; got '127.0.0.1:9'" in message


@pytest.mark.parametrize("url", ["127.0.0.1:8077", "ftp://a", "http://", "http://a:b"])
def test_a_url_that_is_none_is_refused_alike_wherever_it_is_given(
    url: str, tmp_path: Path, people: SysuMM01, image: Path
) -> None:
    expected = f"a server is a URL with http:// or https://, such as http://127.0.0.1:8077; got {url!r}"
    for words in (
        ["ready", "--url", url],
        ["search", image, "--camera", "3", "--url", url],
        ["index", "add", people.root, "--layout", "sysu", "--url", url],
        ["evaluate", "--data", people.root, "--url", url],
    ):
        assert expected in refused(run(*words))
    with pytest.raises(Exception, match="a server is a URL") as error:
        Client(url)
    assert getattr(error.value, "exit_code", None) == 2


def test_a_server_that_is_not_ready_is_a_no() -> None:
    done = run("ready", "--url", "http://127.0.0.1:9", "--json")
    assert (done.code, json.loads(done.stdout)) == (1, {"url": "http://127.0.0.1:9", "ready": False})


@pytest.fixture
def image(people: SysuMM01) -> Path:
    return next(people.records("test", (3,))).path


@pytest.fixture
def folder(gallery: Gallery) -> Path:
    """A gallery that nobody has open."""
    gallery.close()
    return gallery.folder


WITH_GALLERY: dict[str, list[str]] = {
    "search": ["IMAGE", "--camera", "3", "--gallery", "G", "--bundle", "B"],
    "serve": ["--gallery", "G", "--bundle", "B"],
    "index add": ["PEOPLE", "--layout", "sysu", "--gallery", "G", "--bundle", "B"],
    "evaluate": ["--gallery", "G", "--bundle", "B"],
    "fit": ["B", "--gallery", "G", "--out", "OUT"],
}


def filled(words: list[str], **places: object) -> list[str]:
    return [str(places.get(word, word)) for word in words]


@pytest.mark.parametrize("name", WITH_GALLERY)
def test_a_gallery_of_another_model_and_a_bundle_that_is_none_end_with_2(
    name: str, folder: Path, people: SysuMM01, image: Path, tmp_path: Path
) -> None:
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.mkdir()
    places: dict[str, object] = {"G": folder, "PEOPLE": people.root, "IMAGE": image, "OUT": tmp_path / "out"}
    bundle = run(*name.split(), *filled(WITH_GALLERY[name], B=empty, **places))
    assert "is not a bundle: no card.json" in refused(bundle)
    shutil.copytree(BUNDLE, other)
    card = json.loads((other / "card.json").read_text())
    (other / "card.json").write_text(json.dumps(card | {"resize": "lanczos"}))
    done = run(*name.split(), *filled(WITH_GALLERY[name], B=other, **places))
    message = refused(done)
    assert "holds embeddings of" in message or "fingerprint" in message


WRITING: dict[str, list[str]] = {
    "embed": ["IMAGE", "--modality", "ir", "--camera", "3", "--bundle", "B", "--out", "OUT"],
    "index export": ["--gallery", "G", "--out", "OUT"],
    "index backup": ["--gallery", "G", "--out", "OUT"],
    "split": ["PICTURES", "--network", "N", "--out", "OUT"],
}


@pytest.mark.parametrize("name", WRITING)
def test_a_place_that_can_t_be_written_ends_with_1(name: str, folder: Path, image: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    pictures = own_pictures(tmp_path, image)
    places: dict[str, object] = {
        "G": folder,
        "IMAGE": image,
        "B": BUNDLE,
        "PICTURES": pictures,
        "N": tmp_path / "n.toml",
    }
    out = tmp_path / "file" / "out.npz"
    message = refused(run(*name.split(), *filled(WRITING[name], OUT=out, **places)), code=1)
    assert str(out) in message


def own_pictures(folder: Path, image: Path) -> Path:
    for camera in ("a", "b", "c", "d"):
        for person in range(1, 11):
            place = folder / "pictures" / camera / str(person)
            place.mkdir(parents=True)
            shutil.copy(image, place / "1.jpg")
    (folder / "n.toml").write_text(
        'name = "n"\n'
        + "".join(
            f'[[cameras]]\nid = "{name}"\nmodality = "{modality}"\nplace = "{name}"\n'
            for name, modality in zip("abcd", ("rgb", "rgb", "ir", "ir"), strict=True)
        )
    )
    return folder / "pictures"


def test_what_exists_ends_with_2(folder: Path, tmp_path: Path, image: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "x").write_text("x")
    pictures = own_pictures(tmp_path, image)
    for words in (
        ["index", "backup", "--gallery", folder, "--out", there],
        ["split", pictures, "--network", tmp_path / "n.toml", "--out", there / "x"],
        ["synthesize", there],
    ):
        assert str(there) in refused(run(*words))
    assert (there / "x").read_text() == "x"


@pytest.mark.slow
def test_files_of_another_kind_end_with_2_in_our_words(tmp_path: Path, image: Path) -> None:
    for name, content in (("bad.json", "{"), ("bad.toml", "="), ("bytes", "\xff\xfe")):
        (tmp_path / name).write_bytes(content.encode("latin-1"))
    bundle = tmp_path / "bundle"
    shutil.copytree(BUNDLE, bundle)
    (bundle / "card.json").write_text("{")
    for words in (
        ["--config", "bad.toml", "methods"],
        ["--config", "none.toml", "methods"],
        ["evaluate", "--compare", "bad.json", "bad.json"],
        ["keys", "list", "--keys", "bad.json"],
        ["keys", "list", "--keys", "bytes"],
        ["audit", "verify", "none.log"],
        ["audit", "verify", tmp_path],
        ["export", "adopt", "bad.toml", "--out", "x"],
        ["export", "adopt", "none.toml", "--out", "x"],
        ["runs", "bytes"],
        ["search", image, "--camera", "3", "--gallery", "g", "--bundle", bundle],
        ["evaluate", "--query", "bad.json", "--against", "bytes"],
        ["counts", tmp_path, "--network", "bad.toml"],
        ["ready", "--url", "https://127.0.0.1:9", "--ca", "none.pem"],
        ["search", tmp_path, "--url", "http://127.0.0.1:9"],
        ["attend", tmp_path, image, "--modality", "ir", "--out", "x.png"],
    ):
        refused(run(*words, folder=tmp_path))


def test_a_word_that_is_no_choice_is_refused_in_our_words(tmp_path: Path, image: Path) -> None:
    for words, reason in (
        (["embed", image, "--modality", "blue", "--bundle", BUNDLE, "--out", "o.npz"], "'--modality': 'blue' is not one of 'rgb', 'ir'"),
        (["search", image, "--passages", "no", "--url", "http://h"], "'--passages': 'no' is not one of 'filter', 'rank', 'off'"),
    ):  # fmt: skip
        done = run(*words, folder=tmp_path)
        assert done.code == 2
        assert f"error: {reason}; see rgbir {words[0]} --help" in done.stderr
        assert not [phrase for phrase in PHRASES if phrase in done.stderr]


def test_a_file_of_options_that_is_no_text_is_refused_in_our_words(tmp_path: Path) -> None:
    (tmp_path / "options.toml").write_bytes(b"threads = 1\n\xff")
    done = run("--config", tmp_path / "options.toml", "index", "stats", "--gallery", "g")
    assert done.code == 2
    assert "options.toml: the configuration isn't TOML: it isn't UTF-8 text from byte 12 on" in done.stderr


def test_the_table_of_exit_codes_is_complete() -> None:
    assert list(EXIT_CODES) == ["0", "1", "2", "3", "128 + n"]
    assert str(SKIPPED_EXIT) in EXIT_CODES
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in reference()


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (FileNotFoundError(2, "No such file or directory", "x"), "there is no x; correct the path", 2),
        (IsADirectoryError(21, "Is a directory", "x"), "x is a folder, and a file is expected", 2),
        (PermissionError(13, "Permission denied", "x"), "x is closed to us; open it, or choose another", 2),
        (OSError(28, "No space left on device", "x"), "the disk of x is full; make room", 1),
    ],
)
def test_the_system_s_errors_are_told_in_our_words(error: OSError, message: str, code: int) -> None:
    assert explained(error) == (message, code)
    assert explained(ValueError("a fault of ours")) is None
    assert why(error) == why_client(error)
    assert "Errno" not in why(error)


@pytest.mark.parametrize("text", ["1 2 3 4", "1,2,3", "1;2;3;4", "[1, 2, 3, 4]", "a,b,c,d", "-1,2,3,4", "1.5,2,3,4"])
def test_a_box_is_spelt_one_way_and_refused_alike(text: str, image: Path, tmp_path: Path) -> None:
    """By the command, and by what tables and the server's forms are read with."""
    expected = f"box is left,top,right,bottom in pixels, such as 40,10,90,160, not {text!r}"
    words = ["enrol", image, "--camera", "1", "--url", "http://127.0.0.1:9"]
    assert f"--{expected}" in refused(run(*words, f"--box={text}"))
    with pytest.raises(UsageError, match=re.escape(expected)):
        parse_box(text)
    assert parse_box("40, 10,90,160") == (40, 10, 90, 160) == box_of("box", "40, 10,90,160")


# --- what each prints


def answers(people: SysuMM01, folder: Path, image: Path, tmp_path: Path) -> dict[str, list[object]]:
    """Commands that take a moment, with what they need."""
    pictures = own_pictures(tmp_path, image)
    shutil.copytree(folder, tmp_path / "second")
    rows = np.eye(4, 8, dtype=np.float32)
    Features.of(rows, [1, 1, 2, 2], ["a", "c", "a", "c"], [""] * 4).save(tmp_path / "f.npz")
    gallery: list[object] = ["--gallery", folder]
    return {
        "cameras list": gallery,
        "cameras show": ["1", *gallery],
        "cameras add": ["n", "--modality", "rgb", *gallery],
        "cameras edit": ["n", "--scene", "indoor", *gallery],
        "cameras remove": ["n", *gallery],
        "cameras passages": gallery,
        "config": ["serve"],
        "counts": [people.root],
        "embed": [image, "--modality", "ir", "--bundle", BUNDLE, "--out", tmp_path / "e.npz"],
        "evaluate": ["--query", tmp_path / "f.npz", "--against", tmp_path / "f.npz", "--network", tmp_path / "n.toml"],
        "index backup": [*gallery, "--out", tmp_path / "backup"],
        "index choose": ["exact", *gallery],
        "index compact": gallery,
        "index copy": [folder, tmp_path / "copy"],
        "index export": [*gallery, "--out", tmp_path / "g.npz"],
        "index merge": [tmp_path / "second", *gallery],
        "index remove": ["--identity", "1", *gallery, "--dry-run"],
        "index restore": [tmp_path / "backup", "--gallery", tmp_path / "restored"],
        "index retain": [*gallery, "--forever"],
        "index stats": gallery,
        "index verify": gallery,
        "keys add": ["ann", "--keys", tmp_path / "keys.json"],
        "keys list": ["--keys", tmp_path / "keys.json"],
        "keys rotate": ["ann", "--keys", tmp_path / "keys.json"],
        "keys revoke": ["ann", "--keys", tmp_path / "keys.json"],
        "methods": ["expat"],
        "runs": [tmp_path],
        "search": [image, "--camera", "3", *gallery, "--bundle", BUNDLE],
        "split": [pictures, "--network", tmp_path / "n.toml", "--out", tmp_path / "people.json"],
        "synthesize": [tmp_path / "drawn", "--identities", "1", "--images", "1", "--only-test", "--workers", "1"],
    }


@pytest.mark.slow
def test_json_is_one_document_of_the_shape_that_is_documented(
    people: SysuMM01, folder: Path, image: Path, tmp_path: Path
) -> None:
    for name, words in answers(people, folder, image, tmp_path).items():
        done = run(*name.split(), *words, "--json")
        assert done.code in (0, 3), (name, done)
        content = json.loads(done.stdout, parse_constant=pytest.fail)
        records = [record for record in (content if isinstance(content, list) else [content]) if record]
        known = [keys_of(record) for record in shapes(shape_of(COMMANDS[name].callback))]
        for record in records:
            assert any(needed <= record.keys() <= keys for needed, keys in known), (name, record.keys(), known)


def keys_of(record: Any) -> tuple[set[str], set[str]]:
    """Those that are always there, and all."""
    if typing.is_typeddict(record):
        hints = typing.get_type_hints(record, include_extras=True)
        return {key for key, hint in hints.items() if typing.get_origin(hint) is not typing.NotRequired}, set(hints)
    if dataclasses.is_dataclass(record):
        names = {field.name for field in dataclasses.fields(record)}
        return names, names
    return set(record.model_fields), set(record.model_fields)


def test_a_number_that_isn_t_finite_is_null_in_json() -> None:
    text = as_document({"a": float("nan"), "b": [float("inf"), 1.5]})
    assert json.loads(text, parse_constant=pytest.fail) == {"a": None, "b": [None, 1.5]}


@pytest.mark.slow
def test_quiet_leaves_the_answer_and_errors_alone(people: SysuMM01, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(people.root, tmp_path / "people")
    (tmp_path / "people/cam1/x.txt").write_text("not read")
    (tmp_path / "people/cam1/x.heic").write_text("not read")
    aloud = run("counts", tmp_path / "people")
    quiet = run("counts", tmp_path / "people", "-q")
    assert (aloud.code, quiet.code) == (3, 3)
    assert "passed over" in aloud.stderr
    assert (quiet.stderr, quiet.stdout) == ("", aloud.stdout)
    assert run("--quiet", "counts", tmp_path / "people").stderr == ""
    keys = tmp_path / "keys.json"
    assert run("keys", "add", "a", "--keys", keys).stderr
    assert not run("keys", "add", "b", "--keys", keys, "-q").stderr
    done = run("demo", "--dir", tmp_path / "demo", "--no-serve", "--xyzzy", "-q")
    assert done.code == 2
    assert done.stderr
    assert run("ready", "--url", "http://127.0.0.1:9", "--quiet") == Done(1, "", "")


@pytest.mark.slow
def test_verbose_says_what_is_used(folder: Path, image: Path) -> None:
    words = ["search", image, "--camera", "3", "--gallery", folder, "--bundle", BUNDLE]
    plain, verbose = run(*words), run(*words, "-v")
    assert plain.stderr == ""
    assert f"bundle {BUNDLE}" in verbose.stderr
    assert f"gallery {folder}" in verbose.stderr
    assert run("-v", *words).stderr.count("bundle") == verbose.stderr.count("bundle")
    assert logging.getLogger("rgbir").level == logging.INFO
    traced = run("index", "stats", "--gallery", "none", "-vv")
    assert (traced.code, "Traceback" in traced.stderr) == (2, True)


# --- tables and times


@pytest.mark.parametrize(("zone", "shown"), [("Europe/Berlin", "2026-11-26 09:14:05 CET"), ("UTC", "2026-11-26 08:14:05 UTC"), ("Asia/Tokyo", "2026-11-26 17:14:05 JST")])  # fmt: skip
def test_times_are_on_this_machine_s_clocks_with_their_zone(
    zone: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", zone)
        time.tzset()
        moment = datetime(2026, 11, 26, 8, 14, 5, tzinfo=UTC)
        assert local(moment) == output.local(moment) == shown
    time.tzset()
    assert local(None) == output.local(None) == "-"


@pytest.mark.slow
def test_tables_fit_in_80_columns_and_cut_nothing(
    people: SysuMM01, folder: Path, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run("search", image, "--camera", "3", "--gallery", folder, "--bundle", BUNDLE, COLUMNS="80")
    sources = [hit["source"] for hit in json.loads(run("search", image, "--camera", "3", "--gallery", folder, "--bundle", BUNDLE, "--json").stdout)["hits"]]  # fmt: skip
    assert sources
    assert all(source in done.stdout for source in sources)
    for name, words in answers(people, folder, image, tmp_path).items():
        done = run(*name.split(), *words, COLUMNS="80")
        assert done.code in (0, 3), (name, done)
        assert "…" not in done.stdout, name
        drawn = [line for line in done.stdout.splitlines() if line[:1] in "┏┃┡│└├"]
        assert all(len(line) <= 80 for line in drawn), name


# --- removal


def ask(folder: Path, *more: str, typed: str = "", terminal: bool = False) -> Done:
    return run("index", "remove", "--camera", "2", "--gallery", folder, *more, typed=typed, terminal=terminal)


def test_a_removal_counts_first_and_asks(folder: Path) -> None:
    with Gallery(folder) as opened:
        before, expected = len(opened), sum(sighting.camera == "2" for sighting in opened.sightings())
    counted = f"{expected} of {before} sightings in {folder}"
    assert expected
    dry = ask(folder, "--dry-run")
    assert (dry.code, f"nothing was erased: {counted} would be" in dry.stdout) == (0, True)
    assert f"{counted} will be erased for good. Nothing was changed; say it again with --yes" in refused(ask(folder))
    no = ask(folder, typed="no\n", terminal=True)
    assert (no.code, "Type yes to go on" in no.stderr, "nothing was changed" in no.stderr) == (2, True, True)
    with Gallery(folder) as opened:
        assert len(opened) == before
    yes = ask(folder, typed="yes\n", terminal=True)
    assert (yes.code, f"{expected} removed; {before - expected} sightings left" in yes.stdout) == (0, True)
    again = ask(folder, "--yes", "--json")
    assert json.loads(again.stdout)["removed"] == 0


def test_a_dry_run_says_what_else_is_touched_and_leaves_it(folder: Path, tmp_path: Path) -> None:
    run("index", "backup", "--gallery", folder, "--out", tmp_path / "backup")
    content = json.loads(ask(folder, "--dry-run", "--json").stdout)
    assert content["removed"] == 0
    assert content["matching"] > 0
    assert content["copies"]["backups"] == [str(tmp_path / "backup")]
    done = ask(folder, "--yes")
    assert f"the backup {tmp_path / 'backup'} of " in done.stdout
    assert re.search(r"of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ may hold who is meant", done.stdout)


# --- completion


def completed(line: str, shell: str = "bash") -> list[str]:
    """What a shell is told for a line that ends where the cursor is."""
    words = line.split(" ")
    done = run(_RGBIR_COMPLETE=f"complete_{shell}", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert (done.code, done.stderr) == (0, ""), done
    return done.stdout.split("\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rgbir se", ["search", "serve"]),
        ("rgbir index re", ["remove", "restore", "retain", "reencode"]),
        ("rgbir index remove --dr", ["--dry-run"]),
        ("rgbir search --fu", ["--fuse"]),
        ("rgbir search --fuse m", ["mean"]),
        ("rgbir serve --device g", ["gpu"]),
        ("rgbir index tune --kind h", ["hnsw"]),
        ("rgbir --completion z", ["zsh"]),
        ("rgbir nonsense x", [""]),
    ],
)
def test_a_shell_is_told_commands_options_and_choices(line: str, expected: list[str]) -> None:
    assert set(completed(line)) - {""} == set(expected) - {""}


def test_a_faulty_file_of_options_disturbs_no_completion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rgbir.toml").write_text("=")
    monkeypatch.chdir(tmp_path)
    assert set(completed("rgbir se")) - {""} == {"search", "serve"}


@pytest.mark.slow
def test_a_real_bash_completes_and_loads_no_part_for_the_list(tmp_path: Path) -> None:
    command = tmp_path / "rgbir"
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} -X importtime -c "from rgbir.client.cli import main; main()" "$@" 2> {tmp_path}/imports\n'
    )
    command.chmod(0o755)
    script = run("--completion", "bash").stdout
    line = f"{script}\nCOMP_WORDS=(rgbir ind) COMP_CWORD=1; _rgbir_completion rgbir; echo ${{COMPREPLY[@]}}"
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["index"]
    imported = (tmp_path / "imports").read_text()
    assert "rgbir.client.cli" in imported
    assert not re.search(r"rgbir\.index|numpy|torch", imported)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_scripts_of_other_shells_are_of_their_language(shell: str) -> None:
    script = run("--completion", shell).stdout
    assert f"_RGBIR_COMPLETE=complete_{shell}" in script
    if program := shutil.which(shell):
        subprocess.run([program, "-n", "/dev/stdin"], input=script, text=True, check=True)
