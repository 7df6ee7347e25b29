"""Strict decoding: what does not fit its type is refused, with a JSON pointer to it and what would be right.

msgspec names the place (``$.match[0].platform``) but neither the allowed words nor the nearest; the type at that place
does, so it is looked up again along the path, once, when something was wrong.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec
from msgspec import inspect

from gatepost.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

_T = TypeVar("_T")

_SHOWN: Final = 80
"""As many characters of a wrong value as a message repeats."""
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_EXPECTED: Final = re.compile(r"Expected (.+), got (.+)")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_NAME: Final = re.compile(r"`([a-z |]+)`")
_PLAIN: Final = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "object": "an object",
    "str": "a text",
}
_ENUM: Final = re.compile(r"Invalid enum value '?(.*?)'?$", re.DOTALL)


def decode_strictly(content: bytes, kind: type[_T], within: str = "") -> _T:
    """Decode JSON as ``kind``; of equal keys the last counts.

    Raises `InputError`, never anything else; it points below ``within``, such as ``/policies/0``.
    """
    try:
        return msgspec.json.decode(content, type=kind, strict=True)
    except msgspec.ValidationError as error:
        raise _refusal(error, kind, within) from None
    except RecursionError:
        raise InputError("", "the body is nested too deeply", "no document here needs more than a few levels") from None
    except UnicodeDecodeError:
        raise InputError("", "the body is not UTF-8", "JSON in UTF-8 (RFC 8259, 8.1)") from None
    except msgspec.DecodeError as error:
        problem = f"the body is not JSON: {error}" if content else "the body is empty"
        raise InputError("", problem, "one JSON object (RFC 8259)") from None


def convert_strictly(value: object, kind: type[_T], within: str) -> _T:
    """Convert decoded JSON to ``kind``; the `InputError` points below ``within``, such as ``/input``."""
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        raise _refusal(error, kind, within) from None


def explain(text: str, kind: object, pointer: str = "") -> InputError:
    """Turn msgspec's words about a value of type ``kind`` into ours, which name what is allowed."""
    return _explained(text, pointer, inspect.type_info(kind))


def nearest(word: str, allowed: Iterable[str]) -> str:
    """List the allowed words, and name the one that was probably meant."""
    words = list(allowed)
    close = difflib.get_close_matches(word[:_SHOWN], words, n=1, cutoff=0.6)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"allowed are {', '.join(words)}{hint}"


def shown(text: str) -> str:
    """Quote a text from outside for a message: short, and without characters that do not print."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def _refusal(error: msgspec.ValidationError, kind: object, within: str) -> InputError:
    text, _, path = str(error).rpartition(" - at `$")
    if not text:
        text, path = str(error), ""
    steps = [name or int(index) for name, index in _STEP.findall(path.removesuffix("`"))]
    pointer = within + "".join(f"/{_escaped(str(step))}" for step in steps)
    place = _type_at(inspect.type_info(kind), steps)
    return _explained(text, pointer, place)


def _explained(text: str, pointer: str, place: inspect.Type) -> InputError:
    if found := _UNKNOWN.fullmatch(text):
        field = found[1]
        return InputError(f"{pointer}/{_escaped(field)}", "is not a field here", nearest(field, _fields(place)))
    if found := _MISSING.fullmatch(text):
        return InputError(f"{pointer}/{_escaped(found[1])}", "is missing", "it is required")
    if found := _ENUM.fullmatch(text):
        return InputError(pointer, f"is {shown(found[1])}", nearest(found[1], _words(place)))
    if found := _EXPECTED.fullmatch(text):
        return InputError(pointer, f"is {_plain(found[2])}", f"expected {_plain(found[1])}")
    problem = "is too long or too short" if "length" in text else "is not allowed"
    return InputError(pointer, problem, _plain(text.removeprefix("Expected ")))


def _plain(kind: str) -> str:
    """Turn msgspec's names of kinds into plain ones: `` `str | null` `` into "a text or null"."""
    return _NAME.sub(lambda found: " or ".join(_PLAIN.get(word, word) for word in found[1].split(" | ")), kind)


def _escaped(step: str) -> str:
    """Escape one reference token of a JSON pointer (RFC 6901, 3)."""
    return step[:_SHOWN].replace("~", "~0").replace("/", "~1")


def _type_at(place: inspect.Type, steps: list[str | int]) -> inspect.Type:
    """Walk from a type along a path; where this leads nowhere, the last type that was reached."""
    for step in steps:
        for option in _options(place):
            match option:
                case inspect.StructType() if isinstance(step, str):
                    place = next((field.type for field in option.fields if field.encode_name == step), place)
                case inspect.ListType() | inspect.VarTupleType():
                    place = option.item_type
                case _:
                    continue
            break
    return place


def _options(place: inspect.Type) -> tuple[inspect.Type, ...]:
    return place.types if isinstance(place, inspect.UnionType) else (place,)


def _fields(place: inspect.Type) -> list[str]:
    structs = [option for option in _options(place) if isinstance(option, inspect.StructType)]
    return [field.encode_name for struct in structs for field in struct.fields]


def _words(place: inspect.Type) -> list[str]:
    words: list[str] = []
    for option in _options(place):
        if isinstance(option, inspect.EnumType):
            words.extend(str(cast("Any", member).value) for member in option.cls)
        elif isinstance(option, inspect.LiteralType):
            words.extend(map(str, option.values))
    return words
