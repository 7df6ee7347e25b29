"""Changes to a certificate that keep it DER, more or less: elements dropped, doubled, exchanged, renamed and rewritten.

A change to single bytes nearly always breaks a length; to get behind the frame, the tree of elements is changed and
encoded again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as st

from tests import der

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.certificates import CertificateAuthority

_TAGS: Final = bytes.fromhex("01020304050613141617181c1e30318081828384868a87a0a1a2a3a410111f24")
_SHA256: Final = der.tlv(0x30, der.oid("1.2.840.10045.4.3.2"))


class Node(msgspec.Struct):
    """One element: its tag, and its content, which is bytes or elements."""

    tag: int
    content: bytes
    parts: list[Node] = []

    def encode(self) -> bytes:
        """Encode it, with lengths that are right again."""
        return (
            der.tlv(self.tag, *(part.encode() for part in self.parts))
            if self.parts
            else der.tlv(self.tag, self.content)
        )

    def inside(self) -> bytes:
        """Encode what is in it."""
        return der.content(self.encode())

    def walk(self) -> Iterator[Node]:
        """Yield it and all that is in it."""
        yield self
        for part in self.parts:
            yield from part.walk()


def read(encoded: bytes) -> Node:
    """Read the tree of an element that is known to be DER; octet strings are opened where DER is in them."""
    node = Node(encoded[0], der.content(encoded))
    if node.tag & 0x20:
        node.parts = [read(part) for part in der.parts(encoded)]
    elif node.tag == 0x04 and node.content[:1] in {b"\x30", b"\x03", b"\x04"}:
        node.parts = [read(node.content)]
    return node


@st.composite
def mutated(draw: st.DrawFn, encoded: bytes) -> bytes:
    """Change one to three elements of a tree."""
    tree = read(encoded)
    for _ in range(draw(st.integers(1, 3))):
        nodes = list(tree.walk())
        node = draw(st.sampled_from(nodes))
        draw(st.sampled_from([_retag, _rewrite, _drop, _double, _exchange, _lengthen]))(draw, node, nodes)
    return tree.encode()


def _retag(draw: Any, node: Node, _: list[Node]) -> None:  # noqa: ANN401 - hypothesis's function that draws.
    node.tag = draw(st.sampled_from(_TAGS))


def _rewrite(draw: Any, node: Node, _: list[Node]) -> None:  # noqa: ANN401 - as above.
    content = bytearray(node.inside() or b"\0")
    at = draw(st.integers(0, len(content) - 1))
    content[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
    node.parts, node.content = [], bytes(content)


def _drop(draw: Any, node: Node, _: list[Node]) -> None:  # noqa: ANN401 - as above.
    if node.parts:
        node.parts.pop(draw(st.integers(0, len(node.parts) - 1)))
    node.content = b""


def _double(draw: Any, node: Node, _: list[Node]) -> None:  # noqa: ANN401 - as above.
    if node.parts:
        node.parts.append(draw(st.sampled_from(node.parts)))


def _exchange(draw: Any, node: Node, nodes: list[Node]) -> None:  # noqa: ANN401 - as above.
    other = draw(st.sampled_from(nodes))
    node.tag, node.content, node.parts = other.tag, other.inside(), []


def _lengthen(draw: Any, node: Node, _: list[Node]) -> None:  # noqa: ANN401 - as above.
    node.content, node.parts = node.inside() + draw(st.binary(min_size=1, max_size=2)), []


def signed(authority: CertificateAuthority, body: bytes) -> bytes:
    """Sign a body with an authority's key of P-256, so that what is odd in it is judged and not its signature."""
    assert isinstance(authority.key, ec.EllipticCurvePrivateKey)
    signature = authority.key.sign(body, ec.ECDSA(hashes.SHA256()))
    return der.tlv(0x30, body, _SHA256, der.tlv(0x03, b"\0", signature))
