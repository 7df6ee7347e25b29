"""What a target is: a function that takes bytes and raises nothing, whatever they are, and examples to begin with."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Target(msgspec.Struct, frozen=True):
    """``run`` raises where something is wrong: any exception that the parser's documentation does not name."""

    run: Callable[[bytes], None]
    seeds: Callable[[], tuple[bytes, ...]]
