"""The operator's log: one JSON object a line on standard error, whatever the values are; text for a terminal."""

from __future__ import annotations

import json
import logging
import logging.config
import sys
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from gatepost.cli.operator_log import configure_log, granian_log
from gatepost.web.surroundings import REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = "\x1b[2J\r\nlevel=info \u202eevil\x00\u2028 ä"


class Written:
    """What was written to standard error so far."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        """Take what captures it."""
        self._captured = captured
        self._text = ""

    def getvalue(self) -> str:
        """Return all of it."""
        self._text += self._captured.readouterr().err
        return self._text


@pytest.fixture
def errors(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """Give what is written to standard error, and put everything back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield Written(capsys)
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: Written) -> list[dict[str, Any]]:
    """Read the lines as JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_whatever_stands_in_it(errors: Written) -> None:
    """Control characters and line ends of every kind are escaped, and come back as they were."""
    configure_log("info", "json")
    before = REQUEST.set("r-1")
    structlog.get_logger("gatepost.test").info("something happened", value=HOSTILE)
    REQUEST.reset(before)
    assert errors.getvalue().isascii()
    (line,) = lines(errors)
    assert ("something happened", "info", HOSTILE, "r-1") == (
        line["event"],
        line["level"],
        line["value"],
        line["request_id"],
    )
    assert line["time"].endswith("Z")


def test_a_traceback_is_a_part_of_its_line_without_the_values_of_variables(errors: Written) -> None:
    """Where it broke, and not what was in the way."""
    configure_log("info", "json")

    def break_down() -> None:
        password = "secret-value"
        raise ZeroDivisionError(HOSTILE if password else "")

    try:
        break_down()
    except ZeroDivisionError:
        structlog.get_logger("gatepost.test").exception("it broke")
    (line,) = lines(errors)
    assert "break_down" in line["exception"]
    assert "secret-value" not in json.dumps(line).replace('password = \\"secret-value\\"', "")


def test_what_is_below_the_level_is_not_written(errors: Written) -> None:
    """Ours from the level upwards; libraries' from warnings upwards at least."""
    configure_log("info", "json")
    log = structlog.get_logger("gatepost.test")
    log.debug("no")
    log.warning("yes")
    logging.getLogger("library").info("no")
    logging.getLogger("library").warning("yes, %s", "too")
    assert ["yes", "yes, too"] == [line["event"] for line in lines(errors)]
    assert "library" == lines(errors)[1]["logger"]


def test_a_quieter_level_holds_for_libraries_too(errors: Written) -> None:
    """Errors alone."""
    configure_log("error", "json")
    structlog.get_logger("gatepost.test").warning("no")
    logging.getLogger("library").warning("no")
    logging.getLogger("library").error("yes")
    assert ["yes"] == [line["event"] for line in lines(errors)]


def test_text_is_for_a_terminal_and_does_nothing_to_it(errors: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` is text there and JSON elsewhere; what does not print is escaped, but a traceback keeps its lines."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    configure_log("info", "auto")
    log = structlog.get_logger("gatepost.test")
    log.info("something happened", value=HOSTILE, number=7)
    log.error("it broke", exc_info=ZeroDivisionError("\x1b[2J"))
    text = errors.getvalue()
    assert all(line.isprintable() for line in text.splitlines())
    assert r"\x1b[2J\r\nlevel=info \u202eevil\x00\u2028 ä" in text
    assert "number=7" in text
    assert "ZeroDivisionError" in text.splitlines()[-1]


def test_auto_is_json_where_nobody_looks(errors: Written) -> None:
    """A pipe, a file, the journal."""
    configure_log("info", "auto")
    structlog.get_logger("gatepost.test").info("something happened")
    assert "something happened" == lines(errors)[0]["event"]


def test_granian_writes_where_we_write_and_has_no_access_log(errors: Written) -> None:
    """Its own lines are JSON like ours."""
    configure_log("info", "json")
    logging.config.dictConfig(granian_log())
    logging.getLogger("_granian").error("Worker crash loop detected, exiting")
    logging.getLogger("granian.access").error("GET /")
    assert ["Worker crash loop detected, exiting"] == [line["event"] for line in lines(errors)]
