"""What other tools call the fields of SQL Server and its relatives."""

from __future__ import annotations

from typing import Any

from qualytics.connectors.foreign import (
    TLS_MODES,
    USUAL_AIRFLOW,
    USUAL_JDBC,
    USUAL_URL,
    Environment,
    Foreign,
    Form,
    Properties,
)
from qualytics.structs import replace

_TRUST = ("trustservercertificate", "trust_server_certificate", "trust_cert")
_MANDATORY = {"mandatory": "verify", "strict": "verify"}


def complete(values: dict[str, str]) -> None:
    """Take a server with protocol, instance and port apart, make one mode of encryption and trust, and see a service principal."""
    host = values.get("server") or values.get("host") or ""
    if host.lower().startswith("tcp:") or "," in host:
        name, _, port = (host[4:] if host.lower().startswith("tcp:") else host).partition(",")
        values.pop("server", None)
        values["host"] = name.strip()
        if port.strip():
            values["port"] = port.strip()
        host = name
    if "\\" in host:
        values.pop("server", None)
        values["host"], _, values["instance"] = (part.strip() for part in host.partition("\\"))
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


# What Microsoft's drivers call a mode: to encrypt, and to trust whoever answers.
_TLS = {"verify": ("yes", "no"), "require": ("yes", "yes"), "disable": ("no", "no")}
_ENTRA = {"authentication_type": {"SERVICE_PRINCIPAL": "ActiveDirectoryServicePrincipal"}}
_BOOLEAN = {"yes": True, "no": False}
_JAVA = {"yes": "true", "no": "false"}
_DRIVER = "ODBC Driver 18 for SQL Server"
_OPTIONS = {
    "encrypt": "Encrypt",
    "trust": "TrustServerCertificate",
    "application_intent": "ApplicationIntent",
    "authentication_type": "Authentication",
}


def complete_form(values: dict[str, Any]) -> None:
    """Say a mode of TLS in two words."""
    if values.get("ssl_mode") in _TLS:
        values["encrypt"], values["trust"] = _TLS[values.pop("ssl_mode")]


def _complete_odbc(values: dict[str, Any]) -> None:
    complete_form(values)
    values["host"] = f"tcp:{values['host']}" + (f",{values.pop('port')}" if "port" in values else "")


def _complete_dbt(values: dict[str, Any]) -> None:
    complete_form(values)
    if values.get("authentication_type") == "SERVICE_PRINCIPAL":
        for name, key in (("username", "client_id"), ("password", "client_secret")):
            if name in values:
                values[key] = values.pop(name)


# docs.getdbt.com, "Microsoft SQL Server setup" and those of its relatives; Microsoft Learn, "Setting the connection
# properties" of JDBC, "DSN and connection string keywords" of ODBC; SQLAlchemy's documentation, "Microsoft SQL Server".
_DBT = Form(
    "sqlserver",
    {
        "host": "server",
        "port": "port",
        "database": "database",
        "schema": "schema",
        "authentication_type": "authentication",
        "username": "user",
        "password": "password",
        "tenant_id": "tenant_id",
        "client_id": "client_id",
        "client_secret": "client_secret",
        "encrypt": "encrypt",
        "trust": "trust_cert",
    },
    {
        "authentication_type": {"SERVICE_PRINCIPAL": "ServicePrincipal"},
        "encrypt": _BOOLEAN,
        "trust": _BOOLEAN,
    },
    needs=("database", "schema"),
    fixed={"driver": _DRIVER},
    complete=_complete_dbt,
)
FORMS = {
    "dbt": _DBT,
    "jdbc": Form(
        "jdbc:sqlserver",
        {
            **USUAL_JDBC,
            "database": "databaseName",
            "encrypt": "encrypt",
            "trust": "trustServerCertificate",
            "application_intent": "applicationIntent",
            "multi_subnet_failover": "multiSubnetFailover",
            "authentication_type": "authentication",
        },
        {**_ENTRA, **dict.fromkeys(("encrypt", "trust"), _JAVA)},
        path=(),
        properties=Properties(";", ";", quotes="{}"),
        driver="com.microsoft.sqlserver.jdbc.SQLServerDriver",
        complete=complete_form,
    ),
    "odbc": Form(
        "odbc",
        {"host": "Server", "database": "Database", "username": "UID", "password": "PWD", **_OPTIONS},
        _ENTRA,
        fixed={"Driver": _DRIVER},
        complete=_complete_odbc,
    ),
    "sqlalchemy": Form("mssql+pyodbc", USUAL_URL | _OPTIONS, _ENTRA, fixed={"driver": _DRIVER}, complete=complete_form),
}
# apache-airflow-providers-microsoft-mssql, "MSSQL Connection": the driver has no word for TLS.
AIRFLOW = Form("mssql", USUAL_AIRFLOW)


FOREIGN = Foreign(
    names=("mssql", "sqlserver", "jtds:sqlserver", "sql_server", "sqlclient"),
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
    ado=frozenset(
        (
            *(
                "encrypt",
                "trustservercertificate",
                "trust server certificate",
                "multipleactiveresultsets",
                "initial catalog",
            ),
            *("multiple active result sets", "integrated security", "trusted_connection", "applicationintent"),
            *("application intent", "multisubnetfailover", "persist security info", "attachdbfilename"),
        )
    ),
    forms={**FORMS, "airflow": AIRFLOW},
)


def named(*names: str, dbt: str) -> Foreign:
    """Return the same under the names of a relative, and dbt's word for it."""
    return replace(FOREIGN, names=names, odbc=(), forms={**FORMS, "dbt": replace(_DBT, word=dbt)})
