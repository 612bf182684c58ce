"""Keys and certificates whose PEM text was changed: mended where that is certain, refused with the reason."""

import json

import pytest
import trustme
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec

from qualytics.connectors.shared import pem as _pem
from qualytics.connectors.shared.google import TOKEN_URI, clean_service_account
from qualytics.connectors.shared.pem import private_key_der
from tests.support.keys import RSA

# Built, so that no scanner takes it for a key.
BEGIN, END = (f"-----{word} PRIVATE KEY-----" for word in ("BEGIN", "END"))


def pem_of(key, passphrase=None, kind=form.PrivateFormat.PKCS8):
    how = form.BestAvailableEncryption(passphrase.encode()) if passphrase else form.NoEncryption()
    return key.private_bytes(form.Encoding.PEM, kind, how).decode()


@pytest.fixture(scope="module")
def key():
    return RSA


@pytest.fixture(scope="module")
def pem(key):
    return pem_of(key)


# What happens to a text between a key file and a command: it is still certain what was meant.
MENDED = {
    "as it is": lambda pem: pem,
    "escaped line ends": lambda pem: pem.replace("\n", "\\n"),
    "line ends escaped twice": lambda pem: pem.replace("\n", "\\\\n"),
    "escaped line ends of Windows": lambda pem: pem.replace("\n", "\\r\\n"),
    "line ends of Windows": lambda pem: pem.replace("\n", "\r\n"),
    "blanks": lambda pem: pem.replace("\n", " "),
    "no line ends": lambda pem: pem.replace("\n", ""),
    "indented": lambda pem: "\n".join(f"    {line}" for line in pem.splitlines()),
    "quoted": lambda pem: f'"{pem}"',
    "a BOM": lambda pem: "\ufeff" + pem,
    "text around it": lambda pem: f"Bag Attributes\n  name: x\n{pem}\nmore",
}
REFUSED = {
    "tags": (lambda pem: pem.replace("\n", "<br>"), "line ends are written as something else"),
    "entities": (lambda pem: pem.replace("\n", "&#10;"), "line ends are written as something else"),
    "percent": (lambda pem: pem.replace("\n", "%0A"), "line ends are written as something else"),
    "no footer": (lambda pem: pem.partition("-----END")[0], "has no footer"),
    "half a footer": (lambda pem: pem.strip().removesuffix("-"), "has no footer"),
    "no header": (lambda pem: pem.partition("\n")[2], "is not PEM text"),
    "the body alone": (lambda pem: "".join(pem.splitlines()[1:-1]), "is not PEM text"),
    "cut": (lambda pem: pem[:400] + pem[500:], "cannot be read as a private key"),
    "another character": (lambda pem: pem[:400] + "\u00e4" + pem[401:], "holds what is no base64"),
    "a path": (lambda _pem: "/home/me/key.pem", "is not PEM text"),
}


def google(private, **more):
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "a@b.example",
            "private_key": private,
            "private_key_id": "1",
            **more,
        }
    )


@pytest.mark.parametrize("what", MENDED)
def test_a_key_whose_line_ends_were_changed_is_mended(what, pem, key):
    changed = MENDED[what](pem)
    assert _pem.mended(changed, "PRIVATE KEY") == pem
    assert json.loads(clean_service_account(google(changed)))["private_key"] == pem
    found = form.load_der_private_key(private_key_der(changed, ""), None)
    assert found.private_numbers() == key.private_numbers()


def create(run, type_, secret):
    given = {
        "gcs": ("--uri", "gs://bucket", "--secret-key", secret),
        "bigquery": ("--password", secret),
        "snowflake": ("--host", "h", "--password", secret, "--parameters", '{"authentication_type": "KEYPAIR"}'),
    }
    return run("connections", "create", "--type", type_, *given[type_], "--dry-run")


@pytest.mark.parametrize("type_", ["gcs", "bigquery", "snowflake"])
@pytest.mark.parametrize("what", REFUSED)
def test_a_key_that_cannot_be_read_is_refused_before_it_is_stored(run, type_, what, pem):
    change, reason = REFUSED[what]
    changed = change(pem)
    done = create(run, type_, changed if type_ == "snowflake" else google(changed))
    assert (done.code, done.out) == (2, "")
    assert reason in done.err
    body = "".join(pem.splitlines()[1:-1])
    assert not [at for at in range(len(body) - 8) if body[at : at + 8] in done.err]


@pytest.mark.parametrize("type_", ["gcs", "bigquery"])
def test_the_kind_of_key_that_google_needs_is_told(run, type_, key):
    curve = pem_of(ec.generate_private_key(ec.SECP256R1()))
    done = create(run, type_, google(curve))
    assert (done.code, "of another kind; Google's service accounts sign with an RSA key" in done.err) == (2, True)
    for kind in (form.PrivateFormat.PKCS8, form.PrivateFormat.TraditionalOpenSSL):
        done = create(run, type_, google(pem_of(key, "open sesame", kind)))
        assert (done.code, "is encrypted; Google's key files hold an RSA key in clear" in done.err) == (2, True)
    assert create(run, type_, google(pem_of(key, kind=form.PrivateFormat.TraditionalOpenSSL))).code == 0


OLDER = [
    "https://accounts.google.com/o/oauth2/token",
    "https://www.googleapis.com/oauth2/v3/token",
    "https://www.googleapis.com/oauth2/v4/token",
    TOKEN_URI,
]


@pytest.mark.parametrize("uri", OLDER)
def test_an_older_key_file_of_google_is_taken_and_its_address_is_not(uri, pem):
    assert json.loads(clean_service_account("\ufeff" + google(pem, token_uri=uri)))["token_uri"] == TOKEN_URI


def test_an_encrypted_key_waits_for_its_passphrase(run, key):
    """One of the two may be stored already; a test says whether they fit."""
    assert create(run, "snowflake", pem_of(key, "open sesame")).code == 0


@pytest.mark.parametrize("what", [what for what in MENDED if what != "quoted"])
def test_root_certificates_are_stored_with_their_line_ends(run, what):
    root = "".join(trustme.CA().cert_pem.bytes().decode() for _ in range(2))
    given = json.dumps({"ssl_root_cert": MENDED[what](root)})
    made = run("connections", "create", "-t", "postgresql", "--host", "h", "--parameters", given, "-f", "json")
    assert made.code == 0, made.err
    assert made.json["parameters"]["ssl_root_cert"].split() == root.split()


@pytest.mark.parametrize("what", [*REFUSED, "a key"])
def test_root_certificates_that_are_none_are_refused(run, what, pem):
    root = trustme.CA().cert_pem.bytes().decode()
    text = pem if what == "a key" else REFUSED[what][0](root)
    done = run(
        "connections", "create", "-t", "mysql", "--host", "h", "--parameters", json.dumps({"ssl_root_cert": text})
    )
    assert done.code == 2
    assert done.err.startswith("error: parameters.ssl_root_cert "), done.err


def test_a_root_certificate_beside_a_private_key_is_stored_without_it(run, pem):
    root = trustme.CA().cert_pem.bytes().decode()
    given = json.dumps({"ssl_root_cert": pem + root})
    made = run("connections", "create", "-t", "postgresql", "--host", "h", "--parameters", given, "-f", "json")
    assert made.json["parameters"]["ssl_root_cert"].split() == root.split()
