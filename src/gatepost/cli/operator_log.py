"""The operator's log: one line an event on standard error, JSON for programs, text for a terminal.

Values may be anybody's: JSON escapes every control character, and the text form shows them escaped too. What is secret is never
handed to the log; parameters of statements and locals of tracebacks are not written.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final

import structlog

from gatepost.cli.words import printable
from gatepost.web.surroundings import REQUEST

if TYPE_CHECKING:
    from collections.abc import MutableMapping

LEVELS: Final = ("debug", "info", "warning", "error")
FORMS: Final = ("auto", "json", "text")


def configure_log(level: str, form: str) -> None:
    """Send everything there, ours and that of libraries, from ``level`` upwards; ``auto`` is text on a terminal."""
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*_shared(), *_last(as_text=as_text)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_shared(), structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_last(as_text=as_text)],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))


def _shared() -> list[structlog.typing.Processor]:
    return [
        _name_request,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]


def _name_request(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if name := REQUEST.get():
        event["request_id"] = name
    return event


def _last(*, as_text: bool) -> list[structlog.typing.Processor]:
    if not as_text:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Values are shown as Python would write them, with escapes for what does not print.
    plain = structlog.dev.ConsoleRenderer(
        colors=False,
        timestamp_key="time",
        repr_native_str=True,
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [structlog.processors.format_exc_info, _escape, plain]


def _escape(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape what stands there as it is: the event, which may be a library's, and a traceback, which keeps its lines."""
    event["event"] = printable(str(event["event"]))
    if "exception" in event:
        event["exception"] = "\n".join(map(printable, str(event["exception"]).split("\n")))
    return event


def granian_log() -> dict[str, Any]:
    """Return granian's own settings of logging: its lines go where ours go, and its access log nowhere."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {},
        "handlers": {"nowhere": {"class": "logging.NullHandler"}},
        "loggers": {
            "_granian": {"propagate": True},
            "granian.access": {"handlers": ["nowhere"], "propagate": False},
        },
    }
