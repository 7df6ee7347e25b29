"""Measurements: one file for each published figure, on one harness; ``make bench`` writes ``docs/benchmarks.md``.

Not shipped, and imported by nothing. Costs are processor time, never time on a wall's clock, and each figure stands beside
an anchor that was measured in the same run on the same machine.
"""
