"""The counters' form for Prometheus: its text format, in a registry of this process alone.

Every label's values come from a closed list; a word that is on none is ``other``. docs/reference/metrics.md has a heading
for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from gatepost import __version__
from gatepost.core.reason import Reason
from gatepost.web.device import REFUSALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.core.evaluation import Status

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
WORDS: Final = frozenset({*(reason.value for reason in Reason), *REFUSALS})
"""What a device can be told when its report or its enrolment does not count."""
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_GROUPS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_STATUSES: Final = range(100, 600)


class PrometheusCounters:
    """`controlplane.counters.Counters`, kept in a registry of their own."""

    def __init__(self) -> None:
        # When a series began says nothing that the start of the process does not say.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's
        self.registry = registry = CollectorRegistry()
        self._reports = Counter("gatepost_reports", "Reports by what they came to.", ["outcome"], registry=registry)
        self._seconds = Histogram(
            "gatepost_report_seconds",
            "From a whole report to its acknowledgement.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._groups = Histogram(
            "gatepost_intake_group_size", "Reports committed together.", buckets=_GROUPS, registry=registry
        )
        self._verdicts = Counter(
            "gatepost_verdicts",
            "Verdicts recorded, by status and first reason.",
            ["status", "reason"],
            registry=registry,
        )
        self._verifications = Counter(
            "gatepost_verifications", "Signatures of certificates' keys.", ["outcome"], registry=registry
        )
        self._enrollments = Counter("gatepost_enrollments", "Attempts to enrol.", ["outcome"], registry=registry)
        self._decisions = Counter(
            "gatepost_decisions",
            "Decisions for proxies, by what they came to.",
            ["decision", "reason"],
            registry=registry,
        )
        self._requests = Counter(
            "gatepost_requests", "Requests but for the devices', by status.", ["status"], registry=registry
        )
        self._limited = Counter(
            "gatepost_limited", "Requests turned away unseen, by limit.", ["limit"], registry=registry
        )
        self._database = Counter("gatepost_database_errors", "Transactions that failed.", registry=registry)
        build = Gauge(
            "gatepost_build_info", "Always 1; the label says which release runs.", ["version"], registry=registry
        )
        build.labels(__version__).set(1)
        ProcessCollector(registry=registry)

    def follow(self, reports: Callable[[], int], agents: Callable[[], int]) -> None:
        """Take whom to ask, when somebody reads, how many reports and how many agents wait."""
        waiting = Gauge("gatepost_intake_waiting", "Reports that wait to be judged.", registry=self.registry)
        waiting.set_function(reports)
        polls = Gauge("gatepost_waiting_agents", "Agents that wait to be called.", registry=self.registry)
        polls.set_function(agents)

    def render(self) -> bytes:
        """Write everything in the text format."""
        return generate_latest(self.registry)

    def acknowledged(self, *, again: bool) -> None:
        """Count a durable report."""
        self._reports.labels("duplicate" if again else "acknowledged").inc()

    def refused(self, reason: str) -> None:
        """Count a report that does not count."""
        self._reports.labels(_known(reason)).inc()

    def took(self, seconds: float) -> None:
        """Count a time."""
        self._seconds.observe(seconds)

    def committed(self, reports: int) -> None:
        """Count a group."""
        self._groups.observe(reports)

    def judged(self, status: Status, reason: Reason | None) -> None:
        """Count a verdict."""
        self._verdicts.labels(status.value, "none" if reason is None else reason.value).inc()

    def verified(self, *, valid: bool) -> None:
        """Count a signature."""
        self._verifications.labels("valid" if valid else "invalid").inc()

    def enrolled(self, outcome: str) -> None:
        """Count an attempt to enrol."""
        self._enrollments.labels(_known(outcome) if outcome else "enrolled").inc()

    def decided(self, *, allowed: bool, reason: Reason | None) -> None:
        """Count a decision."""
        self._decisions.labels("allow" if allowed else "deny", "none" if reason is None else reason.value).inc()

    def answered(self, status: int) -> None:
        """Count an answer."""
        self._requests.labels(str(status) if status in _STATUSES else "other").inc()

    def limited(self, what: str) -> None:
        """Count a request that was turned away."""
        self._limited.labels(what).inc()

    def database_failed(self) -> None:
        """Count a failed transaction."""
        self._database.inc()


def _known(word: str) -> str:
    return word if word in WORDS else "other"
