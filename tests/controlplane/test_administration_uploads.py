"""Uploads: kept as they were sent, removed only when nothing uses them, and never with a private key."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from gatepost.controlplane.administration import rules, uploads
from gatepost.controlplane.administration.accounts import create_account
from gatepost.errors import ConflictError, InputError, NotFoundError
from gatepost.wire.management.codes import Code
from gatepost.wire.management.mtls_certificates import UploadBody
from tests.certificates import CertificateAuthority, KeyKind
from tests.services import as_json, rule_of

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.controlplane.administration.services import Services


@pytest.fixture
def authority() -> CertificateAuthority:
    """Give a root."""
    return CertificateAuthority.create()


def body(authority: CertificateAuthority, **changes: object) -> UploadBody:
    """Give an upload of a root."""
    return msgspec.structs.replace(UploadBody(ca=True, certificates=authority.pem.decode(), name="root"), **changes)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_upload_comes_back_as_it_was_sent(
    services: Services, account: int, authority: CertificateAuthority, newline: str, *, wrapped: bool
) -> None:
    """Also a chain, in its order, and base64 on one line."""
    other = CertificateAuthority.create(cn="Other")
    text = (other.pem + authority.pem).decode().replace("\n", newline)
    text = base64.b64encode(text.encode()).decode() if wrapped else text
    made = uploads.add_upload(services, account, body(authority, certificates=text))
    found = uploads.find_upload(services, account, made.shown.id)
    assert (text, True, "root", "CN=Other") == (found.certificates, found.ca, found.name, found.issuer)
    assert (found,) == uploads.list_uploads(services, account)
    assert () == made.remarks


def test_only_the_answer_that_makes_it_has_a_time_of_change(
    services: Services, account: int, authority: CertificateAuthority
) -> None:
    """As in the reference."""
    made = uploads.add_upload(services, account, body(authority, name=None)).shown
    assert "2026-06-01T00:00:00Z" == made.updated_at == made.uploaded_on
    found = uploads.find_upload(services, account, made.id)
    assert (None, "") == (found.updated_at, found.name)


def test_the_same_certificate_may_be_uploaded_twice(
    services: Services, account: int, authority: CertificateAuthority
) -> None:
    """It gets another id, and its name a remark."""
    first = uploads.add_upload(services, account, body(authority))
    second = uploads.add_upload(services, account, body(authority))
    assert first.shown.id != second.shown.id
    assert [Code.NAME_NOT_UNIQUE] == [item.code for item in second.remarks]


def test_a_private_key_that_fits_is_thrown_away_and_that_is_said(
    services: Services, account: int, authority: CertificateAuthority, tmp_path: Path
) -> None:
    """Nothing of it is in the database's files."""
    key = authority.issued.key_pem().decode()
    made = uploads.add_upload(services, account, body(authority, private_key=key))
    assert [Code.PRIVATE_KEY_DISCARDED] == [item.code for item in made.remarks]
    line = key.splitlines()[1].encode()
    files = list(tmp_path.glob("gatepost.db*"))
    assert files
    assert all(line not in file.read_bytes() for file in files)


@pytest.mark.parametrize("kind", [KeyKind.RSA2048, KeyKind.P384, KeyKind.ED25519])
def test_a_private_key_of_each_kind_is_told_apart(services: Services, account: int, kind: KeyKind) -> None:
    """Its own passes, another's of the same kind does not."""
    mine, other = CertificateAuthority.create(key=kind, cn="mine"), CertificateAuthority.create(key=kind, cn="other")
    assert uploads.add_upload(services, account, body(mine, private_key=mine.issued.key_pem().decode())).remarks
    with pytest.raises(InputError) as caught:
        uploads.add_upload(services, account, body(mine, private_key=other.issued.key_pem().decode()))
    assert ("/private_key", "is not the key of the first certificate") == caught.value.args[:2]


def test_a_private_key_that_cannot_be_read_is_refused_and_not_repeated(
    services: Services, account: int, authority: CertificateAuthority
) -> None:
    """Encrypted ones too: nothing could be said of them."""
    encrypted = authority.issued.key_pem(b"secret", PrivateFormat.PKCS8).decode()
    for text in ("nonsense-secret", encrypted, authority.pem.decode()):
        with pytest.raises(InputError) as caught:
            uploads.add_upload(services, account, body(authority, private_key=text))
        assert "/private_key" == caught.value.field
        assert text[:20] not in str(caught.value)
    assert () == uploads.list_uploads(services, account)


def test_an_upload_that_a_rule_names_stays(services: Services, account: int, authority: CertificateAuthority) -> None:
    """The refusal says how many and which; without the rule it goes, and is given back one last time."""
    made = uploads.add_upload(services, account, body(authority)).shown
    rule = rules.create_rule(services, account, as_json(rule_of(made.id))).document
    rule_id = msgspec.json.decode(rule["id"], type=str)
    assert [f"device posture rule {rule_id}"] == [
        item.service for item in uploads.list_associations(services, account, made.id)
    ]
    with pytest.raises(ConflictError) as caught:
        uploads.remove_upload(services, account, made.id)
    assert rule_id in caught.value.problem
    rules.remove_rule(services, account, rule_id)
    assert () == uploads.list_associations(services, account, made.id)
    assert made.id == uploads.remove_upload(services, account, made.id).id
    assert () == uploads.list_uploads(services, account)


def test_another_accounts_upload_is_not_there(
    services: Services, account: int, authority: CertificateAuthority
) -> None:
    """Not to get, not to remove, not to ask about, not to name in a rule."""
    create_account(services)
    with services.storage.reading() as records:
        other = max(item.number for item in records.accounts.all())
    made = uploads.add_upload(services, other, body(authority)).shown
    for verb in (uploads.find_upload, uploads.remove_upload, uploads.list_associations):
        with pytest.raises(NotFoundError):
            verb(services, account, made.id)
    with pytest.raises(InputError) as caught:
        rules.create_rule(services, account, as_json(rule_of(made.id)))
    assert "/input/certificate_id" == caught.value.field
    assert "names no uploaded certificate of this account" in caught.value.problem


def test_there_is_an_end_to_uploads(
    services: Services, account: int, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is not paged, so it is bounded."""
    monkeypatch.setattr(uploads, "MAXIMUM_UPLOADS", 1)
    uploads.add_upload(services, account, body(authority))
    with pytest.raises(ConflictError) as caught:
        uploads.add_upload(services, account, body(authority))
    assert "certificates" == caught.value.kind
