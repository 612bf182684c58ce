"""One contract, two clients: each story is told on an embedded store and on a control plane, word for word the same."""

import json
import re
import shlex

import pytest

from qualytics.errors import QualyticsError

PG = "connections create -t postgresql --host 127.0.0.1 --port 1 --username app --password geheim"
SQLITE = "connections create -t sqlite --name files --uri FILES/sales.sqlite"
NEW = "datastores create --type postgresql --host h --username u --password geheim --database d --schema s"
STORE = "datastores create --name d --connection-id 1 --database sales --schema public"

IMPORT = "connections import --from postgresql://app:p%40ss@db.example.com/sales"

STORIES = {
    "an import": [
        f"{IMPORT} --name crm --dry-run",
        f"{IMPORT} --name crm",
        "connections list",
        f"{IMPORT} --name crm --yes",
        f"{IMPORT} --name crm --yes -f json",
        f"{IMPORT}?sslmode=require --name CRM --yes -f json",
        f"{IMPORT} --yes",
        "connections import --from postgresql://u:p@no_/host/ --yes",
        "connections import --from postgresql://u:p@-bad-/d --yes",
        "connections import --from redis://u:p@h/d --yes",
        "connections list -f json",
    ],
    "a connection from its creation to its end": [
        f'{PG} --name Prod --parameters \'{{"application_name": "a"}}\'',
        "connections get --id 1",
        "connections get --id 1 -f json",
        "connections get --name ' prod '",
        "connections list",
        "connections list -f json",
        "connections update --id 1 --host other.example.com --jdbc-fetch-size 10 --name 'Prod 2'",
        "connections usages --id 1",
        "connections history --id 1",
        "connections delete --name 'prod 2' --dry-run",
        "connections delete --name 'prod 2'",
        "connections list",
        "connections get --id 1",
    ],
    "names": [
        *(PG, PG, f"{PG} --name Straße"),
        f"{PG} --name STRASSE",
        f"{PG} --name POSTGRESQL-127.0.0.1",
        "connections get --name strasse",
        "connections get --name postgresql-127.0.0.2",
        "connections get --name 'nothing like it'",
        "connections update --id 2 --name 'straße'",
        "connections update --id 2 --name ''",
        "connections delete --name nobody",
        "connections usages --name nobody",
        "connections history --name nobody",
        "connections test --name nobody",
        f"connections get --name {'x' * 1500}",
    ],
    "names and ids as words": [
        f"{PG} --name Prod",
        f"{PG} --name 'full prod'",
        f"{PG} --name 1",
        f"{STORE[: -len('public')]}public --name 'd 1'",
        *(f"connections {verb} PROD" for verb in ("get", "usages", "catalogs", "schemas", "tables", "test")),
        "connections update prod --host db.example.com --password other",
        *("connections get 2", "connections get 1", "connections get --id 1", "connections get --name 1"),
        *("connections get 4", "connections get 03", "connections get pro", "connections get full prod"),
        *("connections get --name full prod", "connections update full prod --host x", "connections get --id 1 prod"),
        *("connections get prod a b c", "connections get", "connections delete --id 1 --name prod"),
        *("datastores get 'D 1'", "datastores update 'd 1' --name 'd 2' --schema t", "datastores verify 'D 2'"),
        *("datastores get 'd 1'", "datastores delete 'd 2' --dry-run", "datastores delete 'd 2'"),
        *("connections delete 'full prod' --dry-run", "connections delete 'full prod'", "connections get 'full prod'"),
    ],
    "names that are hard to carry": [
        *(
            f"{PG} --name {shlex.quote(name)}"
            for name in ("[prod] ledger :key: [/x]", "a&b=c%20+#?/ü", "'\"\\", "😀 x")
        ),
        *(
            f"connections get --name {shlex.quote(name)}"
            for name in ("[PROD] ledger :key: [/x]", "A&B=C%20+#?/Ü", "😀 X")
        ),
        f"{PG} --name {shlex.quote(chr(27) + '[31mred')}",
        f"{PG} --name {'x' * 256}",
        "connections list --name '&b=c%20+'",
        "connections list --name '%'",
        "connections list --name 'B=C'",
        f"connections list --name {'x' * 1500}",
        "datastores create --connection-name '[prod] ledger :key: [/x]' --name '[d]' --database x --schema y",
        "datastores get --name '[D]'",
    ],
    "a database and a schema that a test looks at": [
        SQLITE,
        "connections test --id 1 --schema main",
        "connections test --id 1 --schema nowhere",
        "connections test --id 1 --database main",
        "connections test -t sqlite --uri FILES/sales.sqlite --schema nowhere",
        f"{SQLITE}2 --test --schema nowhere",
        "connections update --id 1 --max-parallelization 3 --test --schema nowhere",
        "connections update --id 1 --max-parallelization 3 --test --schema main",
        "connections update --id 1 --max-parallelization 4 --schema main",
        "connections get --id 1",
    ],
    "a listing, and a test, that fail with words of the driver": [
        "connections create -t sqlite --name odd --uri FILES/odd.sqlite",
        "connections tables --id 1",
        "connections create -t sqlite --name odder --uri FILES/odd.sqlite --test",
        "connections test --id 1",
    ],
    "lists": [
        *(f"{PG} --name n{number}" for number in (3, 1, 2)),
        "connections create -t snowflake --host acme.snowflakecomputing.com --name n0",
        "connections list --sort name -f json",
        "connections list --sort type --limit 2",
        "connections list --limit 1",
        "connections list --type snowflake",
        "connections list --type snow,postgresql",
        "connections list --type snowflake,postgresql --name N1",
        "connections list --name ' n'",
        "datastores create --name Marts --connection-id 2 --database d --schema s",
        *("connections find N", "connections find SNOWFLAKEcomputing --format table", "connections find marts -f json"),
        "connections find 127.0 --type postgresql --sort name --limit 2 -f csv --columns id,name,host",
        *("connections find '%'", "connections find nothing", "connections find ''", "connections find"),
        *(f"connections find {'x' * 1500}", "connections find n --sort age", "connections find n --type nope"),
        "connections list --sort age",
        "connections types postgresql",
    ],
    "how connections do": [
        *(SQLITE, f"{PG} --name shut", "connections create -t sqlite --name odd --uri FILES/odd.sqlite"),
        *(f"{PG} --name other", "connections test files", "connections test shut", "connections test odd"),
        "connections update odd --uri FILES/sales.sqlite",
        *(f"connections list -f csv --state {word}" for word in ("fails", "unknown", "never", "works", "ill")),
        "connections list -f csv --sort state",
        "connections list -f csv --sort state --state works --state fails --type sqlite,postgresql --limit 1",
        *(
            "connections find s --state never --state works -f csv",
            "connections find shut --state works",
            "connections list --state",
        ),
    ],
    "grants": [
        f"{PG} --name Prod",
        *("grants list", "grants list -f json", "grants list --connection PROD", "grants list --user nobody"),
        *("grants list --connection nothing", "grants create", "grants create --user nobody"),
        "grants create --user nobody --connection prod",
        "grants create --user nobody --connection prod --expires-in-days 0",
        "grants create --user nobody --connection prod --expires-in-days 4000",
        *("grants delete", "grants delete --id 7", "grants delete --id 7 --user nobody", "grants delete --user nobody"),
        "grants delete --user nobody --connection prod --dry-run",
        "connections usages prod",
        *("run --name nobody -- true", "run --name prod", "connections read nobody --table t --output x.csv"),
        *("connections read prod --output x.csv --format xml", "datastores read nobody --table t --output x.csv"),
    ],
    "tags and owners": [
        f"{PG} --name a --tag nightly --tag Finance --tag finance --owner 'Data Team'",
        f"{PG} --name b --tag 'été' --dry-run",
        f"{PG} --name b --tag a,b",
        f"{PG} --name b --tag {'x' * 65} --owner {'x' * 256}",
        f"{PG} --name b",
        "connections update a --tag weekly --tag FINANCE --untag Nightly --untag none --dry-run",
        "connections update a --tag weekly --tag FINANCE --untag Nightly --untag none",
        "connections update a --tag x --untag X",
        "connections update a --tag x --unset tags --owner us",
        "connections update a --untag X --unset owner",
        "connections update a --owner us --unset owner",
        "connections update b --tag -x --tag=--y",
        "connections list -f json",
        "connections list -f wide",
        "connections get a",
        "connections copy a --name c --tag more --untag none --owner 'ÉQUIPE'",
        "connections update b --tag X",
        *(
            f"connections list -f jsonl {words}"
            for words in ("--tag x", "--tag X --tag MORE", "--tag '%'", "--tag x,y")
        ),
        *(f"connections list -f jsonl --owner {words}" for words in ("équipe", "'ÉQUIPE' --tag x", "equipe")),
        f"connections list --owner {'x' * 1500}",
        "connections list --tag X --name c --type postgresql,mysql --sort name --limit 1 -f jsonl",
    ],
    "values that break a rule": [
        "connections create -t nonsense --host h",
        "connections create -t postgres",
        f'{PG} --parameters \'{{"ssl": 1, "aplication_name": "x"}}\'',
        f'{PG} --parameters \'{{"ssl_mode": "verfy"}}\' --jdbc-fetch-size 0 --max-parallelization 101',
        "connections create -t postgresql --host 'h h' --port 70000 --uri x",
        f"{PG} --password '********'",
        f"{PG} --parameters '[]'",
        f"{PG} --password '${{NOT_SET}}'",
        "connections create -t snowflake --host x --catalog y",
        "connections update --id 7 --port 1",
        PG,
        "connections update --id 1",
        "connections update --id 1 --port 0",
        "connections update --id 1 --parameters '{\"nope\": 1}'",
        "connections update --id 1 --unset name",
        "connections update --id 1 --unset host",
        "connections update --id 1 --unset nothing",
        "connections get",
        "connections get --id 1 --name x",
        "connections get --id x",
        "connections nope",
    ],
    "updates": [
        f'{PG} --parameters \'{{"application_name": "a", "ssl_mode": "require"}}\' --jdbc-fetch-size 5',
        'connections update --id 1 --parameters \'{"APPLICATION_NAME": "b"}\'',
        "connections update --id 1 --parameters '{\"ssl_mode\": null}'",
        "connections update --id 1 --unset jdbc_fetch_size --unset parameters",
        "connections update --id 1 --unset password",
        "connections update --id 1 --password '' --allow-empty",
        "connections update --id 1 --password '********' --username other",
        "connections update --id 1 --port 7 --dry-run",
        "connections update --id 1 --unset password --port 8 --dry-run",
        "connections update --id 1 --unset username --name later",
        "connections get --id 1",
        "connections create -t postgresql --host h --password x --dry-run",
        "connections list -f json",
    ],
    "copies": [
        f'{PG} --name Prod --parameters \'{{"application_name": "a"}}\' --jdbc-fetch-size 5',
        f"{STORE} --description 'of sales'",
        "connections url prod --for sqlalchemy --database sales",
        "connections url --id 1 --for airflow",
        "connections url prod --for dbt",
        "connections url prod --for dbt --database sales --schema public",
        "connections url nobody --for libpq",
        "connections url prod --for odbc",
        "connections copy prod --name staging --dry-run",
        "connections copy prod --name staging -f json",
        "connections copy --id 1 --name 'other port' --port 2 --parameters '{\"ssl_mode\": \"disable\"}'",
        "connections copy staging --name new --password other",
        "connections copy prod --name PROD",
        "connections copy prod --name ''",
        "connections copy prod --name x --port 0",
        "connections copy prod --name x --password '********' -f json",
        *("connections copy prod", "connections copy --name x", "connections copy nobody --name x"),
        *("connections list -f json", "connections test --id 3 -f json", "connections delete prod"),
        "connections update --id 3 --password other",
        "connections get --id 1",
    ],
    "datastores": [
        *(PG, "connections create -t snowflake --host acme.snowflakecomputing.com --name s"),
        f"{STORE} --description 'of sales' --tags a,b",
        "datastores create --name e --connection-name s --database X --schema Y -f json",
        "datastores get --id 1",
        "datastores get --name D",
        "datastores get --name nobody",
        "datastores get --id 9",
        "datastores list",
        "datastores list --name D --connection-id 1",
        "datastores list --connection-id 2 -f json",
        "datastores list --connection-id 3",
        "datastores update --id 1 --schema other --tags c",
        "datastores update --id 1 --description words",
        "datastores update --id 1 --unset description",
        "datastores update --id 1 --unset name",
        "datastores update --id 1 --unset schema --schema x",
        "datastores update --id 1 --name E",
        "datastores update --id 1 --schema then --dry-run -f json",
        "datastores update --id 1 --schema then --name E --dry-run",
        "datastores delete --id 1 --dry-run",
        "datastores delete --name nobody --dry-run",
        "datastores get --id 1",
        "datastores update --id 1 --connection-id 2",
        "datastores update --id 1",
        "datastores update --id 9 --schema x",
        "datastores create --name d --connection-id 1 --database x --schema y",
        "datastores create --name f --connection-id 9 --database x --schema y",
        "datastores create --name f --connection-name nobody --database x --schema y",
        "datastores create --name f --connection-id 1 --schema y",
        "datastores create --name f --connection-id 1 --database x --root-path /x",
        "datastores create --name f",
        "connections get --id 1",
        "connections usages --id 1",
        "connections usages --name s -f json",
        "connections usages --id 9",
        "connections delete --id 1 --dry-run",
        "connections delete --id 1",
        "datastores verify --id 1 --timeout 5 -f json",
        "datastores get --id 1",
        "datastores verify --id 9",
        "datastores verify --id 1 --timeout 301",
        "datastores delete --id 1",
        "datastores delete --name d",
        "connections delete --id 1",
        "connections delete --id 1",
    ],
    "a connection that comes with its datastore": [
        f"{NEW} --name d --connection-name c --dry-run",
        f"{NEW} --name d --connection-name c -f json",
        f"{NEW} --name D --connection-name other",
        f"{NEW} --name e --connection-name C",
        f"{NEW} --name e --port 0",
        f"{NEW} --name e --root-path /x",
        f"{NEW} --name e --connection-id 1",
        f"{NEW} --name e --password '${{NOT_SET}}'",
        f"{NEW} --name e --password '********'",
        "datastores create --name e --type sqlite --uri FILES/sales.sqlite",
        "datastores create --name f --connection-id 1 --database d --schema s --host h",
        "datastores create --name f --connection-name c --database d --schema s --dry-run -f json",
        "datastores list",
        "connections list",
    ],
    "tests": [
        *(PG, SQLITE),
        "connections test --id 1 -f json",
        "connections test --name files -f json",
        "connections get --name files",
        "connections test --id 1 --port 2 --password other -f json",
        "connections test --id 1 --port 0",
        "connections test --id 9",
        "connections test --id 1 --timeout 301",
        "connections test --id 1 --timeout 0",
        "connections test -t sqlite --uri FILES/sales.sqlite -f json",
        "connections test -t sqlite --uri FILES/none.sqlite -f json",
        "connections test -t postgresql --host 127.0.0.1 --port 1 --username a --password b --timeout 5",
        "connections test -t postgresql",
        "connections test",
        f"{PG} --name never --test --timeout 5",
        "connections get --name never",
        "connections create -t sqlite --name good --uri FILES/sales.sqlite --test -f json",
        "connections update --id 1 --port 2 --test",
        "connections update --name x --id 3 --uri FILES/sales.sqlite --test -f json",
        "connections list -f json",
    ],
    "what a connection can see": [
        *(SQLITE, PG),
        "connections schemas --id 1",
        "connections tables --id 1",
        "connections tables --id 1 --limit 1 -f json",
        "connections tables --id 1 --limit 1 --after 1 -f json",
        "connections tables --id 1 --prefix o",
        "connections tables --id 1 --limit 10001",
        "connections tables --id 1 --catalog x",
        "connections catalogs --id 1",
        "connections catalogs --id 9",
        "connections catalogs --id 2 --timeout 5",
        "connections schemas --id 2",
        "connections tables --name files --timeout 400",
        "datastores create --name d --connection-name files",
        "connections schemas --id 1 -f json",
        "connections explain --type postgresql 'password authentication failed for user \"app\"'",
    ],
}

# What no two runs have in common: times, and the port that a test happened to come from.
_VOLATILE = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "MOMENT"),
    (r"""("?(?:duration_)?ms"?): [0-9.]+""", r"\1: N"),
    (r"""("?local_address"?): \S+""", r"\1: LOCAL"),
    (r"note: this works on the store .*\n", ""),
]


def steady(text):
    for pattern, plain in _VOLATILE:
        text = re.sub(pattern, plain, text)
    return text


@pytest.mark.parametrize("story", STORIES)
def test_a_story_reads_the_same_on_both(run, remotely, allowed_files, story):
    for line in STORIES[story]:
        words = shlex.split(line.replace("FILES", str(allowed_files)))
        here, there = run(*words), remotely(*words)
        assert (there.code, steady(there.out), steady(there.err)) == (here.code, steady(here.out), steady(here.err)), (
            line
        )


def test_the_stories_hold_every_command_but_those_of_the_machine_itself():
    from qualytics.cli.connections import group as connections
    from qualytics.cli.datastores import group as datastores
    from qualytics.cli.grants import group as grants

    told = {tuple(shlex.split(line)[:2]) for lines in STORIES.values() for line in lines}
    for group, found in (("connections", connections), ("datastores", datastores), ("grants", grants)):
        assert {(group, name) for name in found.commands} <= told


@pytest.mark.slow
def test_a_list_goes_over_many_pages(commands):
    for number in range(205):
        assert commands(*shlex.split(PG), "--name", f"c{number:03}").code == 0
    names = [document["name"] for document in commands("connections", "list", "-f", "json").json]
    assert names == [f"c{number:03}" for number in range(205)]
    assert len(commands("connections", "list", "-f", "json", "--limit", "150").json) == 150
    assert len(commands("connections", "list", "-f", "json", "--name", "c1").json) == 100
    assert commands("connections", "get", "--name", "C204", "-f", "json").json["id"] == 205


def test_a_name_that_looks_like_anothers_is_warned_of(commands):
    twin = "s\u0430les"
    for words in (f"{PG} --name", "datastores create --connection-id 1 --database x --schema y --name"):
        group = words.split()[0]
        warning = f"warning: the name looks like that of {group[:-1]} 1, 'sales'\n"
        first, second = (commands(*shlex.split(words), name) for name in ("sales", twin))
        assert [(first.code, first.err), (second.code, second.err)] == [(0, ""), (0, warning)]
        for name, said in ((twin, ""), ("other", ""), (twin, warning)):
            changed = commands(group, "update", "--id", "2", "--name", name)
            assert (changed.code, changed.document["name"], changed.err) == (0, name, said)


def test_debug_names_the_place_and_no_secret(remotely, fresh_plane):
    result = remotely(*shlex.split(PG), "--debug")
    assert f"control plane {fresh_plane.url}, from QUALYTICS_URL and QUALYTICS_TOKEN" in result.err
    assert "geheim" not in result.out + result.err
    assert fresh_plane.tokens["Admin"] not in result.out + result.err


@pytest.mark.parametrize(
    "words",
    [
        "keys rotate",
        "keys forget",
        "store check",
        "store backup copy.db",
        "store restore copy.db",
        "store copy --to copy",
    ],
)
def test_what_needs_the_key_ends_with_exit_4_and_the_reason(remotely, home, words):
    result = remotely(*words.split())
    assert (result.code, result.out) == (4, "")
    assert "never leave its host" in result.err
    assert not home.exists()


def test_a_new_key_needs_no_control_plane(remotely, home):
    assert remotely("keys", "generate").code == 0
    assert not home.exists()


@pytest.mark.parametrize(
    ("who", "words", "right"),
    [
        ("Member", PG, "may not change connections"),
        ("Member", "connections test --id 1", "may not test connections"),
        ("Member", "connections delete --id 1", "may not change connections"),
        ("Manager", "users list", "may not see users"),
        ("Manager", "audit list", "may not read the audit log"),
    ],
)
def test_a_refusal_says_which_right_is_missing_and_ends_with_exit_4(remotely, who, words, right):
    assert remotely(*shlex.split(PG)).code == 0
    result = remotely(*shlex.split(words), who=who)
    assert (result.code, result.out) == (4, "")
    assert f"{who.lower()!r} has the role {who}, which {right}" in result.err


def test_a_manager_gives_the_secret_again_for_a_new_target_or_ends_with_exit_5(remotely):
    remotely(*shlex.split(PG))
    update = ("connections", "update", "--id", "1", "--host", "other.example.com")
    result = remotely(*update, who="Manager")
    assert (result.code, result.out) == (5, "")
    assert "its stored password stays" in result.err
    assert remotely(*update, "--password", "geheim", who="Manager").code == 0


def test_users_tokens_and_the_log_are_managed_from_afar(remotely):
    made = remotely("users", "create", "--name", "Ada", "--role", "Manager", "-f", "json")
    assert (made.code, made.json["role"]) == (0, "Manager")
    assert remotely("users", "get", "--name", " ADA", "-f", "json").json == made.json
    assert remotely("users", "get", "--name", "nobody").code == 3
    changed = remotely("users", "update", "--name", "ada", "--email", "ada@example.com", "-f", "json")
    assert changed.json["email"] == "ada@example.com"
    token = remotely("auth", "token", "create", "--name", "t", "--user", "Ada", "-f", "json")
    assert token.code == 0
    assert "shown this once" in token.err
    bearer = {"QUALYTICS_TOKEN": token.json["bearer_token"]}
    assert remotely("auth", "status", "-f", "json", env=bearer).json["user"] == "Ada"
    listed = remotely("auth", "token", "list", "--user", "Ada", "-f", "json").json
    assert [one["name"] for one in listed] == ["t"]
    assert "bearer_token" not in listed[0]
    assert remotely("auth", "token", "revoke", "t").err.startswith("error: there is no token 't' of yours\n")
    assert remotely("auth", "token", "revoke", "t", env=bearer).document["name"] == "t"
    refused = remotely("connections", "list", env=bearer)
    assert (refused.code, refused.err.splitlines()[0]) == (4, "error: the token was revoked")
    assert remotely("users", "delete", "--name", "ada", "-f", "json").json["deleted"] is True
    entries = remotely("audit", "list", "--limit", "150", "-f", "json").json
    assert [entry["action"] for entry in entries[:2]] == ["user.delete", "token.revoke"]
    assert json.dumps(entries).find(token.json["bearer_token"]) == -1


def test_two_changes_at_once_both_count(remotely, fresh_plane):
    import threading

    from qualytics.client.config import make
    from qualytics.client.http.client import HttpClient

    remotely(*shlex.split(PG))
    pair = {"url": fresh_plane.url, "token": fresh_plane.tokens["Admin"]}
    start, failed = threading.Barrier(4), []

    def change(field, value):
        with HttpClient(make(pair, "the test", {})) as client:
            start.wait(60)
            try:
                client.connections.update(1, {field: value})
            except QualyticsError as exc:
                failed.append(exc)

    changes = {"port": 7, "username": "other", "jdbc_fetch_size": 9, "max_parallelization": 3}
    threads = [threading.Thread(target=change, args=pair) for pair in changes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    found = remotely("connections", "get", "--id", "1", "-f", "json").json
    assert {name: found[name] for name in changes} == changes


@pytest.mark.parametrize(
    "words", [PG, "connections list", "connections get --name nobody", "auth status", "keys rotate"]
)
def test_a_process_of_its_own_says_the_same(shell, remotely, fresh_plane, words):
    here = remotely(*shlex.split(words))
    remotely("connections", "delete", "--id", "1")
    own = shell(*shlex.split(words), env=fresh_plane.environment())
    assert own.code == here.code
    assert "Traceback" not in own.err
    if words != PG:
        assert (steady(own.out), steady(own.err)) == (steady(here.out), steady(here.err))
