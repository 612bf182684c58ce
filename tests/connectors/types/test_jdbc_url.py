"""URLs of JDBC: read, checked and put together anew, without a password."""

from __future__ import annotations

import json
import re

import pytest

from qualytics.connectors.types import jdbc
from qualytics.connectors.types.jdbc import url as urls
from tests.support.jdbc import H2

BAD_URLS = re.findall(
    r"\S+",
    r"""
jdbc:h2:mem:sales
jdbc:h2:file:/tmp/sales
jdbc:h2:~/sales
jdbc:h2://db:1/sales
jdbc:h2:zip://db:1/sales
jdbc:h2:tcp://db/sales;INIT=RUNSCRIPT
jdbc:h2:tcp://db/../sales
jdbc:hsqldb:mem:sales
jdbc:hsqldb:file://db:1/sales
jdbc:hsqldb:res://db:1/sales
jdbc:hsqldb:http://db:1/sales
jdbc:derby:sales;create=true
jdbc:derby://db/sales;create=true
jdbc:derby://db/sales;traceFile=/tmp/x
jdbc:derby:memory://db:1/x
jdbc:sqlite:/tmp/x
jdbc:sqlite://db:1/x
jdbc:jndi://db:1/x
jdbc:rmi://db:1/x
jdbc:ldap://db:1/x
jdbc:p6spy:postgresql://db/x
jdbc:vertica://db/x
jdbc:vertica://010.0.0.1:1/x
jdbc:vertica://0x7f.1:1/x
jdbc:vertica://0x7f000001:1/x
jdbc:vertica://2130706433:1/x
jdbc:vertica://127.1:1/x
jdbc:vertica://127.0.0.1.:1/x
jdbc:vertica://db:0/x
jdbc:vertica://db:65536/x
jdbc:vertica://db:1/x?anything=1
jdbc:postgresql:sales
jdbc:postgresql:///sales
jdbc:postgresql://a,b/sales
jdbc:postgresql://ann:hunter2@db/sales
jdbc:postgresql://db/sales?user=ann
jdbc:postgresql://db/sales?password=hunter2
jdbc:postgresql://db/sales?socketFactory=org.x.Y
jdbc:postgresql://db/sales?sslfactory=org.x.Y
jdbc:postgresql://db/sales?loggerFile=/tmp/x
jdbc:postgresql://db/sales?ssl=true&ssl=false
jdbc:postgresql://db/sales?sslmode=
jdbc:postgresql://db/sales?sslmode=a%20b
jdbc:postgresql://db/sa%6ces
jdbc:postgresql://db/sales/more
jdbc:postgresql://db/sales#x?y
jdbc:mysql://db/sales?autoDeserialize=true
jdbc:mysql://db/sales?allowLoadLocalInfile=true
jdbc:mysql://db/sales?allowUrlInLocalInfile=true
jdbc:mysql://db/sales?queryInterceptors=com.x.Y
jdbc:mysql:loadbalance://db/sales
jdbc:mysql://address=(host=db)(port=1)/sales
jdbc:sqlserver://db;user=sa
jdbc:sqlserver://db;integratedSecurity=true
jdbc:sqlserver://db\instance
JDBC:POSTGRESQL://db/sales
postgresql://db/sales
""",
)


@pytest.mark.parametrize(
    ("given_url", "stored"),
    [
        ("jdbc:postgresql://db.example.com/sales", "jdbc:postgresql://db.example.com:5432/sales"),
        ("jdbc:postgresql://[::1]:6000/sales?SSLMODE=verify-full", "jdbc:postgresql://[::1]:6000/sales?sslmode=verify-full"),
        ("jdbc:mariadb://db:3307/?useSSL=true&trustServerCertificate=false", "jdbc:mariadb://db:3307/?useSSL=true&trustServerCertificate=false"),
        ("jdbc:sqlserver://db;databaseName=sales;encrypt=true", "jdbc:sqlserver://db:1433;databaseName=sales;encrypt=true"),
        ("jdbc:h2:tcp://db/~/sales", "jdbc:h2:tcp://db:9092/~/sales"),
        ("jdbc:h2:ssl://db:9093/mem:sales", "jdbc:h2:ssl://db:9093/mem:sales"),
        ("jdbc:hsqldb:hsql://db/sales", "jdbc:hsqldb:hsql://db:9001/sales"),
        ("jdbc:derby://db/SALES;ssl=basic", "jdbc:derby://db:1527/SALES;ssl=basic"),
        ("jdbc:vertica://db:5433/sales", "jdbc:vertica://db:5433/sales"),
    ],
)  # fmt: skip
def test_a_url_is_put_together_anew(given_url, stored):
    assert jdbc.CONNECTOR.clean_uri(given_url) == stored
    assert jdbc.CONNECTOR.clean_uri(stored) == stored


@pytest.mark.parametrize(
    "url", [*BAD_URLS, "jdbc:postgresql://db/sales ", "jdbc:postgresql://dß/sales", " jdbc:x://a:1/"]
)
def test_another_url_is_refused_without_its_text(url):
    with pytest.raises(ValueError, match=r"\w") as refused:
        jdbc.CONNECTOR.clean_uri(url)
    assert "hunter2" not in str(refused.value)


def test_a_url_with_a_password_is_refused_by_the_command_line(run):
    done = run(
        *("connections", "test", "--type", "jdbc", "--uri", "jdbc:h2:tcp://ann:hunter2@127.0.0.1:1/x"),
        *("--parameters", json.dumps(H2)),
    )
    assert done.code == 2
    assert "without user or password" in done.err
    assert "hunter2" not in done.err


@pytest.mark.parametrize(
    ("url", "demands"),
    [
        ("jdbc:postgresql://db/x", False),
        ("jdbc:postgresql://db/x?sslmode=prefer", False),
        ("jdbc:postgresql://db/x?sslmode=verify-full", True),
        ("jdbc:mariadb://db/x?trustServerCertificate=true", False),
        ("jdbc:mariadb://db/x?useSSL=true", True),
        ("jdbc:h2:ssl://db/x", True),
    ],
)
def test_a_url_demands_tls_or_not(url, demands):
    assert urls.parse(url).demands_tls is demands
