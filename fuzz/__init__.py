"""Coverage-guided fuzzing of every parser that is ours: ``make fuzz SECONDS=60``. Not part of the tests, not shipped.

`fuzz.core`, `fuzz.wire` and `fuzz.stores` hold the targets; ``tests/fuzzing`` runs the same ones, for a moment each.
"""
