"""Foreign text shows no part of a secret, in whatever form it stands there, and is otherwise left alone."""

import base64
import json
import random
import time

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from qualytics.connectors import get
from qualytics.masking import LEFT_OUT, MAX_TEXT, Masking
from qualytics.secret import MASK, Secret
from tests.support.encodings import ENCODINGS, SURROUNDINGS
from tests.support.keys import RSA


def pem_of(key):
    kind = form.PrivateFormat.PKCS8
    return key.private_bytes(form.Encoding.PEM, kind, form.NoEncryption()).decode()


PEM = pem_of(RSA)
BODY = "".join(PEM.split("-----")[2].split())
KEY_ID = random.randbytes(20).hex()
GOOGLE = {
    "type": "service_account",
    "project_id": "wonderful-project-1",
    "private_key_id": KEY_ID,
    "private_key": PEM,
    "client_email": "reader@wonderful-project-1.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
    "universe_domain": "googleapis.com",
}
PUBLIC = get("bigquery").public_members
# Each with what is looked for: a PEM's armour and a JSON's public members are no secret.
SECRETS = {
    "PEM": (PEM, BODY),
    "JSON": (json.dumps(GOOGLE), BODY),
    "JSON, its id": (json.dumps(GOOGLE, indent=2), KEY_ID),
    "plain": ("hunter22-Xy/z+Qw==9&%41",) * 2,
    "signs": ("p'w\"d\\n%x}1'x$y;ä€ü pass word",) * 2,
    "Cyrillic": ("пароль-Ωмега-ключ",) * 2,
    "beyond the plane": ("ab😀cd😀efgh😀ij",) * 2,
    "phrase": ("correct horse battery staple",) * 2,
    "umlauts": ("Größenwahnsinnige Äpfel",) * 2,
}
MASKINGS = {name: Masking([Secret(secret)], public=PUBLIC) for name, (secret, _) in SECRETS.items()}


def masked(text, *secrets, **more):
    return Masking([Secret(secret) for secret in secrets], **more).mask(text)


@st.composite
def shown_parts(draw):
    """Return the name of a secret, a part of it, the name of an encoding, and a text that may stand around it."""
    name = draw(st.sampled_from(sorted(SECRETS)))
    pool = SECRETS[name][1]
    size = draw(st.sampled_from([12, 12, 9, 16, 30]))
    start = draw(st.integers(0, max(0, len(pool) - size)))
    return (
        name,
        pool[start : start + size],
        draw(st.sampled_from(sorted(ENCODINGS))),
        draw(st.sampled_from(SURROUNDINGS)),
    )


def can_be_read_back(encoding, part):
    """Say whether the encoding shows the part at all, and at least eight characters of it beside blanks."""
    try:
        part.encode("latin-1" if "Latin-1" in encoding else "utf-8")
    except UnicodeEncodeError:
        return False
    return len("".join(part.split())) >= 9


@settings(max_examples=200)
@given(shown_parts())
def test_no_part_of_a_secret_passes_in_any_encoding(shown):
    name, part, encoding, (before, after) = shown
    encode = ENCODINGS[encoding]
    if can_be_read_back(encoding, part):
        left = MASKINGS[name].mask(f"{before}{encode(part)}{after}")
        assert left.endswith(MASK), encoding
        # What is left of it is no longer than what its first characters make: seven, or eight with a blank at an end.
        assert len(left) - len(MASK) - len(before) <= len(encode(part[:9])), encoding


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_part_of_twelve_characters_is_masked_in_each_encoding(encoding):
    for name, (_, pool) in SECRETS.items():
        for start in range(0, min(len(pool), 120), 40):
            part = pool[start : start + 12]
            if len(part) == 12 and can_be_read_back(encoding, part):
                text = f"the server said: {ENCODINGS[encoding](part)}"
                assert MASKINGS[name].mask(text).endswith(MASK), (name, part)


@given(st.sampled_from(sorted(SECRETS)), st.integers(0, 10_000), st.text(max_size=40), st.text(max_size=40))
def test_eight_characters_are_masked_and_the_text_before_them_stays(name, start, before, after):
    pool = SECRETS[name][1]
    part = pool[start % (len(pool) - 8) :][:8]
    if part != part.strip():  # a run of fewer with a blank beside it
        part = "".join(pool.split())[:8]
    left = MASKINGS[name].mask(f"{before}{part}{after}")
    assert MASK in left
    assert part not in left
    assert left.removesuffix(MASK) == before[: len(left) - len(MASK)]


def test_the_bytes_of_a_key_are_masked_like_its_text():
    der = base64.b64decode(BODY)
    for raw in (der[40:60], der[500:520]):
        for text in (str(list(raw)), raw.hex(), raw.hex(":"), repr(raw), base64.b64encode(raw).decode()):
            assert masked(f"bad key {text}", PEM).startswith("bad key")
            assert masked(f"bad key {text}", PEM).endswith(MASK), text


@pytest.mark.parametrize("spelled", [PEM.replace("\n", "\\n"), PEM.replace("\n", " "), PEM.replace("\n", "\r\n")])
def test_a_key_with_other_line_ends_is_masked_in_each_of_its_lines(spelled):
    google = json.dumps(GOOGLE | {"private_key": spelled})
    for line in PEM.splitlines()[1:-1]:
        for text in (line, str(list(line.encode())), line[-12:]):
            assert len(line) < 12 or masked(f"x {text}", google, public=PUBLIC).endswith(MASK), text
    assert masked(str(list(spelled.encode()))[:4_096], google, public=PUBLIC).endswith(MASK)


def test_armour_and_public_members_are_no_secrets():
    google = json.dumps(GOOGLE)
    for text in (
        "expected -----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY-----",
        "reader@wonderful-project-1.iam.gserviceaccount.com does not have storage.objects.list access",
        "POST https://oauth2.googleapis.com/token: project wonderful-project-1 of type service_account",
    ):
        assert masked(text, google, public=PUBLIC) == text
    assert masked(f"kid {KEY_ID}", google, public=PUBLIC) == f"kid {MASK}"
    # Where a type names no public members, all of its secret is one.
    assert masked('{"type": "service', '{"type": "service_account"}') == MASK


@pytest.mark.parametrize("size", range(4, 8))
def test_a_short_secret_is_masked_whole(size):
    secret = "Zq7#kX9"[:size]
    assert masked(f"pin {secret}", secret) == f"pin {MASK}"
    assert masked(f"pin {secret.lower()}!", secret) == f"pin {MASK}"
    assert masked(f"pin {secret.encode().hex()}", secret) == f"pin {MASK}"
    assert masked(f"pin {base64.b64encode(secret.encode()).decode()}", secret).startswith(f"pin {MASK}")
    assert masked(f"pin {list(secret.encode())}", secret).startswith("pin [")
    assert masked(f"pin {list(secret.encode())}", secret).endswith(MASK)
    assert masked(f"pin {secret[:-1]}", secret) == f"pin {secret[:-1]}"


def test_what_is_too_short_or_nothing_is_left_alone():
    assert masked("abc", "abc") == "abc"
    assert masked("", "abcd") == ""
    assert masked("text") == "text"
    assert masked("xx abcdefgh xx", "abcd", "abcdefgh") == f"xx {MASK}"


# What drivers and servers of many types say, with nothing of a secret in it.
MESSAGES = (
    'OperationalError: connection failed: FATAL:  password authentication failed for user "app"',
    "(1045, \"Access denied for user 'app'@'172.17.0.1' (using password: YES)\")",
    "ORA-01017: invalid username/password; logon denied\nHelp: https://docs.oracle.com/error-help/db/ora-01017/",
    "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Login failed for user 'sa'. (18456) (SQLDriverConnect)",
    (
        "250001 (08001): None: Failed to connect to DB: ab12345.eu-central-1.snowflakecomputing.com:443. "
        "Incorrect username or password was specified."
    ),
    (
        "TrinoUserError(type=USER_ERROR, name=CATALOG_NOT_FOUND, message=\"line 1:8: Catalog 'x' not "
        'found", query_id=20260101_120000_00001_abcde)'
    ),
    (
        'Generic S3 error: Error performing GET http://127.0.0.1:9000/bucket?list-type=2&prefix=a%2Fb in '
        '12.5ms - Server returned non-2xx status code: 403 Forbidden: <?xml '
        'version="1.0"?><Error><Code>SignatureDoesNotMatch</Code></Error>'
    ),
    (
        'SQL30082N  Security processing failed with reason "24" ("USERNAME AND/OR PASSWORD INVALID").  '
        'SQLSTATE=08001 SQLCODE=-30082'
    ),
    (
        "org.apache.hive.service.cli.HiveSQLException: Error while compiling statement: FAILED: "
        "SemanticException [Error 10072]: Database does not exist: nope\n\tat "
        "org.apache.hive.service.cli.operation.Operation.toSQLException(Operation.java:335)"
    ),
    (
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer "
        "certificate (_ssl.c:1006)"
    ),
    (
        "RefreshError: ('invalid_grant: Invalid JWT Signature.', {'error': 'invalid_grant', "
        "'error_description': 'Invalid JWT Signature.'})"
    ),
    "[Version 20.0.0.12] [Session 0] [Teradata Database] [Error 8017] The UserId, Password or Account is invalid.",
    'IO Error: Cannot open file "/data/warehouse.duckdb": No such file or directory [0x1f, 0x8b, 0x08, 0x00]',
    (
        'flight error: FlightUnauthenticatedError. Detail: Unauthenticated. gRPC client debug context: '
        'UNKNOWN:Error received from peer ipv4:127.0.0.1:32010 {grpc_message:"", grpc_status:16, '
        'created_time:"2026-01-01T12:00:00.000000000+00:00"}'
    ),
    (
        "botocore.exceptions.ClientError: An error occurred (InvalidClientTokenId) when calling the "
        "GetCallerIdentity operation: The security token included in the request is invalid. RequestId: "
        "8d6cf5b1-2c0e-4c1a-9df2-6f2b1b6f0f4e"
    ),
)  # fmt: skip
TYPICAL = (
    *(PEM, json.dumps(GOOGLE), pem_of(ec.generate_private_key(ec.SECP256R1()))),
    *("hunter22", "Tr0ub4dor&3", "correct horse battery", "s3cr3t!", "8041", "dapi0123456789abcdef0123456789abcdef"),
    base64.b64encode(random.randbytes(64)).decode(),
)


@pytest.mark.parametrize("message", MESSAGES)
def test_ordinary_messages_pass_unchanged(message):
    for secret in TYPICAL:
        assert masked(message, secret, public=PUBLIC) == message


def test_all_but_a_few_random_secrets_leave_a_text_of_numbers_alone():
    dump = "\n".join(f"{at:08x}  {random.randbytes(16).hex(' ')}  |................|" for at in range(0, 512, 16))
    text = f"{dump} {list(random.randbytes(100))} {random.randbytes(100).hex()}"
    for _ in range(5):
        assert masked(text, base64.b64encode(random.randbytes(30)).decode()) == text


GIVEN = {"values": {"username": "hunter22-app", "host": "db.example.com", "parameters": {"role": "hunter22"}}}


@pytest.mark.parametrize(
    "encoding", ["plain", "upper", "percent, lower", "hex", "base64", "decimal list", "JSON in JSON"]
)
def test_a_value_that_was_given_is_never_masked(encoding):
    text = f"no role {ENCODINGS[encoding]('hunter22')} for user"
    assert masked(text, "hunter22", given=[GIVEN]) == text
    assert masked(text, "hunter22-app", given=[GIVEN]) == text
    assert masked(text, "hunter22").endswith(MASK)


def test_the_name_of_a_parameter_that_was_given_is_never_masked():
    given = [{"parameters": {"hunter22-mode": "x"}}]
    assert masked("no 'hunter22-mode'", "hunter22", given=given) == "no 'hunter22-mode'"
    assert masked("no 'hunter22-more'", "hunter22-more", given=given).endswith(MASK)


def test_what_goes_beyond_a_value_that_was_given_is_masked():
    assert masked("p=hunter22-more of it", "hunter22-more", given=["hunter22"]).endswith(MASK)
    assert masked("hunter22 hunter23", "hunter23", given=["hunter22"]) == f"hunter22 {MASK}"
    assert masked("8041 8042", "8042", given=["8041"]) == f"8041 {MASK}"
    assert masked("the database a8041b", "8041", given=["a8041b"]) == "the database a8041b"
    assert masked("8041", "8041", given=["a8041b"]) == MASK


def test_a_value_that_a_server_cut_is_still_the_value_that_was_given():
    name = "n" * 40 + "hunter22" + "x" * 40
    for length in range(40, len(name)):
        text = f'role "{name[:length]}" does not exist'
        assert masked(text, "hunter22", given=[name]) == text


@pytest.mark.parametrize(
    "secret", ["password", "the server refused", "certificate", "PostgreSQL", "refu", "lacks a right"]
)
def test_the_words_of_this_program_are_never_masked(secret):
    masking = Masking([Secret(secret)])
    for text in (
        "the server refused user 'app' or the password",
        "the account's password has expired",
        "the server's certificate has expired",
        "user 'app' was let in but lacks a right",
        "PostgreSQL",
        "the root certificates in /x/y.pem cannot be read",
    ):
        assert masking.mask_own(text) == text
    assert masking.mask_own(f"login.microsoftonline.com gave no token: it was {secret}!").endswith(f"it was {MASK}")


@pytest.mark.parametrize("secret", ["SECRET", "endpoint", "ssl_root_cert_file", '{"token_uri": "x", "type": "y"}'])
def test_the_names_of_our_fields_and_parameters_are_never_masked(secret):
    masking = Masking([Secret(secret)])
    text = "s3 takes endpoint_url, secret_key, ssl_root_cert_file and no token_uri"
    assert masking.mask_own(text) == text
    assert masking.mask_own(f"{text}: x{secret}x").startswith(text)
    assert masking.mask_own("it was secret_key_4711").endswith("4711")
    assert Masking([Secret("secret_key_4711")]).mask_own("it was secret_key_4711").endswith(MASK)


def test_the_first_part_counts_whether_it_stands_there_plainly_or_encoded():
    encoded = base64.b64encode(b"hunter22").decode()
    assert masked(f"said {encoded} and hunter22", "hunter22") == f"said {MASK}"
    assert masked(f"said hunter22 and {encoded}", "hunter22") == f"said {MASK}"


def test_a_long_text_is_shown_as_far_as_it_was_looked_at():
    assert masked("x" * MAX_TEXT, "hunter22") == "x" * MAX_TEXT
    shown = masked("x" * (MAX_TEXT - 100) + "hunter22" * 1_000, "hunter22")
    assert shown == "x" * (MAX_TEXT - 100) + MASK
    assert len(masked("x" * 10 * MAX_TEXT, "hunter22")) < MAX_TEXT


@pytest.mark.slow  # texts at every limit
@pytest.mark.parametrize(
    "text",
    [
        *(sign * MAX_TEXT for sign in "\\%A\0'{1-"),
        *("&#x41" * 3_000, "41 " * 5_000, "0x41," * 3_000, "%5C" * 5_000, "ff" * 8_000, "12345678  " * 1_600),
        "00000000  41 42 43 44\n" * 700,
        base64.b64encode(b"\\u0041" * 2_000).decode(),
        "hunter2" * 2_300,
        "hunter22" * 2_000,
    ],
)
def test_no_text_takes_long_or_passes_uncleared(text):
    masking = Masking([Secret("hunter22"), Secret(PEM)], given=["hunter22", "h" * 2_000])
    masking.mask("warm")
    began = time.process_time()
    left = masking.mask(text + "hunter22!")
    assert time.process_time() - began < 0.5
    assert left == LEFT_OUT or MASK in left or len(left) < MAX_TEXT


@given(st.text(max_size=300), st.text(max_size=40), st.text(max_size=40))
def test_masking_never_fails_and_adds_nothing_but_a_mask(text, secret, shown):
    masking = Masking([Secret(secret)], given=[shown])
    left = masking.mask(text)
    assert left == text or text.startswith(left.removesuffix(MASK))
