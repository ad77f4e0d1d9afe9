"""`rgbir keys …`: who may do what on a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rgbir.server.access.keys import Keyring, Role

keys = typer.Typer(help="Make, list, rotate and revoke a server's keys.", no_args_is_help=True, add_completion=False)
KeysOption = Annotated[Path, typer.Option("--keys", help="The file of keys.")]
DaysOption = Annotated[int | None, typer.Option(help="It ends after so many days; never without.", min=1)]


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
) -> None:
    """Make a key and print its token. It is shown once: the file keeps a hash."""
    _tell(Keyring(file).add(name, role, camera or None, days))


@keys.command()
def rotate(name: Annotated[str, typer.Argument(help="Whose.")], file: KeysOption, days: DaysOption = None) -> None:
    """Give a key a new token; the old one ends at once, without a restart."""
    _tell(Keyring(file).rotate(name, days))


@keys.command()
def revoke(name: Annotated[str, typer.Argument(help="Whose.")], file: KeysOption) -> None:
    """End a key, without a restart."""
    Keyring(file).revoke(name)
    print(f"{name} can't do anything any more")


@keys.command("list")
def list_keys(file: KeysOption) -> None:
    """Who has a key, with which role, and for how long."""
    table = Table("name", "role", "cameras", "made", "ends")
    for key in Keyring(file).keys:
        ends = "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d %H:%M}"
        table.add_row(
            key.name, key.role.value, ", ".join(key.cameras or ("all",)), f"{key.made_at:%Y-%m-%d %H:%M}", ends
        )
    Console().print(table)


def _tell(token: str) -> None:
    print(token)
    typer.echo("keep it now: it is shown once, and the file has only its hash", err=True)
