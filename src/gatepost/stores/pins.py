"""PINs of tokens: each in a file of its own that the device's settings name, and none tried again once it was refused.

A few wrong PINs lock a card for good. A refusal is kept with the PIN file's own marks (when it was written, its size, its
number) and never with the PIN or a digest of it. It counts until the file changes, in this process and, by a small file, in
those after it. No token is opened here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from gatepost.errors import StateError
from gatepost.stores.safe_open import Access, Obstacle, open_file, shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gatepost.core.token_uri import TokenUri
    from gatepost.stores.safe_open import OpenFile

REFUSED_PINS: Final = "refused-pins.json"
"""The usual name of the file that keeps refusals."""
_MAXIMUM_PIN_FILE: Final = 4_096
_MAXIMUM_PIN: Final = 255
"""Characters; cards take 8 to 16."""
_OTHERS: Final = 0o077
"""The rights that nobody but a PIN file's owner may have."""
_MAXIMUM_REFUSALS: Final = 65_536
"""Bytes of the file that keeps them."""

_Refused = Annotated[dict[str, str], msgspec.Meta(max_length=256)]


class Pin(msgspec.Struct, frozen=True):
    """A PIN to try, its file and the file's marks; without a PIN, ``words`` say why there is none."""

    text: str | None = None
    path: str = ""
    marks: str = ""
    words: str = ""

    def __repr__(self) -> str:
        """Show all but the PIN, so that it stands in no traceback."""
        return f"Pin({self.path!r}, {self.words!r})"


class RefusedPins:
    """The refusals that the file at ``path`` keeps. Every method raises `StateError` where it cannot do its work."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; nothing is read yet."""
        self._path = path
        self._known: dict[str, str] = {}

    def has(self, path: str, marks: str) -> bool:
        """Tell whether the PIN in the file at ``path`` was refused, and the file has not changed since.

        Where a new refusal could not be kept, that is an error: then no PIN is to be tried.
        """
        if self._known.get(path) == marks:
            return True
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(str(self._path.parent), f"cannot be made: {error.strerror}") from error
        if not os.access(self._path.parent, os.W_OK, effective_ids=True):
            raise StateError(str(self._path.parent), "cannot be written")
        return self._load().get(path) == marks

    def add(self, path: str, marks: str) -> None:
        """Keep a refusal: in this process always, and in the file where that can be written."""
        self._known[path] = marks
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            new.unlink(missing_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(self._load() | self._known))
                file.flush()
                os.fsync(descriptor)
            new.replace(self._path)
        except OSError as error:
            raise StateError(str(self._path), f"cannot be written: {error.strerror}") from error

    def _load(self) -> dict[str, str]:
        """Read the file. One that is there and cannot be read is an error: to forget a refusal may cost a card."""
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(_MAXIMUM_REFUSALS), type=_Refused)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StateError(str(self._path), f"cannot be read: {error.strerror}") from error
        except msgspec.DecodeError as error:
            raise StateError(str(self._path), "is damaged: remove it, once the PIN files are right") from error


class PinFiles:
    """The PIN files that the device's settings name, by the label or the serial number of a token."""

    def __init__(self, files: Mapping[str, str], refused: RefusedPins) -> None:
        """Take the files, and what is known of refused PINs."""
        self._files = files
        self._refused = refused

    def path(self, uri: TokenUri) -> str:
        """Return the file with the PIN of the token that ``uri`` names by its serial number or label; empty: there is none."""
        names = (name for name in (uri.serial, uri.token) if name is not None)
        return next((self._files[name] for name in names if name in self._files), "")

    def find(self, uri: TokenUri) -> Pin:
        """Return the PIN to try, or why there is none. Never raises."""
        path = self.path(uri)
        if not path:
            named = uri.serial is not None or uri.token is not None
            what = "this device's settings name no PIN file for it" if named else "the URI names no token= or serial="
            return Pin(words=what)
        with open_file(path, Access(), _MAXIMUM_PIN_FILE) as file:
            if isinstance(file, Obstacle):
                return Pin(words=f"its PIN file cannot be used: {file.detail}")
            return self._judge(path, file)

    def refuse(self, pin: Pin) -> str:
        """Remember that a PIN was refused; return what stands in the way of that, empty where nothing does."""
        try:
            self._refused.add(pin.path, pin.marks)
        except StateError as error:
            return f"{shown(error.path)} {error.detail}"
        return ""

    def _judge(self, path: str, file: OpenFile) -> Pin:
        status = os.fstat(file.descriptor)
        if status.st_mode & _OTHERS:
            return Pin(words=f"its PIN file {shown(path)} can be used by others than its owner: chmod 600 it")
        content = file.read(_MAXIMUM_PIN_FILE)
        text = "" if isinstance(content, Obstacle) else content.decode("utf-8", "replace").rstrip("\r\n")
        if not text.isprintable() or not 0 < len(text) <= _MAXIMUM_PIN:
            return Pin(words=f"its PIN file {shown(path)} holds no PIN: one line, and nothing else")
        marks = f"{status.st_mtime_ns} {status.st_size} {status.st_ino}"
        try:
            refused = self._refused.has(path, marks)
        except StateError as error:
            return Pin(words=f"no PIN is tried, as a refusal could not be kept: {shown(error.path)} {error.detail}")
        if refused:
            return Pin(words=f"the PIN in {shown(path)} was refused, and is not tried again until that file changes")
        return Pin(text, path, marks)
