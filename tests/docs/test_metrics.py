"""The page of metrics has every one of them, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gatepost.web.metrics import PrometheusCounters

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"(?m)^## `(.*)`$", PAGE)


def shown() -> dict[str, str]:
    """Return each metric's name, as it is read, with its kind."""
    counters = PrometheusCounters()
    counters.follow(lambda: 0, lambda: 0)
    families = text_string_to_metric_families(counters.render().decode())
    return {f"{item.name}_total" if item.type == "counter" else item.name: item.type for item in families}


def test_each_metric_of_ours_has_its_heading_and_no_other_has_one() -> None:
    """By the name that a query uses."""
    assert {name for name in shown() if name.startswith("gatepost_")} == set(SECTIONS[1::2])


def test_a_histogram_is_called_one() -> None:
    """Its query is another."""
    said = dict(zip(SECTIONS[1::2], SECTIONS[2::2], strict=True))
    histograms = {name for name, kind in shown().items() if kind == "histogram"}
    assert histograms == {name for name, text in said.items() if "A histogram" in text}


def test_the_metrics_of_the_process_are_named_and_no_other_is() -> None:
    """They are the library's."""
    assert {name for name in shown() if name.startswith("process_")} == set(re.findall(r"`(process_\w+)`", PAGE))


def test_the_labels_are_named() -> None:
    """Each under its metric."""
    said = dict(zip(SECTIONS[1::2], SECTIONS[2::2], strict=True))
    counters = PrometheusCounters()
    counters.refused("x")
    counters.enrolled("x")
    counters.answered(200)
    counters.limited("x")
    counters.verified(valid=True)
    for family in text_string_to_metric_families(counters.render().decode()):
        for sample in family.samples:
            text = said.get(sample.name, "")
            assert [] == [label for label in sample.labels if text and f"`{label}`" not in text and label != "le"]
