"""Forms of connections, made from the connectors' tables; what was typed into one becomes fields of a request again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.errors import NameTaken, Problem
from qualytics.fields import BY_NAME
from qualytics.server import sent_forms
from qualytics.service import validate
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from qualytics.connectors.contract import Connector, Param
    from qualytics.errors import QualyticsError
    from qualytics.types import TestReport

# What becomes of a stored secret; the first is what happens where nothing is chosen.
KEEP, REPLACE, CLEAR = "keep", "replace", "clear"
_CHOICE = ":what"  # behind the name of a secret: what becomes of it
_PARAMETER = "parameters."
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")
_WORDS = {"true": True, "false": False}
# The fields that a failed test of a class is about, the most likely first.
_ABOUT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("dns", "blocked", "timeout", "network"), ("host", "uri")),
    "refused": ("port", "host", "uri"),
    "auth": ("password", "secret_key"),
    "permission": ("username", "access_key"),
    "tls": (f"{_PARAMETER}ssl_mode",),
    "unknown_db": ("catalog", "uri"),
    "config": ("port", "host", "uri"),
}
HEAD, _TUNING = ("name", "tags", "owner"), ("jdbc_fetch_size", "max_parallelization")


class Control(Struct):
    """One field of a form.

    `kind` is text, number, lines (one text a line), document (a long text), choice, secret, or key (a secret of many
    lines); `value` is what it shows, never a secret. `default` is what an empty one stands for. `modes` are the ways of
    logging in that take it, empty for a field of every way; `is_hidden` says that the chosen way does not. Of a secret:
    whether one is stored, and `what` becomes of it. `note` is what must be said beside what was typed.
    """

    name: str
    label: str
    kind: str
    value: str = ""
    help: str = ""
    default: str = ""
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    is_required: bool = False
    modes: tuple[str, ...] = ()
    is_hidden: bool = False
    is_stored: bool = False
    what: str = KEEP
    note: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def key(self) -> str:
        """Return the name as an id of HTML."""
        return f"field-{self.name.replace('.', '-')}"


class Form(Struct):
    """A form of one type: its groups of controls, ways of logging in, and problems that are at no control.

    `mode` is the name of the control that chooses a way of logging in, empty where there is none.
    """

    type: str
    title: str
    stages: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Control, ...]], ...]
    modes: tuple[tuple[str, str], ...]
    mode: str
    problems: tuple[Problem, ...] = ()

    @property
    def controls(self) -> Iterator[Control]:
        """Yield every control."""
        return (control for _, controls in self.groups for control in controls)


class _Maker:
    """The work on one form."""

    def __init__(
        self,
        connector: Connector,
        shown: Mapping[str, str],
        stored: frozenset[str],
        problems: Sequence[Problem],
        dropped: Iterable[str],
    ) -> None:
        self.connector, self.shown, self.stored, self.dropped = connector, shown, stored, frozenset(dropped)
        self.left = list(problems)
        self.mode = mode_of(connector)
        default = self.mode.default if self.mode is not None else None
        self.chosen = (self.mode and shown.get(_PARAMETER + self.mode.name)) or default or ""

    def form(self) -> Form:
        connector, mode = self.connector, self.mode
        names = validate.accepted(connector)
        place = [name for name in names if name not in {*HEAD, *_TUNING, "parameters"}]
        login = [param for param in connector.params if param is mode or self._modes(param.name)]
        rest = [param for param in connector.params if param not in login and not param.is_path]
        groups: tuple[tuple[str, tuple[Control, ...]], ...] = (
            ("Connection", tuple(self._field(name) for name in HEAD)),
            ("Server and login", (*map(self._field, place), *map(self._param, login))),
            ("Parameters", tuple(map(self._param, rest))),
            ("Reading", tuple(self._field(name) for name in _TUNING if name in names)),
        )
        return Form(
            type=connector.type,
            title=connector.title,
            stages=connector.stages,
            groups=tuple(group for group in groups if group[1]),
            modes=connector.authentication,
            mode=_PARAMETER + mode.name if mode is not None else "",
            problems=tuple(self.left),
        )

    def _field(self, name: str) -> Control:
        field = BY_NAME[name]
        kind = "number" if field.type is int else "text"
        if field.is_secret:
            kind = "key" if self._is_long(name) else "secret"
        default = str(self.connector.default_port or "") if name == "port" else ""
        return Control(
            name,
            self._label(name),
            kind,
            "" if field.is_secret else self.shown.get(name, ""),
            help="with a comma between two" if name == "tags" else field.note,
            default=default,
            minimum=field.minimum,
            maximum=field.maximum,
            is_required=name in self.connector.required,
            is_stored=name in self.stored,
            what=self.shown.get(name + _CHOICE, KEEP),
            note="was not kept, as no page holds a secret: type it again" if name in self.dropped else "",
            problems=self._problems(name),
        )

    def _label(self, name: str) -> str:
        noun = BY_NAME[name].noun + "s" * (BY_NAME[name].type is list)
        if name == "username" and self.connector.identity != "user":
            noun = self.connector.identity
        return noun[:1].upper() + noun[1:]

    def _is_long(self, name: str) -> bool:
        words = " ".join(words for _, words in self.connector.authentication)
        return re.search(rf"PEM[^;,]* in {name}\b|\b{name}: [^;,]*JSON", words) is not None

    def _param(self, param: Param) -> Control:
        name = _PARAMETER + param.name
        value, modes = self.shown.get(name, ""), self._modes(param.name)
        kind = {int: "number", list: "lines"}.get(param.type, "document" if param.is_pem else "text")
        choices = param.choices or (tuple(_WORDS) if param.type is bool else ())
        problems = self._problems(name)
        return Control(
            name,
            param.name,
            "choice" if choices else kind,
            value,
            help=param.help,
            default=param.shared_default or param.default or "",
            choices=choices,
            minimum=param.minimum,
            maximum=param.maximum,
            modes=modes,
            is_hidden=bool(modes) and self.chosen not in modes and not value and not problems,
            problems=problems,
        )

    def _modes(self, name: str) -> tuple[str, ...]:
        """Return the ways of logging in whose words name a parameter; none where every one takes it."""
        if self.mode is None or name == self.mode.name:
            return ()
        return tuple(mode for mode, words in self.connector.authentication if re.search(rf"\b{name}\b", words))

    def _problems(self, name: str) -> tuple[Problem, ...]:
        found = [problem for problem in self.left if problem.loc == name or problem.loc.startswith(f"{name}.")]
        if name == "parameters":
            return ()
        self.left = [problem for problem in self.left if problem not in found]
        return tuple(found)


def problems_of(error: QualyticsError | None) -> Sequence[Problem]:
    """Return what is wrong at single controls; a name that is taken is wrong at the name."""
    if isinstance(error, NameTaken):
        return (Problem("name", error.message, error.hint, error.code),)
    return error.problems if error is not None else ()


def problems_at(
    error: QualyticsError | None, names: Sequence[str]
) -> tuple[dict[str, list[Problem]], QualyticsError | None]:
    """Return the problems at each of these controls, and the error where it has one that is at none of them."""
    found = problems_of(error)
    at = {name: [problem for problem in found if problem.loc.partition(".")[0] == name] for name in names}
    is_placed = bool(found) and len(found) == sum(map(len, at.values()))
    return at, None if is_placed else error


def about(connector: Connector, report: TestReport) -> str:
    """Return the name of the control that a failed test is about, empty where it is about none.

    It is one that the hint names, by its option or its own name, else the usual one for the class.
    """
    if report["connected"]:
        return ""
    there = {name: name for name in validate.accepted(connector) if name != "parameters"}
    there |= {param.name: _PARAMETER + param.name for param in connector.params if not param.is_path}
    words = re.findall(r"--[a-z-]+|[a-z]+(?:_[a-z]+)+", report["hint"] or "")
    named = [there[name] for word in words if (name := word.removeprefix("--").replace("-", "_")) in there]
    usual = [name for name in _ABOUT.get(report["class"] or "", ()) if name in there.values()]
    return next((name for name in (*(name for name in usual if name in named), *named, *usual)), "")


def mode_of(connector: Connector) -> Param | None:
    """Return the parameter that chooses between a type's ways of logging in, None where there is but one."""
    ways = {name for name, _ in connector.authentication}
    return next((param for param in connector.params if len(ways) > 1 and set(param.choices) == ways), None)


def make(
    connector: Connector,
    shown: Mapping[str, str],
    *,
    stored: frozenset[str] = frozenset(),
    problems: Sequence[Problem] = (),
    dropped: Iterable[str] = (),
) -> Form:
    """Return the form of a type.

    `shown` are the texts of its controls by their names, as `of_document` returns them or as they were typed; `stored`
    names the secrets that are stored, `dropped` those that were typed and are not shown again. Problems stand at the
    control that they name, the others at the form.
    """
    return _Maker(connector, shown, stored, problems, dropped).form()


def of_document(connector: Connector, document: Mapping[str, Any]) -> dict[str, str]:
    """Return what the controls of a form show of a connection's document; of secrets nothing."""
    values = {name: document.get(name) for name in validate.accepted(connector) if name != "parameters"}
    values |= {_PARAMETER + name: value for name, value in (document.get("parameters") or {}).items()}
    return {
        name: _text(name, value)
        for name, value in values.items()
        if value not in (None, []) and not (name in BY_NAME and BY_NAME[name].is_secret)
    }


def without_secrets(connector: Connector, typed: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return what was typed without secrets, and the names of those that had been given."""
    secrets = set(secrets_of(connector))
    kept = {name: value for name, value in typed.items() if name not in secrets}
    return kept, sorted(name for name in secrets if typed.get(name))


def fields_of(connector: Connector, typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a new connection as they were typed; what is empty is left out.

    A text in place of a number stays one, for the service says what is wrong with it.
    """
    values = {name: value for name, value in _values(connector, typed).items() if value is not None}
    secrets = {name: typed[name] for name in secrets_of(connector) if typed.get(name)}
    return {"type": connector.type} | values | secrets


def changes_of(connector: Connector, typed: Mapping[str, str], document: Mapping[str, Any]) -> dict[str, Any]:
    """Return how what was typed differs from a connection's document, as a merge patch.

    A secret that was typed replaces the stored one, as long as it was not chosen to clear it.

    Raises:
        InvalidInput: a secret is to be replaced by nothing, or to be cleared and replaced.

    """
    values = _values(connector, typed)
    parameters = values.pop("parameters", None) or {}
    before = dict(document.get("parameters") or {})
    merged = {name: value for name, value in parameters.items() if value != before.get(name)}
    offered = {param.name for param in connector.params if _PARAMETER + param.name in typed}
    merged |= dict.fromkeys(name for name in before if name in offered and name not in parameters)
    changed = {name: value for name, value in values.items() if value != _value_of(document.get(name))}
    return changed | ({"parameters": merged} if merged else {}) | _changed_secrets(connector, typed)


def merged(
    typed: Mapping[str, str], base: Mapping[str, str], now: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what a form shows whose record was changed since, and by the name of a control what is stored now.

    `base` is what the form showed at first, `now` what it would show of the record as it is. What was typed stays;
    where nothing was, the form shows what is stored now.
    """
    theirs = {name for name in base.keys() | now.keys() if base.get(name, "") != now.get(name, "")}
    shown = {**typed}
    for name in theirs:
        if name in typed and typed[name] == base.get(name, ""):
            shown[name] = now.get(name, "")
    return shown, {name: now.get(name, "") for name in sorted(theirs)}


def as_tested(connector: Connector, typed: Mapping[str, str]) -> dict[str, str]:
    """Return what of a form decides a test, but no secret: neither a name and its like, nor what is empty."""
    unheard = {*HEAD, *secrets_of(connector)}
    return {name: value for name, value in typed.items() if value and name not in unheard and name[0] != "_"}


def changed_since(connector: Connector, typed: Mapping[str, str], digest: Callable[[str], str]) -> list[str]:
    """Return the names of controls that differ from what was tested last; none where nothing was.

    `_tested` among the typed is what `as_tested` returned then, as JSON. `_tested_secrets` says which secrets are as
    they were tested: those that the page still holds by their names, others as `tested_secrets` returned them.
    """
    if not (before := sent_forms.texts_in(typed.get("_tested", ""))):
        return []
    now = as_tested(connector, typed)
    same = set(typed.get("_tested_secrets", "").split())
    given = tested_secrets(connector, typed, digest)
    secrets = {name for name, as_then in given.items() if same.isdisjoint((name, as_then))}
    return sorted({name for name in before.keys() | now.keys() if before.get(name) != now.get(name)} | secrets)


def tested_secrets(connector: Connector, typed: Mapping[str, str], digest: Callable[[str], str]) -> dict[str, str]:
    """Return by what a page that holds no secret knows those again that were typed, by their names."""
    return {name: f"{name}={digest(typed[name])}" for name in secrets_of(connector) if typed.get(name)}


def secrets_of(connector: Connector) -> Iterator[str]:
    """Yield the names of the secrets that a type takes."""
    return (name for name in validate.accepted(connector) if BY_NAME[name].is_secret)


def _changed_secrets(connector: Connector, typed: Mapping[str, str]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    problems = validate.Problems()
    for name in secrets_of(connector):
        what, value = typed.get(name + _CHOICE, KEEP), typed.get(name, "")
        if what == CLEAR:
            changed[name] = None
            if value:
                problems.add(name, "is to be cleared, and was typed as well", "choose replace, or empty the field")
        elif value:
            changed[name] = value
        elif what == REPLACE:
            hint = "choose keep or clear; an empty one is set with the command line: --allow-empty"
            problems.add(name, "is to be replaced, and nothing was typed", hint)
    problems.finish()
    return changed


def _values(connector: Connector, typed: Mapping[str, str]) -> dict[str, Any]:
    """Return what was typed, without secrets, as values; None for what is empty."""
    plain = (name for name in validate.accepted(connector) if name != "parameters" and not BY_NAME[name].is_secret)
    values = {name: _value(BY_NAME[name].type, typed[name], ",") for name in plain if name in typed}
    given = {param.name: _value(param.type, typed.get(_PARAMETER + param.name, "")) for param in connector.params}
    parameters = {name: value for name, value in given.items() if value is not None}
    return values | ({"parameters": parameters} if parameters else {})


def _value_of(stored: Any) -> Any:
    return None if stored == [] else stored  # no list is stored as an empty one


def _value(wanted: type, text: str, divider: str = "\n") -> Any:
    if not text.strip():
        return None
    if wanted is int and _INTEGER.fullmatch(text):
        return int(text)
    if wanted is bool:
        return _WORDS.get(text, text)
    if wanted is list:
        return [part.strip() for part in text.split(divider) if part.strip()]
    return text


def number_of(text: str) -> Any:
    """Return a whole number, None for nothing; what is none stays a text, of which the service says what is wrong."""
    return _value(int, text)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return (", " if name == "tags" else "\n").join(value)
    return str(value)
