"""Emulators of object stores, filled once for all tests of a worker."""

import json

import pytest

from testbed import objects
from tests.support.object_stores import FILES, GOOGLE_KEY, fill_gcs


@pytest.fixture(scope="session")
def s3():
    """Run moto with two users: one may list and read, the other may list alone; moto checks keys and policies."""
    import boto3

    def policy(*actions):
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    # One call a bucket and a file, and three a user, go unchecked; moto asks for rights from then on.
    with objects.moto(open_calls=2 + len(FILES) + 3 * 3) as server:
        server.url = f"http://{server.host}:{server.port}"
        open_to_all = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=server.url, **open_to_all)
        for bucket in ("data", "empty"):
            client.create_bucket(Bucket=bucket)
        for name in FILES:
            client.put_object(Bucket="data", Key=name, Body=b"1,2\n")
        iam = boto3.client("iam", endpoint_url=server.url, **open_to_all)
        users = {
            "reader": policy("s3:ListBucket", "s3:GetObject", "sts:AssumeRole"),
            "lister": policy("s3:ListBucket"),
            "nobody": policy("s3:PutObject"),
        }
        server.keys = {}
        for user, rights in users.items():
            iam.create_user(UserName=user)
            key = iam.create_access_key(UserName=user)["AccessKey"]
            iam.put_user_policy(UserName=user, PolicyName="rights", PolicyDocument=rights)
            server.keys[user] = {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}
        yield server


@pytest.fixture(scope="session")
def open_s3():
    """Run moto without checks, which its STS needs: a role of moto has no rights of its own."""
    import boto3

    with objects.moto() as server:
        server.url = f"http://{server.host}:{server.port}"
        client = boto3.client(
            *("s3",), endpoint_url=server.url, aws_access_key_id="x", aws_secret_access_key="y", region_name="us-east-1"
        )
        client.create_bucket(Bucket="data")
        client.put_object(Bucket="data", Key="top.csv", Body=b"1")
        yield server


@pytest.fixture(scope="session")
def google_key():
    """Return a service account's key; the emulator asks nobody about it."""
    from cryptography.hazmat.primitives import serialization

    from tests.support.keys import RSA

    key = RSA
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"secret_key": json.dumps(GOOGLE_KEY | {"private_key": pem.decode()})}


@pytest.fixture(scope="session")
def gcs():
    with objects.fake_gcs() as server:
        fill_gcs(server, "http")
        yield server


@pytest.fixture(scope="session")
def azure():
    import obstore
    from obstore.store import AzureStore

    with objects.azurite() as server:
        server.url = f"http://{server.host}:{server.port}/{server.user}"
        server.uri = f"abfss://data@{server.user}.dfs.core.windows.net"
        server.keys = {"access_key": server.user, "secret_key": server.password}
        for container in ("data", "empty"):
            objects.make_container(server, container)
        account = {"account_name": server.user, "account_key": server.password, "endpoint": server.url}
        store = AzureStore("data", client_options={"allow_http": True}, **account)
        for name in FILES:
            obstore.put(store, name, b"1,2\n")
        yield server


@pytest.fixture(params=["s3", "gcs", "abfs"])
def store(request):
    """Return each store in turn: its type, the uri of its bucket `data`, its keys and its url."""
    if request.param == "s3":
        server = request.getfixturevalue("s3")
        return "s3", "s3://data", server.keys["reader"], server.url
    if request.param == "gcs":
        return "gcs", "gs://data", request.getfixturevalue("google_key"), request.getfixturevalue("gcs").url
    server = request.getfixturevalue("azure")
    return "abfs", server.uri, server.keys, server.url
