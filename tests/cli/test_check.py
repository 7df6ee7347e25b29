"""``gatepost check``: one check on this device, told to a person and to a script."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.certificates import DAY, NOW, CertificateAuthority, pem_block
from tests.cli.commands import gatepost, refused
from tests.stores import kych
from tests.stores.nss import add_pair, create_database

if TYPE_CHECKING:
    from pathlib import Path

    from tests.certificates import Issued

AUTHORITY = CertificateAuthority.create(cn="Example Root CA")
THEN = ("--now", NOW.isoformat())


class Device:
    """A folder with the authority's file, and PEM files as a test wants them."""

    def __init__(self, folder: Path) -> None:
        """Write the authority's file."""
        folder.chmod(0o700)
        self.folder = folder
        self.issuer = self.write("ca.pem", AUTHORITY.pem)
        self.pem = folder / "device.pem"

    def write(self, name: str, *blocks: bytes) -> Path:
        """Write a file."""
        path = self.folder / name
        path.write_bytes(b"".join(blocks))
        path.chmod(0o600)
        return path

    def install(self, *issued: Issued, key: bool = True) -> None:
        """Put certificates into the device's file, with their keys or without."""
        self.write("device.pem", *(item.pem + (item.key_pem() if key else b"") for item in issued))

    def words(self, *more: str | Path) -> list[str | Path]:
        """Give the words of a check of that file at NOW."""
        return ["check", "--issuer", self.issuer, "--path", self.pem, *THEN, *more]


@pytest.fixture
def device(tmp_path: Path) -> Device:
    """Give a device with the right certificate."""
    made = Device(tmp_path)
    made.install(AUTHORITY.issue(cn="laptop-1"))
    return made


# Answers.


def test_a_pass_is_0(device: Device) -> None:
    """For a person: the word, the certificate, where it lies."""
    outcome = gatepost(*device.words("--cn", "laptop-1", "--eku", "clientAuth", "--private-key"))
    assert (0, "") == (outcome.code, outcome.stderr)
    assert outcome.stdout.startswith("PASS  evidence: possession\n")
    assert str(device.pem) in outcome.stdout


def test_a_fail_is_1_and_says_what_was_expected_and_found(device: Device) -> None:
    """Each criterion that is not met."""
    outcome = gatepost(*device.words("--cn", "laptop-2", "--eku", "emailProtection"))
    assert (1, "") == (outcome.code, outcome.stderr)
    assert outcome.stdout.startswith("FAIL  common-name-mismatch, extended-key-usage-missing")
    assert "common-name-mismatch: expected laptop-2, found laptop-1" in outcome.stdout


def test_an_error_is_3(device: Device) -> None:
    """We could not look."""
    device.write("device.pem", b"no PEM at all")
    outcome = gatepost(*device.words())
    assert (3, "") == (outcome.code, outcome.stderr)
    assert outcome.stdout.startswith("ERROR  store-corrupt")


def test_a_missing_place_is_a_fail(device: Device) -> None:
    """We looked, and there is nothing."""
    device.pem.unlink()
    outcome = gatepost(*device.words())
    assert 1 == outcome.code
    assert outcome.stdout.startswith("FAIL  no-certificate-found")
    assert "store-missing" in outcome.stdout


def test_the_document_is_that_of_the_contract(device: Device) -> None:
    """The names that scripts rely on, on stdout alone."""
    right, wrong = AUTHORITY.issue(cn="laptop-1"), AUTHORITY.issue(cn="laptop-2", not_after=NOW - DAY)
    device.install(wrong, right)
    outcome = gatepost(*device.words("--cn", "laptop-1", "--format", "json"))
    document = outcome.document
    assert (0, "") == (outcome.code, outcome.stderr)
    assert ["status", "reasons", "evidence", "certificates", "faults"] == list(document)
    assert ("pass", [], "reported", []) == tuple(document[name] for name in ("status", "reasons", "evidence", "faults"))
    first, second = document["certificates"]
    assert {"location", "sha256", "subject", "issuer", "not_after", "reasons", "evidence"} == set(first)
    assert {"store": "file", "path": str(device.pem)} == first["location"]
    assert ("CN=laptop-1", "CN=Example Root CA", []) == (first["subject"], first["issuer"], first["reasons"])
    assert ["certificate-expired", "common-name-mismatch"] == second["reasons"]


def test_the_reasons_of_the_document_are_those_of_the_nearest(device: Device) -> None:
    """And the evidence is null where there is no certificate."""
    device.install(AUTHORITY.issue(cn="laptop-2"), AUTHORITY.issue(cn="laptop-3", eku=None))
    words = device.words("--cn", "laptop-1", "--eku", "clientAuth", "--format", "json")
    assert ["common-name-mismatch"] == gatepost(*words).document["reasons"]
    device.write("device.pem", CertificateAuthority.create(cn="Stranger").issue().pem)
    document = gatepost(*words).document
    assert (["not-issued-by-signing-certificate"], None) == (document["reasons"], document["evidence"])


def test_an_explanation_has_every_criterion_and_a_command(device: Device) -> None:
    """The met ones too, and how a person sees the same."""
    document = gatepost(*device.words("--cn", "laptop-1", "--explain", "--format", "json")).document
    (certificate,) = document["certificates"]
    assert {"issued by", "valid now", "common name"} == {item["criterion"] for item in certificate["criteria"]}
    assert all(item["met"] for item in certificate["criteria"])
    assert str(device.pem) in certificate["command"]
    assert 0 == document["other_certificates"]
    assert "met common name: laptop-1" in gatepost(*device.words("--cn", "laptop-1", "--explain")).stdout


def test_a_place_that_cannot_be_read_does_not_hide_another(device: Device) -> None:
    """The device passes, and the fault is told beside it."""
    broken = device.write("broken.pem", b"junk")
    document = gatepost(*device.words("--path", broken, "--format", "json")).document
    assert ("pass", "store-corrupt") == (document["status"], document["faults"][0]["reason"])


def test_what_this_release_does_not_read_is_an_error_and_never_a_silence(device: Device) -> None:
    """Tokens, users' stores, and a check for another system."""
    words = ["check", "--issuer", device.issuer, *THEN]
    assert 3 == gatepost(*words, "--path", "pkcs11:token=x").code
    rule = device.write(
        "rule.json", rule_of({"operating_system": "windows", "locations": {"trust_stores": ["system"]}})
    )
    outcome = gatepost(*words, "--rule", rule, "--format", "json")
    assert (3, ["not-applicable"]) == (outcome.code, outcome.document["reasons"])


def test_the_key_is_asked_to_sign(device: Device) -> None:
    """Present is not enough where possession is asked for; without it the reason says so."""
    device.install(AUTHORITY.issue(cn="laptop-1"), key=False)
    assert "private-key-missing" in gatepost(*device.words("--private-key")).stdout
    device.write("device.pem", AUTHORITY.issue().pem, AUTHORITY.issue().key_pem())
    assert "private-key-mismatch" in gatepost(*device.words("--private-key")).stdout


@pytest.mark.parametrize(("evidence", "code"), [("reported", 0), ("key_present", 0), ("possession", 0)])
def test_evidence_can_be_asked_for_by_its_level(device: Device, evidence: str, code: int) -> None:
    """Up to what a file can prove."""
    assert code == gatepost(*device.words("--evidence", evidence)).code


def test_the_instant_is_the_one_that_is_given(device: Device) -> None:
    """Any offset will do."""
    words = ["check", "--issuer", device.issuer, "--path", device.pem, "--now"]
    assert 0 == gatepost(*words, "2026-06-01T02:00:00+02:00").code
    assert 1 == gatepost(*words, (NOW + timedelta(days=4_000)).isoformat()).code
    assert "certificate-not-yet-valid" in gatepost(*words, (NOW - timedelta(days=60)).isoformat()).stdout


def test_facts_are_replaced_and_never_guessed(device: Device) -> None:
    """A fact that is given counts; an empty one is missing, which is an error."""
    words = device.words("--cn", "${serial_number}-${hostname}")
    device.install(AUTHORITY.issue(cn="S7-web"))
    assert 0 == gatepost(*words, "--device", "serial_number=S7", "--device", "hostname=web").code
    outcome = gatepost(*words, "--device", "serial_number=", "--device", "hostname=web", "--format", "json")
    assert (3, ["device-fact-missing"]) == (outcome.code, outcome.document["reasons"][:1])
    assert "serial_number" in outcome.document["detail"]


def test_names_may_be_of_every_kind(device: Device) -> None:
    """With their prefixes, and one that is met is enough."""
    from tests.certificates import dns, email, ip, uri  # noqa: PLC0415 - used in this one test

    sans = [dns("a.example"), email("a@b.example"), uri("https://c.example"), ip("192.0.2.1")]
    device.install(AUTHORITY.issue(sans=sans))
    for name in ("dns:A.example", "email:a@b.example", "uri:https://c.example", "ip:192.0.2.1", "a.example"):
        assert 0 == gatepost(*device.words("--san", "dns:x", "--san", name)).code, name
    assert 1 == gatepost(*device.words("--san", "email:a.example")).code


def test_an_nss_database_stands_for_the_systems_store(device: Device) -> None:
    """With certificate and key, put there by NSS's own tools."""
    folder = create_database(device.folder / "nssdb")
    add_pair(folder, AUTHORITY.issue(cn="laptop-1"), "laptop")
    words = ["check", "--issuer", device.issuer, "--nssdb", folder, *THEN, "--format", "json"]
    document = gatepost(*words, "--cn", "laptop-1", "--evidence", "key_present").document
    assert "pass" == document["status"]
    assert ("nssdb", "laptop") == tuple(document["certificates"][0]["location"][name] for name in ("store", "label"))


@pytest.mark.parametrize("as_rule", [False, True])
def test_a_listed_policy_raises_a_proof_to_hardware_and_nothing_else_does(device: Device, *, as_rule: bool) -> None:
    """By flags and beside a rule."""
    policy, other = "1.3.6.1.4.1.55555.7", "1.3.6.1.4.1.55555.8"
    device.install(AUTHORITY.issue(cn="laptop-1", policies=[policy]))
    rule = device.write("rule.json", rule_of({"check_private_key": True, "locations": {"paths": [str(device.pem)]}}))
    words = ["check", "--issuer", device.issuer, *THEN, "--format", "json", "--evidence", "hardware"]
    words += ["--rule", rule] if as_rule else ["--path", device.pem, "--private-key"]
    answers = [gatepost(*words, "--hardware-policy", asked).document for asked in (policy, other)]
    assert [("pass", "hardware", []), ("fail", "possession", ["evidence-too-weak"])] == [
        (item["status"], item["evidence"], item["reasons"]) for item in answers
    ]


def write_keychain(device: Device, *issued: Issued) -> Path:
    """Write a keychain with certificates and their keys."""
    certificates = kych.table(kych.CERTIFICATES, [kych.certificate(item.der, "laptop") for item in issued])
    keys = kych.table(kych.PRIVATE_KEYS, [kych.private_key(item.der) for item in issued])
    return device.write("test.keychain", kych.keychain(kych.schema(), certificates, keys))


def test_a_keychain_is_looked_into_on_any_system(device: Device) -> None:
    """It makes the check one for macOS, where a key is seen and does not sign; and names the command to see it by."""
    keychain = write_keychain(device, AUTHORITY.issue(cn="laptop-1"))
    words = ["check", "--issuer", device.issuer, "--keychain", keychain, *THEN, "--format", "json"]
    document = gatepost(*words, "--cn", "laptop-1", "--private-key", "--explain").document
    assert ("pass", "key_present") == (document["status"], document["evidence"])
    (found,) = document["certificates"]
    assert {"store": "keychain", "path": str(keychain), "label": "laptop"} == found["location"]
    assert f"security find-certificate -a -c laptop -Z -p {keychain}" == found["command"]


def test_a_keychain_goes_with_a_rule_for_macs_alone(device: Device) -> None:
    """And with the paths of a rule."""
    keychain = write_keychain(device, AUTHORITY.issue(cn="laptop-1"))
    rule = {"name": "Draft", "type": "client_certificate_v2", "input": {"certificate_id": "any", "cn": "laptop-1"}}
    outcomes = []
    for system in ("mac", "linux"):
        rule["input"] = {**rule["input"], "operating_system": system, "check_private_key": True}  # type: ignore[dict-item]  # JSON.
        file = device.write("rule.json", json.dumps(rule).encode())
        words = ["check", "--issuer", device.issuer, "--rule", file, "--keychain", keychain, *THEN, "--format", "json"]
        outcomes.append(gatepost(*words).document)
    assert [("pass", []), ("error", ["not-applicable"])] == [(item["status"], item["reasons"]) for item in outcomes]


def test_a_keychain_and_a_database_are_of_two_systems(device: Device) -> None:
    """And a level that no keychain can reach is refused, as where a check is saved."""
    words = refused("check", "--issuer", device.issuer, "--keychain", "/a", "--nssdb", "/b")
    assert "--keychain cannot go with --nssdb" in words
    words = refused("check", "--issuer", device.issuer, "--keychain", "/a", "--evidence", "possession")
    assert "--evidence possession cannot be reached on mac yet" in words


def test_a_name_that_is_no_utf8_is_shown_with_escapes(device: Device) -> None:
    """In both forms, and without a control character for the terminal."""
    odd = f"{device.folder}/\udcff\x1b[31m.pem"
    words = ["check", "--issuer", device.issuer, "--path", odd]
    text, document = gatepost(*words), gatepost(*words, "--format", "json").document
    assert 1 == text.code
    assert "\x1b[31m" not in text.stdout.replace("\x1b[31m\x1b[1mFAIL", "")
    assert "\\udcff" in text.stdout
    assert "\\udcff" in document["faults"][0]["location"]["path"]


# A rule from a file.


def rule_of(changes: dict[str, Any] | None = None, **fields: Any) -> bytes:  # noqa: ANN401 - JSON of any kind.
    """Write a rule as the API takes it."""
    given = {"certificate_id": "x", "cn": "laptop-1", "check_private_key": True, "operating_system": "linux"}
    rule = {
        "name": "laptops",
        "type": "client_certificate_v2",
        "match": [{"platform": "linux"}],
        "input": given | (changes or {}),
    }
    return json.dumps(rule | fields).encode()


def test_a_rule_is_asked_as_the_server_asks_it(device: Device) -> None:
    """The same document that the API takes, with its locations; --evidence stands for the option."""
    rule = device.write("rule.json", rule_of({"locations": {"paths": [str(device.pem)]}}))
    words = ["check", "--issuer", device.issuer, "--rule", rule, *THEN, "--format", "json"]
    document = gatepost(*words).document
    assert ("pass", "possession") == (document["status"], document["evidence"])
    device.install(AUTHORITY.issue(cn="laptop-1"), key=False)
    assert ["private-key-missing"] == gatepost(*words).document["reasons"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (b"", "empty"),
        (b"{", "not JSON"),
        (b'{"name":"\xff"}', "UTF-8"),
        (b"[]", "expected an object"),
        (b"[" * 5_000, "expected an object"),
        (b"x" * 300_000, "larger than"),
        (rule_of(type="client_certificate_v3"), "did you mean client_certificate_v"),
        (rule_of(type="file"), "/type"),
        (rule_of({"cn": "${serial}"}), "${serial_number}"),
        (rule_of({"cn": "${serial_number"}), "unclosed"),
        (rule_of({"operating_system": "beos"}), "/input/operating_system"),
        (rule_of({"check_private_key": "yes"}), "/input/check_private_key"),
        (rule_of({"extended_key_usage": ["clientauth"]}), "did you mean clientAuth"),
        (rule_of({"locations": {"paths": ["relative.pem"]}}), "/input/locations/paths"),
        (rule_of({"locations": {"paths": ["/x"] * 17}}), "/input/locations/paths"),
        (rule_of(schedule="soon"), "/schedule"),
    ],
    ids=lambda value: value if isinstance(value, str) else "rule",
)
def test_a_rule_that_is_wrong_is_refused_at_its_field(device: Device, rule: bytes, words: str) -> None:
    """The file is named, and the place in it."""
    path = device.write("rule.json", rule)
    said = refused("check", "--issuer", device.issuer, "--rule", path)
    assert "--rule" in said
    assert str(path) in said
    assert words in said


@pytest.mark.parametrize(
    "flags",
    [
        ("--cn", "x"),
        ("--san", "x"),
        ("--eku", "clientAuth"),
        ("--private-key",),
        ("--store", "system"),
        ("--path", "/x"),
    ],
)
def test_a_rule_goes_with_no_flag_that_would_contradict_it(device: Device, flags: tuple[str, ...]) -> None:
    """Which of the two counts would be anybody's guess."""
    path = device.write("rule.json", rule_of())
    assert flags[0] in refused("check", "--issuer", device.issuer, "--rule", path, *flags)


def test_a_rule_that_cannot_be_read_is_refused(device: Device) -> None:
    """Missing, or a folder."""
    for path in (device.folder / "missing.json", device.folder):
        assert f"--rule cannot be read: {path}" in refused("check", "--issuer", device.issuer, "--rule", path)


# Bad input.


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--store", "systm"), "Did you mean 'system'?"),
        (("--eku", "clientauth"), "Did you mean 'clientAuth'?"),
        (("--evidence", "posession"), "Did you mean 'possession'?"),
        (("--format", "xml"), "'text', 'json'"),
        (("--now", "yesterday"), "--now is not an instant"),
        (("--now", "2026-06-01"), "--now is not an instant"),
        (("--now", "2026-06-01T12:00:00"), "--now is not an instant"),
        (("--device", "hostname"), "--device is not a fact"),
        (("--device", "shoe_size=44"), "serial_number, hostname, device_uuid"),
        (("--cn", "${serial}"), "${serial_number}"),
        (("--cn", "${hostname"), "--cn has an unclosed"),
        (("--san", "dns:"), "--san is empty"),
        (("--san", "dns:${x}"), "--san has the unknown variable"),
        (("--path", "relative.pem"), "--path is not absolute"),
        (("--path", ""), "--path is not absolute"),
        (("--hardware-policy", "1.x"), "--hardware-policy is '1.x': a dotted object identifier"),
        (
            ("--evidence", "hardware"),
            "--hardware-policy is empty, so that no certificate reaches the evidence hardware",
        ),
        (("--path", "pkcs11:token=a?pin-value=1"), "--path has a PIN in it"),
        (("--path", "/x") * 17, "--path has 1"),
        (("--san", "x") * 65, "--san has 65 names"),
        (("--config", "/nowhere"), "/nowhere"),
        (("extra",), "extra"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_a_wrong_flag_is_named_with_what_is_allowed(device: Device, flags: tuple[str, ...], words: str) -> None:
    """Exit code 2, nothing on stdout."""
    assert words in refused(*device.words(*flags))


def test_an_issuer_is_required() -> None:
    """There is nothing to check without one."""
    assert "--issuer" in refused("check")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no certificate"),
        (b"junk", "holds no certificate"),
        (AUTHORITY.issued.key_pem(), "holds no certificate"),
        (AUTHORITY.der, "holds no certificate"),
        (pem_block("CERTIFICATE", b"junk"), "cannot be read"),
        (pem_block("CERTIFICATE", AUTHORITY.der[:-1]), "cannot be read"),
        (AUTHORITY.issue(cn="laptop-1").pem, "CN=laptop-1, which cannot issue certificates"),
        (AUTHORITY.pem + AUTHORITY.issue(cn="laptop-1").pem, "CN=laptop-1, which cannot issue certificates"),
        (b"x" * 300_000, "larger than"),
    ],
    ids=["empty", "junk", "key", "DER", "broken", "cut", "leaf", "bundle", "large"],
)
def test_an_issuer_that_is_none_is_refused(device: Device, content: bytes, words: str) -> None:
    """With the file's name, and what would be right."""
    path = device.write("issuer.pem", content)
    said = refused("check", "--issuer", path, "--path", device.pem)
    assert "--issuer" in said
    assert words in said


def test_an_issuer_that_cannot_be_read_is_refused(device: Device) -> None:
    """Missing, or a folder."""
    for path in (device.folder / "missing.pem", device.folder):
        assert f"--issuer cannot be read: {path}" in refused("check", "--issuer", path)
