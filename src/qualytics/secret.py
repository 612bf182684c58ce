"""Secrets: a type that cannot be printed by accident, and `${VAR}` references."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from qualytics.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

MASK = "********"
# What stands for a secret in documents of this program and of the published client; never a value.
MASKS = frozenset({MASK, "*** redacted ***"})


class Secret:
    """A text that only `reveal()` gives out: it prints, formats and logs as `***`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the plain text; call it as late as possible."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac  # with OpenSSL behind it, 3 ms that no listing should pay

        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> NoReturn:
        raise TypeError("a secret is not hashable")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not picklable")


# `$${` is the one escape; anything else that starts with `${` must be a reference.
# Patterns are compiled where they are used first, which most calls never do.
_REFERENCE = r"\$\$\{|\$\{(?P<name>[^}]*)(?P<end>\}?)"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*\Z"
# What a name may have been meant by: `${ DB_PASS }`, `${DB-PASS}`, `${DB_PASS:-x}`, `${env:DB_PASS}`.
_MAX_NAME = 128
_WORD = r"(?<![A-Za-z0-9_])[A-Za-z_][A-Za-z0-9_]*"
_FIRST = r"\s*([A-Za-z_][A-Za-z0-9_]*)(?![A-Za-z0-9])"
_JOINED = r"\s*[A-Za-z_][A-Za-z0-9_]*(?:[-. ][A-Za-z_][A-Za-z0-9_]*)*\s*"
_CAPITALS = r"[A-Z_][A-Z0-9_]{2,}"


class References:
    """Resolves `${NAME}` in many values of one call and tells all problems at once.

    One pass: what a variable holds is never looked at again. `$NAME`, `$$`, `~` and `%VAR%` are
    ordinary text; `$${` gives a literal `${`. `used` names the variables that were put in.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._problems: list[Problem] = []
        self.used: list[str] = []

    def resolve(self, loc: str, value: Any, *, may_be_empty: bool = False) -> Any:
        """Return the value with every reference in its strings (at any depth) resolved.

        Problems are kept for `finish()`; `loc` names the option in them.
        """
        if isinstance(value, str):
            return re.sub(_REFERENCE, lambda match: self._one(loc, match, may_be_empty=may_be_empty), value)
        if isinstance(value, dict):
            return {key: self.resolve(loc, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(loc, item) for item in value]
        return value

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return the problems found so far."""
        return tuple(self._problems)

    def finish(self) -> None:
        """Raise InvalidInput with every problem found so far, if there is one."""
        if self._problems:
            raise InvalidInput(self._problems)

    def _one(self, loc: str, match: re.Match[str], *, may_be_empty: bool) -> str:
        name = match["name"]
        if name is None:
            return "${"
        if not match["end"] or not re.match(_NAME, name):
            self._add(loc, "malformed-reference", *self._malformed(match))
        elif name not in self._variables:
            self._add(loc, "unset-reference", f"${{{name}}} is not set", f"export {name}=… or use --env-file")
        elif not self._variables[name] and not may_be_empty:
            self._add(loc, "empty-reference", f"${{{name}}} is empty", f"export {name}=… with a value")
        else:
            self.used.append(name)
            return self._variables[name]
        return ""

    def _malformed(self, match: re.Match[str]) -> tuple[str, str]:
        """Return what is wrong with a reference and what to write; of its text only the name that was meant.

        The text may be a part of a password. So a name is told only where it is that of a variable that is set, or
        where the value begins with it and it is written as such names are, in capitals.
        """
        text, is_closed = match["name"][:_MAX_NAME], bool(match["end"])
        words = re.findall(_WORD, text)
        joined = "_".join(words) if is_closed and re.fullmatch(_JOINED, text) else ""
        first = re.match(_FIRST, text)
        likely = [name for name in (joined, *words) if name in self._variables]
        if not match.start():
            likely += [name for name in (joined, first[1] if first else "") if re.fullmatch(_CAPITALS, name)]
        if not likely:
            return "holds a malformed reference", _MALFORMED_HINT
        meant = likely[0]
        if not is_closed:
            return f"holds a malformed reference to {meant}, without its closing brace", f"write ${{{meant}}}"
        spaced = text.strip() == meant
        fault = "with spaces around its name" if spaced else "with more than its name"
        without = "spaces" if spaced else "anything beside the name, which has letters, digits and _"
        return f"holds a malformed reference to {meant}, {fault}", f"write ${{{meant}}}, without {without}"

    def _add(self, loc: str, code: str, what: str, hint: str) -> None:
        problem = Problem(loc, f"{loc}: {what}", hint, code)
        if problem not in self._problems:
            self._problems.append(problem)


_MALFORMED_HINT = "a reference is ${NAME} with letters, digits and _; write $${ for a literal ${"
