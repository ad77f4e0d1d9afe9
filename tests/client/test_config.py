"""Options: default < file < environment < flag, and nothing misspelt goes unnoticed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests import commands
from tests.conftest import ROOT
from typer.main import get_command
from typer.testing import CliRunner, Result

from rgbir.client import ConnectionFailed
from rgbir.client.cli import LazyGroup, app
from rgbir.client.config import OUTPUT, BadConfig, configured, options, subcommands, variable

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str, **environment: str) -> Result:
    return RUNNER.invoke(app, list(words), env=environment)


def shown(*words: str, **environment: str) -> dict[str, Any]:
    result = run("config", *words, **environment)
    assert result.exit_code == 0, (result.output, result.exception)
    return tomllib.loads(result.output)


def test_a_flag_goes_before_a_variable_before_the_file_before_the_default(folder: Path) -> None:
    assert shown("serve")["serve"]["port"] == 8077
    (folder / "rgbir.toml").write_text('gallery = "here"\n[serve]\nport = 1\nneed_purpose = true\n')
    assert shown("serve")["serve"]["port"] == 1
    assert shown("serve", RGBIR_SERVE__PORT="2")["serve"]["port"] == 2
    assert shown("serve", "--", "--port", "3", RGBIR_SERVE__PORT="2")["serve"]["port"] == 3
    output = run("config", "serve", "--", "--host", "h", RGBIR_SERVE__PORT="2").output
    assert "port = 2  # environment RGBIR_SERVE__PORT" in output
    assert "need_purpose = true  # file" in output
    assert 'host = "h"  # flag' in output
    assert "deadline_s = 30.0  # default" in output
    assert 'gallery = "here"  # file' in output


def test_shared_keys_stand_for_every_command_and_its_own_goes_first(folder: Path) -> None:
    (folder / "other.toml").write_text('gallery = "all"\n[index.stats]\ngallery = "stats"\n')
    tables = shown(RGBIR_CONFIG="other.toml")
    assert tables["index"]["stats"]["gallery"] == "stats"
    assert tables["index"]["verify"]["gallery"] == "all"
    assert tables["serve"]["gallery"] == "all"
    assert shown(RGBIR_GALLERY="x", RGBIR_CONFIG="other.toml")["index"]["verify"]["gallery"] == "x"


@pytest.mark.slow
def test_a_flag_puts_its_rivals_out_of_force(folder: Path) -> None:
    (folder / "rgbir.toml").write_text('gallery = "g"\nbundle = "b"\nurl = "http://127.0.0.1:9"\nkey = "k"\n')
    picture = folder / "a.jpg"
    Image.new("RGB", (20, 50)).save(picture)
    both = run("search", str(picture), "--camera", "3")
    assert (both.exit_code, "give either --url, or --gallery" in both.output) == (2, True)
    asked = run("search", str(picture), "--camera", "3", "--url", "http://127.0.0.1:9")
    assert isinstance(asked.exception, ConnectionFailed)
    local = run("search", str(picture), "--camera", "3", "--gallery=h")
    assert "h is not a gallery" in str(local.exception)
    result = run("index", "add", str(folder), "--gallery", "h", "--bundle", "c")
    assert "c is not a bundle" in str(result.exception)
    assert "gallery" not in shown("evaluate")["evaluate"]


def test_secrets_are_masked() -> None:
    shown = run("config", RGBIR_KEY="rgbir_secret").output
    assert "rgbir_secret" not in shown
    assert 'key = "********"  # environment RGBIR_KEY' in shown


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[serve]\nprot = 1", "no key prot in [serve]; did you mean 'port'?"),
        ("[index.ad]\nshard = 1", "no key ad in [index]; did you mean 'add'?"),
        ("galery = 'x'", "no key galery; did you mean 'gallery'?"),
        ("[serv]\nport = 1", "no key [serv]; did you mean 'serve'?"),
        ("serve = 1", "no key serve"),
        ("[index]\nadd = 1", "[index] add is a table"),
        ("a = ", "isn't TOML"),
    ],
)
def test_an_unknown_key_of_the_file_is_an_error_that_names_the_nearest(
    folder: Path, content: str, expected: str
) -> None:
    (folder / "rgbir.toml").write_text(content)
    for words in (("config", "serve"), ("config", "index"), ("index", "stats")):
        result = run(*words)
        if isinstance(result.exception, BadConfig):
            assert expected in str(result.exception)
            assert result.exception.exit_code == 2
            return
    raise AssertionError("nobody minded")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("RGBIR_SERVE__PROT", "did you mean 'RGBIR_SERVE__PORT'?"),
        ("RGBIR_GALERY", "did you mean 'RGBIR_GALLERY'?"),
        ("RGBIR_SERVE__PORT_", "did you mean 'RGBIR_SERVE__PORT'?"),
    ],
)
def test_an_unknown_variable_is_an_error_that_names_the_nearest(name: str, expected: str) -> None:
    with pytest.raises(BadConfig, match=re.escape(f"no option has the variable {name}; {expected}")):
        raise run("serve", **{name: "1"}).exception or AssertionError


def test_another_commands_variables_are_its_own_matter() -> None:
    assert run("config", "serve", RGBIR_INDEX__ADD__SHARD="1/2").exit_code == 0


def test_a_wrong_value_from_the_file_is_refused_as_a_flags(folder: Path) -> None:
    (folder / "rgbir.toml").write_text('gallery = "g"\nbundle = "b"\n[serve]\nport = 70000\n')
    refusal = commands.run("serve")
    assert refusal.code == 2
    wrong = "error: '--port' is less than or equal to 65535, not"
    assert refusal.stderr == f"{wrong} 70000 (in the file of options); see rgbir serve --help\n"
    refusal = commands.run("serve", RGBIR_SERVE__PORT="80000")
    assert f"{wrong} '80000' (in the variable RGBIR_SERVE__PORT); see" in refusal.stderr
    assert "(in " not in commands.run("serve", "--port", "90000", RGBIR_SERVE__PORT="80000").stderr


def every_command() -> Iterator[tuple[tuple[str, ...], Any]]:
    group = get_command(app)
    assert isinstance(group, LazyGroup)
    context = group.make_context("rgbir", ["config"], resilient_parsing=True)

    def inner(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        yield path, command
        for name, child in subcommands(command).items():
            yield from inner((*path, name), child)

    for name in group.list_commands(context):
        yield from inner((name,), group.get_command(context, name))


@pytest.mark.slow
def test_every_options_variable_is_in_the_reference_and_its_form_in_the_help() -> None:
    reference = (ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8")
    for path, command in every_command():
        if not options(command) or subcommands(command):
            continue
        shown = re.sub(r"[\s│]+", "", run(*path, "--help", COLUMNS="300").output)
        assert f"anoptionis{variable(path, 'NAME')},inrgbir.tomlakeyunder[{'.'.join(path)}]" in shown
        for key, option in options(command).items():
            assert option.envvar in (variable(path, key), [variable(path, key), variable((), key)])
            assert key in OUTPUT or variable(path, key) in reference, (path, key)


def test_every_option_can_be_set_by_a_file() -> None:
    for path, command in every_command():
        if len(path) == 1 and not subcommands(command):
            table = dict.fromkeys(options(command), "x")
            assert set(configured(command, path[0], Path("f"), {path[0]: table}, [path[0]])) == {
                param.name for param in options(command).values()
            }


def test_a_misspelt_command_names_the_nearest() -> None:
    result = run("serv")
    assert (result.exit_code, "did you mean 'serve'?" in result.output) == (2, True)
