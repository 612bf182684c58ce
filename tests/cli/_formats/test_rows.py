"""Lists and documents as CSV, as JSON Lines and with some columns alone, read back by the readers of each."""

import csv
import io
import json

import pytest
import yaml

ODD = [
    'it\'s "quoted"',
    "a, b; c",
    "Łódź café",
    "日本語データベース",
    "prod 🚀",
    "=1+1",
    "@cmd",
    "-x",
    "+49",
    "'=x",
    "\uff1d1",
]


@pytest.fixture
def odd(run):
    """Store a connection for each odd name."""
    for name in ODD:
        assert run("connections", "create", "-t", "sqlite", "--uri", "/x", "--name", name).code == 0
    return ODD


def records(text):
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_csv_is_read_back_and_no_name_begins_a_formula(run, odd):
    out = run("connections", "list", "-f", "csv").out
    header, *rows = records(out)
    assert header[:6] == ["id", "name", "tags", "owner", "type", "connection_type"]
    assert header[-2:] == ["datastores", "created"]
    assert {len(row) for row in rows} == {len(header)}
    names = [row[1] for row in rows]
    assert names == [f"'{name}" if name[0] in "=@-+\uff1d" else name for name in odd]
    assert "\r" not in out


def test_csv_of_one_document_is_a_header_and_a_record_with_objects_as_json(run):
    role = '{"role": "R, \\"S\\"", "warehouse": "W"}'
    words = ("connections", "create", "-t", "snowflake", "--host", "acme", "--parameters", role, "-f", "csv")
    header, record = records(run(*words).out)
    made = dict(zip(header, record, strict=True))
    assert json.loads(made["parameters"]) == {"role": 'R, "S"', "warehouse": "W"}
    assert (made["id"], made["port"], made["datastores"]) == ("1", "", "[]")


def test_json_lines_hold_a_document_each(run, odd):
    lines = run("connections", "list", "-f", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == run("connections", "list").document
    assert [json.loads(line)["name"] for line in lines] == odd


@pytest.mark.parametrize(
    ("name", "out"), [("json", "[]\n"), ("yaml", "[]\n"), ("jsonl", ""), ("csv", "id,name\n"), ("table", "ID  NAME\n")]
)
def test_an_empty_list_is_the_empty_one_of_each_format(run, name, out):
    done = run("connections", "list", "-f", name, "--columns", "id,name")
    assert (done.code, done.out, done.err) == (0, out, "")


def test_an_empty_list_without_columns_has_the_header_of_all(run):
    assert run("connections", "list", "-f", "table").out == "ID  NAME  TYPE  TARGET  USER\n"
    assert run("connections", "list", "-f", "csv").out.startswith(
        "id,name,tags,owner,type,connection_type,host,port,uri,"
    )


def test_columns_come_as_named_in_every_format(run):
    run("connections", "create", "-t", "snowflake", "--host", "acme", "--parameters", '{"role": "R"}', "-n", "prod")
    words = ("connections", "list", "--columns", "parameters.role, name,ID", "-f")
    wanted = {"parameters.role": "R", "name": "prod", "id": 1}
    for read in (json.loads(run(*words, "json").out), yaml.safe_load(run(*words, "yaml").out)):
        assert read == [wanted]
        assert list(read[0]) == list(wanted)
    assert json.loads(run(*words, "jsonl").out) == wanted
    assert run(*words, "csv").out == "parameters.role,name,id\nR,prod,1\n"
    assert run(*words, "table").out.split() == ["PARAMETERS.ROLE", "NAME", "ID", "R", "prod", "1"]
    one = run("connections", "get", "--id", "1", "--columns", "target,datastores.name", "-f", "json")
    assert one.json == {"target": "acme", "datastores.name": []}


@pytest.mark.slow
def test_what_is_stored_under_escapes_comes_out_escaped(run, tmp_path):
    (tmp_path / "a.db").write_bytes(b"no database \x1b[31m")
    run("connections", "create", "-t", "sqlite", "--uri", f"{tmp_path}/a.db")
    plain = run("connections", "test", "--id", "1")
    for name in ("table", "csv", "jsonl"):
        done = run("connections", "test", "--id", "1", "-f", name)
        assert (done.code, done.err) == (plain.code, plain.err) == (6, plain.err)
        assert "\x1b" not in done.out
