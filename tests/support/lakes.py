"""A bucket of moto with files, and a connection to it."""

import boto3
import pytest

from testbed import objects
from testbed.counterparts import AWS


@pytest.fixture(scope="session")
def s3():
    with objects.moto() as server:
        store = boto3.client("s3", endpoint_url=f"http://{server.host}:{server.port}", **AWS)
        store.create_bucket(Bucket="data")
        yield store


@pytest.fixture
def put(s3):
    """Return a function that puts files, by their names, into the bucket, which is empty otherwise."""
    for one in s3.list_objects_v2(Bucket="data").get("Contents", ()):
        s3.delete_object(Bucket="data", Key=one["Key"])

    def put(files):
        for name, body in files.items():
            s3.put_object(Bucket="data", Key=name, Body=body)

    return put


@pytest.fixture
def lake(client, s3):
    """Return a client whose connection 1 is of the bucket."""
    keys = {"access_key": AWS["aws_access_key_id"], "secret_key": AWS["aws_secret_access_key"]}
    parameters = {"endpoint_url": s3.meta.endpoint_url}
    client.connections.create({"type": "s3", "name": "lake", "uri": "s3://data", "parameters": parameters, **keys})
    return client
