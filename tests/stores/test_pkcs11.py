"""Tokens as the agent reads them: real ones of SoftHSM, through the child, and children that answer what they should not."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from pkcs11.constants import Attribute, ObjectClass

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.finding import Candidate, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.stores.interface import Query, Unsigned
from gatepost.stores.questions import MAXIMUM_ANSWER, NotSigned, Seen, Signed, Trouble, frame
from gatepost.stores.token_questions import Token, TokenOutcome
from tests.certificates import CertificateAuthority, Issued, KeyKind, Part
from tests.stores.strangers import needs_root
from tests.stores.tokens import MODULE, SPY, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.stores.pkcs11 import Pkcs11Token
    from gatepost.stores.questions import Document
    from tests.stores.tokens import Device

STATEMENT = b"a statement"
HARMLESS = {
    *(
        "C_GetFunctionList",
        "C_GetInterface",
        "C_GetInfo",
        "C_Initialize",
        "C_Finalize",
        "C_GetSlotList",
        "C_GetSlotInfo",
    ),
    *("C_GetTokenInfo", "C_GetMechanismList", "C_OpenSession", "C_CloseSession", "C_Login", "C_Logout"),
    *("C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue", "C_SignInit", "C_Sign"),
}
"""The calls of PKCS#11 that change nothing in a token."""


def only(findings: Findings) -> Candidate:
    """Return the only candidate of findings without a fault."""
    assert () == findings.faults
    (candidate,) = findings.candidates
    return candidate


def fault(findings: Findings) -> tuple[Reason, str]:
    """Return the reason and the words of the only fault."""
    assert () == findings.candidates
    (found,) = findings.faults
    assert StoreKind.PKCS11 is found.location.store
    return found.reason, found.detail


def sign(store: Pkcs11Token, candidate: Candidate) -> bytes | Unsigned:
    """Sign a statement, and see that a signature is one."""
    signed = store.sign(candidate, STATEMENT)
    if isinstance(signed, bytes):
        assert isinstance(candidate.certificate, Certificate)
        assert verify_signature(candidate.certificate.public_key, signed, STATEMENT)
    return signed


# --- What is in a token -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [KeyKind.RSA2048, KeyKind.P256, KeyKind.P384, KeyKind.P521, KeyKind.ED25519])
def test_a_certificate_and_its_key_are_found_and_the_key_signs(kind: KeyKind, device: Device) -> None:
    """Put there by SoftHSM's and GnuTLS's own tools."""
    issued = device.authority.issue(cn="laptop-1", key=kind)
    device.tokens.add_pair(issued, "Laptop ☕")
    store = device.store()
    candidate = only(store.read(device.query))
    assert issued.der == candidate.certificate.der
    assert Location(store=StoreKind.PKCS11, path="pkcs11:token=device", label="Laptop ☕") == candidate.location
    assert KeyState.PRESENT is candidate.key
    assert isinstance(sign(store, candidate), bytes)


def test_an_empty_token_was_looked_at_and_holds_nothing(device: Device) -> None:
    """No fault, no candidate."""
    assert Findings() == device.store().read(device.query)


def test_a_key_without_its_certificate_is_no_candidate(device: Device) -> None:
    """It says nothing about who issued what."""
    device.tokens.add_key(device.authority.issue(cn="laptop-1"), b"\1")
    assert Findings() == device.store().read(device.query)


def test_a_certificate_without_its_key_is_said_to_have_none(device: Device) -> None:
    """Also when another's key is beside it."""
    device.tokens.add_key(device.authority.issue(cn="laptop-2"), b"\1")
    device.tokens.add_certificate(device.authority.issue(cn="laptop-1"), b"\2")
    candidate = only(device.store().read(device.query))
    assert (KeyState.MISSING, "the token has no key of this certificate") == (candidate.key, candidate.key_detail)


def test_another_key_under_a_certificates_id_is_a_mismatch(device: Device) -> None:
    """As when a certificate was renewed with a new key and the old one stayed."""
    device.tokens.add_key(device.authority.issue(cn="laptop-1"), b"\1")
    device.tokens.add_certificate(device.authority.issue(cn="laptop-1"), b"\1")
    store = device.store()
    candidate = only(store.read(device.query))
    words = "the token has another key under this certificate's id"
    assert (KeyState.MISMATCH, words) == (candidate.key, candidate.key_detail)
    assert Unsigned("the token does not have the key any more", KeyState.MISMATCH) == sign(store, candidate)


@pytest.mark.parametrize("kind", [KeyKind.RSA2048, KeyKind.P256])
def test_a_key_under_another_id_is_found_by_its_public_half(kind: KeyKind, device: Device) -> None:
    """Other programs give other ids, and some none."""
    issued = device.authority.issue(cn="laptop-1", key=kind)
    device.tokens.add_key(issued, b"\1")
    device.tokens.add_certificate(issued, b"\2")
    store = device.store()
    candidate = only(store.read(device.query))
    assert KeyState.PRESENT is candidate.key
    assert isinstance(sign(store, candidate), bytes)


def remove_public_halves(device: Device) -> None:
    """Leave the private keys alone in a token; an EC key tells its public half by that object alone."""
    with device.tokens.opened() as session:
        for item in list(session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY})):
            item.destroy()


@pytest.mark.parametrize(("identifier", "state"), [(b"\1", KeyState.PRESENT), (b"\2", KeyState.MISSING)])
def test_a_key_whose_public_half_is_not_told_is_found_by_the_id(
    identifier: bytes, state: KeyState, device: Device
) -> None:
    """Which is how PKCS#11 pairs them."""
    issued = device.authority.issue(cn="laptop-1")
    device.tokens.add_key(issued, b"\1")
    device.tokens.add_certificate(issued, identifier)
    remove_public_halves(device)
    store = device.store()
    candidate = only(store.read(device.query))
    assert state is candidate.key
    assert isinstance(sign(store, candidate), bytes) is (state is KeyState.PRESENT)


def test_a_key_that_signs_for_another_certificate_is_seen_through(device: Device) -> None:
    """Where only the id speaks for it, its signature speaks against it."""
    device.tokens.add_key(device.authority.issue(cn="laptop-1"), b"\1")
    device.tokens.add_certificate(device.authority.issue(cn="laptop-1"), b"\1")
    remove_public_halves(device)
    store = device.store()
    candidate = only(store.read(device.query))
    assert KeyState.PRESENT is candidate.key
    assert Unsigned("the token signs wrongly") == sign(store, candidate)


def test_others_are_counted_and_what_is_no_certificate_is_a_candidate(device: Device) -> None:
    """Nobody knows who issued the latter."""
    stranger = CertificateAuthority.create(cn="Another Root").issue()
    device.tokens.add_many([stranger, Issued(der=b"rubbish", key=stranger.key)])
    findings = device.store().read(device.query)
    assert (1, 1) == (findings.others, len(findings.candidates))
    assert KeyState.NOT_ASKED is findings.candidates[0].key
    assert Unsigned("what cannot be read as a certificate has no key", KeyState.MISSING) == device.store().sign(
        findings.candidates[0], STATEMENT
    )


@pytest.fixture
def quick_device(device: Device) -> Iterator[Device]:
    """Give a device whose token lies in memory, where there is some: SoftHSM waits for the disk at each object."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108 - its own folder there.
        tokens = Tokens.create(Path(folder) / "softhsm")
        shutil.copytree(device.folder / "tokens", tokens.folder / "tokens", dirs_exist_ok=True)
        moved = msgspec.structs.replace(device, tokens=tokens)
        moved.set_pin("1234")
        yield moved


def test_twelve_hundred_certificates_are_read_and_no_more_than_asked_for_returned(quick_device: Device) -> None:
    """In one answer; and it is said that there are more."""
    authority = quick_device.authority
    key = authority.issue().key
    quick_device.tokens.add_many([authority.issue(cn=f"laptop-{number}", key=key) for number in range(1_200)])
    findings = quick_device.store().read(quick_device.query)
    assert (1_000, True, ()) == (len(findings.candidates), findings.too_many, findings.faults)
    assert {KeyState.MISSING} == {item.key for item in findings.candidates}


def test_a_certificate_that_is_there_twice_is_one_candidate(device: Device) -> None:
    """Under one of its labels."""
    issued = device.authority.issue()
    device.tokens.add_many([issued, issued])
    assert only(device.store().read(device.query)).location.label in {"laptop-0", "laptop-1"}


def test_a_uri_narrows_to_certificates_by_label_and_id(device: Device) -> None:
    """Both where both are given."""
    one, two = device.authority.issue(cn="laptop-1"), device.authority.issue(cn="laptop-2")
    device.tokens.add_certificate(one, b"\1", "a b")
    device.tokens.add_certificate(two, b"\2", "a b")
    found = {
        uri: {item.certificate.der for item in device.store(f"pkcs11:token=device;{uri}").read(device.query).candidates}
        for uri in ("object=a%20b", "id=%02", "object=a%20b;id=%01;type=cert", "object=x", "id=%03")
    }
    assert [{one.der, two.der}, {two.der}, {one.der}, set(), set()] == list(found.values())


# --- Which token ------------------------------------------------------------------------------------------------------


def serials(device: Device) -> list[str]:
    """Return the serial numbers of the tokens, as SoftHSM shows them."""
    return re.findall(r"Serial number: +(\w+)", device.tokens.run("softhsm2-util", "--show-slots"))


def test_a_token_that_is_not_there_is_missing(device: Device) -> None:
    """By any of its marks."""
    serial = serials(device)[0]
    for uri in (
        "token=Device",
        "token=device;serial=0",
        "token=device;model=x",
        "token=device;manufacturer=x",
        "slot-id=7",
    ):
        found = fault(device.store(f"pkcs11:{uri}").read(device.query))
        assert (Reason.STORE_MISSING, "no token matches") == found, uri
    model, maker = "model=SoftHSM%20v2", "manufacturer=SoftHSM%20project"
    assert Findings() == device.store(f"pkcs11:{model};{maker};serial={serial};token=device").read(device.query)


def test_of_two_tokens_with_one_label_none_is_taken_until_the_serial_number_says_which(device: Device) -> None:
    """A PIN for the one must not be tried on the other."""
    device.tokens.add_pair(device.authority.issue(cn="laptop-1"))
    first = serials(device)[0]
    device.tokens.add()
    reason, words = fault(device.store().read(device.query))
    assert Reason.STORE_UNREADABLE is reason
    assert words.startswith("2 tokens match (serial numbers ")
    assert words.endswith("): say which by serial=")
    assert first in words
    candidate = only(device.store(f"pkcs11:token=device;serial={first}").read(device.query))
    assert KeyState.PRESENT is candidate.key


def test_a_token_that_two_modules_show_is_one(device: Device) -> None:
    """Modules that bring others together do that."""
    device.tokens.add_pair(device.authority.issue(cn="laptop-1"))
    copy = device.folder / "softhsm.so"
    copy.write_bytes(Path(MODULE).read_bytes())
    store = device.store(modules=(MODULE, str(copy)))
    assert KeyState.PRESENT is only(store.read(device.query)).key


# --- PINs -------------------------------------------------------------------------------------------------------------


def test_without_a_pin_a_key_is_locked_and_it_is_said_what_is_missing(device: Device) -> None:
    """Neither is it said to be there, nor not to be."""
    issued = device.authority.issue(cn="laptop-1")
    device.tokens.add_pair(issued)
    device.pin_file.unlink()
    store = device.store()
    candidate = only(store.read(device.query))
    words = "the token shows its private keys to whoever has its PIN; its PIN file cannot be used: "
    assert KeyState.LOCKED is candidate.key
    assert candidate.key_detail.startswith(words)
    signed = sign(store, candidate)
    assert isinstance(signed, Unsigned)
    assert KeyState.LOCKED is signed.state
    assert signed.detail.startswith(words)


def calls(device: Device) -> list[str]:
    """Return the calls that OpenSC's spy wrote down."""
    return re.findall(r"(?m)^\d+: (C_\w+)", (device.folder / "spy.log").read_text(errors="replace"))


def spied(device: Device) -> Pkcs11Token:
    """Give the store of the token behind OpenSC's spy."""
    settings = {"PKCS11SPY": MODULE, "PKCS11SPY_OUTPUT": str(device.folder / "spy.log")}
    return device.store(modules=(SPY,), environment={**device.tokens.environment, **settings})


def test_a_wrong_pin_is_tried_once_and_again_when_its_file_has_changed(device: Device) -> None:
    """Counted at the module's own door, over several readings and signatures, in several processes."""
    device.tokens.add_pair(device.authority.issue(cn="laptop-1"))
    device.set_pin("9999")
    for _ in range(3):
        store = spied(device)
        candidate = only(store.read(device.query))
        assert KeyState.LOCKED is candidate.key
        assert candidate.key_detail.endswith("not tried again until that file changes")
        assert isinstance(sign(store, candidate), Unsigned)
    assert 1 == calls(device).count("C_Login")
    device.set_pin("8888")
    os.utime(device.pin_file, ns=(0, 0))
    assert KeyState.LOCKED is only(spied(device).read(device.query)).key
    assert 2 == calls(device).count("C_Login")
    device.set_pin("1234\n")
    assert KeyState.PRESENT is only(spied(device).read(device.query)).key


def test_a_wrong_pin_is_tried_once_when_a_signature_comes_first(device: Device) -> None:
    """The reading found the key while the PIN was right."""
    device.tokens.add_pair(device.authority.issue(cn="laptop-1"))
    candidate = only(spied(device).read(device.query))
    before = calls(device).count("C_Login")
    device.set_pin("9999")
    for _ in range(2):
        signed = sign(spied(device), candidate)
        assert isinstance(signed, Unsigned)
        assert KeyState.LOCKED is signed.state
        assert signed.detail.endswith("not tried again until that file changes")
    assert before + 1 == calls(device).count("C_Login")


def test_a_pin_is_not_tried_when_no_key_is_asked_for_or_no_candidate_is_there(device: Device) -> None:
    """Certificates are there for everybody to read."""
    spied(device).read(device.query)
    device.tokens.add_pair(device.authority.issue(cn="laptop-1"))
    assert KeyState.NOT_ASKED is only(spied(device).read(Query(issuers=device.query.issuers))).key
    assert "C_Login" not in calls(device)


def test_nothing_is_written_to_a_token(device: Device) -> None:
    """Only calls that change nothing, for a reading and a signature; what they leave behind is as it was."""
    device.tokens.add_pair(device.authority.issue(cn="laptop-1"))
    store = spied(device)
    assert isinstance(sign(store, only(store.read(device.query))), bytes)
    assert "C_Sign" in calls(device)
    assert set() == set(calls(device)) - HARMLESS


# --- Keys that do not sign, and what a token says of one --------------------------------------------------------------


def generate(device: Device, **private: bool) -> None:
    """Have the token itself make a key, and give it a certificate."""
    public = device.tokens.generate(b"\1", **private)
    device.tokens.add_certificate(device.authority.issue(cn="laptop-1", parts={Part.PUBLIC_KEY: public}), b"\1")


def test_what_a_token_claims_of_its_key_is_shown(device: Device) -> None:
    """SoftHSM, which is files on a disk, claims the same as a card would, and so it proves nothing."""
    generate(device)
    store = device.store()
    candidate = only(store.read(device.query))
    assert "the token claims: never extractable, always sensitive, made in it" == candidate.key_detail
    assert isinstance(sign(store, candidate), bytes)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"sign": False}, "its token does not let this key sign"),
        ({"always_authenticate": True}, "its token asks for the PIN again at each signature, which is not done"),
    ],
)
def test_a_key_that_will_not_sign_unattended_is_unusable(
    attributes: dict[str, bool], words: str, device: Device
) -> None:
    """It is there, and that is all."""
    generate(device, **attributes)
    store = device.store()
    candidate = only(store.read(device.query))
    assert (KeyState.UNUSABLE, words) == (candidate.key, candidate.key_detail)
    assert Unsigned(words) == sign(store, candidate)


def test_an_rsa_key_signs_where_the_token_does_not_hash(device: Device) -> None:
    """Simple cards take the digest, wrapped as it stands in the signature."""
    issued = device.authority.issue(cn="laptop-1", key=KeyKind.RSA2048)
    device.tokens.add_pair(issued)
    Tokens.configure(device.folder, "CKM_RSA_PKCS")
    store = device.store()
    assert isinstance(sign(store, only(store.read(device.query))), bytes)


def test_a_token_without_the_mechanism_says_so(device: Device) -> None:
    """In the module's own words."""
    device.tokens.add_pair(device.authority.issue(cn="laptop-1"))
    Tokens.configure(device.folder, "CKM_RSA_PKCS")
    store = device.store()
    assert Unsigned("the token did not sign: MechanismInvalid") == sign(store, only(store.read(device.query)))


# --- The device's own settings ----------------------------------------------------------------------------------------


def test_without_a_module_in_the_settings_nothing_is_loaded(device: Device) -> None:
    """Whatever the URI names."""
    store = device.store(f"pkcs11:token=device?module-path={MODULE}", modules=())
    words = "this device's settings name no PKCS#11 module (pkcs11_modules)"
    assert (Reason.LOCATION_UNSUPPORTED, words) == fault(store.read(device.query))


def test_without_the_library_it_is_said_what_to_install(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes with an extra that most devices do not need."""
    monkeypatch.setattr("gatepost.stores.pkcs11.find_spec", lambda _: None)
    reason, words = fault(device.store().read(device.query))
    assert Reason.LOCATION_UNSUPPORTED is reason
    assert words.endswith("install gatepost[pkcs11]")


@pytest.mark.parametrize(
    "query", ["", f"?module-path={MODULE}", "?module-name=softhsm2", "?module-name=libsofthsm2.so", "?pin-source={pin}"]
)
def test_a_uri_can_choose_among_the_settings(query: str, device: Device) -> None:
    """Modules by path or name, and the PIN file of that token."""
    device.tokens.add_pair(device.authority.issue(cn="laptop-1"))
    store = device.store(f"pkcs11:token=device{query.format(pin=device.pin_file)}")
    assert KeyState.PRESENT is only(store.read(device.query)).key


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("pkcs11:token=device?module-path=/tmp/x.so", "its module is none of those that this device's settings name"),
        ("pkcs11:token=device?module-name=opensc", "its module is none of those that this device's settings name"),
        ("pkcs11:token=device?pin-source=/etc/passwd", "its pin-source is not the file that this device's settings"),
        ("pkcs11:token=x?pin-source={pin}", "its pin-source is not the file that this device's settings"),
        ("pkcs11:token=x?pin-value=1", "it has a PIN in it"),
        ("pkcs11:label=x", "it has the unknown attribute 'label'"),
    ],
)
def test_a_uri_that_would_add_to_the_settings_is_refused(uri: str, words: str, device: Device) -> None:
    """A check comes from elsewhere, and a module is a program."""
    store = device.store(uri.format(pin=device.pin_file))
    reason, found = fault(store.read(device.query))
    assert Reason.PATH_REFUSED is reason
    assert found.startswith(words)
    signed = store.sign(anyone(device), STATEMENT)
    assert isinstance(signed, Unsigned)
    assert found == signed.detail


def anyone(device: Device) -> Candidate:
    """Give a candidate that is in no token."""
    certificate = parse_certificate(device.authority.issue().der)
    return Candidate(certificate=certificate, location=Location(store=StoreKind.PKCS11, path="pkcs11:token=device"))


def test_a_module_that_is_not_there_is_an_error_and_not_an_empty_place(device: Device) -> None:
    """The token may be there all the same; but where another module has it, nothing is amiss."""
    reason, words = fault(device.store(modules=("/none.so",)).read(device.query))
    assert (Reason.STORE_UNREADABLE, "the PKCS#11 module /none.so: No such file or directory") == (reason, words)
    both = ("/none.so", MODULE)
    assert Findings() == device.store(modules=both).read(device.query)
    assert words == fault(device.store("pkcs11:token=x", modules=both).read(device.query))[1]


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", None])
def test_a_module_that_is_none_is_an_error(content: bytes | None, device: Device) -> None:
    """An empty file, a text, and a library without PKCS#11 in it."""
    module = device.folder / "module.so"
    library = next(Path("/usr/lib").glob("*/libz.so.1"))
    module.write_bytes(library.read_bytes() if content is None else content)
    reason, words = fault(device.store(modules=(str(module),)).read(device.query))
    assert Reason.STORE_UNREADABLE is reason
    assert str(module) in words


@needs_root
def test_a_module_that_others_could_exchange_is_not_loaded(device: Device) -> None:
    """It would run as this account."""
    module = device.folder / "softhsm.so"
    module.write_bytes(Path(MODULE).read_bytes())
    module.chmod(0o666)
    reason, words = fault(device.store(modules=(str(module),)).read(device.query))
    assert Reason.PATH_REFUSED is reason
    assert f"the PKCS#11 module {module} can be written by everybody" in words


def test_the_pin_file_is_watched(device: Device) -> None:
    """A new PIN is a reason to look again; a token is no file."""
    assert (str(device.pin_file),) == device.store().watched
    assert () == device.store("pkcs11:token=other").watched
    assert () == device.store("pkcs11:nonsense").watched


def test_a_person_sees_the_same_by_gnutls_s_tool(device: Device) -> None:
    """The command as it is shown, run."""
    device.tokens.add_certificate(device.authority.issue(cn="laptop-1"), b"\1", "my laptop")
    store = device.store("pkcs11:token=device?module-name=softhsm2", modules=("/none.so", MODULE))
    candidate = only(store.read(device.query))
    assert "Label: my laptop" in device.tokens.run(*store.command(candidate))


# --- What the child must not do ---------------------------------------------------------------------------------------


def answering(device: Device, *answers: Document, raw: bytes = b"", end: str = "") -> Pkcs11Token:
    """Give a store whose child answers as it is told, without asking any token."""
    output = b"".join(map(frame, answers)) + raw
    script = f"import sys, os, time; sys.stdout.buffer.write({output!r}); sys.stdout.flush(); {end}"
    return device.store(command=(sys.executable, "-I", "-c", script), patience=5.0)


def seen(device: Device, key: KeyState = KeyState.PRESENT, label: str | None = None, detail: str = "") -> Seen:
    """Describe a candidate as a child does."""
    encoded = device.authority.issue(cn="laptop-1").der
    return Seen(encoded=encoded, label=label, key=key, key_detail=detail, distrusted=False)


NO_ANSWER = (Reason.STORE_UNREADABLE, "the process that reads it answered what is no answer")


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("os.abort()", "its module crashed (signal 6)"),
        ("sys.exit(3)", "the process that reads it failed (exit code 3)"),
        (
            f"sys.stdout.buffer.write(bytes({MAXIMUM_ANSWER + 1}))",
            f"the process that reads it answered more than {MAXIMUM_ANSWER} bytes",
        ),
    ],
)
def test_a_module_that_ends_its_process_does_not_end_ours(end: str, words: str, device: Device) -> None:
    """And what it said before does not count."""
    store = answering(device, Token(seen=(seen(device),)), end=end)
    assert (Reason.STORE_UNREADABLE, words) == fault(store.read(device.query))
    assert Unsigned(words) == store.sign(anyone(device), STATEMENT)


def test_a_module_that_does_not_answer_is_left(device: Device) -> None:
    """After its time, with all that it has started."""
    store = device.store(command=(sys.executable, "-I", "-c", "import time; time.sleep(60)"), patience=0.2)
    assert (Reason.STORE_UNREADABLE, "its module did not answer within 0.2 s") == fault(store.read(device.query))


def test_a_module_that_failed_once_is_asked_nothing_more(device: Device) -> None:
    """By this store, which lives for one check: a cycle would else last as long as all its questions."""
    count = device.folder / "count"
    script = f"open({str(count)!r}, 'a').write('x'); import os; os.abort()"
    store = device.store(command=(sys.executable, "-I", "-c", script))
    words = "its module crashed (signal 6)"
    assert (Reason.STORE_UNREADABLE, words) == fault(store.read(device.query))
    assert [Unsigned(words)] * 2 == [store.sign(anyone(device), STATEMENT) for _ in range(2)]
    assert "x" == count.read_text()


def test_a_child_that_cannot_be_started_is_an_error(device: Device) -> None:
    """The program is gone."""
    reason, words = fault(device.store(command=("/none",)).read(device.query))
    assert (Reason.STORE_UNREADABLE, "the process that reads it is not installed") == (reason, words)


@pytest.mark.parametrize("raw", [b"", b"\0", b"\0\0\0\1\xc1", frame(Token()) * 2, b"\xff" * 100])
def test_what_is_no_answer_is_not_believed(raw: bytes, device: Device) -> None:
    """Nothing, half a part, rubbish, two parts for one."""
    assert NO_ANSWER == fault(answering(device, raw=raw).read(device.query))


def test_an_answer_to_another_question_is_not_believed(device: Device) -> None:
    """More than was asked for, another issuer's certificate, a key that was not asked for, a reason of another kind."""
    stranger = CertificateAuthority.create(cn="Another Root").issue().der
    wrong = Seen(encoded=stranger, label=None, key=KeyState.PRESENT, key_detail="", distrusted=False)
    answers: list[Token] = [
        Token(seen=(seen(device), seen(device))),
        Token(seen=(wrong,)),
        Token(seen=(seen(device, KeyState.NOT_ASKED),)),
        Token(trouble=Trouble(reason=Reason.EXEMPTED, detail="")),
    ]
    one = Query(issuers=device.query.issuers, asks_key=True, limit=1)
    for answer in answers:
        assert NO_ANSWER == fault(answering(device, answer).read(one))


def test_words_that_could_do_something_to_a_terminal_are_escaped(device: Device) -> None:
    """A token's labels are as strange as whoever wrote them."""
    odd = seen(device, label="a\x1b[31m", detail="b\x07")
    candidate = only(answering(device, Token(seen=(odd,))).read(device.query))
    assert ("a\\x1b[31m", "b\\x07") == (candidate.location.label, candidate.key_detail)


@pytest.mark.parametrize(
    "answer", [NotSigned(state=KeyState.PRESENT, detail=""), NotSigned(state=KeyState.NOT_ASKED, detail="")]
)
def test_a_key_that_is_there_and_no_signature_is_no_answer(answer: NotSigned, device: Device) -> None:
    """It says nothing."""
    store = answering(device, TokenOutcome(answer=answer))
    assert Unsigned(NO_ANSWER[1]) == store.sign(anyone(device), STATEMENT)


def test_a_signature_that_is_none_is_not_handed_on(device: Device) -> None:
    """It is verified here, before anybody else sees it."""
    store = answering(device, TokenOutcome(answer=Signed(signature=b"x" * 64)))
    assert Unsigned("the token signs wrongly") == store.sign(anyone(device), STATEMENT)


def test_a_refusal_that_cannot_be_kept_is_an_error(device: Device) -> None:
    """Else the PIN would be tried again."""
    store = answering(device, Token(seen=(seen(device, KeyState.LOCKED),), pin_refused=True))
    (device.folder / "state" / "refused-pins.json.new").mkdir(parents=True)
    reason, words = fault(store.read(device.query))
    assert Reason.STORE_UNREADABLE is reason
    assert words.startswith("its PIN was refused, which could not be kept: ")
