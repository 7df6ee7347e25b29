"""Names: compared as OpenSSL compares them, shown without harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import crypto

from gatepost.core import der
from gatepost.core.name import fold, parse_name
from tests import der as made
from tests.core.subjects import AUTHORITY

_LETTERS = st.text(alphabet="aAkK\N{KELVIN SIGN}éÉ \t", min_size=1, max_size=4)
_ATTRIBUTE = st.tuples(st.sampled_from(["CN", "O"]), _LETTERS, st.sampled_from(list(made.Text))).filter(
    lambda attribute: attribute[2] in {made.Text.UTF8, made.Text.BMP} or attribute[1].isascii()
)


@given(left=st.lists(_ATTRIBUTE, min_size=1, max_size=2), right=st.lists(_ATTRIBUTE, min_size=1, max_size=2))
@pytest.mark.filterwarnings("ignore:X509.get_:DeprecationWarning")
def test_two_names_are_equal_when_openssl_says_so(
    left: list[tuple[str, str, made.Text]], right: list[tuple[str, str, made.Text]]
) -> None:
    """Case, white space and string types are folded as OpenSSL folds them, and nothing more."""
    one, other = made.name(*left), made.name(*right)
    both = crypto.load_certificate(crypto.FILETYPE_ASN1, AUTHORITY.issue(subject=one, issuer=other).der)
    equal = both.get_subject() == both.get_issuer()
    assert equal == (parse_name(one).canonical == parse_name(other).canonical)


def _set(*attributes: tuple[str, str]) -> bytes:
    """Encode one relative name of several attributes."""
    return made.tlv(0x30, made.tlv(0x31, *(made.parts(made.parts(made.name(item))[0])[0] for item in attributes)))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (made.name(("CN", "Example  CA")), made.name(("CN", " example ca "))),
        (made.name(("CN", "CA", made.Text.PRINTABLE)), made.name(("CN", "ca", made.Text.BMP))),
        (made.name(("CN", "é", made.Text.TELETEX)), made.name(("CN", "é"))),
        (_set(("CN", "a"), ("O", "b")), _set(("O", "b"), ("CN", "a"))),
        (made.name(), made.name()),
        (made.name(), made.tlv(0x30, made.tlv(0x31))),
        (made.name(("CN", "a")), made.tlv(0x30, made.tlv(0x31), *made.parts(made.name(("CN", "a"))), made.tlv(0x31))),
    ],
)
def test_names_are_one_name_when_only_form_differs(left: bytes, right: bytes) -> None:
    """Case, white space, string types, the order within a set, sets of nothing."""
    assert parse_name(left).canonical == parse_name(right).canonical


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (made.name(("CN", "K")), made.name(("CN", "\N{KELVIN SIGN}"))),
        (made.name(("CN", "É")), made.name(("CN", "é"))),
        (made.name(("CN", "a b")), made.name(("CN", "ab"))),
        (made.name(("CN", "a"), ("O", "b")), made.name(("O", "b"), ("CN", "a"))),
        (made.name(("CN", "a"), ("O", "b")), _set(("CN", "a"), ("O", "b"))),
        (made.name(("CN", "a")), made.name(("O", "a"))),
        (made.name(("CN", "a")), made.name()),
        (made.name(("CN", "")), made.name()),
    ],
)
def test_names_are_two_names_when_more_than_form_differs(left: bytes, right: bytes) -> None:
    """Letters beyond ASCII, order, structure and type of an attribute count."""
    assert parse_name(left).canonical != parse_name(right).canonical


def _odd(tag: int, value: bytes) -> bytes:
    """Encode a name with one common name of a type of one's own."""
    attribute = made.tlv(0x30, made.oid("2.5.4.3"), made.tlv(tag, value))
    return made.tlv(0x30, made.tlv(0x31, attribute))


@pytest.mark.parametrize(("tag", "value"), [(0x0C, b"\xff"), (0x1E, b"abc"), (0x05, b""), (0x12, b"1"), (0x30, b"")])
def test_a_value_equals_only_itself_when_it_is_no_text(tag: int, value: bytes) -> None:
    """What cannot be decoded is neither another's equal nor a reason to give up; it is shown as hex."""
    name = parse_name(_odd(tag, value))
    assert name.canonical == parse_name(_odd(tag, value)).canonical
    assert name.canonical != parse_name(made.name(("CN", f"{tag:#04x}"))).canonical
    assert name.canonical != parse_name(_odd(tag ^ 2, value)).canonical
    assert name.text == f"CN=#{tag:02x}{value.hex()}"
    assert name.common_names == ("\0",)


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ((("C", "US"), ("O", "Example Inc."), ("CN", "root")), "CN=root,O=Example Inc.,C=US"),
        ((("CN", 'a,b+c"d\\e<f>g;h=i'),), 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h\\=i'),
        ((("CN", " a "),), "CN=\\ a\\ "),
        ((("CN", " "),), "CN=\\ "),
        ((("CN", "#a"),), "CN=\\#a"),
        ((("CN", "\x1b[31m\n"),), "CN=\\1B[31m\\0A"),
        ((("CN", "\N{RIGHT-TO-LEFT OVERRIDE}"),), "CN=\\E2\\80\\AE"),
        ((("1.2.3.4", "x"),), "1.2.3.4=x"),
        ((("CN", ""),), "CN="),
        ((), ""),
    ],
)
def test_a_name_is_shown_escaped_when_it_has_characters_of_meaning(
    attributes: tuple[tuple[str, str], ...], shown: str
) -> None:
    """RFC 4514, most specific first; nothing in it can paint a terminal."""
    assert shown == parse_name(made.name(*attributes)).text


def test_attributes_of_one_set_are_joined_by_plus() -> None:
    """A relative name of several values, and all common names wherever they stand."""
    name = parse_name(_set(("CN", "a"), ("CN", "b")))
    assert ("CN=a+CN=b", ("a", "b")) == (name.text, name.common_names)


@pytest.mark.parametrize("encoded", ["", "3100", "30023000", "300431023000", "3006310430020500"])
def test_a_name_is_refused_when_it_is_none(encoded: str) -> None:
    """Sets of sequences of a type and a value, nothing else."""
    with pytest.raises(der.DerError):
        parse_name(bytes.fromhex(encoded))


def test_a_giant_name_is_parsed_and_not_remembered() -> None:
    """Only names of an ordinary size stay in memory."""
    giant = made.name(("CN", "x" * 2_000))
    assert parse_name(giant) is not parse_name(giant)
    assert parse_name(giant) == parse_name(giant)
    small = made.name(("CN", "x" * 20))
    assert parse_name(small) is parse_name(small)


@given(st.text())
def test_fold_touches_ascii_letters_alone(text: str) -> None:
    """What is not A to Z stays as it is, and folding twice changes nothing."""
    folded = fold(text)
    assert folded == fold(folded)
    assert [char for char in text if char not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"] == [
        after for before, after in zip(text, folded, strict=True) if before not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    ]
