"""MariaDB: an account that demands a client certificate."""

import pytest

from testbed import servers
from tests.support.trial import outcome, trial


@pytest.mark.servers
def test_an_account_that_demands_a_certificate_is_told_as_far_as_can_be(mariadb_server, root_file):
    login = {"username": "demanding", "password": "secret 1"}
    with servers.mariadb_admin(mariadb_server) as admin:
        admin.cursor().execute("create user demanding identified by 'secret 1' require x509")
        report = trial("mariadb", mariadb_server.port, **login, ssl_root_cert_file=str(root_file), ssl_mode="verify")
        admin.cursor().execute("drop user demanding")
    # The server refuses a wrong password in the very same packet.
    assert outcome(report) == ("login", "auth")
    assert "client certificate" in report.failure.hint
    assert "disable" not in report.failure.hint
