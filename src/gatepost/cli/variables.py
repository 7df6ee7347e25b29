"""The variables that Gatepost reads from the environment. One that it does not read is named: a typo must not be silent.

It is named and not refused: where a service is called "gatepost", Kubernetes sets variables such as
GATEPOST_SERVICE_HOST for every container beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PREFIX: Final = "GATEPOST_"
VARIABLES: Final = (
    "GATEPOST_ACCESS_LOG_SAMPLE",
    "GATEPOST_ACCOUNT",
    "GATEPOST_AGENT_CONFIG",
    "GATEPOST_AGENT_PORT",
    "GATEPOST_DATABASE",
    "GATEPOST_DATABASE_FILE",
    "GATEPOST_DEFAULT_EXPIRATION",
    "GATEPOST_ENROLLMENT_TOKEN",
    "GATEPOST_LISTEN",
    "GATEPOST_LOG_FORMAT",
    "GATEPOST_LOG_LEVEL",
    "GATEPOST_LOG_RETENTION",
    "GATEPOST_LONG_POLLS",
    "GATEPOST_MASTER_KEY_FILE",
    "GATEPOST_METRICS_TOKEN_FILE",
    "GATEPOST_POSTURE_LOG",
    "GATEPOST_PUBLIC_URLS",
    "GATEPOST_SERVER",
    "GATEPOST_SERVER_CONFIG",
    "GATEPOST_STATE",
    "GATEPOST_TLS_CERT",
    "GATEPOST_TLS_KEY",
    "GATEPOST_TOKEN",
    "GATEPOST_TRACEBACK",
    "GATEPOST_TRUSTED_PROXIES",
)


def name_unknown(environment: Iterable[str]) -> Iterator[str]:
    """Give a sentence for each variable of ours that nothing reads, with the nearest one that something does."""
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in VARIABLES:
            # Imported here: nearly always there is none.
            import difflib

            near = difflib.get_close_matches(name, VARIABLES, n=1)
            yield f"the variable {name} is not known and has no effect" + (f"; did you mean {near[0]}?" if near else "")
