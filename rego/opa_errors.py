"""OPA's own errors (``--format json``) as findings."""

from collections.abc import Mapping
from typing import Final

import orjson

from rego.binary import OutOfBounds, Output
from rego.findings import FILE, Finding

MAX_MESSAGE_CHARS = 500
"""Bound of one message; a rejection event holds up to ten of them."""

_BY_MESSAGE: Final = (
    ("is unsafe", "Give the variable a value in the rule's body, or declare it: some x in xs."),
    ("unused", "Use it, name it _, or take it out."),
    ("undefined ref: input", "The input's schema has no such field: see input.schema.json."),
    ("undefined function", "builtins.txt lists the builtins that a policy may call."),
    ("is recursive", "A rule cannot need its own value; split it in two."),
    ("conflicting rule for data path", "Rename the rule or the name in the data file."),
    ("`if` keyword is required", "Write the rule as: name if { … }"),
    ("`contains` keyword is required", "Write the rule as: name contains element if { … }"),
    ("must not shadow", "Choose another name; input and data belong to the language."),
    ("shadows", "Choose another name; the import has it already."),
    ("package expected", "A module begins with a package line, such as: package policies.gate"),
    ("deprecated", "Use the builtin that its documentation names instead."),
    ("match error", "The two sides can never be equal: compare values of the same type."),
    ("invalid argument", "Check the argument's type in the builtin's documentation."),
)
"""What to do, by a part of the message; the first that fits."""

_BY_CODE: Final = {
    "rego_parse_error": "The text is no Rego at this place: look for what is missing before it.",
    "rego_compile_error": "The rules contradict each other, or one names what does not exist.",
    "rego_type_error": "A value is used as a type that it never has.",
    "rego_unsafe_var_error": "Give the variable a value in the rule's body, or declare it: some x in xs.",
    "rego_recursion_error": "A rule cannot need its own value; split it in two.",
}

_OTHERWISE: Final = "opa check --strict shows the same error on your machine."


def errors_of(output: Output, files: Mapping[str, str]) -> tuple[Finding, ...]:
    """The findings of a failed run, in source order; raises :class:`OutOfBounds` when it names none.

    ``files`` are the author's paths by the names that the run saw.
    """
    text = output.err or output.out
    try:
        errors = orjson.loads(text)["errors"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise OutOfBounds(f"the checker failed: {text[:200].decode(errors='replace')}") from None
    # "error limit reached" has no place and says nothing about the source.
    found = [_finding(error, files) for error in errors if error.get("location")]
    if not found:
        found = [_finding(error, files) for error in errors]
    order = {path: number for number, path in enumerate(files.values())}
    return tuple(sorted(found, key=lambda each: (order.get(each.file, -1), each.row, each.column)))


def hint_of(code: str, message: str) -> str:
    """What to do about an error of OPA's."""
    by_message = (hint for part, hint in _BY_MESSAGE if part in message)
    return next(by_message, _BY_CODE.get(code, _OTHERWISE))


def _finding(error: dict[str, object], files: Mapping[str, str]) -> Finding:
    location = error.get("location")
    place = location if isinstance(location, dict) else {}
    code = str(error.get("code", "rego_error"))
    message = str(error.get("message", ""))
    return Finding(
        files.get(str(place.get("file", "")), FILE),
        int(place.get("row", 0)),
        int(place.get("col", 0)),
        code,
        message[:MAX_MESSAGE_CHARS],
        hint_of(code, message),
    )
