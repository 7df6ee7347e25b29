"""A stored rule and its upload become the check that is evaluated."""

from __future__ import annotations

import pytest

from gatepost.controlplane.checks import compile_check, parse_options
from gatepost.controlplane.ports import StoredCheck, UploadedCertificate
from gatepost.core.check import Evidence
from gatepost.errors import InputError
from gatepost.wire.management.check_options import CheckOptions
from tests.certificates import CertificateAuthority
from tests.services import as_json, rule_of


def upload(certificates: str) -> UploadedCertificate:
    """Give an upload."""
    return UploadedCertificate(id="c", account=1, name=None, certificates=certificates, ca=True, uploaded_at=0)


def stored(document: object, options: bytes = b"") -> StoredCheck:
    """Give a stored rule."""
    return StoredCheck(
        number=1,
        id="r",
        account=1,
        type="client_certificate_v2",
        document=as_json(document),
        options=options,
        version=7,
        created_at=0,
        updated_at=0,
        certificate_id="c",
    )


def test_every_certificate_of_the_upload_may_have_issued() -> None:
    """In the order of the upload."""
    old, new = CertificateAuthority.create(cn="old"), CertificateAuthority.create(cn="new")
    check = compile_check(stored(rule_of("c")), upload((old.pem + new.pem).decode()))
    assert [old.der, new.der] == [item.der for item in check.authorities]
    assert ("r", 7, 660) == (check.id, check.version, check.expiration)


def test_the_options_decide_what_is_asked() -> None:
    """Beside the rule."""
    root = upload(CertificateAuthority.create().pem.decode())
    options = b'{"evidence":"hardware","hardware_policies":["1.2.3"]}'
    check = compile_check(stored(rule_of("c"), options), root)
    assert (Evidence.HARDWARE, ("1.2.3",)) == (check.evidence, check.hardware_policies)


def test_results_that_never_end_by_themselves_are_a_setting() -> None:
    """The certificates' ends still count."""
    root = upload(CertificateAuthority.create().pem.decode())
    assert compile_check(stored(rule_of("c")), root, results_expire=False).expiration is None


def test_a_rule_that_is_not_evaluated_is_no_check() -> None:
    """The caller passes it over."""
    with pytest.raises(InputError):
        compile_check(stored({"name": "x", "type": "file"}), upload(CertificateAuthority.create().pem.decode()))


def test_no_options_are_the_default_ones() -> None:
    """A rule has none at first."""
    assert CheckOptions() == parse_options(b"") == parse_options(b"{}")
