"""What SoftHSM cannot be: tokens that ask for no PIN, or must not be given one, and modules with empty slots.

`Card` and `Module` are doubles of what the PKCS#11 library gives; whatever SoftHSM can show is tried on it, in
``test_token_child.py`` and ``test_pkcs11.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from pkcs11.constants import Attribute, ObjectClass, TokenFlag
from pkcs11.exceptions import (
    AttributeTypeInvalid,
    DeviceRemoved,
    PinExpired,
    PinIncorrect,
    PinLocked,
    PKCS11Error,
    TokenNotPresent,
    TokenNotRecognised,
)

from gatepost.core.certificate import parse_certificate
from gatepost.core.finding import KeyState
from gatepost.core.public_key import PublicKey
from gatepost.core.reason import Reason
from gatepost.core.token_uri import TokenUri
from gatepost.stores import token_session
from gatepost.stores.safe_open import Obstacle
from gatepost.stores.token_session import Entry, Opened, describe, match_key, open_token, usability
from tests.certificates import CertificateAuthority

if TYPE_CHECKING:
    import pkcs11
    from pkcs11.mechanisms import Mechanism

    from gatepost.stores.token_session import Key

NEEDS_PIN = TokenFlag.TOKEN_INITIALIZED | TokenFlag.LOGIN_REQUIRED


class Item(dict[Attribute, Any]):
    """An object of a card: attributes that are not there are refused as modules do, and so are those that are exceptions."""

    def __missing__(self, attribute: Attribute) -> Any:  # noqa: ANN401 - whatever an attribute may be.
        """Refuse it."""
        raise AttributeTypeInvalid

    def __getitem__(self, attribute: Attribute) -> Any:  # noqa: ANN401 - as above.
        """Return it, or raise it."""
        value = super().__getitem__(attribute)
        if isinstance(value, Exception):
            raise value
        return value


class Card:
    """A token with objects; ``refusal`` is what it says to a PIN. It counts the logins, and knows its open session."""

    label, serial, model, manufacturer_id = "device", b"0123  ", "Card", "Nobody"

    def __init__(self, flags: TokenFlag, items: tuple[Item, ...] = (), refusal: Exception | None = None) -> None:
        """Take the flags, what lies in it, and what it says to a PIN."""
        self.flags = flags
        self.items = items
        self.refusal = refusal
        self.pins: list[str] = []
        self.slot = self
        self.is_gone = False

    slot_id = 7

    def get_token(self) -> Card:
        """Be a slot, too."""
        return self

    def get_mechanisms(self) -> set[Mechanism]:
        """Offer none."""
        return set()

    def open(self, user_pin: str | None = None) -> Card:
        """Be a session, too."""
        if self.is_gone:
            raise DeviceRemoved
        if user_pin is not None:
            self.pins.append(user_pin)
            if self.refusal is not None:
                raise self.refusal
        return self

    def close(self) -> None:
        """Fail, as when it was pulled out."""
        raise DeviceRemoved

    def get_objects(self, template: dict[Attribute, ObjectClass]) -> list[Item]:
        """Find objects by their class."""
        return [item for item in self.items if item[Attribute.CLASS] is template[Attribute.CLASS]]


def opened(card: Card, pin: str | None = "1234") -> Opened:
    """Open a card."""
    return Opened(cast("pkcs11.Token", card), "/module.so", pin)


# --- Logging in -------------------------------------------------------------------------------------------------------


def test_a_token_that_needs_no_pin_is_given_none() -> None:
    """Everything in it is seen at once."""
    card = Card(TokenFlag.TOKEN_INITIALIZED)
    token = opened(card)
    token.log_in()
    assert ("", []) == (token.closed_because, card.pins)


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        (TokenFlag.PROTECTED_AUTHENTICATION_PATH, "it asks a person for its PIN, on a keypad of its own"),
        (TokenFlag.USER_PIN_LOCKED, "its PIN is locked"),
        (TokenFlag.USER_PIN_FINAL_TRY, "one try of its PIN is left, which is a person's to make"),
    ],
)
def test_a_pin_is_not_tried_where_it_could_do_harm(flag: TokenFlag, words: str) -> None:
    """It could lock the card, or wait for a person."""
    card = Card(NEEDS_PIN | flag)
    token = opened(card)
    token.log_in()
    assert (words, [], False) == (token.closed_because, card.pins, token.pin_refused)


@pytest.mark.parametrize("refusal", [PinIncorrect(), PinLocked(), PinExpired()])
def test_a_refused_pin_is_tried_once(refusal: PKCS11Error) -> None:
    """However often a login is asked for."""
    card = Card(NEEDS_PIN, refusal=refusal)
    token = opened(card)
    for _ in range(2):
        token.log_in()
        assert f"the token refused its PIN ({type(refusal).__name__})" == token.closed_because
    assert (["1234"], True) == (card.pins, token.pin_refused)


def test_a_pin_that_was_taken_is_not_tried_again() -> None:
    """All is open then."""
    card = Card(NEEDS_PIN)
    token = opened(card)
    for _ in range(2):
        token.log_in()
    assert (["1234"], "") == (card.pins, token.closed_because)


def test_a_token_that_cannot_log_in_says_so_and_refused_nothing() -> None:
    """It may be busy: its PIN may well be right."""
    card = Card(NEEDS_PIN, refusal=DeviceRemoved())
    token = opened(card)
    with pytest.raises(DeviceRemoved):
        token.log_in()
    assert not token.pin_refused


# --- Objects ----------------------------------------------------------------------------------------------------------


def certificate_item(**changes: Any) -> Item:  # noqa: ANN401 - attributes of any kind.
    """Make a certificate object."""
    attributes = {"value": b"der", "label": "laptop", "id": b"\1", **changes}
    return Item(
        {
            Attribute.CLASS: ObjectClass.CERTIFICATE,
            **{Attribute[name.upper()]: item for name, item in attributes.items()},
        }
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [Entry(b"der", "laptop", b"\1")]),
        ({"label": "padded \0\0"}, [Entry(b"der", "padded", b"\1")]),
        ({"label": UnicodeDecodeError("utf-8", b"", 0, 1, "")}, [Entry(b"der", "", b"\1")]),
        ({"label": AttributeTypeInvalid(), "id": AttributeTypeInvalid()}, [Entry(b"der", "", b"")]),
        ({"label": 7, "id": 7}, [Entry(b"der", "", b"")]),
        ({"value": b""}, []),
        ({"value": AttributeTypeInvalid()}, []),
    ],
)
def test_a_certificate_is_read_with_what_it_has(changes: dict[str, object], expected: list[Entry]) -> None:
    """Without a label or an id too, but not without a value."""
    token = opened(Card(NEEDS_PIN, (certificate_item(**changes),)))
    assert expected == list(token.certificates(TokenUri()))


def test_a_token_with_too_many_objects_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a bound, and it is said."""
    monkeypatch.setattr(token_session, "_MAXIMUM_OBJECTS", 2)
    token = opened(Card(NEEDS_PIN, (certificate_item(),) * 3))
    with pytest.raises(OverflowError, match="more than 2 objects of one kind"):
        list(token.certificates(TokenUri()))


def key_item(**changes: Any) -> Item:  # noqa: ANN401 - as above.
    """Make a private key object."""
    return Item(
        {Attribute.CLASS: ObjectClass.PRIVATE_KEY, **{Attribute[name.upper()]: item for name, item in changes.items()}}
    )


def point(public: PublicKey) -> bytes:
    """Wrap a point as CKA_EC_POINT has it: in an OCTET STRING."""
    return bytes((4, len(public.material))) + public.material


def public_key() -> PublicKey:
    """Give the public key of a certificate."""
    certificate = parse_certificate(CertificateAuthority.create().der)
    return certificate.public_key  # type: ignore[union-attr]  # it is a good one.


def keys(*items: Item) -> list[Key]:
    """Return the keys of a card."""
    return opened(Card(TokenFlag.TOKEN_INITIALIZED, items)).keys()


def test_a_point_is_known_wrapped_and_bare() -> None:
    """Modules do both; what is longer is another."""
    public = public_key()
    for half, state in (
        (point(public), KeyState.PRESENT),
        (public.material, KeyState.PRESENT),
        (b"12" + point(public), KeyState.MISSING),
        (b"", KeyState.MISSING),
    ):
        assert state is match_key(keys(key_item(id=b"\1", ec_point=half)), public, b"")[0]


def test_a_key_by_its_public_half_is_better_than_one_by_its_id() -> None:
    """The id can be anybody's."""
    public = public_key()
    named, right = key_item(id=b"\1", label="named"), key_item(id=b"\2", label="right", ec_point=point(public))
    for items in ((named, right), (right, named)):
        state, key = match_key(keys(*items), public, b"\1")
        assert key is not None
        assert (KeyState.PRESENT, "right") == (state, key.object[Attribute.LABEL])


def test_a_key_without_a_public_half_is_known_by_its_id() -> None:
    """Though not where its half is known, and another."""
    public = public_key()
    assert KeyState.PRESENT is match_key(keys(key_item(id=b"\1")), public, b"\1")[0]
    assert KeyState.MISMATCH is match_key(keys(key_item(id=b"\1", modulus=b"other")), public, b"\1")[0]


def test_a_certificate_without_an_id_has_no_key_without_a_public_half() -> None:
    """Two empty ids are not the same one."""
    assert (KeyState.MISSING, None) == match_key(keys(key_item()), public_key(), b"")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, (KeyState.PRESENT, "")),
        ({"sign": False}, (KeyState.UNUSABLE, "its token does not let this key sign")),
        (
            {"always_authenticate": True},
            (KeyState.UNUSABLE, "its token asks for the PIN again at each signature, which is not done"),
        ),
        ({"sign": True, "extractable": True, "local": False}, (KeyState.PRESENT, "the token claims: extractable")),
    ],
)
def test_what_a_token_says_of_a_key_and_nothing_else_is_shown(
    attributes: dict[str, bool], expected: tuple[KeyState, str]
) -> None:
    """And a key that does not say whether it signs is tried."""
    (key,) = keys(key_item(**attributes))
    assert expected == usability(key)


def test_a_key_of_an_unknown_kind_does_not_sign() -> None:
    """Such a certificate is refused elsewhere, too."""
    (key,) = keys(key_item())
    public = PublicKey(b"", None, "DSA", b"")
    with pytest.raises(ValueError, match="its kind is not known"):
        opened(Card(NEEDS_PIN)).sign(key, public, b"statement")


# --- Modules ----------------------------------------------------------------------------------------------------------


class Module:
    """A module with slots; an exception in one stands for a slot that has no token, or none that it knows."""

    def __init__(self, *slots: Card | Exception) -> None:
        """Take the slots."""
        self.slots = slots
        self.ended = False

    def get_slots(self, *, token_present: bool) -> list[Any]:
        """Return the slots that have a token, or had one."""
        assert token_present
        return [slot if isinstance(slot, Card) else Empty(slot) for slot in self.slots]

    def finalize(self) -> None:
        """Fail, as some modules do."""
        self.ended = True
        raise DeviceRemoved


class Empty:
    """A slot without a token."""

    def __init__(self, error: Exception) -> None:
        """Take what it says."""
        self._error = error

    def get_token(self) -> Card:
        """Say so."""
        raise self._error


def find(monkeypatch: pytest.MonkeyPatch, modules: dict[str, Module | Exception], uri: TokenUri) -> Obstacle | str:
    """Look for a token, and return the module that has it, or why it was not found; see that each module is ended."""

    def load(path: str) -> Module:
        module = modules[path]
        if isinstance(module, Exception):
            raise module
        return module

    monkeypatch.setattr("pkcs11.lib", load)
    with open_token(tuple(modules), uri, None) as found:
        outcome = found if isinstance(found, Obstacle) else found.module
    assert all(module.ended for module in modules.values() if isinstance(module, Module))
    return outcome


def test_empty_slots_and_tokens_that_are_not_in_use_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before the one that is meant."""
    blank = Card(TokenFlag.RNG)
    module = Module(TokenNotPresent(), blank, TokenNotRecognised(), Card(NEEDS_PIN))
    assert "/a.so" == find(monkeypatch, {"/a.so": module}, TokenUri(token="device", serial="0123", slot=7))
    assert Reason.STORE_MISSING is cast("Obstacle", find(monkeypatch, {"/a.so": Module(blank)}, TokenUri())).reason


def test_a_module_that_fails_does_not_hide_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """But where the token is not found, its failure is the answer."""
    broken = PKCS11Error("cannot\x1bload")
    assert "/b.so" == find(monkeypatch, {"/a.so": broken, "/b.so": Module(Card(NEEDS_PIN))}, TokenUri())
    outcome = find(monkeypatch, {"/a.so": broken, "/b.so": Module()}, TokenUri())
    assert Obstacle(Reason.STORE_UNREADABLE, "/a.so: cannot\\x1bload") == outcome
    outcome = find(monkeypatch, {"/a.so": Module(DeviceRemoved())}, TokenUri())
    assert Obstacle(Reason.STORE_UNREADABLE, "/a.so: DeviceRemoved") == outcome


def test_a_token_that_is_pulled_out_meanwhile_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there when it was looked for."""
    card = Card(NEEDS_PIN)
    card.is_gone = True
    outcome = find(monkeypatch, {"/a.so": Module(card)}, TokenUri())
    assert Obstacle(Reason.STORE_UNREADABLE, "the token does not open: DeviceRemoved") == outcome


def test_an_error_without_words_is_named_by_its_kind() -> None:
    """Most of the library's are."""
    assert "PinIncorrect" == describe(PinIncorrect())
