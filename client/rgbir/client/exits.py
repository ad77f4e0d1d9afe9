"""How commands end: the table of exit codes, and every error in words, whichever part it comes from."""

from __future__ import annotations

import errno
import os
from typing import Any

from rgbir.client.words import fault

DONE, FAILED, UNUSABLE, PASSED_OVER = 0, 1, 2, 3
EXIT_CODES: dict[str, str] = {
    "0": "It is done.",
    "1": "It could not be done, or the answer is no: a server is away or not ready, a gallery or log is damaged, a disk is"
    " full or closed.",
    "2": "What was given can't be used: an unknown option, a value out of its range, a missing file, another model's"
    " gallery, a key without the right. Nothing was changed, but by a command that sends images in several requests: those"
    " that came before are enrolled.",
    "3": "It is done, but something that was given was passed over; it is named with its reason.",
    "128 + n": "A signal ended it: 130 is Ctrl-C, 143 is SIGTERM, and 141 is a reader that went away.",
}
"""What each code means, as `docs/reference/command-line.md` shows it."""

_SYSTEM = {
    errno.ENOENT: ("there is no {}; correct the path", UNUSABLE),
    errno.EISDIR: ("{} is a folder, and a file is expected", UNUSABLE),
    errno.ENOTDIR: ("{} is below a file, and a folder is expected; correct the path", UNUSABLE),
    errno.EEXIST: ("{} exists; choose another name", UNUSABLE),
    errno.EACCES: ("{} is closed to us; open it, or choose another", UNUSABLE),
    errno.EPERM: ("{} is closed to us; open it, or choose another", UNUSABLE),
    errno.ENAMETOOLONG: ("{} is a name too long; choose another", UNUSABLE),
    errno.ELOOP: ("{} is a link that leads to itself; correct it", UNUSABLE),
    errno.ENOSPC: ("the disk of {} is full; make room", FAILED),
    errno.EROFS: ("{} is on a medium that can't be written; choose another place", FAILED),
}


def explained(error: Exception) -> tuple[str, int] | None:
    """An error in our words, and what the command ends with; None if it explains nothing, and so is a fault of ours."""
    if (message := _of_the_call(error)) is not None:
        return message, UNUSABLE
    code = getattr(error, "exit_code", None)
    if code is not None:
        return str(error), int(code)
    if isinstance(error, OSError) and error.errno in _SYSTEM and error.filename is not None:
        words, code = _SYSTEM[error.errno]
        return words.format(error.filename), code
    return None


def _of_the_call(error: Any) -> str | None:
    """What is wrong with options and arguments, and whose help says more."""
    if not hasattr(error, "format_message"):
        return None
    message = _of_a_value(error) or str(error.format_message()).removeprefix("Invalid value: ").strip()
    ctx = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" or ctx is None:
        return message
    return f"{message.rstrip('.')}{_whence(ctx, getattr(error, 'param', None))}; see {ctx.command_path} --help"


def _of_a_value(error: Any) -> str | None:
    """A value that isn't of its option's type, or out of its range."""
    cause: Any = error.__cause__
    param = getattr(error, "param", None)
    if param is None or not hasattr(cause, "errors"):
        return None
    first = cause.errors()[0]
    if first["type"] == "value_error":
        return f"{param.get_error_hint()}: {fault(first).rstrip('.')}"
    expected = fault(first).replace("Input should be", "is").partition(", unable")[0]
    return f"{param.get_error_hint()} {expected}, not {first['input']!r}"


def _whence(ctx: Any, param: Any) -> str:
    """Where a wrong value stands, if it isn't on the command line."""
    source = getattr(ctx.get_parameter_source(param.name), "name", "") if param is not None else ""
    if source == "ENVIRONMENT":
        names = [param.envvar] if isinstance(param.envvar, str) else param.envvar
        return f" (in the variable {next(name for name in names if name in os.environ)})"
    return " (in the file of options)" if source == "DEFAULT_MAP" else ""
