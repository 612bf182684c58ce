"""The main job on real databases: every command of the connections page, printed with its output.

Creates a sample SQLite and a sample DuckDB database, starts a PostgreSQL, and runs the commands in
a config directory of its own; then many connections as files, from other tools and tested together; then Airflow and
dbt themselves, with what was theirs; then reads, with their receipts, and a job of Spark; then the same commands on a
control plane, as users of three roles, and an Airflow task that gets its connection there. Ends with exit code 1 when a
command ends otherwise than it must.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed import control_plane, other_tools, servers, spark

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from testbed.commands import Commands

PROGRAM = Path(sys.executable).with_name("qualytics")
# Not a secret: it is sent to a server on this machine on purpose, to be refused.
WRONG_PASSWORD = "not the password"


@dataclass
class Demo:
    """Runs commands and counts those that ended otherwise than they must."""

    home: Path
    variables: dict[str, str]
    wrong: list[str] = field(default_factory=list)

    def title(self, text: str) -> None:
        """Print a heading."""
        print(f"\n# {text}")

    def run(self, command: str, *, ends: int = 0, stdin: str | None = None, into: str | None = None) -> None:
        """Print a command as a user types it, run it without a shell, and print what it says.

        What it writes goes into a file, if one is named.
        """
        print(f"\n$ {command}" + (f" > {into}" if into else ""), flush=True)
        arguments = shlex.split(command.replace("\\\n", " "))
        done = subprocess.run(
            [str(PROGRAM), *arguments[1:]],
            env={"PATH": os.environ["PATH"], "QUALYTICS_CONFIG_HOME": str(self.home), **self.variables},
            cwd=self.home.parent,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if into else subprocess.STDOUT,
            text=True,
            check=False,
        )
        if into:
            (self.home.parent / into).write_text(done.stdout)
        print(done.stderr if into else done.stdout, end="")
        self.end(command, done.returncode, ends)

    def airflow(self, airflow: Commands, command: str) -> None:
        """Print a command of Airflow, run it, and print what it says."""
        print(f"\n$ {command}", flush=True)
        done = airflow.run(*shlex.split(command)[1:])
        print(done.stdout, end="")
        self.end(command, done.returncode, 0)

    def end(self, command: str, code: int, ends: int) -> None:
        """Print how a command ended, and keep it when that is not as it must be."""
        print(f"(exit {code})", flush=True)
        if code != ends:
            self.wrong.append(f"exit {code} where {ends} is right: {command}")


def sample_databases(folder: Path) -> None:
    import duckdb

    rows = [(1, "Ada", 12.5), (2, "Grace", 7.25), (3, "Edsger", 30.0)]
    with contextlib.closing(sqlite3.connect(folder / "sales.sqlite")) as lite, lite:
        lite.execute("create table orders (id integer primary key, customer text, amount real)")
        lite.executemany("insert into orders values (?, ?, ?)", rows)
    with contextlib.closing(duckdb.connect(str(folder / "sales.duckdb"))) as duck:
        duck.execute("create table orders (id integer, customer text, amount double)")
        duck.executemany("insert into orders values (?, ?, ?)", rows)


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Listen and never answer: the system accepts, nobody reads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def play(demo: Demo, silent: int) -> None:
    demo.title("Create: references in single quotes are resolved by qualytics, not by the shell")
    demo.run(
        "qualytics connections create --type postgresql --name 'Production DB' \\\n"
        "    --host '${DB_HOST}' --port $DB_PORT --username '${DB_USER}' --password '${DB_PASSWORD}'".replace(
            "$DB_PORT", demo.variables["DB_PORT"]
        )
    )
    demo.run("qualytics connections create --type sqlite --name 'Sales file' --uri sales.sqlite --test")
    demo.run("qualytics connections create --type duckdb --uri sales.duckdb --dry-run --format json")
    demo.run("qualytics connections create --type duckdb --uri sales.duckdb")
    demo.run(
        "qualytics connections create --type snowflake --name 'Snowflake Warehouse' \\\n"
        "    --host '${SNOWFLAKE_ACCOUNT}.snowflakecomputing.com' --username '${SNOWFLAKE_USER}' \\\n"
        '    --password \'${SNOWFLAKE_PASSWORD}\' --parameters \'{"role": "ANALYST", "warehouse": "COMPUTE_WH"}\''
    )

    demo.title("Test: good, with a wrong password, against a silent port, and settings that are not stored")
    demo.run("qualytics connections test --id 1")
    demo.run("qualytics connections test --id 1 --password '${WRONG_PASSWORD}'", ends=6)
    demo.run(f"qualytics connections test --id 1 --port {silent} --timeout 2", ends=6)
    demo.run("qualytics connections test --id 3 --format json")
    demo.run("qualytics connections test --type sqlite --uri missing.sqlite", ends=6)

    demo.title("List, get, update")
    demo.run("qualytics connections list --type postgresql,duckdb")
    demo.run("qualytics connections list --name prod --format json")
    demo.run("qualytics connections get --name 'production db'")
    demo.run("qualytics connections update --id 1 --jdbc-fetch-size 5000")
    new_password = demo.variables["DB_PASSWORD"] + "\n"
    demo.run("qualytics connections update --id 1 --password-stdin --test", stdin=new_password)
    demo.run(
        'qualytics connections update --id 1 --parameters \'{"application_name": "demo"}\' --dry-run --format json'
    )

    demo.title("A datastore, and why a connection in use cannot be deleted")
    place = "--database postgres --schema public"
    demo.run(f"qualytics datastores create --name orders --connection-name 'Production DB' {place}")
    demo.run("qualytics datastores verify --id 1")
    demo.run("qualytics connections delete --id 1", ends=5)
    demo.run("qualytics datastores delete --id 1")
    demo.run("qualytics connections delete --id 1")

    demo.title("The store")
    demo.run("qualytics store check")
    demo.run("qualytics keys rotate")

    demo.title("A typo is answered with what was meant")
    demo.run("qualytics connections create --type postgresq --host db.example.com", ends=2)


def files_of_other_tools(home: Path, server: servers.Server) -> None:
    """Write what five tools keep in a home, for connections to one server and to places of its own."""
    where = {"host": server.host, "port": server.port, "user": server.user, "password": server.password}
    texts = {
        ".pg_service.conf": "[orders]\nhost={host}\nport={port}\nuser={user}\ndbname=postgres\npassword={password}\n",
        ".dbt/profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: {{type: postgres, host: {host}, port: {port},"
        " user: {user}, password: \"{{{{ env_var('DB_PASSWORD') }}}}\", dbname: postgres, schema: public}}\n",
        ".my.cnf": '[client]\nhost=mysql.example.com\nuser=app\npassword="with # and blanks"\n',
        ".snowflake/connections.toml": '[warehouse]\naccount = "org-name"\nuser = "analyst"\npassword = "$ecret"\n',
        ".databrickscfg": "[lake]\nhost = https://lake.cloud.databricks.com\ntoken = dapi0\n",
    }
    for name, text in texts.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text.format(**where))
        (home / name).chmod(0o600)


def fleet(demo: Demo, server: servers.Server) -> None:
    home = demo.home.parent / "tools"
    files_of_other_tools(home, server)
    demo.variables["HOME"] = str(home)
    demo.title("Many connections: what the tools on this machine hold, with a plan first")
    demo.run("qualytics connections import --from auto --dry-run --format table")
    demo.run("qualytics connections import --from auto --yes --format table")
    demo.title("Tested together, a verdict each, as JSON Lines or as an expression of jq makes of them")
    demo.run("qualytics connections test --all --type postgresql --format jsonl")
    expression = "map({name, connected, class})"
    demo.run(f"qualytics connections test --all --type postgresql --format json --jq '{expression}'")
    demo.title("As files without a secret, applied to another store with only environment variables between")
    demo.run("qualytics config export --output fleet --type postgresql --name shop")
    demo.run("qualytics run --name shop-dev -- cat fleet/connections/shop_dev.yaml")
    demo.variables["SHOP_DEV_PASSWORD"] = server.password
    first, demo.home = demo.home, demo.home.with_name(".other")
    demo.run("qualytics config plan fleet --exit-code --format table", ends=7)
    demo.run("qualytics config apply fleet --test --yes --format table")
    demo.run("qualytics config plan fleet --exit-code")
    demo.run("qualytics connections test shop-dev")
    demo.title("Used: a command with the connection in its environment")
    psql = servers.postgres_programs() / "psql"
    demo.run(f"qualytics run --name shop-dev --database postgres -- {psql} -X -c 'select current_user, 1 as one'")
    demo.home = first


def other_tools_themselves(demo: Demo, server: servers.Server) -> None:
    """Take in what Airflow and dbt hold, and let them read what is written for them."""
    folder = demo.home.parent
    entry = {"conn_type": "postgres", "host": server.host, "port": server.port, "schema": "postgres"}
    login = {"login": server.user, "password": server.password, "extra": {"application_name": "nightly load"}}
    with other_tools.airflow_commands(folder) as airflow:
        airflow.run("connections", "add", "nightly", "--conn-json", json.dumps(entry | login))
        demo.title("An Airflow project taken in, and read back by Airflow itself")
        demo.airflow(airflow, "airflow connections export airflow.json")
        demo.run("qualytics connections import --from airflow.json --yes --format table")
        demo.run("qualytics connections test nightly")
        demo.run("qualytics connections url nightly --for airflow --database postgres", into="back.json")
        put_in = 'sed "s/[$]{NIGHTLY_PASSWORD}/$NIGHTLY_PASSWORD/" back.json > filled.json'
        demo.run(f"qualytics run --name nightly -- sh -c '{put_in}'")
        demo.airflow(airflow, "airflow connections delete nightly")
        demo.airflow(airflow, "airflow connections import filled.json")
        demo.airflow(airflow, "airflow connections export again.json")
        if (folder / "airflow.json").read_text() != (folder / "again.json").read_text():
            demo.wrong.append("Airflow exports another connection than before")
    demo.title("A dbt project taken in, and dbt itself with the profile that is written for it")
    (folder / "dbt_project.yml").write_text("name: shop\nprofile: shop_dev\n")
    demo.run("qualytics connections url shop-dev --for dbt --database postgres --schema public", into="profiles.yml")
    demo.variables |= other_tools.DBT_QUIET
    demo.run(f"qualytics run --name shop-dev -- {other_tools.dbt()} debug --profiles-dir .")


def database_of(server: servers.Server) -> psycopg.Connection[Any]:
    """Open the database that the demo reads from."""
    import psycopg

    login = {"user": server.user, "password": server.password, "dbname": "postgres"}
    return psycopg.connect(host=server.host, port=server.port, autocommit=True, **login)


SPARK_JOB = f"""
from pyspark.sql import SparkSession
import qualytics.spark

spark = {spark.BUILDER}.getOrCreate()
orders = qualytics.spark.read(
    spark, "shop-dev", database="postgres", table="orders", partition_column="region", parallel=3
)
print(orders.count(), "orders in", orders.rdd.getNumPartitions(), "partitions")
"""


def spark_job(demo: Demo) -> None:
    """Run a job of Spark on a saved connection; orders without a region have a partition of their own."""
    demo.title("A job of Spark on the saved connection, in partitions of a column")
    (demo.home.parent / "job.py").write_text(SPARK_JOB)
    print(f"\n$ cat job.py{SPARK_JOB}\n$ python job.py", flush=True)
    done = subprocess.run(
        [sys.executable, "job.py"],
        env={"PATH": os.environ["PATH"], "QUALYTICS_CONFIG_HOME": str(demo.home), **spark.variables()},
        cwd=demo.home.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stderr if done.returncode else done.stdout, end="")
    demo.end("python job.py", done.returncode, 0)


def orders_table(server: servers.Server) -> None:
    """Make a table of 200,000 orders, whose customer has a name that is awkward to write."""
    with database_of(server) as database:
        database.execute(
            "create table orders as select id, 'Ada \"the, first\"'::text customer, (id / 7.0)::numeric(18, 2) amount,"
            " nullif(id % 5, 0) region, now() placed from generate_series(1, 200000) id"
        )


@contextlib.contextmanager
def changed_meanwhile(server: servers.Server) -> Iterator[None]:
    """Insert into the table and delete from it, one transaction after the other, for as long as the context lasts."""
    over, begun = threading.Event(), threading.Event()

    def change() -> None:
        with database_of(server) as database:
            while not over.is_set():
                database.execute("insert into orders select id, 'new', 1, null, now() from generate_series(1, 500) id")
                database.execute("delete from orders where ctid in (select ctid from orders limit 300)")
                begun.set()

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        begun.wait(60)
        try:
            yield
        finally:
            over.set()
            changing.result()


def reads(demo: Demo, server: servers.Server) -> None:
    import duckdb

    orders_table(server)
    place = "--database postgres --table orders"
    demo.title("A read into Parquet, proved whole: the engine counted in the same snapshot; its receipt")
    demo.run(f"qualytics connections read shop-dev {place} --output orders.parquet --verify --receipt receipt.json")
    print((demo.home.parent / "receipt.json").read_text(), end="")
    demo.title("The same rows in DuckDB")
    query = f"from '{demo.home.parent / 'orders.parquet'}' select count(*) as rows, sum(amount) as amount, max(placed)"
    with duckdb.connect() as duck:
        duck.sql(query).show()
    demo.title("In parallel, while somebody inserts and deletes: each row of one snapshot, once")
    with changed_meanwhile(server):
        parallel = "--parallel 2 --verify --format csv --columns id,amount --receipt parallel.json"
        demo.run(f"qualytics connections read shop-dev {place} {parallel} --output orders.csv")
    receipt = json.loads((demo.home.parent / "parallel.json").read_text())
    print(json.dumps({key: receipt[key] for key in ("rows", "parallel", "snapshot", "verified")}, indent=2))
    lines = (demo.home.parent / "orders.csv").read_bytes().count(b"\n") - 1
    if not lines == receipt["rows"] == receipt["verified"]["count"]:
        demo.wrong.append(f"{lines} lines of a read of {receipt['rows']} rows")


def share(demo: Demo, plane: control_plane.ControlPlane) -> None:
    demo.title("The same commands on a control plane: only QUALYTICS_URL and QUALYTICS_TOKEN are set (a Manager's)")
    demo.variables |= plane.environment("Manager")
    demo.run("qualytics auth status")
    demo.run(
        "qualytics connections create --type postgresql --name 'Production DB' \\\n"
        f"    --host '${{DB_HOST}}' --port {demo.variables['DB_PORT']} --username '${{DB_USER}}' "
        "--password '${DB_PASSWORD}' \\\n"
        '    --parameters \'{"ssl_mode": "disable"}\''
    )
    demo.run("qualytics connections test --id 1")
    demo.run("qualytics connections test --id 1 --password '${WRONG_PASSWORD}'", ends=6)
    demo.run("qualytics connections list --format json")
    demo.run("qualytics connections update --id 1 --jdbc-fetch-size 5000")
    demo.run("qualytics connections schemas --id 1 --catalog postgres --format json")
    place = "--database postgres --schema public"
    demo.run(f"qualytics datastores create --name orders --connection-name 'Production DB' {place}")
    demo.run("qualytics connections delete --id 1", ends=5)

    demo.title("What a control plane refuses: a stored password sent elsewhere, a target that is its own, the key")
    demo.run("qualytics connections update --id 1 --host db.example.com", ends=5)
    demo.run(
        "qualytics connections test --type mysql --host 169.254.169.254 --username app --password '${DB_PASSWORD}'",
        ends=6,
    )
    demo.run("qualytics keys rotate", ends=4)

    demo.title("A Member sees connections and changes none; an Admin reads what was done")
    demo.variables |= plane.environment("Member")
    demo.run("qualytics connections get --name 'production db'")
    demo.run("qualytics connections delete --id 1", ends=4)
    demo.variables |= plane.environment("Admin")
    demo.run("qualytics audit list --limit 3")


DAG = """
from airflow.sdk import BaseHook, dag, task

@dag
def count_orders():
    @task
    def count():
        print("orders:", BaseHook.get_hook("orders").get_first("select count(*) from orders")[0])
    count()

count_orders()
"""


def airflow_task(demo: Demo, plane: control_plane.ControlPlane) -> None:
    """Let a task of Airflow get its connection from the control plane, as a service account that an Admin lets."""
    demo.title("An Airflow task that gets its connection from the control plane, by a grant; an Admin sees that use")
    admin = plane.api("Admin")
    demo.run("qualytics service-accounts create --name airflow")
    account = admin("GET", "/users/by-name?name=airflow").json["id"]
    demo.run("qualytics grants create --user airflow --connection 'Production DB' --expires-in-days 30")
    folder = demo.home.parent / "airflow"
    (folder / "dags").mkdir(parents=True)
    (folder / "dags" / "count_orders.py").write_text(DAG)
    variables = {
        "PYTHONPATH": str(Path(__file__).parent.parent / "src"),
        "QUALYTICS_URL": plane.url,
        "QUALYTICS_TOKEN": admin("POST", "/user-tokens", {"name": "dags", "user": account}).json["bearer_token"],
        "AIRFLOW__SECRETS__BACKEND": "qualytics.integrations.airflow.QualyticsBackend",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    command = "airflow dags test count_orders"
    print(f"\n$ cat dags/count_orders.py{DAG}\n$ {command}", flush=True)
    with other_tools.airflow_commands(folder, **variables) as airflow:
        airflow.run("dags", "reserialize")
        done = airflow.run(*command.split()[1:])
    said = re.search(r"orders: \d+", done.stdout + done.stderr)
    print(said[0] if said else done.stdout + done.stderr)
    demo.end(command, done.returncode if said else 1, 0)
    demo.run("qualytics connections usages 'Production DB' --format table")


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="qualytics-demo-"))
    try:
        sample_databases(folder)
        with servers.postgres() as server, silent_port() as silent:
            variables = {
                "DB_HOST": server.host,
                "DB_PORT": str(server.port),
                "DB_USER": server.user,
                "DB_PASSWORD": server.password,
                "WRONG_PASSWORD": WRONG_PASSWORD,
                "SNOWFLAKE_ACCOUNT": "myaccount",
                "SNOWFLAKE_USER": "analyst",
                "SNOWFLAKE_PASSWORD": "$ecret with a dollar",
            }
            demo = Demo(folder / ".qualytics", variables)
            play(demo, silent)
            fleet(demo, server)
            other_tools_themselves(demo, server)
            reads(demo, server)
            spark_job(demo)
            with control_plane.serving(folder / "plane", "--allow-use") as plane:
                share(demo, plane)
                airflow_task(demo, plane)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for line in demo.wrong:
        print(f"demo: {re.sub(' +', ' ', line)}", file=sys.stderr)
    print(f"\ndemo: {'failed' if demo.wrong else 'every command ended as it must'}")
    return bool(demo.wrong)


if __name__ == "__main__":
    sys.exit(main())
