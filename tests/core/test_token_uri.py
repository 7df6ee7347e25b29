"""PKCS#11 URIs: what they name, and what is refused in words."""

from __future__ import annotations

import re
from urllib.parse import quote

import hypothesis
import pytest
from hypothesis import strategies as st

from gatepost.core.token_uri import TokenUri, parse_token_uri
from gatepost.errors import InputError


def parse(text: str) -> TokenUri:
    """Parse a URI."""
    return parse_token_uri(text, "--path")


def parsed_or_refused(text: str) -> bool:
    """Parse a URI; anything else than the refusal is raised."""
    try:
        return isinstance(parse(text), TokenUri)
    except InputError as error:
        return bool(error.problem)


def refusal(text: str) -> str:
    """Return the words with which a URI is refused."""
    with pytest.raises(InputError) as raised:
        parse(text)
    assert "--path" == raised.value.field
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pkcs11:", TokenUri()),
        ("pkcs11:token=device", TokenUri(token="device")),
        ("pkcs11:token=My%20token", TokenUri(token="My token")),
        ("pkcs11:token=%C3%9C", TokenUri(token="Ü")),
        ("pkcs11:token=a=b&c", TokenUri(token="a=b&c")),
        ("pkcs11:object=laptop;type=cert", TokenUri(label="laptop")),
        ("pkcs11:id=%00%FF;slot-id=18446744073709551615", TokenUri(id=b"\0\xff", slot=(1 << 64) - 1)),
        ("pkcs11:id=abc", TokenUri(id=b"abc")),
        (
            "pkcs11:model=M;manufacturer=F;serial=0123;token=T",
            TokenUri(model="M", manufacturer="F", serial="0123", token="T"),
        ),
        # As `p11tool --list-token-urls` prints it for a software TPM: with the padding of the token's own fields.
        ("pkcs11:model=SW%20%20%20TPM%00%00%00;token=x%20%20", TokenUri(model="SW   TPM", token="x")),
        ("pkcs11:?module-path=/usr/lib/x.so", TokenUri(module_path="/usr/lib/x.so")),
        ("pkcs11:token=t?module-name=softhsm2", TokenUri(token="t", module_name="softhsm2")),
        (
            "pkcs11:?pin-source=/etc/pin&module-path=file:/usr/lib/x.so",
            TokenUri(pin_source="/etc/pin", module_path="/usr/lib/x.so"),
        ),
        ("pkcs11:?pin-source=file:///etc/my%20pin", TokenUri(pin_source="/etc/my pin")),
    ],
)
def test_a_uri_says_what_it_names(text: str, expected: TokenUri) -> None:
    """Attributes in any order, each decoded."""
    assert expected == parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PKCS11:token=x", "is no PKCS#11 URI; such as pkcs11:token=device"),
        ("/etc/x.pem", "is no PKCS#11 URI"),
        ("pkcs11:" + "a" * 1_024, "has 1031 characters; at most 1024"),
        ("pkcs11:token", "has the attribute 'token' without a value"),
        ("pkcs11:token=", "has the attribute 'token' without a value"),
        ("pkcs11:token=a;", "has the attribute '' without a value"),
        ("pkcs11:token=a;token=b", "has the attribute 'token' twice"),
        ("pkcs11:token=a b", "has a character in 'token' that cannot stand there as it is; write it as %"),
        ("pkcs11:token=ü", "has a character in 'token'"),
        ("pkcs11:token=a%2", "has a character in 'token'"),
        ("pkcs11:token=a%zz", "has a character in 'token'"),
        ("pkcs11:token=a/b", "has a character in 'token'"),
        ("pkcs11:?module-path=/a;b", "has a character in 'module-path'"),
        ("pkcs11:token=%FF", "has no UTF-8 text in 'token'"),
        ("pkcs11:token=a%00b", "has no text that prints in 'token'"),
        ("pkcs11:token=%1B", "has no text that prints in 'token'"),
        ("pkcs11:token=%20", "has no text that prints in 'token'"),
        ("pkcs11:library-version=2", "has the unknown attribute 'library-version'; known here are token, manufacturer"),
        ("pkcs11:x-vendor=2", "has the unknown attribute 'x-vendor'"),
        ("pkcs11:Token=a", "has the unknown attribute 'Token'"),
        ("pkcs11:module-path=/a", "has the unknown attribute 'module-path'"),
        ("pkcs11:?token=a", "has the unknown attribute 'token'; known here are module-path, module-name, pin-source"),
        ("pkcs11:type=private", "has a type that is no certificate; leave type out, or write type=cert"),
        ("pkcs11:slot-id=-1", "has no number in 'slot-id'"),
        ("pkcs11:slot-id=18446744073709551616", "has no number in 'slot-id'"),
        ("pkcs11:slot-id=1%C2%B2", "has no number in 'slot-id'"),
        ("pkcs11:slot-id=" + "9" * 1_000, "has no number in 'slot-id'"),
        ("pkcs11:?module-path=x.so", "has no absolute path in 'module-path'"),
        ("pkcs11:?pin-source=|cat%20/etc/pin", "has no absolute path in 'pin-source'"),
        ("pkcs11:?pin-source=file://host/pin", "has no absolute path in 'pin-source'"),
        ("pkcs11:?pin-source=file:pin", "has no absolute path in 'pin-source'"),
    ],
)
def test_a_uri_is_refused_in_words(text: str, words: str) -> None:
    """What is wrong, and where it helps what would be right."""
    assert words in refusal(text)


@pytest.mark.parametrize(
    "text",
    ["pkcs11:?pin-value=4711", "pkcs11:pin-value=4711", "pkcs11:?pin-value=4711%zz", "pkcs11:token=a;pin-value="],
)
def test_a_pin_in_a_uri_is_refused_and_not_repeated(text: str) -> None:
    """The message goes to logs."""
    words = refusal(text)
    assert "has a PIN in it, which would travel with the check" in words
    assert "4711" not in words


@hypothesis.given(st.text())
def test_whatever_stands_behind_the_scheme_is_parsed_or_refused(rest: str) -> None:
    """Nothing else is raised."""
    assert parsed_or_refused(f"pkcs11:{rest}")


@hypothesis.given(
    st.lists(
        st.sampled_from(["token", "id=", "slot-id=", "type", "?", "&", ";", "=", "%", "%00", "7", "/a", "pin-source="])
    )
)
def test_parts_in_any_order_are_parsed_or_refused(parts: list[str]) -> None:
    """As above, nearer to what is right."""
    assert parsed_or_refused("pkcs11:" + "".join(parts))


@hypothesis.given(
    st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=32), st.binary(min_size=1)
)
def test_what_is_encoded_is_decoded(token: str, identifier: bytes) -> None:
    """Any label that prints, any id."""
    identified = "".join(f"%{byte:02x}" for byte in identifier[:100])
    assert TokenUri(token=token, id=identifier[:100]) == parse(f"pkcs11:token={quote(token, safe='')};id={identified}")


def test_the_characters_of_the_rfc_stand_as_they_are() -> None:
    """RFC 7512, 2.3: in a path, and others in a query."""
    assert "-._~:[]@!$'()*+,=&" == parse("pkcs11:token=-._~:[]@!$'()*+,=&").token
    assert "/-._~:[]@!$'()*+,=?|" == parse("pkcs11:?module-path=/-._~:[]@!$'()*+,=?|").module_path
    refused = [chr(code) for code in range(33, 127) if re.match(r"[^\w.~:\[\]@!$'()*+,=&?;%-]", chr(code))]
    assert ['"', "#", "/", "<", ">", "\\", "^", "`", "{", "|", "}"] == refused
    for character in refused:
        assert "has a character in 'token'" in refusal(f"pkcs11:token=a{character}")
