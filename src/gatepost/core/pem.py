"""A scanner for PEM (RFC 7468) that is linear in its input, whatever that is.

A regular expression with a lazy body takes half a minute on 448 KB of BEGIN lines; this looks at each line once.
"""

from __future__ import annotations

import binascii
from typing import Final

import msgspec

_BEGIN: Final = "-----BEGIN "
_END: Final = "-----END "
_DASHES: Final = "-----"
_MAXIMUM_BLOCKS: Final = 2_000
"""Twice the candidates that are ever judged: a file with more is no key store."""


class Block(msgspec.Struct, frozen=True):
    """One block: its ``label`` (such as ``CERTIFICATE``), its decoded ``content`` (None where it is not base64) and its ``text``.

    ``text`` is the block as it stood, from BEGIN to END: an encrypted key of the old form has headers that only it shows.
    """

    label: str
    content: bytes | None
    text: str


def scan_pem(text: str) -> tuple[Block, ...]:
    """Return the complete blocks of ``text`` in their order; what stands outside blocks is ignored (RFC 7468, 2).

    A block without its END line, or with another label there, is a block whose ``content`` is None.
    """
    blocks: list[Block] = []
    label: str | None = None
    lines: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith(_BEGIN) and bare.endswith(_DASHES):
            if label is not None:
                blocks.append(Block(label, None, ""))
            label, lines = bare[len(_BEGIN) : -len(_DASHES)], [bare]
        elif label is not None:
            lines.append(bare)
            if bare.startswith(_END):
                blocks.append(_close(label, lines))
                label = None
        if len(blocks) >= _MAXIMUM_BLOCKS:
            return tuple(blocks)
    if label is not None:
        blocks.append(Block(label, None, ""))
    return tuple(blocks)


def _close(label: str, lines: list[str]) -> Block:
    text = "\n".join(lines) + "\n"
    if lines[-1] != f"{_END}{label}{_DASHES}":
        return Block(label, None, text)
    # RFC 1421 headers ("Proc-Type: 4,ENCRYPTED") end at an empty line; certificates have none.
    body = [line for line in lines[1:-1] if ":" not in line]
    try:
        # White space inside lines is passed over too (RFC 7468, 2).
        return Block(label, binascii.a2b_base64("".join("".join(body).split()), strict_mode=True), text)
    except ValueError:  # of binascii for its own rules, and for letters beyond ASCII
        return Block(label, None, text)
