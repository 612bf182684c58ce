"""What other tools call the fields of SQL Server and its relatives."""

from __future__ import annotations

from qualytics.connectors.foreign import TLS_MODES, Environment, Foreign
from qualytics.structs import replace

_TRUST = ("trustservercertificate", "trust_server_certificate", "trust_cert")
_MANDATORY = {"mandatory": "verify", "strict": "verify"}


def complete(values: dict[str, str]) -> None:
    """Take `tcp:host,port` apart, make one mode of encryption and trust, and see a service principal."""
    host = values.get("server") or values.get("host") or ""
    if host.lower().startswith("tcp:") or "," in host:
        name, _, port = host.removeprefix("tcp:").partition(",")
        values.pop("server", None)
        values["host"] = name.strip()
        if port.strip():
            values["port"] = port.strip()
    trusts = TLS_MODES.get(next((values.pop(key) for key in _TRUST if key in values), "no").lower()) == "verify"
    if mode := (TLS_MODES | _MANDATORY).get(values.get("encrypt", "").lower()):
        values["encrypt"] = "require" if trusts and mode == "verify" else mode
    elif trusts:
        values["encrypt"] = "require"  # the drivers' default since 2022 is to encrypt
    if values.get("authentication", "").replace("ActiveDirectory", "").lower() == "serviceprincipal":
        values["authentication_type"] = "SERVICE_PRINCIPAL"
        del values["authentication"]
    elif values.get("authentication", "").lower() in {"sql", "sqlpassword"}:
        del values["authentication"]


def complete_environment(values: dict[str, str]) -> None:
    """Say a service principal as Azure's libraries do."""
    if values.get("tenant_id"):
        values["client_id"], values["client_secret"] = values.pop("username", ""), values.pop("password", "")


FOREIGN = Foreign(
    names=("mssql", "sqlserver", "jtds:sqlserver", "sql_server"),
    odbc=("sql server", "msodbcsql", "tds"),
    keys={
        "server": "host",
        "encrypt": "ssl_mode",
        "client_id": "username",
        "client_secret": "password",
        "applicationintent": "application_intent",
        "multisubnetfailover": "multi_subnet_failover",
        "tds_version": "",
    },
    # Those of sqlcmd, and of the Azure Identity libraries.
    environment=Environment(
        texts={
            "SQLCMDSERVER": "tcp:{host},{port}",
            "SQLCMDUSER": "{username}",
            "SQLCMDPASSWORD": "{password}",
            "SQLCMDDBNAME": "{database}",
            "AZURE_TENANT_ID": "{tenant_id}",
            "AZURE_CLIENT_ID": "{client_id}",
            "AZURE_CLIENT_SECRET": "{client_secret}",
        },
        url="mssql",
        cleared=("AZURE_*",),
        complete=complete_environment,
    ),
    words={"application_intent": {"readonly": "ReadOnly", "readwrite": "ReadWrite"}},
    complete=complete,
)


def named(*names: str) -> Foreign:
    """Return the same under the names of a relative."""
    return replace(FOREIGN, names=names, odbc=())
