"""What other tools call the fields of MySQL and MariaDB."""

from __future__ import annotations

from qualytics.connectors.foreign import (
    USUAL_AIRFLOW,
    USUAL_DBT,
    USUAL_JDBC,
    USUAL_ODBC,
    USUAL_URL,
    Environment,
    Foreign,
    Form,
    Shell,
)
from qualytics.structs import replace

# MySQL Reference Manual, "Command Options for Encrypted Connections".
_MODES = {"disable": "DISABLED", "auto": "PREFERRED", "require": "REQUIRED", "verify": "VERIFY_IDENTITY"}
# No file of options gets between: a password there would go to this server, in the place of the one of MYSQL_PWD.
_SHELL_WORDS = (
    *("--no-defaults", "--protocol=tcp", "--host={host}", "--port={port}", "--user={username}"),
    "--database={database}",
)
_SHELL_ROOTS = ("--ssl-ca={system_roots}", "--ssl-ca={ssl_root_cert_file}")
# MySQL Reference Manual, "Command-Line Options That Affect Option-File Handling": this file is read all the same.
_NO_LOGIN_FILE = {"MYSQL_TEST_LOGIN_FILE": "/dev/null"}
_MYSQL = Shell(
    "mysql",
    _SHELL_WORDS,
    files={"--ssl-ca=": "ssl_root_cert"},
    tls={mode: (f"--ssl-mode={word}", *(_SHELL_ROOTS if mode == "verify" else ())) for mode, word in _MODES.items()},
)
# MariaDB's documentation, "mariadb Command-Line Client".
_MARIADB = replace(
    _MYSQL,
    program="mariadb",
    tls={
        "disable": ("--skip-ssl",),
        "auto": ("--ssl", "--skip-ssl-verify-server-cert"),
        "verify": ("--ssl", "--ssl-verify-server-cert", *_SHELL_ROOTS),
    },
)
SHELLS = (_MYSQL, _MARIADB)
FOREIGN = Foreign(
    names=("mysql", "mysql-client"),
    odbc=("mysql",),
    keys={
        **dict.fromkeys(
            ("ssl", "ssl-mode", "sslmode", "usessl", "requiressl", "ssl_disabled", "sslverify"), "ssl_mode"
        ),
        "connectionattributes": "",
        "schema": "database",  # which are one
    },
    files=dict.fromkeys(("ssl-ca", "ssl_ca", "sslca"), "ssl_root_cert"),
    ado=frozenset(
        ("port", "sslmode", "ssl mode", "allowuservariables", "allowpublickeyretrieval", "convertzerodatetime")
    ),
    # The first three are those of the clients themselves (MySQL Reference Manual, "Environment Variables").
    environment=Environment(
        texts={
            "MYSQL_HOST": "{host}",
            "MYSQL_TCP_PORT": "{port}",
            "MYSQL_PWD": "{password}",
            "MYSQL_PORT": "{port}",
            "MYSQL_USER": "{username}",
            "MYSQL_PASSWORD": "{password}",
            "MYSQL_DATABASE": "{database}",
        },
        defaults=_NO_LOGIN_FILE,
        url="mysql",
        cleared=(
            *("MYSQL_UNIX_PORT", "MYSQL_HOME", "MYSQL_GROUP_SUFFIX"),
            *("MARIADB_HOST", "MARIADB_UNIX_PORT", "MARIADB_HOME", "MARIADB_GROUP_SUFFIX", "MARIADB_PLUGIN_DIR"),
        ),
    ),
    shells=SHELLS,
    # apache-airflow-providers-mysql, "MySQL Connections"; SQLAlchemy, "PyMySQL", which has no word for optional TLS.
    forms={
        "airflow": Form("mysql", USUAL_AIRFLOW | {"ssl_mode": "ssl_mode"}, {"ssl_mode": _MODES}),
        "sqlalchemy": Form("mysql+pymysql", USUAL_URL | {"program_name": "program_name"}),
        # github.com/dbeatty10/dbt-mysql: its schema is the database.
        "dbt": Form(
            "mysql",
            {**USUAL_DBT, "host": "server", "username": "username", "database": "schema"},
            needs=("database",),
        ),
        # MySQL Connector/J Developer Guide, "Security"; Connector/ODBC Developer Guide, "Connection Parameters".
        "jdbc": Form(
            "jdbc:mysql", USUAL_JDBC | {"ssl_mode": "sslMode"}, {"ssl_mode": _MODES}, driver="com.mysql.cj.jdbc.Driver"
        ),
        "odbc": Form(
            "odbc",
            {**USUAL_ODBC, "host": "Server", "ssl_mode": "SSLMODE"},
            {"ssl_mode": _MODES},
            fixed={"Driver": "MySQL ODBC 9.4 Unicode Driver"},
        ),
    },
)
