"""Facts of a device, and templates: substituted once, literally, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core.device import (
    MAXIMUM_FACT_LENGTH,
    VARIABLES,
    DeviceFacts,
    MissingFact,
    fact_key,
    parse_template,
    render_template,
    usable_fact,
)
from gatepost.errors import InputError

_USABLE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30).filter(
    usable_fact
)
_LITERAL = st.text(max_size=12).filter(lambda text: "${" not in text and not text.endswith("$"))


def render(text: str, **facts: str | None) -> str | MissingFact:
    """Parse and render a template."""
    return render_template(parse_template(text, "cn"), DeviceFacts(**facts))


@given(literals=st.tuples(_LITERAL, _LITERAL), serial=_USABLE, host=_USABLE)
def test_a_template_is_rendered_in_one_pass_whatever_the_values_hold(
    literals: tuple[str, str], serial: str, host: str
) -> None:
    """A value stands in the result as it is, also one that looks like a variable."""
    before, between = literals
    template = f"{before}${{serial_number}}{between}${{hostname}}"
    assert f"{before}{serial}{between}{host}" == render(template, serial_number=serial, hostname=host)


@pytest.mark.parametrize("value", ["${hostname}", "${serial_number}", "$", "}", "*", "a*b", "%s", "{0}", ".*", "\\1"])
def test_a_value_is_no_instruction_when_it_looks_like_one(value: str) -> None:
    """No variable, wildcard, format or expression comes out of a device."""
    assert f"<{value}>" == render("<${serial_number}>", serial_number=value, hostname="other")


@pytest.mark.parametrize("text", ["laptop", "$", "$x", "a$b", "{hostname}", "}", "$ {hostname}", "ä ö"])
def test_a_template_is_a_literal_when_it_opens_no_variable(text: str) -> None:
    """A dollar sign alone is a character like any other."""
    assert text == render(text)
    assert parse_template(text, "cn").variables == ()


def test_a_template_names_its_variables_in_order() -> None:
    """Each as often as it stands there."""
    template = parse_template("${hostname}-${device_uuid}${hostname}", "cn")
    assert template.variables == ("hostname", "device_uuid", "hostname")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("a${serial_number", "unclosed"),
        ("${hostname}${", "unclosed"),
        ("${user}", r"unknown variable \$\{user\}"),
        ("${}", "unknown variable"),
        ("${Hostname}", "unknown variable"),
        ("${hostname }", "unknown variable"),
        ("${${hostname}}", r"unknown variable \$\{\$\{hostname\}"),
        ("${__class__}", "unknown variable"),
    ],
)
def test_a_template_is_refused_when_it_is_empty_unclosed_or_of_unknown_variables(text: str, problem: str) -> None:
    """The error names the field and says what is allowed."""
    with pytest.raises(InputError, match=problem) as caught:
        parse_template(text, "/input/cn")
    assert caught.value.field == "/input/cn"
    assert "${serial_number}" in caught.value.allowed


def test_every_variable_is_a_fact_of_the_device() -> None:
    """Neither list has an entry that the other lacks."""
    assert VARIABLES == DeviceFacts.__struct_fields__


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_missing_fact_is_named_when_a_template_needs_it(variable: str) -> None:
    """Never an empty match."""
    assert MissingFact(variable) == render(f"a-${{{variable}}}")
    assert MissingFact(variable) == render(f"a-${{{variable}}}", **{variable: "None"})


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "To be filled by O.E.M.",
        "to be FILLED by o.e.m.",
        " Default string ",
        "None",
        "Not Specified",
        "System Serial Number",
        "0",
        "0000000",
        "00000000-0000-0000-0000-000000000000",
        "123456789",
        "INVALID",
        "F",
        "ffffffff-FFFF-ffff-FFFF-ffffffffffff",
        "-",
        "a\0b",
        "a\nb",
        "a\N{RIGHT-TO-LEFT OVERRIDE}b",
        "\udcff",
        "x" * (MAXIMUM_FACT_LENGTH + 1),
    ],
)
def test_a_fact_is_not_usable_when_it_is_missing_filler_or_not_printable(value: str | None) -> None:
    """Many devices share such values."""
    assert not usable_fact(value)


@pytest.mark.parametrize("value", ["S", "1", "1234567890", "0f", "f0", "None-1", "ß", "a b", "x" * MAXIMUM_FACT_LENGTH])
def test_a_fact_is_usable_when_it_is_one_device_s_own(value: str) -> None:
    """Up to 253 printable characters, also those that hold a filler among others."""
    assert usable_fact(value)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("S-1", "s-1"),
        (" s-1 ", "s-1"),
        ("\u212a1", "\u212a1"),
        ("None", None),
        ("0000", None),
        ("", None),
        (None, None),
    ],
)
def test_facts_are_compared_with_ascii_case_set_aside_and_filler_never(value: str | None, key: str | None) -> None:
    """As a template's value meets a name; what many devices share belongs to none."""
    assert key == fact_key(value)
