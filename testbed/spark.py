"""PySpark from an environment of its own beside this project, and PostgreSQL's JDBC driver."""

from __future__ import annotations

import sys
from pathlib import Path

from testbed import hive
from testbed.installing import install_debian
from testbed.java import JARS

JAR = JARS / "postgresql.jar"
# One machine, no page of its own, nothing that listens on another address.
BUILDER = (
    f'SparkSession.builder.master("local[2]").config("spark.jars", "{JAR}").config("spark.ui.enabled", "false")'
    '.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")'
)


def variables() -> dict[str, str]:
    """Return the environment of a Python program that imports pyspark, installed once, beside this project."""
    install_debian("libpostgresql-jdbc-java")
    java, package = hive.programs()
    return {
        "PYTHONPATH": str(package.parent),
        "PYSPARK_PYTHON": sys.executable,
        "JAVA_HOME": str(Path(java).resolve().parent.parent),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
