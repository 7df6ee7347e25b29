"""A vector: everything that one evaluation needs and what it must come to, as data that any implementation can read.

```README.md`` beside this file tells the fields. Functions described by `vector` make them, by way of ``scene.py``; `collect`
gathers those of a module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a certificate lies."""

    store: str
    path: str
    label: str | None = None
    user: str | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One certificate of the device, with what is known of its key and the signature that it sends (hexadecimal)."""

    certificate: str
    location: Place
    key: str = "not-asked"
    distrusted: bool = False
    signature: str | None = None


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A place that could not be looked into."""

    location: Place
    reason: str
    detail: str


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """What the server rebuilds the statement from; bytes are hexadecimal."""

    audience: str
    thumbprint: str
    nonce: str


class Expected(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What must come out; a field that is absent is not what the vector is about.

    ``refused`` is a JSON pointer: the upload or the check is not taken at all. ``counts`` are instants at which the result
    counts (true) or does not.
    """

    status: str | None = None
    reasons: tuple[str, ...] | None = None
    evidence: str | None = None
    signing_certificate: str | None = None
    nearest: tuple[str, ...] | None = None
    ends_at: str | None = None
    counts: dict[str, bool] | None = None
    refused: str | None = None


class Vector(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One vector, as it stands in its file. Instants are RFC 3339, in UTC, with milliseconds where they have any."""

    id: str
    section: str
    sentence: str
    upload: dict[str, Any]
    taken: bool = False
    check: dict[str, Any]
    options: dict[str, Any] = {}
    device: dict[str, str] = {}
    found: tuple[Found, ...] = ()
    faults: tuple[Fault, ...] = ()
    too_many: bool = False
    binding: Binding | None = None
    measured_at: str | None = None
    now: str
    expected: Expected


Scene = dict[str, Any]
"""The fields of a `Vector` but its id, section and sentence."""


class Described(msgspec.Struct, frozen=True):
    """A function that makes a scene, and the sentence that it stands for; ``section`` None: its module's."""

    sentence: str
    section: str | None
    make: Callable[[], Scene]


def vector(sentence: str, section: str | None = None) -> Callable[[Callable[[], Scene]], Described]:
    """Describe the function behind it; its name, without the underscore, becomes the vector's id."""
    return lambda make: Described(sentence, section, make)


def collect(module: ModuleType) -> Iterator[Vector]:
    """Make the vectors of a module, in the order of its functions; ``SECTION`` in it is the part of the semantics."""
    topic = module.__name__.rpartition(".")[2].replace("_", "-")
    for name, described in vars(module).items():
        if isinstance(described, Described):
            scene = described.make()
            key = f"{topic}/{name.lstrip('_').replace('_', '-')}"
            yield Vector(id=key, section=described.section or module.SECTION, sentence=described.sentence, **scene)
