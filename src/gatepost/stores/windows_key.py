"""Private keys in Windows: which state a certificate's key is in, found out by letting it sign, and its signatures.

That a certificate names a key says nothing: the key may be gone, be another certificate's, or want a person at the screen.
So each is opened without asking anybody, signs, and its signature is verified; of one that does not sign, the public half
says whose it is. Keys are of two kinds: those of the older providers (CSP), which know RSA alone, and those of CNG. Nothing
is written. Sources: wincrypt.h, ncrypt.h, winerror.h; ``docs/reference/semantics.md``, section 5.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.criteria import shown
from gatepost.core.finding import KeyState
from gatepost.core.public_key import KeyKind
from gatepost.core.signature import ecdsa_digest, verify_signature
from gatepost.stores.interface import Unsigned
from gatepost.stores.windows_api import ContextPointer, KeyProvider, Refused
from gatepost.stores.windows_key_api import NCRYPT_KEY, PROVIDER_RSA_AES, Key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.core.certificate import Certificate
    from gatepost.core.public_key import PublicKey
    from gatepost.stores.windows_key_api import KeyApi

_TRIAL: Final = b"gatepost key check v1\0"
"""Begins what a key signs only to show that it can. A possession statement begins otherwise, so this can stand for none."""

_NO_KEY_PROPERTY: Final = 0x8009200B
"""CRYPT_E_NO_KEY_PROPERTY: the certificate names no key."""
_NO_SUCH_KEY: Final = frozenset({0x8009000D, 0x80090016})
"""NTE_NO_KEY, NTE_BAD_KEYSET. A CSP says the latter, too, of a key that this account may not see."""
_BAD_ALGORITHM: Final = 0x80090008
"""NTE_BAD_ALGID."""

_SUCCESSOR: Final = "Microsoft Enhanced RSA and AES Cryptographic Provider"
_OLDER_PROVIDERS: Final = frozenset(
    {
        "Microsoft Base Cryptographic Provider v1.0",
        "Microsoft Strong Cryptographic Provider",
        "Microsoft Enhanced Cryptographic Provider v1.0",
        "Microsoft RSA SChannel Cryptographic Provider",
    }
)
"""They know no SHA-256, and keep their keys in the same containers as their successor. Imported files often name one."""

_CURVE_BITS: Final = {KeyKind.P256: 256, KeyKind.P384: 384, KeyKind.P521: 521}
_KEYS_OF_CURVES: Final = frozenset({"ECDSA", "ECDH"})


class Named(msgspec.Struct, frozen=True):
    """The key that a certificate in a store names: the certificate's context, and the provider that it names, if it does."""

    context: ContextPointer
    provider: KeyProvider | None

    def __str__(self) -> str:
        """Show the provider's name."""
        return shown(self.provider.provider) if self.provider and self.provider.provider else "its provider"


def try_key(keys: KeyApi, named: Named, certificate: Certificate) -> tuple[KeyState, str]:
    """Find out the state of a certificate's key, with a word for the administrator where it is not `KeyState.PRESENT`."""
    outcome = sign_with_key(keys, named, certificate.public_key, _TRIAL + certificate.sha256)
    return (outcome.state, outcome.detail) if isinstance(outcome, Unsigned) else (KeyState.PRESENT, "")


def sign_with_key(keys: KeyApi, named: Named, public: PublicKey, statement: bytes) -> bytes | Unsigned:
    """Sign with a certificate's key; what is returned as a signature has been verified."""
    with _open_key(keys, named) as key:
        if isinstance(key, Refused):
            return _not_opened(key, named)
        outcome = _sign(keys, key, named, public, statement)
        if isinstance(outcome, bytes) and verify_signature(public, outcome, statement):
            return outcome
        if isinstance(outcome, Refused) and outcome.code in _NO_SUCH_KEY:
            return _not_opened(outcome, named)
        half = keys.public_key(key)
    if isinstance(half, bytes) and half != public.material:
        return Unsigned(f"the key that it names in {named} belongs to another certificate", KeyState.MISMATCH)
    state = KeyState.LOCKED if isinstance(half, Refused) else KeyState.UNUSABLE
    return Unsigned(_complaint(outcome, named, public), state)


@contextmanager
def _open_key(keys: KeyApi, named: Named) -> Iterator[Key | Refused]:
    """Open the key that a certificate names."""
    provider = named.provider
    with ExitStack() as stack:
        key = stack.enter_context(keys.acquire_key(named.context))
        if isinstance(key, Refused) and key.code == _NO_KEY_PROPERTY and provider and provider.provider_type:
            # It does name one, in a CSP. Wine forgets to look among the machine's keys, and answers so.
            key = stack.enter_context(keys.open_container(provider))
        yield key


def _sign(keys: KeyApi, key: Key, named: Named, public: PublicKey, statement: bytes) -> bytes | Refused | None:
    """Sign in the way of the key; None where a key of its kind, or of the certificate's, does not sign so."""
    if public.kind in {None, KeyKind.ED25519}:
        return None
    if key.key_spec == NCRYPT_KEY:
        return _sign_with_cng(keys, key, public, statement)
    outcome = keys.sign_with_csp(key, statement)
    if not isinstance(outcome, Refused) or outcome.code != _BAD_ALGORITHM:
        return outcome
    provider = named.provider
    if provider is None or provider.provider not in _OLDER_PROVIDERS:
        return outcome
    newer = msgspec.structs.replace(
        provider, provider=_SUCCESSOR, provider_type=PROVIDER_RSA_AES, key_spec=key.key_spec
    )
    with keys.open_container(newer) as same:
        return same if isinstance(same, Refused) else keys.sign_with_csp(same, statement)


def _sign_with_cng(keys: KeyApi, key: Key, public: PublicKey, statement: bytes) -> bytes | Refused | None:
    algorithm = keys.cng_algorithm(key)
    if public.kind is KeyKind.RSA:
        digest = hashlib.sha256(statement).digest()
        return None if algorithm in _KEYS_OF_CURVES else keys.sign_with_cng(key, digest, "SHA256")
    if algorithm and algorithm not in _KEYS_OF_CURVES:
        return None
    bits = _CURVE_BITS[KeyKind(public.kind or "")]
    return keys.sign_with_cng(key, hashlib.new(ecdsa_digest(bits).name, statement).digest(), None)


def _not_opened(refused: Refused, named: Named) -> Unsigned:
    if refused.code == _NO_KEY_PROPERTY:
        return Unsigned("no private key was stored with it", KeyState.MISSING)
    if refused.code in _NO_SUCH_KEY:
        detail = f"{named} does not have its key, or this account may not use it ({refused})"
        return Unsigned(detail, KeyState.MISSING)
    return Unsigned(f"{named} does not open its key unattended ({refused})", KeyState.LOCKED)


def _complaint(outcome: bytes | Refused | None, named: Named, public: PublicKey) -> str:
    """Say why a key that could be opened did not sign."""
    match outcome:
        case bytes():
            return f"its key in {named} signs wrongly"
        case None:
            return f"keys of this kind ({public.name}) do not sign here"
        case Refused(_, code) if code == _BAD_ALGORITHM:
            return f"{named} cannot sign with SHA-256 ({outcome})"
        case _:
            return f"{named} does not sign unattended ({outcome})"
