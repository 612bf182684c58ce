"""Object stores against emulators: what is listed and read, and what each refusal means."""

import json

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.object_stores import GOOGLE_KEY, KEYS, ROLE, listed, probed, verdict

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(("path", "root_path"), [("", None), ("/raw", None), ("", "/"), ("/raw", "/raw/2024/")])
def test_a_store_is_listed_and_read(store, path, root_path):
    kind, uri, keys, url = store
    report = probed(kind, uri + path, keys, url, root_path=root_path)
    assert report.failure is None, report.failure
    assert [stage.name for stage in report.stages] == ["resolve", "tcp", "login", "list"]
    assert report.warnings == ("the connection is not encrypted",)
    assert (report.detected["driver_name"], report.detected["product_name"]) == ("obstore", None)


@pytest.mark.parametrize("root_path", [None, "nothing/here"])
def test_an_empty_path_passes_with_a_warning(store, root_path):
    kind, uri, keys, url = store
    uri = uri if root_path else uri.replace("data", "empty", 1)
    report = probed(kind, uri, keys, url, root_path=root_path)
    assert report.failure is None, report.failure
    assert f"there is nothing to read under /{root_path or ''}: whether it may be read is not known" in report.warnings


def test_discovery_shows_prefixes_and_objects(store):
    assert listed(*store) == [("prefix", "raw/"), ("object", "top.csv")]
    assert listed(*store, "raw") == [("prefix", "raw/2024/"), ("prefix", "raw/2025/")]
    assert listed(*store, "2024/", root_path="/raw") == [("object", "raw/2024/a b.csv")]
    assert listed(*store, "/raw/2025/") == [("object", "raw/2025/é.csv")]
    assert listed(*store, "nothing") == []


def test_a_role_is_assumed_with_the_connections_own_keys(open_s3):
    role = {"authentication_type": "IAM_ROLE", "role_arn": ROLE, "external_id": "7of9"}
    report = probed("s3", "s3://data", KEYS, open_s3.url, **role)
    assert report.failure is None, report.failure


def test_nothing_of_the_machines_identity_reaches_the_driver(open_s3, monkeypatch, tmp_path):
    profile = tmp_path / "credentials"
    profile.write_text("[default]\naws_access_key_id = AMBIENT\naws_secret_access_key = AMBIENT\n")
    for name, value in {
        "AWS_SHARED_CREDENTIALS_FILE": str(profile),
        "AWS_SESSION_TOKEN": "AMBIENT",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    role = {"authentication_type": "IAM_ROLE", "role_arn": ROLE}
    assert probed("s3", "s3://data", KEYS, open_s3.url).failure is None
    assert probed("s3", "s3://data", KEYS, open_s3.url, **role).failure is None


def test_wrong_keys_fail_at_the_login(s3, azure):
    reader = s3.keys["reader"]
    wrong_secret = probed("s3", "s3://data", reader | {"secret_key": "p$@*#;!/%{}\"'\\ \né"}, s3.url)
    assert verdict(wrong_secret) == ("login", "auth")
    assert wrong_secret.failure.message == "the secret key does not belong to the access key"
    unknown_key = probed(
        "s3",
        "s3://data",
        reader | {"access_key": "AKIAIOSFODNN7EXAMPLE"},  # pragma: allowlist secret
        s3.url,
    )
    assert verdict(unknown_key) == ("login", "auth")
    assert verdict(probed("abfs", azure.uri, {"secret_key": "bm90IGl0"}, azure.url)) == ("login", "auth")
    assert verdict(probed("abfs", azure.uri, {"secret_key": "not base64"}, azure.url)) == ("login", "config")


def test_a_key_of_google_that_cannot_sign_is_a_wrong_setting(gcs):
    cut = GOOGLE_KEY["private_key"].replace("\n", "\n\n", 5)[:900]
    report = probed("gcs", "gs://data", {"secret_key": json.dumps(GOOGLE_KEY | {"private_key": cut})}, gcs.url)
    assert verdict(report) == ("login", "config")
    assert "has a private_key that has no footer" in report.failure.message


def test_a_bucket_that_does_not_exist_is_named_so(store):
    kind, uri, keys, url = store
    assert verdict(probed(kind, uri.replace("data", "missing", 1), keys, url)) == ("list", "unknown_db")


def test_the_rights_to_list_and_to_read_are_told_apart(s3):
    listing = probed("s3", "s3://data", s3.keys["nobody"], s3.url)
    assert verdict(listing) == ("list", "permission")
    assert "may not list" in listing.failure.message
    reading = probed("s3", "s3://data", s3.keys["lister"], s3.url)
    assert verdict(reading) == ("list", "permission")
    assert reading.failure.message == "objects can be listed here, but not read"


def test_a_root_path_that_no_object_can_have_is_a_wrong_setting(open_s3):
    assert verdict(probed("s3", "s3://data", KEYS, open_s3.url, root_path="../x")) == ("list", "config")


def test_a_role_that_sts_refuses_fails_at_the_login(s3):
    role = {"authentication_type": "IAM_ROLE", "role_arn": ROLE}
    unknown = probed("s3", "s3://data", KEYS, s3.url, **role)
    assert verdict(unknown) == ("login", "auth")
    refused = probed("s3", "s3://data", s3.keys["lister"], s3.url, **role)
    assert verdict(refused) == ("login", "permission")
    assert refused.failure.message == "these keys may not assume the role"


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40))
def test_an_awkward_secret_is_refused_as_a_secret_and_as_nothing_else(s3, secret):
    keys = s3.keys["reader"] | {"secret_key": secret}
    assert verdict(probed("s3", "s3://data", keys, s3.url)) == ("login", "auth")


def test_a_bucket_named_with_dots_and_a_path_with_awkward_names_arrive_unchanged(open_s3):
    client = boto3.client(
        "s3", endpoint_url=open_s3.url, aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1"
    )
    client.create_bucket(Bucket="my.bucket-1")
    for name in ("a b+c&d/é ü/x=1/50%/f.csv",):
        client.put_object(Bucket="my.bucket-1", Key=name, Body=b"1")
        report = probed("s3", f"s3://my.bucket-1/{name.rpartition('/')[0]}", KEYS, open_s3.url)
        assert report.failure is None, report.failure
        assert report.warnings == ("the connection is not encrypted",)  # so there was an object to read
