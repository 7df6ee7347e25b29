"""What was measured is kept until all is, so that an hour's work is not lost with the last part of it: ``.bench/NAME.json``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from bench.harness import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER: Final = Path(".bench")


class _Kept(msgspec.Struct, frozen=True):
    machine: dict[str, str]
    figures: tuple[Figure, ...]


def keep(name: str, figures: tuple[Figure, ...], machine: Mapping[str, str]) -> None:
    """Keep the figures of one part."""
    _FOLDER.mkdir(exist_ok=True)
    (_FOLDER / f"{name}.json").write_bytes(msgspec.json.encode(_Kept(dict(machine), figures)))


def find_kept(name: str, machine: Mapping[str, str]) -> tuple[Figure, ...] | None:
    """Return the figures of one part, where they were measured on this machine with these versions."""
    path = _FOLDER / f"{name}.json"
    if not path.exists():
        return None
    kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    return kept.figures if kept.machine == machine else None


def forget_all() -> None:
    """Forget what was kept."""
    for path in _FOLDER.glob("*.json"):
        path.unlink()
