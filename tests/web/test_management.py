"""The routes of the reference, over HTTP: whole lives of uploads and rules, and each bad input with its pointer."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from gatepost.wire.management.codes import Code
from tests.certificates import CertificateAuthority, pem_block
from tests.services import rule_of

if TYPE_CHECKING:
    from tests.web.conftest import Api

ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    """Give a root."""
    return CertificateAuthority.create()


@pytest.fixture
async def certificate_id(api: Api, authority: CertificateAuthority) -> str:
    """Upload the root and give its id."""
    answer = await api("POST", "/mtls_certificates", json={"ca": True, "certificates": authority.pem.decode()})
    found: str = answer.json()["result"]["id"]
    return found


async def test_an_upload_lives_and_dies(api: Api, authority: CertificateAuthority) -> None:
    """Made, listed, got, and deleted: the answer to that is what it was."""
    body = {"ca": True, "certificates": authority.pem.decode(), "name": "root"}
    made = (await api("POST", "/mtls_certificates", json=body)).json()["result"]
    assert body == {name: made[name] for name in body}
    updated = made.pop("updated_at")
    assert updated == made["uploaded_on"]
    path = f"/mtls_certificates/{made['id']}"
    listed = (await api("GET", "/mtls_certificates")).json()
    assert [made] == listed["result"]
    assert {"count": 1, "page": 1, "per_page": 1, "total_count": 1, "total_pages": 1} == listed["result_info"]
    assert made == (await api("GET", path)).json()["result"]
    assert [] == (await api("GET", path + "/associations")).json()["result"]
    assert made == (await api("DELETE", path)).json()["result"]
    assert 404 == (await api("GET", path)).status_code


async def test_a_rule_lives_and_dies(api: Api, certificate_id: str) -> None:
    """Created, listed, got, replaced and deleted; each time it is what was written."""
    written = rule_of(certificate_id, cn="${serial_number}", locations={"paths": ["/b", "/a"]})
    made = (await api("POST", "/devices/posture", json=written)).json()
    path = f"/devices/posture/{made['result']['id']}"
    assert {"id": made["result"]["id"], **written} == made["result"]
    assert [made["result"]] == (await api("GET", "/devices/posture")).json()["result"]
    other = rule_of(certificate_id) | {"name": "other", "schedule": "1h"}
    assert {"id": made["result"]["id"], **other} == (await api("PUT", path, json=other)).json()["result"]
    assert {"id": made["result"]["id"], **other} == (await api("GET", path)).json()["result"]
    assert {"id": made["result"]["id"]} == (await api("DELETE", path)).json()["result"]
    assert [] == (await api("GET", "/devices/posture")).json()["result"]


async def test_there_are_no_integrations(api: Api) -> None:
    """Another resource in the same place, and no rule of that name."""
    assert [] == (await api("GET", "/devices/posture/integration")).json()["result"]


async def test_an_upload_in_use_is_a_conflict_that_is_not_to_be_tried_again(api: Api, certificate_id: str) -> None:
    """The SDKs would repeat a 409 twice."""
    assert 200 == (await api("POST", "/devices/posture", json=rule_of(certificate_id))).status_code
    answer = await api("DELETE", f"/mtls_certificates/{certificate_id}")
    assert (409, "false") == (answer.status_code, answer.headers["x-should-retry"])
    assert Code.CERTIFICATE_IN_USE == answer.json()["errors"][0]["code"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/mtls_certificates/{}"),
        ("DELETE", "/mtls_certificates/{}"),
        ("GET", "/mtls_certificates/{}/associations"),
        ("GET", "/devices/posture/{}"),
        ("PUT", "/devices/posture/{}"),
        ("DELETE", "/devices/posture/{}"),
    ],
)
async def test_what_is_not_there_is_named(api: Api, method: str, path: str) -> None:
    """By its kind and its id."""
    answer = await api(method, path.format(ABSENT), json={"name": "x", "type": "file"})
    assert (404, Code.NOT_FOUND) == (answer.status_code, answer.json()["errors"][0]["code"])
    assert ABSENT in answer.json()["errors"][0]["message"]


BAD_RULES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "/name", "is missing"),
    ({"name": "x"}, "/type", "is missing"),
    ({"name": 1, "type": "file"}, "/name", "expected a text"),
    ({"name": "x", "type": "client_certificat_v2"}, "/type", "did you mean client_certificate_v2?"),
    ({"name": "x", "type": "file", "match": [{"platform": "Linux"}]}, "/match/0/platform", "did you mean linux?"),
    ({"name": "x", "type": "client_certificate_v2", "input": {}}, "/input/certificate_id", "is missing"),
    (rule_of(ABSENT), "/input/certificate_id", "names no uploaded certificate"),
    (rule_of("ID") | {"schedule": "30s"}, "/schedule", "at least 1m"),
    (rule_of("ID") | {"schedule": "5 minutes"}, "/schedule", "such as 5m"),
    (rule_of("ID") | {"expiration": "1d"}, "/expiration", "such as 5m"),
    (rule_of("ID") | {"match": [{"platform": "android"}]}, "/match/0/platform", "no agent"),
    (rule_of("ID", operating_system="chromeos"), "/input/operating_system", "no agent"),
    (rule_of("ID", operating_system="lunix"), "/input/operating_system", "did you mean linux?"),
    (rule_of("ID", check_private_key="yes"), "/input/check_private_key", "expected true or false"),
    (rule_of("ID", check_private_key=0), "/input/check_private_key", "expected true or false"),
    (rule_of("ID", cn="${serialnumber}"), "/input/cn", "allowed are ${serial_number}"),
    (rule_of("ID", cn="${serial_number"), "/input/cn", "unclosed"),
    (rule_of("ID", extended_key_usage=["clientauth"]), "/input/extended_key_usage/0", "did you mean clientAuth?"),
    (rule_of("ID", subject_alternative_names=[""]), "/input/subject_alternative_names/0", "is empty"),
    (rule_of("ID", locations={"paths": ["etc/x.pem"]}), "/input/locations/paths/0", "no absolute path"),
    (rule_of("ID", locations={"paths": ["/x"] * 17}), "/input/locations/paths", "16"),
    (rule_of("ID", locations={"trust_stores": ["machine"]}), "/input/locations/trust_stores/0", "system, user"),
    (rule_of("ID", common_name="x"), "/input/common_name", "is not a field here"),
]


@pytest.mark.parametrize(("document", "pointer", "words"), BAD_RULES)
async def test_a_bad_rule_is_refused_with_its_pointer(
    api: Api, certificate_id: str, document: dict[str, Any], pointer: str, words: str
) -> None:
    """On create and on replace, and nothing is left behind."""
    kept = (await api("POST", "/devices/posture", json=rule_of(certificate_id))).json()["result"]
    if document.get("input", {}).get("certificate_id") == "ID":
        document = document | {"input": document["input"] | {"certificate_id": certificate_id}}
    for method, path in (("POST", "/devices/posture"), ("PUT", f"/devices/posture/{kept['id']}")):
        answer = await api(method, path, json=document)
        error = answer.json()["errors"][0]
        assert (400, Code.FIELD_INVALID, {"pointer": pointer}) == (answer.status_code, error["code"], error["source"])
        assert words in error["message"]
        assert {"success", "errors", "messages", "result"} == set(answer.json())
    assert [kept] == (await api("GET", "/devices/posture")).json()["result"]


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({"certificates": "x"}, "/ca", "is missing"),
        ({"ca": True}, "/certificates", "is missing"),
        ({"ca": "true", "certificates": "x"}, "/ca", "expected true or false"),
        ({"ca": True, "certificates": "x"}, "/certificates", "no PEM certificate"),
        ({"ca": True, "certificates": ["x"]}, "/certificates", "expected a text"),
        ({"ca": True, "certificates": "LEAF"}, "/certificates", "not a certificate authority's"),
        ({"ca": True, "certificates": "KEY"}, "/certificates", "holds a private key"),
        ({"ca": True, "certificates": "ROOT", "private_key": "KEY"}, "/private_key", "is not the key"),
        ({"ca": True, "certificates": "ROOT", "private_key": "x"}, "/private_key", "is no private key"),
        ({"ca": True, "certificates": "ROOT", "name": "a\x00b"}, "/name", "is not allowed"),
    ],
)
async def test_a_bad_upload_is_refused_with_its_pointer(
    api: Api, authority: CertificateAuthority, body: dict[str, Any], pointer: str, words: str
) -> None:
    """And nothing is kept, nor any of it repeated."""
    leaf = authority.issue()
    texts = {"LEAF": leaf.pem, "KEY": leaf.key_pem(), "ROOT": authority.pem}
    filled = {
        name: texts[value].decode() if value in ("LEAF", "KEY", "ROOT") else value for name, value in body.items()
    }
    answer = await api("POST", "/mtls_certificates", json=filled)
    error = answer.json()["errors"][0]
    assert (400, {"pointer": pointer}) == (answer.status_code, error["source"])
    assert words in error["message"]
    assert leaf.key_pem().decode().splitlines()[1] not in answer.text
    assert [] == (await api("GET", "/mtls_certificates")).json()["result"]


async def test_an_upload_may_be_as_large_as_256_kib(api: Api, authority: CertificateAuthority) -> None:
    """One byte more is refused before it is looked at, and without a credential too."""
    text = authority.pem.decode()
    empty = len(b'{"ca":true,"certificates":""}')
    for size, status in ((256 * 1024, 200), (256 * 1024 + 1, 413)):
        padding = "#" * (size - empty - len(text.replace("\n", "\\n")) - 2) + "\n"
        content = f'{{"ca":true,"certificates":"{padding}{text}"}}'.replace("\n", "\\n").encode()
        assert size == len(content)
        assert status == (await api("POST", "/mtls_certificates", content=content)).status_code
    unknown = await api("POST", "/mtls_certificates", content=b" " * (256 * 1024 + 1), headers={"Authorization": ""})
    assert 413 == unknown.status_code


async def test_a_chain_on_one_line_comes_back_as_it_was_sent(api: Api, authority: CertificateAuthority) -> None:
    """Its object shows the first certificate."""
    other = CertificateAuthority.create(cn="Other")
    text = base64.b64encode(other.pem + authority.pem).decode()
    made = (await api("POST", "/mtls_certificates", json={"ca": True, "certificates": text})).json()["result"]
    assert (text, "CN=Other") == (made["certificates"], made["issuer"])
    assert str(other.certificate.serial_number) == made["serial_number"]


HOSTILE = {
    "nothing": b"",
    "no json": b"hello",
    "cut off": b'{"name":"x","type":"fi',
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "invalid utf-8": b'{"name":"\xff\xfe","type":"file"}',
    "invalid utf-8 in what is not known": b'{"name":"x","type":"file","z":"\xc0\x80"}',
    "lone surrogate": b'{"name":"\\ud800","type":"file"}',
    "lone surrogate in what is not known": b'{"name":"x","type":"file","z":"\\udc00"}',
    "not a number": b'{"name":"x","type":"file","z":NaN}',
    "infinity": b'{"name":"x","type":"file","z":-Infinity}',
    "too large a number": b'{"name":"x","type":"file","z":1e999}',
    "deep": b'{"name":"x","type":"file","input":{"z":' + b"[" * 30_000 + b"]" * 30_000 + b"}}",
    "deep in what is not known": b'{"name":"x","type":"file","z":' + b'{"a":' * 10_000,
    "a byte order mark": b'\xef\xbb\xbf{"name":"x","type":"file"}',
    "utf-16": '{"name":"x","type":"file"}'.encode("utf-16"),
    "nul": b'{"name":"x","type":"file"}\x00',
    "two documents": b'{"name":"x","type":"file"}{"name":"x","type":"file"}',
    "a comment": b'{"name":"x",/* */"type":"file"}',
    "a form": b"name=x&type=file",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_body_is_the_clients_fault(api: Api, content: bytes) -> None:
    """Refused in the envelope, and the server goes on."""
    for method, path in (("POST", "/devices/posture"), ("PUT", f"/devices/posture/{ABSENT}")):
        answer = await api(method, path, content=content, headers={"Content-Type": "application/json"})
        assert 400 == answer.status_code
        assert answer.json()["errors"][0]["code"] in {Code.BODY_UNREADABLE, Code.FIELD_INVALID}
    assert [] == (await api("GET", "/devices/posture")).json()["result"]


@pytest.mark.parametrize(
    "content",
    [
        b'{"name":"x","type":"file","input":{' + b",".join(b'"%d":0' % i for i in range(1_000_000)) + b"}}",
        b'{"name":"x","type":"file","z":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"name":"' + b"x" * 1_000_000 + b'","type":"file"}',
    ],
    ids=["a million keys", "a hundred thousand levels", "a long text"],
)
async def test_a_body_beyond_its_limit_is_not_even_parsed(api: Api, content: bytes) -> None:
    """413, whatever is in it."""
    assert 413 == (await api("POST", "/devices/posture", content=content)).status_code


async def test_of_equal_keys_the_last_counts(api: Api) -> None:
    """Both in what is checked and in what is kept."""
    made = await api("POST", "/devices/posture", content=b'{"name":"a","type":"tanium","type":"file","name":"b"}')
    assert ("b", "file") == (made.json()["result"]["name"], made.json()["result"]["type"])


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "text/plain", ""])
async def test_a_body_is_json_whatever_it_is_called(api: Api, kind: str) -> None:
    """A person with curl need not name it."""
    answer = await api(
        "POST", "/devices/posture", content=b'{"name":"x","type":"file"}', headers={"Content-Type": kind}
    )
    assert 200 == answer.status_code


async def test_a_private_key_beside_its_certificate_is_never_shown_again(
    api: Api, authority: CertificateAuthority
) -> None:
    """Neither by the answer nor by any later one."""
    key = authority.issued.key_pem().decode()
    body = {"ca": True, "certificates": authority.pem.decode(), "private_key": key}
    answer = await api("POST", "/mtls_certificates", json=body)
    assert [Code.PRIVATE_KEY_DISCARDED] == [item["code"] for item in answer.json()["messages"]]
    listed = await api("GET", "/mtls_certificates")
    assert all("private_key" not in item for item in (answer.json()["result"], *listed.json()["result"]))
    assert key.splitlines()[1] not in answer.text + listed.text


async def test_a_key_in_the_certificates_field_is_not_logged(
    api: Api, authority: CertificateAuthority, capfd: pytest.CaptureFixture[str]
) -> None:
    """Refusals are no news for the log."""
    key = pem_block("PRIVATE KEY", authority.issued.key_der()).decode()
    assert 400 == (await api("POST", "/mtls_certificates", json={"ca": True, "certificates": key})).status_code
    assert key.splitlines()[1] not in "".join(capfd.readouterr())
