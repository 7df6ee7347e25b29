"""The posture log has a line for each change, and one a day without."""

from __future__ import annotations

import msgspec
import pytest

from gatepost.core.check import Evidence
from gatepost.core.evaluation import Status
from gatepost.core.log import REPEAT_AFTER, is_news
from gatepost.core.reason import Reason
from gatepost.core.result import Result

RESULT = Result(
    status=Status.FAIL,
    reasons=(Reason.CERTIFICATE_EXPIRED,),
    evidence=Evidence.POSSESSION,
    check_version=1,
    certificate=bytes(32),
    measured_at=1_000,
    judged_at=2_000,
    ends_at=9_000,
)


def test_the_first_result_is_news() -> None:
    """And so is one after which no line was written."""
    assert is_news(None, None, RESULT)
    assert is_news(RESULT, None, RESULT)


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.ERROR},
        {"reasons": (Reason.CERTIFICATE_EXPIRED, Reason.COMMON_NAME_MISMATCH)},
        {"evidence": None},
        {"certificate": None},
    ],
)
def test_a_result_is_news_when_status_reasons_evidence_or_certificate_change(change: dict[str, object]) -> None:
    """Each of them alone."""
    assert is_news(RESULT, 2_000, msgspec.structs.replace(RESULT, **change))


@pytest.mark.parametrize("change", [{"measured_at": 5}, {"ends_at": None}, {"check_version": 2}, {"judged_at": 3_000}])
def test_a_result_is_no_news_when_only_its_times_or_version_change(change: dict[str, object]) -> None:
    """It is counted in the next line."""
    assert not is_news(RESULT, 2_000, msgspec.structs.replace(RESULT, **change))


@pytest.mark.parametrize(("after", "news"), [(REPEAT_AFTER - 1, False), (REPEAT_AFTER, True)])
def test_a_result_is_news_when_a_day_has_passed_since_the_last_line(after: int, news: bool) -> None:  # noqa: FBT001 - the expected value is a truth value.
    """So that the log shows that the device is still there."""
    assert news == is_news(RESULT, 2_000, msgspec.structs.replace(RESULT, judged_at=2_000 + after))
