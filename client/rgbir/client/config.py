"""Options from a file and the environment: default < TOML file < environment < flag. The option itself is the only declaration.

The option `--port` of `rgbir serve` is `port` under `[serve]` in the file and `RGBIR_SERVE__PORT` in the environment; `--shard` of
`rgbir index add` is `shard` under `[index.add]` and `RGBIR_INDEX__ADD__SHARD`. Options in `SHARED` mean the same wherever they are, and may also
stand above all tables, or be called `RGBIR_GALLERY` and so on; the command's own comes first.
"""

from __future__ import annotations

import json
import logging
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from rgbir.client.output import Answer
from rgbir.client.words import did_you_mean, why

SHARED = ("gallery", "bundle", "url", "key", "ca", "keys", "threads", "runner")
RIVALS = {
    "--url": ("gallery", "bundle"), "--gallery": ("url",), "--bundle": ("url",),
    "--features": ("gallery", "bundle", "url"), "--query": ("gallery", "bundle", "url"), "--server": ("gallery", "bundle"),
}  # fmt: skip
"""A flag, and the shared keys that don't count beside it: who asks a server doesn't mean the folder that a file names."""
OWN: dict[tuple[str, ...], tuple[str, ...]] = {("evaluate",): ("gallery", "url")}
"""Options that change what a command does; a shared key doesn't set them."""
NAMESAKES: dict[tuple[str, ...], tuple[str, ...]] = {("watch", "frigate"): ("url",)}
"""Options that are called as a shared key and mean something else: Frigate's address isn't a server's of ours."""
SECRET = ("key",)
OUTPUT = ("json", "quiet", "verbose")
"""What every command has; shown where it is set."""
FILE = "rgbir.toml"
ELSEWHERE = (
    "RGBIR_CONFIG",
    "RGBIR_MILVUS_TOKEN",
    "RGBIR_FRIGATE_TOKEN",
    "RGBIR_FRIGATE_USER",
    "RGBIR_FRIGATE_PASSWORD",
    "RGBIR_MQTT_USER",
    "RGBIR_MQTT_PASSWORD",
    "RGBIR_STREAM_USER",
    "RGBIR_STREAM_PASSWORD",
)
_SOURCES = {"COMMANDLINE": "flag", "ENVIRONMENT": "environment", "DEFAULT_MAP": "file", "DEFAULT": "default"}
Table = dict[str, Any]
_log = logging.getLogger(__name__)


class BadConfig(Exception):
    """A file or variable that no option has asked for."""

    exit_code = 2


def read(file: Path | None) -> tuple[Path | None, Table]:
    """The file's content; `rgbir.toml` in the working folder, if it is there, where none is named.

    Raises:
        BadConfig: it can't be read.
    """
    if file is None:
        named = os.environ.get("RGBIR_CONFIG")
        file = Path(named) if named else Path(FILE) if Path(FILE).is_file() else None
    if file is None:
        return None, {}
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadConfig(f"there is no configuration {file}; correct the path, or leave it out") from None
    except OSError as error:
        raise BadConfig(f"{file}: the configuration can't be read: it is no file, or closed to us") from error
    except ValueError as error:
        raise BadConfig(f"{file}: the configuration isn't TOML: {why(error)}") from error
    _log.info("options of %s", file)
    return file, content


def configured(
    command: Any, name: str, file: Path | None, content: Table, commands: Iterable[str], words: Iterable[str] = ()
) -> Table:
    """Gives each option of a command its variables, and says what the file says of it, as click wants it: by parameter.

    Args:
        words: of the command line, whose flags put shared keys out of force.

    Raises:
        BadConfig: a key or a variable that is nobody's, with the nearest there is.
    """
    commands = list(commands)
    for key, value in content.items():
        known = key in SHARED or key in commands
        if not known or (key in commands) != isinstance(value, dict):
            what = f"[{key}]" if isinstance(value, dict) else key
            raise BadConfig(f"{file}: no key {what}{_nearest(key, [*SHARED, *commands])}")
    _check_variables(command, name, commands)
    words = list(words)
    flags = {word.partition("=")[0] for word in words}
    flags -= {f"--{key}" for key in NAMESAKES.get((name, *words[:1]), ())}
    beside = {key for flag in flags for key in RIVALS.get(flag, ())}
    shared = {key: content.get(key) for key in SHARED if key not in beside}
    return _mapped(command, (name,), file, content.get(name, {}), shared)


def options(command: Any) -> dict[str, Any]:
    """A command's options by key: `--top-k` is `top_k`."""
    by_key = {}
    for param in command.params:
        flags = [flag for flag in getattr(param, "opts", ()) if flag.startswith("--")]
        if flags and param.name not in ("help", "show_version", "config"):
            by_key[_key(flags[0])] = param
    return by_key


def subcommands(command: Any) -> Mapping[str, Any]:
    """A group's commands by name; none of a command."""
    return cast(Mapping[str, Any], getattr(command, "commands", {}))


def variable(path: tuple[str, ...], key: str) -> str:
    return "RGBIR_" + "__".join(_key(part).upper() for part in (*path, key))


def _key(name: str) -> str:
    return name.removeprefix("--").replace("-", "_")


def _mapped(command: Any, path: tuple[str, ...], file: Path | None, table: Table, shared: Table) -> Table:
    params, inner = options(command), subcommands(command)
    for key, value in table.items():
        if key not in params and key not in inner:
            raise BadConfig(f"{file}: no key {key} in [{'.'.join(path)}]{_nearest(key, [*params, *inner])}")
        if isinstance(value, dict) != (key in inner):
            raise BadConfig(f"{file}: [{'.'.join(path)}] {key} is {'a table' if key in inner else 'a value'}")
    result: Table = {}
    for key, param in params.items():
        common = key in shared and key not in (*OWN.get(path, ()), *NAMESAKES.get(path, ()))
        param.envvar = [variable(path, key), variable((), key)] if common else variable(path, key)
        param.show_envvar = False  # the help says once how they are named
        value = table.get(key, shared[key] if common else None)
        if value is not None:
            result[param.name] = value
    for name, child in inner.items():
        result[name] = _mapped(child, (*path, name), file, table.get(name, {}), shared)
    return result


def _check_variables(command: Any, name: str, commands: list[str]) -> None:
    shared = [variable((), key) for key in SHARED]
    known = [*shared, *ELSEWHERE, *_variables(command, (name,))]
    roots = [variable((), other) for other in commands]
    for variable_name in os.environ:
        if (
            not variable_name.startswith("RGBIR_")
            or variable_name in known
            or _of_a_service(variable_name, os.environ[variable_name])
        ):
            continue
        root = variable_name.partition("__")[0]
        if "__" in variable_name and root in roots and root != variable((), name):
            continue  # another command's; it checks it
        raise BadConfig(f"no option has the variable {variable_name}{_nearest(variable_name, known)}")


_SERVICE = re.compile(
    r"RGBIR(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


def _of_a_service(name: str, value: str) -> bool:
    """Whether Kubernetes set it in every pod beside a Service that is named rgbir, or rgbir-something: it is no option.

    A plain `…_PORT` is one only where it holds an address, as Kubernetes writes it: `tcp://10.0.0.1:8077`.
    """
    if not _SERVICE.fullmatch(name) or "__" in name:
        return False
    return not name.endswith("_PORT") or "SERVICE" in name or "://" in value or "_TCP_" in name or "_UDP_" in name


def _variables(command: Any, path: tuple[str, ...]) -> Iterator[str]:
    for key in options(command):
        yield variable(path, key)
    for name, child in subcommands(command).items():
        yield from _variables(child, (*path, name))


def _nearest(key: str, known: Iterable[str]) -> str:
    return did_you_mean(key, known, 0.4)


@dataclass(frozen=True, slots=True)
class Setting:
    """An option of a command.

    Attributes:
        command: whose, such as `index add`.
        option: its key in the file.
        value: what is in force; a key is masked.
        source: flag, environment, file or default.
        variable: which of its variables is in force; null where none is.
    """

    command: str
    option: str
    value: Any
    source: str
    variable: str | None


def config(
    ctx: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(help="A command, such as serve or index add; its flags may follow after --.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Values that are the default, too.")] = False,
) -> Answer[list[Setting]]:
    """What the options of a command are, and where each comes from, in the form of the file; of all commands without one.

    Examples:
        rgbir config index add
        rgbir config serve -- --port 8080
    """
    root = ctx.find_root()
    group = cast(Any, root.command)
    words = command or []
    names = [words[0]] if words else [name for name in group.list_commands(root) if name != "config"]
    settings: list[Setting] = []
    for name in names:
        subcommand = group.get_command(root, name)
        if subcommand is None:
            raise BadConfig(f"no command {name}{_nearest(name, group.list_commands(root))}")
        settings += _settings(subcommand, (name,), words[1:], root, everything or bool(words))
    return Answer(settings, _lines(settings))


def _lines(settings: Iterable[Setting]) -> Iterator[str]:
    """In the form of the file."""
    for command, entries in groupby(settings, lambda setting: setting.command):
        yield f"[{'.'.join(command.split())}]"
        for setting in entries:
            where = f"{setting.source} {setting.variable}" if setting.variable else setting.source
            unset = f"# {setting.option} is not set"
            yield unset if setting.value is None else f"{setting.option} = {_toml(setting.value)}  # {where}"
        yield ""


def _settings(command: Any, path: tuple[str, ...], rest: list[str], parent: Any, everything: bool) -> Iterator[Setting]:
    inner = subcommands(command)
    if inner:
        with command.context_class(command, info_name=path[-1], parent=parent) as ctx:
            chosen = [rest[0]] if rest and rest[0] in inner else list(inner)
            for name in chosen:
                yield from _settings(inner[name], (*path, name), rest[1:] if rest else [], ctx, everything)
        return
    ctx = command.make_context(path[-1], list(rest), parent=parent, resilient_parsing=True)
    for key, param in options(command).items():
        source = _SOURCES.get(getattr(ctx.get_parameter_source(param.name), "name", ""), "default")
        value = ctx.params.get(param.name)
        if source == "default" and (not everything or key in OUTPUT):
            continue
        names = [param.envvar] if isinstance(param.envvar, str) else param.envvar or []
        in_use = next((name for name in names if os.environ.get(name)), "")
        shown = "********" if key in SECRET and value else value
        yield Setting(" ".join(path), key, shown, source, in_use if source == "environment" else None)


def _toml(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)
