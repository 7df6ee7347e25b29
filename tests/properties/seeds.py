"""Faults that are put into the server on purpose, each in one place: the property must find every one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gatepost.controlplane import appraisal, intake, posture
from gatepost.controlplane.access.memory import Memory
from gatepost.controlplane.administration import denials, history
from gatepost.controlplane.administration.services import Services
from gatepost.controlplane.ports import Registration
from gatepost.core.denial import Denied
from gatepost.core.finding import Proof
from gatepost.core.result import Result
from gatepost.storage.devices import SqlDevices
from gatepost.storage.endings import Endings
from gatepost.storage.results import SqlResults


class Seed(msgspec.Struct, frozen=True):
    """A fault by its name, and how it is put in."""

    name: str
    put_in: Callable[[pytest.MonkeyPatch], None]


def _results_never_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Result, "counts", lambda _self, _now: True)


def _a_taken_over_judgement_forgets_its_certificates_end(patch: pytest.MonkeyPatch) -> None:
    whole = appraisal.Subject._reuse  # noqa: SLF001 - what is spoilt.
    patch.setattr(
        appraisal.Subject,
        "_reuse",
        lambda self, known, *rest: whole(self, msgspec.structs.replace(known, valid_until=None), *rest),
    )


def _a_judgement_is_taken_over_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(appraisal.Subject, "_holds", lambda _self, known, _live, digest: known.claim_digest == digest)


def _a_judgement_is_taken_over_whatever_was_proved(patch: pytest.MonkeyPatch) -> None:
    whole = appraisal._digest  # noqa: SLF001 - as above.
    patch.setattr(
        appraisal,
        "_digest",
        lambda live, answer, proofs, facts: whole(live, answer, (Proof.VALID,) * len(proofs), facts),
    )


def _nonces_live_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(posture, "nonce_is_fresh", lambda *_: True)


def _nonces_are_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(posture, "nonce_issued_at", lambda _secret, _account, _name, nonce: int.from_bytes(nonce[:8], "big"))


def _signatures_are_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(appraisal, "verify_loaded", lambda *_: True)


def _the_revoked_still_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Registration, "counts", property(lambda _self: True))


def _denials_are_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(posture, "find_denied", lambda *_: Denied())
    patch.setattr(intake, "hold_against_denials", lambda _records, _account, judgement: judgement)


def _denials_leave_results_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(denials, "refuse_resting", lambda *_: None)


def _a_restore_ends_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SqlResults, "end_all", lambda *_: 0)


def _a_changed_check_changes_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Services, "changed", lambda *_: None)
    whole = history.counts_now

    def counts(stored: Any, registration: Any, subject: Any, now: int) -> bool:  # noqa: ANN401 - what `counts_now` takes.
        check = msgspec.structs.replace(subject.check, minimum_version=0)
        return whole(stored, registration, msgspec.structs.replace(subject, check=check), now)

    patch.setattr(history, "counts_now", counts)


def _sequences_may_be_used_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SqlDevices, "advance", lambda *_: True)


def _nothing_is_noted_as_an_ending(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Endings, "note", lambda *_: None)


def _a_look_forgets_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Memory, "_forget", lambda *_: None)


def _validity_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    whole = appraisal.Subject.evaluate
    patch.setattr(
        appraisal.Subject,
        "evaluate",
        lambda self, check, claim, facts: whole(
            msgspec.structs.replace(self, now=_earlier(claim)), check, claim, facts
        ),
    )


def _earlier(claim: Any) -> int:  # noqa: ANN401 - a claim.
    ends = [int(item.certificate.not_before.timestamp() * 1000) + 1_000 for item in claim.findings.candidates]
    return max(ends, default=0)


SEEDS = tuple(
    Seed(put_in.__name__.strip("_").replace("_", " "), put_in)
    for put_in in (
        _results_never_end,
        _a_taken_over_judgement_forgets_its_certificates_end,
        _a_judgement_is_taken_over_for_ever,
        _a_judgement_is_taken_over_whatever_was_proved,
        _nonces_live_for_ever,
        _nonces_are_believed,
        _signatures_are_believed,
        _the_revoked_still_count,
        _denials_are_not_looked_for,
        _denials_leave_results_alone,
        _a_restore_ends_nothing,
        _a_changed_check_changes_nothing,
        _sequences_may_be_used_again,
        _validity_is_not_looked_at,
        _nothing_is_noted_as_an_ending,
        _a_look_forgets_nothing,
    )
)
