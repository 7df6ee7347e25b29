"""The closed list of numbers by which the management API names errors and remarks.

Clients branch on them, so that a number is never given another meaning; ``docs/reference/errors.md`` has a heading for
each. 7003, 1489 and 10000 are those that clients of the reference know already.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


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
    TOO_MANY_ATTEMPTS = 1012
    # What is wrong with the thing it speaks of.
    NOT_FOUND = 1100
    CONFLICT = 1101
    CERTIFICATE_IN_USE = 1102
    CHECK_QUOTA = 1103
    TOKEN_QUOTA = 1104
    IN_USE = 1120
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
    RULE_NOT_EVALUATED = 2020
    POLICY_MATCHES_NOBODY = 2021
    APP_NOT_EVALUATED = 2022
    KEY_STILL_PROVED = 2030
    LIST_CUT = 2031


MEANINGS: Final[dict[Code, str]] = {
    Code.INTERNAL_ERROR: "Something broke in the server; its log says what. Nothing was changed by this request.",
    Code.BODY_UNREADABLE: "The body is not one JSON object in UTF-8, or is nested too deeply.",
    Code.FIELD_INVALID: "A field is missing or wrong; source.pointer says which, the message what is allowed.",
    Code.BODY_TOO_LARGE: "The body is larger than this route takes.",
    Code.BODY_TOO_SLOW: "The body did not come within the time that it has.",
    Code.METHOD_NOT_ALLOWED: "The route exists, but not with this method; the header Allow lists those it has.",
    Code.PARAMETER_INVALID: "A parameter in the URL is wrong.",
    Code.REQUEST_MALFORMED: "The request is not one that HTTP allows, such as two Host lines.",
    Code.SERVER_BUSY: "There is no room now; come back after the seconds in Retry-After.",
    Code.DATABASE_UNAVAILABLE: "The database cannot be used now; the server's log says why.",
    Code.REPORT_REFUSED: "A device's report cannot count.",
    Code.MEDIA_TYPE_UNSUPPORTED: "The body is compressed; bodies are taken as they are.",
    Code.TOO_MANY_ATTEMPTS: "Too many credentials were refused; come back after the seconds in Retry-After.",
    Code.NOT_FOUND: "The account has nothing of this kind with this id.",
    Code.CONFLICT: "The state of the thing does not allow this.",
    Code.CERTIFICATE_IN_USE: "A posture rule names the certificate; remove the rule first, or let it name another.",
    Code.CHECK_QUOTA: "The account has as many posture rules as it may, or as one device answers.",
    Code.TOKEN_QUOTA: "The account has as many tokens as it may.",
    Code.IN_USE: "Something else names it; the message says what. Remove that first, or let it name another.",
    Code.CERTIFICATE_QUOTA: "The account has as many uploaded certificates as it may.",
    Code.NO_ROUTE: "There is no such route.",
    Code.NOT_AUTHENTICATED: "The credential is missing, unknown, expired or revoked.",
    Code.NOT_ALLOWED: "The credential counts, but does not reach this account or route.",
    Code.CHECK_NOT_EVALUATED: "Rules of this type are kept and given back, and never evaluated: they never pass.",
    Code.NAME_NOT_UNIQUE: "Another thing of this kind has the same name; both are kept.",
    Code.PRIVATE_KEY_DISCARDED: "The private key fits the certificate and was thrown away.",
    Code.FIELD_UNKNOWN: "A field is not known here; it is kept, given back, and has no effect.",
    Code.EXPIRES_EARLY: "Results end before the next report is due, so that devices fail in between.",
    Code.MATCH_WITHOUT_EFFECT: "The rule is for the system that its input names; match names others too.",
    Code.LOCATION_NOT_READ: "A place that the rule names is not looked into on that system.",
    Code.OPTION_WITHOUT_EFFECT: "An option of the check has no effect, because the rule does not ask for it.",
    Code.RULE_NOT_EVALUATED: "A rule of a policy or a group is kept and never evaluated: it never lets anybody in.",
    Code.POLICY_MATCHES_NOBODY: "The policy matches nobody, because of rules that are not evaluated.",
    Code.APP_NOT_EVALUATED: "An application, or a destination of one, is kept and never evaluated: it protects nothing.",
    Code.KEY_STILL_PROVED: "A revoked device's key is proved by another live device, so that it still counts in reports.",
    Code.LIST_CUT: "The list is longer than this route gives; another route gives all of it, in pages.",
}
"""What each number means, in a sentence: for the pages of the documentation."""
