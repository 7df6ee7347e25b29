"""The command line as a person or a script meets it: words in, exit code and two outputs out; in this process, for speed."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import msgspec

from gatepost.cli.main import main


class Outcome(msgspec.Struct, frozen=True):
    """What a command came to."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON of any kind.
        """What stands on stdout, which must be one JSON document and nothing else."""
        return msgspec.json.decode(self.stdout)


def gatepost(*words: object) -> Outcome:
    """Run ``gatepost`` with these words."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code: object = None
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return Outcome(code, stdout.getvalue(), stderr.getvalue())


def refused(*words: object) -> str:
    """Run a command that must be refused as wrong usage or input, in words and without any result; return the words."""
    outcome = gatepost(*words)
    assert (2, "") == (outcome.code, outcome.stdout), outcome
    assert "Traceback" not in outcome.stderr
    assert "error of our own" not in outcome.stderr
    return outcome.stderr
