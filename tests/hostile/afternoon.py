"""A hostile afternoon: malformed certificates through the upload, and generated requests to every route.

Whatever comes in, the answer is one of the API's own: never a status of 500 or above, always the envelope.
"""

from __future__ import annotations

import base64
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import httpx2
import hypothesis
from schemathesis import GenerationMode

from tests.corpus.files import subjects
from tests.web.test_openapi_contract import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import schemathesis

    from tests.running import Running

_ENVELOPE: Final = {"success", "errors", "messages", "result"}
_ERROR: Final = 500


def uploads(every: int) -> Iterator[dict[str, Any]]:
    """Give bodies of uploads from each ``every``-th subject of the corpus: whole, cut short, with a bit turned, and raw."""
    for number, subject in enumerate(subjects()[::every]):
        der = subject.der[:60_000]
        place = (7 * number) % max(len(der), 1)
        turned = der[:place] + bytes([der[place] ^ 1 << number % 8]) + der[place + 1 :] if der else b"\0"
        for content in (der, der[: 1 + place], turned, der + der):
            yield {"ca": number % 2 == 0, "certificates": _pem(content)}
        yield {"ca": True, "certificates": base64.b64encode(der).decode()}
        yield {"ca": True, "certificates": der.decode("latin-1"), "name": subject.name, "private_key": _pem(der)}


def _pem(der: bytes) -> str:
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


def send_uploads(server: Running, bodies: Iterable[dict[str, Any]]) -> Counter[int]:
    """Send uploads and count the answers by status; what was taken is deleted again. Fails at an answer that is none."""
    statuses: Counter[int] = Counter()
    base = f"{server.base_url}/accounts/{server.account.account_id}/mtls_certificates"
    with httpx2.Client(headers={"Authorization": f"Bearer {server.account.token}"}, timeout=60) as client:
        for body in bodies:
            answer = client.post(base, json=body)
            statuses[answer.status_code] += 1
            assert answer.status_code < _ERROR, body
            assert set(answer.json()) == _ENVELOPE, body
            if answer.is_success:
                assert client.delete(f"{base}/{answer.json()['result']['id']}").is_success
    return statuses


def send_generated(server: Running, examples: int, *, every: int = 1) -> Counter[int]:
    """Send so many requests of each kind to each ``every``-th operation, and count the answers by status."""
    statuses: Counter[int] = Counter()
    headers = {"Authorization": f"Bearer {server.account.token}"}
    for operation in OPERATIONS[::every]:
        for mode in GenerationMode:

            @hypothesis.settings(
                max_examples=examples,
                deadline=None,
                database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
            def answers(case: schemathesis.Case[Any]) -> None:
                case.path_parameters["account_id"] = server.account.account_id
                answer = case.call(base_url=f"http://127.0.0.1:{server.port}", headers=headers)
                statuses[answer.status_code] += 1
                assert answer.status_code < _ERROR, case.as_curl_command()

            answers()
    return statuses
