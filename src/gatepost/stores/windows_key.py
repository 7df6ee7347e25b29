"""Private keys in Windows: which state a certificate's key is in, found out by letting it sign, and its signatures.

That a certificate names a key says nothing: the key may be gone, be another certificate's, or want a person at the screen.
So each is opened without asking anybody, signs, and its signature is verified. Keys are of two kinds: those of the older
providers (CSP), which know RSA alone, and those of CNG. Nothing is written, and no key leaves its provider.
Sources: wincrypt.h, ncrypt.h, winerror.h; ``docs/reference/semantics.md``, section 5.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.certificate import KeyKind
from gatepost.core.criteria import shown
from gatepost.core.finding import KeyState
from gatepost.core.signature import ecdsa_digest, verify_signature
from gatepost.stores.interface import Unsigned
from gatepost.stores.windows_api import NCRYPT_KEY, PROVIDER_RSA_AES, Key, KeyProvider, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.core.certificate import Certificate, PublicKey
    from gatepost.stores.windows_api import ContextPointer, CryptoApi

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


def try_key(api: CryptoApi, context: ContextPointer, certificate: Certificate) -> tuple[KeyState, str]:
    """Find out the state of a certificate's key, with a word for the administrator where it is not `KeyState.PRESENT`."""
    outcome = sign_with_key(api, context, certificate.public_key, _TRIAL + certificate.sha256)
    return (outcome.state, outcome.detail) if isinstance(outcome, Unsigned) else (KeyState.PRESENT, "")


def sign_with_key(api: CryptoApi, context: ContextPointer, public: PublicKey, statement: bytes) -> bytes | Unsigned:
    """Sign with a certificate's key; what is returned as a signature has been verified."""
    if public.kind in {None, KeyKind.ED25519}:
        return Unsigned(f"keys of this kind ({public.name}) do not sign here")
    provider = api.key_provider(context)
    name = shown(provider.provider) if provider and provider.provider else "its provider"
    with _open_key(api, context, provider) as key:
        outcome = key if isinstance(key, Refused) else _sign(api, key, provider, public, statement)
    if isinstance(outcome, Refused):
        return _explain(outcome, name)
    if outcome is None or not verify_signature(public, outcome, statement):
        return Unsigned(f"the key that it names in {name} belongs to another certificate", KeyState.MISMATCH)
    return outcome


@contextmanager
def _open_key(api: CryptoApi, context: ContextPointer, provider: KeyProvider | None) -> Iterator[Key | Refused]:
    """Open the key that a certificate names."""
    with ExitStack() as stack:
        key = stack.enter_context(api.acquire_key(context))
        if isinstance(key, Refused) and key.code == _NO_KEY_PROPERTY and provider and provider.provider_type:
            # It does name one, in a CSP. Wine forgets to look among the machine's keys, and answers so.
            key = stack.enter_context(api.open_container(provider))
        yield key


def _sign(
    api: CryptoApi, key: Key, provider: KeyProvider | None, public: PublicKey, statement: bytes
) -> bytes | Refused | None:
    """Sign in the way of the key; None where it is of another kind than the certificate's."""
    if key.key_spec == NCRYPT_KEY:
        return _sign_with_cng(api, key, public, statement)
    outcome = api.sign_with_csp(key, statement)
    if not isinstance(outcome, Refused) or outcome.code != _BAD_ALGORITHM:
        return outcome
    if provider is None or provider.provider not in _OLDER_PROVIDERS:
        return outcome
    newer = msgspec.structs.replace(
        provider, provider=_SUCCESSOR, provider_type=PROVIDER_RSA_AES, key_spec=key.key_spec
    )
    with api.open_container(newer) as same:
        return same if isinstance(same, Refused) else api.sign_with_csp(same, statement)


def _sign_with_cng(api: CryptoApi, key: Key, public: PublicKey, statement: bytes) -> bytes | Refused | None:
    algorithm = api.cng_algorithm(key)
    if public.kind is KeyKind.RSA:
        digest = hashlib.sha256(statement).digest()
        return None if algorithm in _KEYS_OF_CURVES else api.sign_with_cng(key, digest, "SHA256")
    if algorithm and algorithm not in _KEYS_OF_CURVES:
        return None
    bits = _CURVE_BITS[KeyKind(public.kind or "")]
    return api.sign_with_cng(key, hashlib.new(ecdsa_digest(bits).name, statement).digest(), None)


def _explain(refused: Refused, provider: str) -> Unsigned:
    if refused.code == _NO_KEY_PROPERTY:
        return Unsigned("no private key was stored with it", KeyState.MISSING)
    if refused.code in _NO_SUCH_KEY:
        detail = f"{provider} does not have its key, or this account may not use it ({refused})"
        return Unsigned(detail, KeyState.MISSING)
    if refused.code == _BAD_ALGORITHM:
        return Unsigned(f"{provider} cannot sign with SHA-256 ({refused})")
    return Unsigned(f"{provider} does not sign unattended ({refused})")
