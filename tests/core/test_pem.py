"""The scanner of PEM: every block once, in order, and no input that it minds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core.pem import Block, scan_pem
from tests.certificates import pem_block

_LABELS = st.sampled_from(["CERTIFICATE", "PRIVATE KEY", "X509 CRL"])
_LINES = st.lists(
    st.sampled_from(
        ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "-----BEGIN A-----", "-----END ", "AAAA", "=", ""]
    )
    | st.text(max_size=9)
)


@given(blocks=st.lists(st.tuples(_LABELS, st.binary(max_size=200)), max_size=5), end=st.sampled_from(["\n", "\r\n"]))
def test_blocks_come_back_in_order_when_other_text_stands_between(blocks: list[tuple[str, bytes]], end: str) -> None:
    """Prose around the blocks is passed over (RFC 7468, 2), whatever ends the lines."""
    text = "Bag Attributes\n" + "subject=CN = x\n".join(pem_block(*block).decode() for block in blocks)
    found = scan_pem(text.replace("\n", end))
    assert blocks == [(block.label, block.content) for block in found]


@given(_LINES)
def test_scanning_neither_raises_nor_grows_when_the_lines_are_arbitrary(lines: list[str]) -> None:
    """Each line is looked at once: no block repeats a line, and there are no more blocks than lines."""
    text = "\n".join(lines)
    blocks = scan_pem(text)
    assert len(blocks) <= len(text.splitlines())
    assert sum(block.text.count("\n") for block in blocks) <= len(text.splitlines())


def test_no_more_than_two_thousand_blocks_are_returned_when_there_are_more() -> None:
    """A file of BEGIN lines, or of blocks, ends at the bound."""
    assert len(scan_pem("-----BEGIN A-----\n" * 5_000)) == 2_000
    assert len(scan_pem(pem_block("A", b"x").decode() * 3_000)) == 2_000


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN A-----\nAAAA\n-----END B-----\n",
        "-----BEGIN A-----\nAAAA\n-----END A----\n",
        "-----BEGIN A-----\nAAA\n-----END A-----\n",
        "-----BEGIN A-----\nAA*A\n-----END A-----\n",
        "-----BEGIN A-----\nÄÖÜß\n-----END A-----\n",
        "-----BEGIN A-----\nAAAA\n",
        "-----BEGIN A-----",
    ],
)
def test_a_block_has_no_content_when_it_is_broken(text: str) -> None:
    """It is still reported, so that somebody can be told of it."""
    (block,) = scan_pem(text)
    assert ("A", None) == (block.label, block.content)


def test_a_block_is_broken_off_when_another_begins() -> None:
    """The one behind it is whole."""
    found = scan_pem("-----BEGIN A-----\nAAAA\n" + pem_block("B", b"b").decode())
    assert [("A", None), ("B", b"b")] == [(block.label, block.content) for block in found]


@pytest.mark.parametrize("text", ["", "\n", "-----END A-----\n", "----BEGIN A-----\nAAAA\n", "-----BEGIN A----\n"])
def test_there_is_no_block_when_no_line_begins_one(text: str) -> None:
    """Nearly is not enough."""
    assert () == scan_pem(text)


def test_white_space_within_and_around_lines_is_passed_over() -> None:
    """Indented and unwrapped bodies are read alike."""
    assert scan_pem("  -----BEGIN A-----  \n\t Y W\tJj \n\n-----END A-----")[0].content == b"abc"


def test_headers_are_no_content_when_a_key_is_encrypted_the_old_way() -> None:
    """RFC 1421 headers stay in the block's text, where only a key's reader needs them."""
    text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,00\n\nYWJj\n-----END RSA PRIVATE KEY-----\n"
    assert (Block("RSA PRIVATE KEY", b"abc", text),) == scan_pem(text)


def test_an_empty_body_is_empty_content() -> None:
    """Nothing between the lines is no certificate, but it is a block."""
    assert scan_pem("-----BEGIN A-----\n-----END A-----")[0].content == b""
