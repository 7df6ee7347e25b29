"""Errors as words: every one has a sentence that names the thing, and an exit code."""

from __future__ import annotations

import inspect

import pytest

from gatepost import errors
from gatepost.cli.words import COULD_NOT_TELL, USAGE, explain_error
from gatepost.errors import GatepostError

CODES = {
    errors.InputError: USAGE,
    errors.NotFoundError: USAGE,
    errors.ConflictError: USAGE,
    errors.CredentialError: USAGE,
    errors.ForbiddenError: USAGE,
    errors.TooLargeError: USAGE,
    errors.ServerRefusedError: USAGE,
    errors.ReportRefusedError: COULD_NOT_TELL,
    errors.CertificateNotShownError: COULD_NOT_TELL,
    errors.OverloadedError: COULD_NOT_TELL,
    errors.TooManyAttemptsError: COULD_NOT_TELL,
    errors.StorageError: COULD_NOT_TELL,
    errors.TransportError: COULD_NOT_TELL,
    errors.StateError: COULD_NOT_TELL,
    errors.ProcessError: COULD_NOT_TELL,
}
"""What is the user's to mend, and what is not."""
UNSPOKEN = {"nonce", "code", "pointer", "undone"}
"""Fields for programs, which no sentence repeats."""


def made(kind: type[GatepostError]) -> GatepostError:
    """Make an error whose every field can be told from the others."""
    values: list[object] = []
    for number, (name, parameter) in enumerate(inspect.signature(kind).parameters.items(), start=400):
        number_like = str(parameter.annotation) == "int"
        values.append(b"nonce" if name == "nonce" else number if number_like else f"<{name}>")
    return kind(*values)


def test_every_error_is_in_the_table() -> None:
    """And no more."""
    assert set(CODES) == {kind for kind in GatepostError.__subclasses__() if kind.__module__ == errors.__name__}


@pytest.mark.parametrize("kind", CODES)
def test_every_error_has_its_exit_code_and_a_sentence(kind: type[GatepostError]) -> None:
    """The sentence says all that the error knows, in one line, and not its class."""
    error = made(kind)
    code, sentence = explain_error(error)
    assert CODES[kind] == code
    said = {name: getattr(error, name) for name in inspect.signature(kind).parameters if name not in UNSPOKEN}
    assert [] == [name for name, value in said.items() if str(value) not in sentence]
    assert kind.__name__ not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "words", ["\x1b]0;title\x07", "one\ngatepost: two", "\r", "\x9b2J", "\u202egnp.exe", "\u2028", "\ud800"]
)
def test_nobody_s_words_do_anything_to_a_terminal_or_a_journal(words: str) -> None:
    """A server's refusal is repeated, and who answers may be anybody; what prints stands as it is."""
    for error in (errors.ServerRefusedError(400, 0, f"naïve: {words}"), errors.ReportRefusedError("odd", words)):
        assert explain_error(error)[1].isprintable()
    assert "naïve" in explain_error(errors.ServerRefusedError(400, 0, "naïve"))[1]


def test_a_server_that_fails_is_not_the_users_fault() -> None:
    """From 500 on it could not tell; below, the request was wrong."""
    codes = {
        status: explain_error(errors.ServerRefusedError(status, 0, "x"))[0] for status in (400, 404, 499, 500, 503)
    }
    assert {400: USAGE, 404: USAGE, 499: USAGE, 500: COULD_NOT_TELL, 503: COULD_NOT_TELL} == codes


def test_nothing_is_said_of_what_is_allowed_where_nothing_is_known() -> None:
    """No colon with nothing behind it."""
    assert "--cn is empty" == explain_error(errors.InputError("--cn", "is empty"))[1]
    assert "the key is taken" == explain_error(errors.ConflictError("the key", "is taken"))[1]


def test_an_error_without_words_has_its_name() -> None:
    """One that somebody forgot is still no traceback."""

    class ForgottenError(GatepostError):
        """Not in the table; gone when this test is over."""

    assert (COULD_NOT_TELL, "ForgottenError") == explain_error(ForgottenError())
