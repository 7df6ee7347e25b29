"""The statement and the nonce are wire formats: pinned to the byte."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core.possession import (
    MAXIMUM_NONCE_AGE,
    NONCE_LENGTH,
    build_enrollment_statement,
    build_statement,
    enrollment_nonce_issued_at,
    issue_enrollment_nonce,
    issue_nonce,
    nonce_is_fresh,
    nonce_issued_at,
)

SECRET = bytes(range(32))
ACCOUNT = bytes.fromhex("0123456789abcdef0123456789abcdef")
REGISTRATION = bytes.fromhex("00112233445566778899aabbccddeeff")
AUDIENCE = "https://gatepost.example:8443/0123456789abcdef0123456789abcdef"
ISSUED = 1_780_272_000_123
"""2026-06-01T00:00:00.123Z"""

NONCE = bytes.fromhex("0000019e807aec7ba09ea5276c3a9db9f8bd8dad11c6fc2b6ea623f1cb4af29e756b1158626f8c83")
STATEMENT = bytes.fromhex(
    "67617465706f737420706f7373657373696f6e20763100"  # "gatepost possession v1" NUL
    "fa1e042da8accea6eeb4d64aa8516b3fab20529bc1d4d51c62ef9f5990d49235"  # SHA-256 of the audience
    "b69926778c0d3b2742a72024c46d663d0d5e86dde0f8cc9c18a24e8da092ce50"  # the device key's thumbprint
    "0000019e807aec7ba09ea5276c3a9db9f8bd8dad11c6fc2b6ea623f1cb4af29e756b1158626f8c83"  # the nonce
    "03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72"  # SHA-256 of the certificate
)
THUMBPRINT = hashlib.sha256(b"device key").digest()
CERTIFICATE = hashlib.sha256(b"certificate").digest()


def test_the_statement_is_that_of_the_documentation() -> None:
    """The published example, computed by other means; 159 bytes, always."""
    assert build_statement(AUDIENCE, THUMBPRINT, NONCE, CERTIFICATE) == STATEMENT
    assert len(STATEMENT) == 159


def test_the_nonce_is_that_of_the_documentation() -> None:
    """The published example: the time in plain, and an HMAC-SHA-256."""
    assert issue_nonce(SECRET, ACCOUNT, REGISTRATION, ISSUED) == NONCE
    assert len(NONCE) == NONCE_LENGTH
    assert int.from_bytes(NONCE[:8], "big") == ISSUED


@pytest.mark.parametrize("short", [0, 1, 2])
def test_a_statement_is_not_built_when_a_part_has_another_length(short: int) -> None:
    """Parts of fixed length, so that no two statements share bytes."""
    parts = [THUMBPRINT, NONCE, CERTIFICATE]
    parts[short] = parts[short][:-1]
    with pytest.raises(ValueError, match="another length"):
        build_statement(AUDIENCE, *parts)


def test_a_nonce_is_not_issued_when_an_id_has_another_length() -> None:
    """Else an account's last byte could be a registration's first."""
    with pytest.raises(ValueError, match="another length"):
        issue_nonce(SECRET, ACCOUNT[:-1], ACCOUNT[-1:] + REGISTRATION, ISSUED)
    with pytest.raises(ValueError, match="another length"):
        issue_nonce(SECRET, ACCOUNT, REGISTRATION + b"x", ISSUED)


def test_a_nonce_is_known_when_it_is_ours_and_for_this_registration() -> None:
    """Another secret, account, registration or byte, and it is nobody's."""
    other = bytes(16)
    assert nonce_issued_at(SECRET, ACCOUNT, REGISTRATION, NONCE) == ISSUED
    assert nonce_issued_at(bytes(32), ACCOUNT, REGISTRATION, NONCE) is None
    assert nonce_issued_at(SECRET, other, REGISTRATION, NONCE) is None
    assert nonce_issued_at(SECRET, ACCOUNT, other, NONCE) is None
    assert nonce_issued_at(SECRET, REGISTRATION, ACCOUNT, NONCE) is None


@given(place=st.integers(0, NONCE_LENGTH - 1), mask=st.integers(1, 255))
def test_a_nonce_is_unknown_when_any_byte_of_it_differs(place: int, mask: int) -> None:
    """Also when only the time was changed."""
    changed = bytearray(NONCE)
    changed[place] ^= mask
    assert nonce_issued_at(SECRET, ACCOUNT, REGISTRATION, bytes(changed)) is None


@given(st.binary(max_size=80).filter(lambda data: len(data) != NONCE_LENGTH))
def test_a_nonce_is_unknown_when_it_has_another_length(data: bytes) -> None:
    """And nothing raises."""
    assert nonce_issued_at(SECRET, ACCOUNT, REGISTRATION, data) is None


@pytest.mark.parametrize(
    ("age", "maximum", "fresh"),
    [
        (0, 660_000, True),
        (660_000, 660_000, True),
        (660_001, 660_000, False),
        (MAXIMUM_NONCE_AGE, 10 * MAXIMUM_NONCE_AGE, True),
        (MAXIMUM_NONCE_AGE + 1, 10 * MAXIMUM_NONCE_AGE, False),
        (-5_000, 660_000, True),
        (-5_001, 660_000, False),
    ],
)
def test_a_nonce_is_fresh_when_it_is_neither_too_old_nor_from_the_future(age: int, maximum: int, fresh: bool) -> None:  # noqa: FBT001 - the expected value is a truth value.
    """At most what the check allows, never above 15 minutes; 5 s are for the clocks of two servers."""
    assert fresh == nonce_is_fresh(ISSUED, ISSUED + age, maximum)


def test_the_statement_of_an_enrolment_is_another_one() -> None:
    """The same parts under another name: what was signed for one never stands for the other."""
    parts = (AUDIENCE, THUMBPRINT, NONCE, CERTIFICATE)
    report, enrollment = build_statement(*parts), build_enrollment_statement(*parts)
    prefix = b"gatepost enrollment v1\0"
    assert (prefix, report[len(prefix) :]) == (enrollment[: len(prefix)], enrollment[len(prefix) :])
    assert len(report) == len(enrollment)
    assert not report.startswith(prefix)
    with pytest.raises(ValueError, match="another length"):
        build_enrollment_statement(AUDIENCE, THUMBPRINT[:-1], NONCE, CERTIFICATE)


def test_an_enrolment_nonce_is_known_when_it_is_ours_and_for_this_key() -> None:
    """Another key, account, length or kind of nonce, and it is nobody's."""
    nonce = issue_enrollment_nonce(SECRET, ACCOUNT, THUMBPRINT, ISSUED)
    assert (NONCE_LENGTH, ISSUED) == (len(nonce), enrollment_nonce_issued_at(SECRET, ACCOUNT, THUMBPRINT, nonce))
    assert enrollment_nonce_issued_at(SECRET, ACCOUNT, bytes(32), nonce) is None
    assert enrollment_nonce_issued_at(SECRET, REGISTRATION, THUMBPRINT, nonce) is None
    assert enrollment_nonce_issued_at(SECRET, ACCOUNT, THUMBPRINT, nonce[:-1]) is None
    assert enrollment_nonce_issued_at(SECRET, ACCOUNT, THUMBPRINT, NONCE) is None
    for account, thumbprint in ((ACCOUNT[:-1], THUMBPRINT), (ACCOUNT, THUMBPRINT[:-1])):
        with pytest.raises(ValueError, match="another length"):
            issue_enrollment_nonce(SECRET, account, thumbprint, ISSUED)
