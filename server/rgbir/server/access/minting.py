"""Keys that a key makes: none wider and none longer-lived than itself, and it sees and ends no others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rgbir.index import UsageError, listed
from rgbir.server.access.keys import Key, Keyring, Role, check_new
from rgbir.server.errors import BadSettings, KeysUnreadable, NotAllowed, NotNow, NotThere


def within(caller: Key, key: Key) -> bool:
    """Whether a key sees nothing that the caller doesn't see."""
    return caller.cameras is None or (key.cameras is not None and set(key.cameras) <= set(caller.cameras))


def keys_of(keyring: Keyring) -> tuple[Key, ...]:
    """All keys of the file.

    Raises:
        KeysUnreadable: it can't be read.
    """
    try:
        return keyring.keys
    except BadSettings as error:
        raise KeysUnreadable("the server's keys can't be read now; its log has the reason") from error


def mint(
    keyring: Keyring, caller: Key, name: str, role: Role, cameras: Sequence[str] | None, days: int | None
) -> tuple[Key, str]:
    """Makes a key.

    Args:
        cameras: their ids; None is all.

    Returns:
        The key, and its token, which is kept nowhere.

    Raises:
        NotAllowed: it would be wider or longer-lived than the caller's.
        NotNow: there is one of that name, or the file can't be written.
        UsageError: a name or a number of days that no key has.
    """
    try:
        check_new(name, days)
    except BadSettings as error:
        raise UsageError(str(error)) from error
    if not caller.may(role):
        raise NotAllowed(f"key {caller.name!r} has the role {caller.role}; it makes no key with the role {role}")
    if caller.cameras is not None and (cameras is None or not set(cameras) <= set(caller.cameras)):
        raise NotAllowed(
            f"key {caller.name!r} is for cameras {listed(sorted(caller.cameras))}; a key that it makes is for some of these, so name them"
        )
    if (end := caller.expires_at) is not None and (days is None or datetime.now(UTC) + timedelta(days=days) > end):
        raise NotAllowed(
            f"key {caller.name!r} ends at {end:%Y-%m-%d %H:%M} UTC, and makes no key that lasts longer; give fewer days"
        )
    if (taken := next((key for key in keys_of(keyring) if key.name == name), None)) is not None:
        if within(caller, taken):
            raise NotNow(f"there is a key {name!r} already; end it, or choose another name")
        raise NotNow(f"{name!r} can't be given to a key; choose another name")
    try:
        token = keyring.add(name, role, cameras, days, until=caller.expires_at)
    except BadSettings as error:
        raise NotNow(f"no key was made: {_why(error)}") from error
    return next(key for key in keys_of(keyring) if key.name == name), token


def end(keyring: Keyring, caller: Key, name: str, known: Sequence[Key]) -> None:
    """Ends a key that the caller may see.

    Raises:
        NotThere: there is none of that name.
        NotNow: the file can't be written.
    """
    if name not in {key.name for key in known if within(caller, key)}:
        raise NotThere(f"no key {name[:80]!r} here")
    try:
        keyring.revoke(name)
    except BadSettings as error:
        raise NotNow(f"no key was ended: {_why(error)}") from error


def _why(error: BadSettings) -> str:
    """Without the file's path, which is the server's own."""
    return "the file of keys can't be written" if isinstance(error.__cause__, OSError) else "the keys have just changed"
