"""The closed list of numbers by which the management API names errors and remarks.

Clients branch on them, so that a number is never given another meaning; ``docs/reference/errors.md`` has a heading for
each. 7003, 1489 and 10000 are those that clients of the reference know already.
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """One number. Below 2000, and the reference's own, are errors; from 2000 to 2999 are remarks beside a success."""

    # What is wrong with the request as such.
    INTERNAL_ERROR = 1000
    BODY_UNREADABLE = 1001
    FIELD_INVALID = 1002
    BODY_TOO_LARGE = 1003
    BODY_TOO_SLOW = 1004
    METHOD_NOT_ALLOWED = 1005
    PARAMETER_INVALID = 1006
    REQUEST_MALFORMED = 1007
    SERVER_BUSY = 1008
    DATABASE_UNAVAILABLE = 1009
    REPORT_REFUSED = 1010
    MEDIA_TYPE_UNSUPPORTED = 1011
    # What is wrong with the thing it speaks of.
    NOT_FOUND = 1100
    CONFLICT = 1101
    CERTIFICATE_IN_USE = 1102
    CHECK_QUOTA = 1103
    TOKEN_QUOTA = 1104
    CERTIFICATE_QUOTA = 1489
    # Who asks, and for what.
    NO_ROUTE = 7003
    NOT_AUTHENTICATED = 10000
    NOT_ALLOWED = 10001
    # Remarks.
    CHECK_NOT_EVALUATED = 2000
    NAME_NOT_UNIQUE = 2001
    PRIVATE_KEY_DISCARDED = 2002
    FIELD_UNKNOWN = 2003
    EXPIRES_EARLY = 2004
    MATCH_WITHOUT_EFFECT = 2005
    LOCATION_NOT_READ = 2006
    OPTION_WITHOUT_EFFECT = 2007
