"""What other tools call the fields of Oracle, and the names by which Oracle's own clients connect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qualytics.connectors.foreign import USUAL_DBT, Environment, Foreign, Form
from qualytics.errors import UsageError
from qualytics.urls import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator

# Net Services Administrator's Guide, "Understanding the Easy Connect Naming Method", and the form that the thin driver
# of Java has for a SID. SQL*Plus takes a login before it, whose password stands in double quotes where it has an @.
_EASY = re.compile(
    r"(?:(?P<protocol>tcps?)://|//)?(?P<host>[A-Za-z0-9_](?:[\w.-]*)|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?P<service>[\w.$#-]+)(?::(?P<server_mode>\w+))?(?:/(?P<instance>[\w.$#-]+))?|:(?P<sid>[A-Za-z][\w.$#-]*))?"
    r"(?:\?(?P<settings>[^\s]*))?\Z",
    re.IGNORECASE,
)
_LOGIN = re.compile(r'(?P<username>"[^"]+"|[^\s/@"():]*)/(?P<password>"[^"]*"|[^\s"]*)@(?P<place>[^@]+)\Z')
_ALIAS = re.compile(r"[\w.$#,-]+\s*=\s*(?=\()")  # of tnsnames.ora
_OPEN = re.compile(r"\s*\(\s*([A-Za-z_]+)\s*=\s*")
_VALUE = re.compile(r"\s*(?:\"([^\"]*)\"|'([^']*)'|([^()\"']*))\s*\)")
_CLOSE = re.compile(r"\s*\)")
# What would be taken for something else.
_IN_DESCRIPTOR = {"service_name": "service", "server": "server_mode"}
_THIN = re.compile(r"(?:thin|oci8?):", re.IGNORECASE)


def from_jdbc(text: str) -> dict[str, str] | None:
    """Take apart what stands behind `jdbc:oracle:`: a place of any form, behind the @ of a login."""
    if (match := _THIN.match(text)) is None:
        return None
    rest = text[match.end() :]
    return string(rest.removeprefix("@"), is_place=True)


def string(text: str, *, is_place: bool) -> dict[str, str] | None:
    """Take apart a connect descriptor, or an Easy Connect string with or without the login of SQL*Plus before it.

    Where it is not known to be a place of Oracle's, an Easy Connect string counts only with its // or a login.
    """
    text = text[alias.end() :] if (alias := _ALIAS.match(text)) else text
    login = _LOGIN.match(text)
    user, password, place = login.groups() if login is not None else ("", "", text)
    if place.startswith("("):
        values = _descriptor(place)
    elif is_place or (user and "/" in place) or re.match("(?i:tcps?:)?//", place):
        values = _easy(place)
    else:
        return None
    known = {"username": _unquoted(user), "password": _unquoted(password)} | values
    return {name: value for name, value in known.items() if value} if "host" in values else None


def _easy(place: str) -> dict[str, str]:
    match = _EASY.match(place)
    if match is None:
        return {}
    values = match.groupdict(default="")
    settings = (setting.partition("=")[::2] for setting in values.pop("settings").split("&"))
    return {name.lower(): value for name, value in settings} | values | {"host": values["host"].strip("[]")}


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] == text[-1:] == '"' and len(text) > 1 else text


def _descriptor(text: str) -> dict[str, str]:
    """Return the values of a connect descriptor by their names; of several addresses the first."""
    values: dict[str, str] = {}
    for name, value in _leaves(text):
        key = _IN_DESCRIPTOR.get(name, name)
        if values.setdefault(key, value) != value:
            values[f"{name} of another address"] = value
    return values


def _leaves(text: str) -> Iterator[tuple[str, str]]:
    at, depth = 0, 0
    while at < len(text):
        if opened := _OPEN.match(text, at):
            at, depth = opened.end(), depth + 1
            if text[at : at + 1] != "(" and (leaf := _VALUE.match(text, at)):
                yield opened[1].lower(), next(filter(None, leaf.groups()), "").strip()
                at, depth = leaf.end(), depth - 1
        elif depth and (closed := _CLOSE.match(text, at)):
            at, depth = closed.end(), depth - 1
        else:
            return


def complete(values: dict[str, str]) -> None:
    """Take a place of ODBC apart, and dbt's `database` for the service where no other is named."""
    if (place := string(values.get("dbq", ""), is_place=True)) is not None:
        del values["dbq"]
        values |= place
    if values.get("server_mode", "").lower() == "dedicated":  # as the driver has it anyway
        del values["server_mode"]
    if not {"service", "service_name", "sid"} & values.keys() and "database" in values:
        values["service"] = values.pop("database")


def thin(values: dict[str, str]) -> str:
    """Return what stands behind `jdbc:oracle:` for the thin driver, whose login has no quotes that all versions know."""
    login = [values.pop(name) for name in ("username", "password") if name in values]
    if not all(isinstance(text, Reference) or re.fullmatch(r"[\w$#]+", text) for text in login):
        raise UsageError("the login holds what a URL of the thin driver cannot", "give it to the driver as properties")
    protocol = "tcps://" if values.pop("protocol", "TCP") == "TCPS" else ""
    place = f"{values.pop('host')}:{values.pop('port', '1521')}"
    service, sid = values.pop("service_name", ""), values.pop("sid", "")
    end = f"/{service}" if service or not sid else f":{sid}"
    return f"thin:{'/'.join(login)}@{protocol or ('//' if end[0] == '/' else '')}{place}{end}"


_NAMED = {"service_name": "service_name", "sid": "sid"}
_ADDRESS = {"host": "host", "port": "port", "username": "username", "password": "password"}
# SQLAlchemy's documentation, "Oracle"; docs.getdbt.com, "Oracle setup"; apache-airflow-providers-oracle, "Oracle
# Connection"; Oracle JDBC Developer's Guide, as above; Database Development Guide, "Using the Oracle ODBC Driver".
FORMS = {
    "airflow": Form("oracle", {**_ADDRESS, "username": "login", **_NAMED}),
    "dbt": Form(
        "oracle",
        {**USUAL_DBT, "service_name": "service", "schema": "schema", "protocol": "protocol"},
        {"protocol": {"TCP": "tcp", "TCPS": "tcps"}},
        needs=("schema",),
    ),
    "jdbc": Form(
        "jdbc:oracle:", {**_ADDRESS, **_NAMED, "protocol": "protocol"}, place=thin, driver="oracle.jdbc.OracleDriver"
    ),
    "sqlalchemy": Form("oracle+oracledb", {**_ADDRESS, **_NAMED}, path=("sid",)),
}


FOREIGN = Foreign(
    names=("oracle", "oracledb"),
    odbc=("oracle",),
    keys={"service": "service_name", "thick_mode": ""},
    words={"protocol": {"tcp": "TCP", "tcps": "TCPS"}},
    path=("sid",),
    complete=complete,
    jdbc=from_jdbc,
    string=string,
    environment=Environment(url="oracle", path=("service_name",)),
    forms=FORMS,
)
