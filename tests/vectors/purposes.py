"""Section 1: the extended key usage lists every purpose asked for."""

from __future__ import annotations

from gatepost.core.reason import Reason
from tests.certificates import ANY_PURPOSE, CLIENT_AUTH, EMAIL_PROTECTION, SERVER_AUTH
from tests.vectors.forge import leaf
from tests.vectors.scene import LAPTOP, ROOT, fails, passes
from tests.vectors.vector import Scene, vector

SECTION = "1"
CLIENT = ["clientAuth"]
BOTH = ["clientAuth", "emailProtection"]


def _lacks(listed: list[str] | None, asked: list[str]) -> Scene:
    return fails(leaf(ROOT, eku=listed), why=Reason.EXTENDED_KEY_USAGE_MISSING, extended_key_usage=asked)


@vector("The purpose asked for is listed.")
def _client_auth() -> Scene:
    return passes(LAPTOP, extended_key_usage=CLIENT)


@vector("More may be listed than is asked for.")
def _more_than_asked_for() -> Scene:
    return passes(leaf(ROOT, eku=[SERVER_AUTH, CLIENT_AUTH, "1.3.6.1.4.1.55555.3"]), extended_key_usage=CLIENT)


@vector("Both purposes asked for are listed, in any order.")
def _both() -> Scene:
    return passes(leaf(ROOT, eku=[EMAIL_PROTECTION, CLIENT_AUTH]), extended_key_usage=BOTH)


@vector("One of two purposes is not enough.")
def _one_of_two() -> Scene:
    return _lacks([CLIENT_AUTH], BOTH)


@vector("Another purpose does not do.")
def _another() -> Scene:
    return _lacks([SERVER_AUTH], CLIENT)


@vector("anyExtendedKeyUsage stands for no purpose.")
def _any_purpose() -> Scene:
    return _lacks([ANY_PURPOSE], CLIENT)


@vector("Beside the purpose itself it does no harm.")
def _any_purpose_beside() -> Scene:
    return passes(leaf(ROOT, eku=[ANY_PURPOSE, CLIENT_AUTH]), extended_key_usage=CLIENT)


@vector("An empty extension lists nothing.")
def _empty() -> Scene:
    return _lacks([], CLIENT)


@vector("Nor does a missing one.")
def _missing() -> Scene:
    return _lacks(None, CLIENT)


@vector("Where no purpose is asked for, none is needed.")
def _not_asked() -> Scene:
    return passes(leaf(ROOT, eku=None))


@vector("An empty list of purposes asks for none.")
def _empty_list() -> Scene:
    return passes(leaf(ROOT, eku=None), extended_key_usage=[])
