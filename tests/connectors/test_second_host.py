"""A login that needs a second host, which cannot be reached: the message names that host, and what it is for."""

import pytest

from qualytics import probe
from qualytics.secret import Secret
from tests.connectors.second_host_in_namespace import LOGINS, ROLE, STATES
from tests.support import namespaces, tls_defects
from tests.support.cloud import serving

PURPOSES = {
    "oauth2.googleapis.com": "where Google issues a token for the key",
    "sts.eu-west-1.amazonaws.com": "where AWS issues the keys of the role",
    "login.microsoftonline.com": "where Microsoft Entra logs the service principal in",
}
CREDENTIALS = (
    b'<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
    b"<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
    b"<Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
)
CLASSES = {"unknown": "dns", "refused": "refused", "silent": "timeout", "untrusted": "tls"}
WORDS = {
    "unknown": "the host name {}, does not exist",
    "refused": "nothing listens on {}",
    "silent": "{}, did not answer within 6 s",
    "untrusted": "({})",
}
TRIALS = [(state, type_) for state in STATES for type_ in LOGINS]


@pytest.fixture(scope="module")
def found():
    """Run the trials of `second_host_in_namespace`."""
    return namespaces.run("tests.connectors.second_host_in_namespace")


@pytest.mark.slow
@pytest.mark.parametrize(("state", "type_"), TRIALS)
def test_a_second_host_that_fails_is_named_with_what_it_is_for(found, state, type_):
    one = found[state][type_]
    host = LOGINS[type_][0]
    assert one["class"] == CLASSES[state], one
    # The deadline ends what began last, and these types fetch their token before their driver begins to log in.
    is_early = state == "silent" and type_ in {"sqlserver", "synapse", "fabric"}
    assert one["stage"] == ("tls" if is_early else "login"), one
    assert WORDS[state].format(f"{host}, {PURPOSES[host]}") in one["message"], one
    assert "--host" not in one["hint"], one
    assert "--port" not in one["hint"], one
    assert "endpoint" not in one["hint"], one


@pytest.mark.slow
def test_an_api_that_hangs_up_after_the_role_was_taken_is_named():
    def answer(_method, _path, _headers, body):
        if b"AssumeRole" not in body:
            raise ConnectionAbortedError
        return 200, {"Content-Type": "text/xml"}, CREDENTIALS

    root = tls_defects.issue("Test Root", ca=True)
    context = tls_defects.context_of((tls_defects.issue("leaf", root, hosts=("localhost",)), root))
    with serving(answer) as api, tls_defects.serving("redshift", context) as port:
        more = {"cluster_identifier": "analytics", "endpoint_url": f"http://127.0.0.1:{api}"}
        parameters = {"ssl_mode": "verify", **ROLE, **more, "ssl_root_cert": root.pem.decode()}
        values = {"host": "localhost", "port": port, "username": "AKIA", "parameters": parameters}
        failure = probe.run(probe.Plan("redshift", values, {"password": Secret("c2VjcmV0")}, 20.0)).failure
    assert failure.failure_class == "network", failure
    assert failure.message == f"the connection to 127.0.0.1:{api}, where AWS gives logins to Redshift, broke off"
