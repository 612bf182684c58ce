"""Installs what Microsoft's ODBC driver, which mssql-python brings, needs of the system."""

from testbed.installing import install_debian


def programs() -> None:
    """Install the libraries that are missing."""
    install_debian("libltdl7", "libgssapi-krb5-2")
