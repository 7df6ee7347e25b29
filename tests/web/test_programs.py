"""Programs that are known by their device's token: what a proof is for, and everything for which it is not."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from gatepost.controlplane.access.sealing import Session, derive_secret, seal
from gatepost.errors import InputError, ReportRefusedError, StorageError
from gatepost.wire import jws
from gatepost.wire.device_token import Proof, TokenRequest, hash_token, read_proof, sign_proof
from tests.web.door import HOST, fingerprint, proved

if TYPE_CHECKING:
    from tests.controlplane.house import Member
    from tests.web.door import Door


@pytest.fixture
def managed(door: Door, laptop: Member) -> Member:
    """Give a device that passes."""
    proved(door.house, laptop)
    return laptop


def issue(member: Member, **changes: Any) -> str:  # noqa: ANN401 - the fields of a document.
    """Ask for a token as the agent does."""
    request = member.sign(jws.Kind.TOKEN, TokenRequest(**({"aud": member.audience} | changes)))
    return member.house.posture.issue_token(request).token


class Program:
    """A program beside an agent, whose every proof has a name of its own."""

    def __init__(self, door: Door, member: Member) -> None:
        """Get a token."""
        self.door = door
        self.member = member
        self.token = issue(member)
        self._made = 0

    def proof(self, **changes: Any) -> str:  # noqa: ANN401 - the fields of a document.
        """Make a proof for one request; ``changes`` make another of it."""
        self._made += 1
        fields: dict[str, Any] = {
            "jti": f"{self._made:032x}",
            "htm": "GET",
            "htu": f"https://{HOST}/api",
            "iat": self.door.house.clock() // 1000,
            "ath": hash_token(self.token),
        }
        return sign_proof(Proof(**(fields | changes)), self.member.key, self.member.point)

    async def ask(self, proof: str, **told: str | None) -> tuple[int, str]:
        """Ask with it; give the status and the binding, or the reasons."""
        asked = self.door.headers(**({"target": "/api?x=1", "method": "GET"} | told))
        headers = {"Gatepost-Token": self.token, "Gatepost-DPoP": proof} | asked
        answer = await self.door.client.get("/access/v1/decide", headers=headers)
        return answer.status_code, answer.headers.get(
            "x-gatepost-binding", answer.headers.get("x-gatepost-reasons", "")
        )


REFUSED = (403, "device-not-identified")


@pytest.fixture
def program(door: Door, managed: Member) -> Program:
    """Give a program on a device that passes."""
    return Program(door, managed)


async def test_a_program_is_let_in_once_for_each_proof(program: Program) -> None:
    """By the binding that the log names."""
    proof = program.proof()
    assert (204, "token") == await program.ask(proof)
    assert REFUSED == await program.ask(proof)
    assert (204, "token") == await program.ask(program.proof())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"htm": "POST"}, id="another method"),
        pytest.param({"htu": f"https://{HOST}/other"}, id="another path"),
        pytest.param({"htu": f"http://{HOST}/api"}, id="another scheme"),
        pytest.param({"htu": "https://other.example.com/api"}, id="another host"),
        pytest.param({"htu": f"https://{HOST}/api?x=1"}, id="with a query"),
        pytest.param({"ath": hash_token("another")}, id="another token"),
    ],
)
async def test_a_proof_is_for_one_request(program: Program, changes: dict[str, Any]) -> None:
    """For no other, whoever has it."""
    assert REFUSED == await program.ask(program.proof(**changes))


@pytest.mark.parametrize(("seconds", "counts"), [(-61, False), (-60, True), (60, True), (61, False)])
async def test_a_proof_counts_for_a_minute(program: Program, seconds: int, *, counts: bool) -> None:
    """The clocks may be apart by as much."""
    now = program.door.house.clock() // 1000
    assert ((204, "token") if counts else REFUSED) == await program.ask(program.proof(iat=now + seconds))


async def test_a_token_counts_for_five_minutes(program: Program) -> None:
    """To the millisecond."""
    clock = program.door.house.clock
    clock.time += 299_999
    proved(program.door.house, program.member)
    assert (204, "token") == await program.ask(program.proof())
    clock.time += 1
    assert REFUSED == await program.ask(program.proof())


async def test_a_token_is_of_no_use_with_another_key(program: Program) -> None:
    """Nor is it without any proof, or with something else."""
    thief = ec.generate_private_key(ec.SECP256R1())
    point = jws.from_jwk(msgspec.convert(_public(thief), jws.JsonWebKey), "jwk")
    now = program.door.house.clock() // 1000
    fields: dict[str, Any] = {
        "jti": "0" * 32,
        "htm": "GET",
        "htu": f"https://{HOST}/api",
        "iat": now,
        "ath": hash_token(program.token),
    }
    honest = program.proof()
    assert REFUSED == await program.ask(sign_proof(Proof(**fields), thief, point))
    for proof in ("", "a.b.c", honest[:-8] + "AAAAAAAA", "x" * 9_000):
        assert REFUSED == await program.ask(proof)
    assert (204, "token") == await program.ask(honest)


def _public(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    x, y = (base64.urlsafe_b64encode(part.to_bytes(32, "big")).rstrip(b"=").decode() for part in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


async def test_nothing_else_that_is_sealed_is_a_token(door: Door, program: Program) -> None:
    """A session is none, and a token is no session."""
    with door.house.storage.reading() as records:
        secret = derive_secret(records.secrets.get(door.house.account, "nonce-secret") or b"")
    session = Session(app_id=door.app["id"], registration_id=program.member.registration.id, ends_at=2**60)
    token, program.token = program.token, seal(secret, session)
    assert REFUSED == await program.ask(program.proof())
    headers = door.headers() | {"Cookie": f"__Host-gatepost-{door.app['id']}={token}"}
    assert 403 == (await door.client.get("/access/v1/decide", headers=headers)).status_code


async def test_a_program_is_out_with_its_device(door: Door, program: Program) -> None:
    """Which gets no other token, either."""
    door.house.revoke(program.member)
    assert (403, "device-revoked") == await program.ask(program.proof())
    with pytest.raises(ReportRefusedError, match="revoked"):
        issue(program.member)


async def test_the_certificate_of_the_connection_comes_first(door: Door, laptop: Member) -> None:
    """Whoever shows it needs no token."""
    issued = proved(door.house, laptop)
    program = Program(door, laptop)
    assert (204, "mutual_tls") == await program.ask(program.proof(), fingerprint=fingerprint(issued))


async def test_while_nothing_can_be_remembered_no_proof_counts(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would count twice."""

    def refuse(*, alone: bool = True) -> None:
        raise StorageError(f"nothing is to be had, alone: {alone}")

    proof = program.proof()
    with monkeypatch.context() as patch:
        patch.setattr(program.door.house.storage, "writing", refuse)
        assert 503 == (await program.ask(proof))[0]
    assert (204, "token") == await program.ask(proof)


async def test_an_old_configuration_says_no_method_and_lets_no_token_in(program: Program) -> None:
    """What the proof is for cannot be known then."""
    assert REFUSED == await program.ask(program.proof(), method=None)


def test_a_token_is_for_this_server(managed: Member) -> None:
    """What was signed for another asks for nothing here."""
    with pytest.raises(InputError, match="this server is"):
        issue(managed, aud="https://elsewhere.example/" + "0" * 32)


def test_a_proof_is_one_by_the_standard(managed: Member) -> None:
    """Another implementation reads ours, and ours reads another's, and nothing with more in its header."""
    proof = Proof(jti="0" * 32, htm="GET", htu=f"https://{HOST}/api", iat=1, ath=hash_token("token"))
    ours = sign_proof(proof, managed.key, managed.point)
    read = jwt.decode(ours, ECKey.import_key(_public(managed.key)), algorithms=["ES256"])
    assert ["dpop+jwt", msgspec.to_builtins(proof)] == [read.header["typ"], read.claims]
    key = ECKey.import_key(managed.key)
    header: dict[str, Any] = {"typ": "dpop+jwt", "alg": "ES256", "jwk": _public(managed.key)}
    assert (proof, managed.point) == read_proof(jwt.encode(header, msgspec.to_builtins(proof), key))
    for changed in (
        header | {"typ": "JWT"},
        header | {"kid": "x"},
        header | {"jwk": header["jwk"] | {"d": "AAAA"}},
    ):
        with pytest.raises(InputError):
            read_proof(_signed(changed, proof, managed))


def _signed(header: dict[str, Any], proof: Proof, member: Member) -> str:
    encoded = jws.encode_base64url(msgspec.json.encode(header)).encode()
    return jws.sign_compact(encoded, msgspec.json.encode(proof), member.key).decode()
