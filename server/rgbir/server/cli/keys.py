"""`rgbir keys …`: who may do what on a server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rgbir.index import local
from rgbir.index.cli.output import Answer, remark
from rgbir.server.access.keys import Keyring, Role
from rgbir.server.errors import BadSettings

keys = typer.Typer(help="Make, list, rotate and revoke a server's keys.", no_args_is_help=True, add_completion=False)
KeysOption = Annotated[Path, typer.Option("--keys", help="The file of keys.")]
DaysOption = Annotated[int | None, typer.Option(help="It ends after so many days; never without.", min=1)]


@dataclass(frozen=True, slots=True)
class Token:
    """A key, and what its holder sends.

    Attributes:
        name: of the key.
        token: shown once; the file keeps a hash.
    """

    name: str
    token: str


@dataclass(frozen=True, slots=True)
class Revoked:
    """A key that ended.

    Attributes:
        name: of the key.
    """

    name: str


@dataclass(frozen=True, slots=True)
class OneKey:
    """Who may do what.

    Attributes:
        name, role: whose, and what it may.
        cameras: whose sightings alone; null is all.
        made_at, expires_at: from when, until when; null is for ever.
    """

    name: str
    role: str
    cameras: list[str] | None
    made_at: datetime
    expires_at: datetime | None


@keys.command()
def add(
    name: Annotated[str, typer.Argument(help="Who or what it is for; the audit log names it.")],
    file: KeysOption,
    role: Annotated[
        Role,
        typer.Option(
            help="search asks, enrol adds images, export takes embeddings, monitor reads metrics, admin does everything."
        ),
    ] = Role.SEARCH,
    camera: Annotated[
        list[str] | None, typer.Option(help="Only this camera's sightings; may be repeated. All without.")
    ] = None,
    days: DaysOption = None,
) -> Answer[Token]:
    """Make a key and print its token. It is shown once: the file keeps a hash.

    Examples:
        rgbir keys add ann --role admin --keys keys.json
        rgbir keys add gate --role search --camera 2 --camera 3 --days 90 --keys keys.json
    """
    return _token(name, Keyring(file).add(name, role, camera or None, days))


@keys.command()
def rotate(
    name: Annotated[str, typer.Argument(help="Whose.")], file: KeysOption, days: DaysOption = None
) -> Answer[Token]:
    """Give a key a new token; the old one ends at once, without a restart.

    Examples:
        rgbir keys rotate ann --keys keys.json
        rgbir keys rotate gate --days 90 --keys keys.json
    """
    return _token(name, Keyring(file).rotate(name, days))


@keys.command()
def revoke(name: Annotated[str, typer.Argument(help="Whose.")], file: KeysOption) -> Answer[Revoked]:
    """End a key, without a restart.

    Examples:
        rgbir keys revoke gate --keys keys.json
        rgbir keys revoke ann --keys /etc/rgbir/keys.json --quiet
    """
    Keyring(file).revoke(name)
    return Answer(Revoked(name), [f"{name} can't do anything any more"])


@keys.command("list")
def list_keys(file: KeysOption) -> Answer[list[OneKey]]:
    """Show who has a key, with which role, and for how long.

    Examples:
        rgbir keys list --keys keys.json
        rgbir keys list --keys /etc/rgbir/keys.json --json
    """
    if not file.exists():
        raise BadSettings(f"there is no file of keys {file}; `rgbir keys add NAME --keys {file}` makes one")
    keys = Keyring(file).keys
    table = Table("name", "role", "cameras", "made", "ends")
    for key in keys:
        ends = "never" if key.expires_at is None else local(key.expires_at)
        table.add_row(key.name, key.role.value, ", ".join(key.cameras or ("all",)), local(key.made_at), ends)
    content = [
        OneKey(key.name, key.role.value, list(key.cameras) if key.cameras else None, key.made_at, key.expires_at)
        for key in keys
    ]
    return Answer(content, [table])


def _token(name: str, token: str) -> Answer[Token]:
    remark("keep it now: it is shown once, and the file has only its hash")
    return Answer(Token(name, token), [token])
