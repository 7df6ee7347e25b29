"""Documents that are kept as they were sent: each value the very bytes, so that whoever wrote one reads the same back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gatepost.wire.management.strict import decode_strictly

if TYPE_CHECKING:
    from collections.abc import Collection

Document = dict[str, msgspec.Raw]
"""An object as it was sent, field by field, each value the very bytes."""


def read_document(content: bytes, ours: Collection[str] = ("id",)) -> Document:
    """Take a JSON object apart without changing a byte of its values, and leave out the fields that the server gives.

    Raises `InputError`.
    """
    decode_strictly(content, dict[str, Any])  # a Raw is not looked into, so this sees that all of it is JSON
    document = decode_strictly(content, Document)
    return {name: value for name, value in document.items() if name not in ours}


def raw(value: object) -> msgspec.Raw:
    """Write a value of ours into a document."""
    return msgspec.Raw(msgspec.json.encode(value))


def write_document(document: Document) -> bytes:
    """Put a document's JSON together again."""
    return msgspec.json.encode(document)


def show_document(document_id: str, content: bytes, **added: object) -> Document:
    """Give a kept document back as it was written, with its id before and what the server adds behind."""
    shown = {name: raw(value) for name, value in added.items()}
    return {"id": raw(document_id), **msgspec.json.decode(content, type=Document), **shown}
