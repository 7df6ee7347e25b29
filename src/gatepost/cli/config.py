"""Settings from files: TOML, each key known, the wrong one named with the nearest right one.

A flag weighs most, then the environment (click reads both), then the file. A missing file is an error where it was named
and nothing where it is the system's own place.
"""

from __future__ import annotations

import difflib
import tomllib
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from gatepost.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_MAXIMUM_FILE: Final = 64 * 1024

_T = TypeVar("_T", bound=msgspec.Struct)


def read_settings(path: Path | None, usual: Path, kind: type[_T]) -> _T:
    """Read ``path``, or ``usual`` where none is named and it exists; raises `InputError` naming file and key."""
    if path is None and not usual.exists():
        return kind()
    chosen = path or usual
    try:
        with chosen.open("rb") as file:
            content = file.read(_MAXIMUM_FILE + 1)
        if len(content) > _MAXIMUM_FILE:
            raise InputError(f"settings file {chosen}", f"is larger than {_MAXIMUM_FILE} bytes")
        document = tomllib.loads(content.decode())
    except OSError as error:
        raise InputError(f"settings file {chosen}", f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, RecursionError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"settings file {chosen}", f"is not TOML: {error}") from error
    _refuse_unknown(chosen, document, kind)
    # Imported here: a device without the file needs none of it.
    from gatepost.wire.management.strict import convert_strictly

    try:
        return convert_strictly(document, kind, "")
    except InputError as error:
        problem = f"{error.field.removeprefix('/').replace('/', '.')} {error.problem}"
        raise InputError(f"settings file {chosen}", f"has {problem}", error.allowed) from None


def _refuse_unknown(path: Path, document: dict[str, object], kind: type[_T]) -> None:
    known = [field.encode_name for field in msgspec.structs.fields(kind)]
    for key in document:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise InputError(
                f"settings file {path}", f"has the unknown key {key!r}", f"{hint}known are {', '.join(known)}"
            )


def read_text(path: Path, field: str) -> str:
    """Read a small text file that a flag names; raises `InputError`."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAXIMUM_FILE + 1)
    except OSError as error:
        raise InputError(field, f"cannot be read: {path}: {error.strerror}") from error
    if len(content) > _MAXIMUM_FILE:
        raise InputError(field, f"is larger than {_MAXIMUM_FILE} bytes: {path}")
    return content.decode("utf-8", "replace")
