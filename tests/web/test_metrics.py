"""The counters' form for Prometheus: what is counted comes out, and no label has a word that is not ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.web.device import REFUSALS
from gatepost.web.metrics import PrometheusCounters

if TYPE_CHECKING:
    from prometheus_client import Metric


def families(counters: PrometheusCounters) -> dict[str, Metric]:
    """Read what is rendered, as a Prometheus would."""
    return {item.name: item for item in text_string_to_metric_families(counters.render().decode())}


def values(counters: PrometheusCounters, name: str) -> dict[tuple[str, ...], float]:
    """Return a counter's or gauge's values by its labels' values, in the order of the labels' names."""
    samples = families(counters)[name].samples
    return {tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in samples}


def test_reports_are_counted_by_what_they_came_to() -> None:
    """Acknowledged, again, and each reason."""
    counters = PrometheusCounters()
    counters.acknowledged(again=False)
    counters.acknowledged(again=False)
    counters.acknowledged(again=True)
    counters.refused(Reason.NONCE_EXPIRED)
    counters.refused("overloaded")
    expected = {("acknowledged",): 2, ("duplicate",): 1, ("nonce-expired",): 1, ("overloaded",): 1}
    assert expected == values(counters, "gatepost_reports")


def test_verdicts_signatures_enrolments_and_answers_are_counted() -> None:
    """Each by its own labels."""
    counters = PrometheusCounters()
    counters.judged(Status.PASS, None)
    counters.judged(Status.FAIL, Reason.COMMON_NAME_MISMATCH)
    counters.verified(valid=True)
    counters.verified(valid=False)
    counters.enrolled("")
    counters.enrolled("credential-refused")
    counters.decided(allowed=True, reason=None)
    counters.decided(allowed=False, reason=Reason.RESULT_EXPIRED)
    counters.answered(200)
    counters.limited("credential")
    counters.database_failed()
    assert {("none", "pass"): 1, ("common-name-mismatch", "fail"): 1} == values(counters, "gatepost_verdicts")
    assert {("valid",): 1, ("invalid",): 1} == values(counters, "gatepost_verifications")
    assert {("enrolled",): 1, ("credential-refused",): 1} == values(counters, "gatepost_enrollments")
    assert {("allow", "none"): 1, ("deny", "result-expired"): 1} == values(counters, "gatepost_decisions")
    assert {("200",): 1} == values(counters, "gatepost_requests")
    assert {("credential",): 1} == values(counters, "gatepost_limited")
    assert {(): 1} == values(counters, "gatepost_database_errors")


def test_times_and_groups_are_histograms() -> None:
    """With the bounds that are documented."""
    counters = PrometheusCounters()
    counters.took(0.02)
    counters.committed(3)
    seconds = {
        sample.labels.get("le"): sample.value for sample in families(counters)["gatepost_report_seconds"].samples
    }
    assert (0, 1) == (seconds["0.01"], seconds["0.025"])
    groups = {
        sample.labels.get("le"): sample.value for sample in families(counters)["gatepost_intake_group_size"].samples
    }
    assert (0, 1) == (groups["2.0"], groups["4.0"])


def test_what_waits_is_asked_for_when_somebody_reads() -> None:
    """Not kept."""
    counters = PrometheusCounters()
    waiting = [7, 3]
    counters.follow(lambda: waiting[0], lambda: waiting[1])
    assert ({(): 7}, {(): 3}) == (
        values(counters, "gatepost_intake_waiting"),
        values(counters, "gatepost_waiting_agents"),
    )
    waiting[0] = 0
    assert {(): 0} == values(counters, "gatepost_intake_waiting")


def test_a_word_that_is_on_no_list_makes_no_series_of_its_own() -> None:
    """However it came there: memory and names stay bounded."""
    counters = PrometheusCounters()
    for number in range(1_000):
        counters.refused(f"laptop-{number}\n")
        counters.enrolled(f"laptop-{number}")
        counters.answered(1_000 + number)
    assert {("other",): 1_000} == values(counters, "gatepost_reports")
    assert {("other",): 1_000} == values(counters, "gatepost_enrollments")
    assert {("other",): 1_000} == values(counters, "gatepost_requests")


def test_each_word_that_a_device_is_told_is_known() -> None:
    """None of them is counted as another."""
    counters = PrometheusCounters()
    words = {*(reason.value for reason in Reason), *REFUSALS}
    for word in words:
        counters.refused(word)
    assert {(word,) for word in words} == set(values(counters, "gatepost_reports"))


def test_two_applications_count_apart() -> None:
    """Nothing is kept outside of an application."""
    one, other = PrometheusCounters(), PrometheusCounters()
    one.database_failed()
    assert {(): 0} == values(other, "gatepost_database_errors")
