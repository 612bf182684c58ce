"""The layers, the size and the habits that `docs/architecture.md` promises, read from the source itself."""

import ast
import functools
import graphlib
import re
import tomllib
from pathlib import Path

import pytest

import qualytics
from qualytics import connectors
from qualytics.errors import PROBLEM_CODES, all_errors
from qualytics.fields import KEYS
from qualytics.probe.verdicts.failure_classes import CLASSES

pytestmark = pytest.mark.slow  # every source file is read

SRC = Path(qualytics.__file__).parent
ROOT = SRC.parent.parent
FILES = sorted(SRC.rglob("*.py"))

# Package or module → its layer; what a layer may import beside what is below it stands in ALLOWED.
LAYERS = {
    **dict.fromkeys(
        ("errors", "model", "fields", "masking", "secret", "settings", "strict_json", "structs", "text", "urls"),
        0,
    ),
    **dict.fromkeys(("digests", "module_path", "installed", "hiding", "packed", "types"), 0),
    **dict.fromkeys(("connectors", "store", "transport"), 1),
    "probe": 2,
    "reading": 3,
    "service": 4,
    **dict.fromkeys(("client", "server", "exchange"), 5),
    **dict.fromkeys(("cli", "integrations", "spark", "sqlalchemy"), 6),
}
# Layers in which nothing may import a neighbour: leaves, and clients and servers, which stay apart.
APART = {1, 5}
CLI_MAY = {"client", "exchange", "reading"}
SERVER_MAY_BE_IMPORTED_BY = "cli/serve.py"


@functools.cache
def parsed(path):
    return ast.parse(path.read_text())


@functools.cache
def nodes(path):
    """Return every node of a file; walking it anew for each rule took a fifth of a fast run."""
    return tuple(ast.walk(parsed(path)))


def part_of(path):
    relative = path.relative_to(SRC)
    return relative.parts[0].removesuffix(".py")


def imported_parts(path):
    """Yield the parts of the package that a file imports, lazily or not."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "qualytics" else [module]
        else:
            continue
        for name in names:
            if name.startswith("qualytics."):
                yield name.split(".")[1]


def may_import(importer, imported):
    if imported in {importer, "__version__"} or importer in {"__init__", "__main__"}:
        return True
    if importer == "cli":
        return LAYERS[imported] == 0 or imported in CLI_MAY
    above, below = LAYERS[importer], LAYERS[imported]
    if importer == "store" and imported == "connectors":
        return False
    return below < above or (below == above == 0)


def test_plain_data_is_defined_without_compiling_methods():
    users = [
        str(path.relative_to(SRC))
        for path in FILES
        if re.search(r"^\s*(from|import) dataclasses", path.read_text(), re.MULTILINE)
    ]
    assert users == []


def test_imports_go_one_way_only():
    for path in FILES:
        importer = part_of(path)
        assert importer in LAYERS or importer in {"__init__", "__main__"}, "a new part needs its layer here and in docs"
        wrong = {imported for imported in imported_parts(path) if not may_import(importer, imported)}
        if path == SRC / SERVER_MAY_BE_IMPORTED_BY:
            wrong -= {"server"}
        assert not wrong, f"{path.relative_to(SRC)} must not import {wrong}"


def test_no_two_parts_of_a_layer_of_leaves_import_each_other():
    pairs = {(part_of(path), imported) for path in FILES for imported in imported_parts(path)}
    for importer, imported in pairs:
        if importer in LAYERS and imported in LAYERS and importer != imported and LAYERS[importer] in APART:
            assert LAYERS[importer] != LAYERS[imported], f"{importer} imports {imported}"


def module_name(path):
    return ".".join(path.relative_to(SRC.parent).with_suffix("").parts).removesuffix(".__init__")


def test_no_module_imports_another_in_a_circle():
    """Lazy imports and imports for types count; the front page of the SDK, which names everything, does not."""
    modules = {module_name(path): path for path in FILES}
    graph = {name: set() for name in modules}
    for name, path in modules.items():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                named = {f"{node.module}.{alias.name}" for alias in node.names}
                graph[name] |= {full if full in modules else node.module for full in named}
    ours = {name: (imported & modules.keys()) - {"qualytics"} for name, imported in graph.items()}
    graphlib.TopologicalSorter(ours).prepare()  # raises CycleError, which names the circle


def test_the_child_of_a_test_imports_nothing_of_the_program_that_tests():
    """The child runs beside hostile input; what it does import, and they in their turn, is looked at while one runs."""
    wrong = re.compile(r"qualytics\.(store|service|client|server|cli|probe\.parent)\b")
    for path in [*SRC.glob("probe/child/*.py"), *SRC.glob("probe/verdicts/*.py"), *SRC.glob("probe/*.py")]:
        for node in ast.walk(parsed(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            # `run` of the package starts a child; a child never calls it.
            assert path == SRC / "probe/__init__.py" or not [name for name in names if wrong.match(name)], path


def string_literals(path):
    docstrings = {
        id(node.body[0].value)
        for node in nodes(path)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value, node.lineno


def test_no_string_outside_the_connectors_equals_a_type_or_alias():
    names = {name for connector in connectors.all_connectors() for name in (connector.type, *connector.aliases)}
    names -= KEYS.keys()  # one type bears the name of its kind
    found = [
        f"{path.relative_to(SRC)}:{line} {text!r}"
        for path in FILES
        # The engines of the store are databases too; they are not connection types.
        if part_of(path) not in {"connectors", "store"}
        for text, line in string_literals(path)
        if text in names
    ]
    assert not found


def test_below_the_command_line_nothing_prints_and_nothing_exits():
    for path in FILES:
        if part_of(path) in {"cli", "__main__"}:
            continue
        for node in nodes(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"print", "exit", "input"}, f"{path}:{node.lineno}"
            # The child of a test is a program of its own.
            if isinstance(node, ast.Attribute) and node.attr == "exit" and path != SRC / "probe/child/main.py":
                assert not (isinstance(node.value, ast.Name) and node.value.id == "sys"), f"{path}:{node.lineno}"


# Whose own words may be shown though they are an exception's, and why no parser of a foreign text speaks there.
_OURS = "words of our own checks, which repeat no value"
_MASKED = "words of a driver, masked before anybody sees them"
MAY_SHOW = {
    "server/sign_in.py": _OURS,
    "server/config.py": _OURS,
    "server/bodies.py": _OURS,
    "service/accounts/oidc.py": _OURS,
    "service/validate.py": _OURS,
    "cli/_values.py": _OURS,
    "cli/_formats/queries.py": "words of jq on the user's own expression, without the value that it could not take",
    "connectors/shared/google.py": _OURS,
    "connectors/types/redshift.py": _OURS,
    "connectors/shared/pem.py": _OURS,
    "connectors/shared/object_store.py": f"{_OURS}; and {_MASKED}",
    "connectors/types/sqlserver.py": _MASKED,
    "connectors/reads/sqlite_database.py": _MASKED,
    "probe/child/main.py": _MASKED,
    "probe/verdicts/exceptions.py": _MASKED,
    "probe/parent/zygotes.py": "words of a pipe between two processes of ours",
    "probe/child/zygote.py": "words of the import of a driver, which knows no connection",
    "cli/_call.py": "for --debug, which is asked for, and masked",
    "service/connections/reads.py": "words of ours on what a query holds, which they do not repeat",
    "store/sqlite/faults.py": "words of SQLite on a file, which has no address",
    "store/postgres/faults.py": "words of libpq on an address that was read and found to hold no more than it should",
}


def shown_exceptions(path):
    """Yield the lines that make text of an exception: str(exc), repr(exc), "{exc}"; a `classify` only searches it."""
    searched = {
        id(node)
        for function in nodes(path)
        if isinstance(function, ast.FunctionDef) and function.name == "classify" and part_of(path) == "connectors"
        for node in ast.walk(function)
    }
    caught = {node.name for node in nodes(path) if isinstance(node, ast.ExceptHandler) and node.name}
    for node in nodes(path):
        if isinstance(node, ast.FormattedValue):
            text = node.value
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"str", "repr", "format"}
        ):
            text = node.args[0] if node.args else None
        else:
            continue
        if isinstance(text, ast.Name) and text.id in caught | {"exc"} and id(node) not in searched:
            yield node.lineno


def test_no_text_is_made_of_an_exception_but_where_that_is_known_to_repeat_no_secret():
    found = {}
    for path in FILES:
        if lines := list(shown_exceptions(path)):
            found[str(path.relative_to(SRC))] = lines
    assert found.keys() == MAY_SHOW.keys(), {name: found.get(name) for name in found.keys() ^ MAY_SHOW.keys()}


def test_urls_of_settings_and_of_users_are_taken_apart_in_one_place():
    allowed = {
        "urls.py": "the place",
        "transport/connect.py": "a proxy's, which may hold a login",
        "client/sign_in/browser.py": "what a browser of this machine asks for",
        "connectors/shared/aws.py": "shows the host of what was checked",
        "connectors/shared/http.py": "compares, joins and reads what was checked",
        "service/accounts/oidc.py": "adds a query to what was checked",
    }
    found = {
        str(path.relative_to(SRC))
        for path in FILES
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom) and any(alias.name in {"urlsplit", "urlparse"} for alias in node.names)
    }
    assert found == allowed.keys()


SQL = re.compile(r"(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|PRAGMA|BEGIN|WITH)\s+\w")


def test_statements_for_the_store_stand_in_the_store_alone():
    """The connectors talk to servers of others, and so does the child of a test, through them."""
    for path in FILES:
        if part_of(path) in {"store", "connectors", "probe"}:
            continue
        statements = [(line, text) for text, line in string_literals(path) if SQL.match(text.lstrip())]
        calls = [
            node.lineno
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.Attribute) and node.attr in {"execute", "execute_many"}
        ]
        assert not statements, path
        assert not calls, path


def test_tables_and_seals_know_no_engine_and_no_engine_knows_another():
    engines = {"qualytics.store.sqlite", "qualytics.store.postgres"}
    own = {"sqlite": {"qualytics.store.sqlite"}, "postgres": {"qualytics.store.postgres"}}
    for path in (SRC / "store").glob("*/*.py"):
        wrong = {
            name
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.ImportFrom) and node.module
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
            for engine in engines - own.get(path.parent.name, set())
            if name == engine or name.startswith(f"{engine}.")
        }
        assert not wrong, (path, wrong)


def test_no_assert_stands_in_the_source():
    for path in FILES:
        assert not [node for node in nodes(path) if isinstance(node, ast.Assert)], path


def test_every_suppressed_check_has_its_code_and_every_broad_except_its_reason():
    for path in FILES:
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines, start=1):
            where = f"{path.relative_to(SRC)}:{number}"
            if "noqa" in line:
                assert re.search(r"# noqa: [A-Z]+[0-9]+", line), where
            if "type: ignore" in line:
                assert re.search(r"# type: ignore\[[a-z-]+", line), where
            if re.search(r"except (Base)?Exception\b", line) and "raise" not in lines[number]:
                reason = re.search(r"# noqa: BLE001 - \w+", line) or lines[number].strip().startswith("#")
                assert reason or "BaseException" in line, where


def test_every_module_says_what_it_is_for_and_stays_of_a_size():
    for path in FILES:
        text = path.read_text()
        assert ast.get_docstring(parsed(path)), path
        assert len(text.splitlines()) <= 400, path


def test_every_dependency_has_its_reason_and_the_core_stays_small():
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    assert len(project["dependencies"]) <= 5
    for line in text.split("[project.scripts]")[0].splitlines():
        if re.match(r'\s*"[A-Za-z].*[<>=].*",', line):
            assert re.search(r"# .+: .+|# .+", line), line


def test_every_type_with_a_driver_has_its_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for connector in connectors.all_connectors():
        if connector.extra:
            assert connector.extra in extras, connector.type
            assert connector.extra in " ".join(extras["all"]), connector.type


def test_codes_of_errors_are_kebab_case_and_unique():
    codes = [error.code for error in all_errors()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in [*codes, *PROBLEM_CODES])


def test_the_sdk_names_every_error_and_few_other_things_sorted_and_all_there():
    errors = {error.__name__ for error in all_errors()}
    assert set(qualytics.__all__) >= errors
    assert len(set(qualytics.__all__) - errors) <= 20
    assert qualytics.__all__ == sorted(qualytics.__all__)
    assert set(qualytics.__all__) <= set(dir(qualytics))
    for name in qualytics.__all__:
        assert getattr(qualytics, name) is not None


def test_type_checkers_see_every_name_of_the_sdk_and_no_other():
    seen = {
        alias.name for node in nodes(SRC / "__init__.py") if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen == set(qualytics.__all__) - {"__version__"}


def test_the_project_names_no_place_outside_itself():
    # Written apart, so that this file does not hold what it looks for.
    forbidden = ["/wo" + "rk/", ".lib" + "rary", "../sha" + "red", "pypi." + "org", "npmjs." + "org", "debian." + "org"]
    folders = [SRC, *(ROOT / name for name in ("docs", "testbed", "bench", "tools", "tests", ".ci"))]
    for path in [*ROOT.glob("*"), *(path for folder in folders for path in folder.rglob("*"))]:
        if path.is_file() and path.name != ".git" and path.suffix in {".py", ".md", ".toml", ".sh", ".txt", ".yml", ""}:
            text = path.read_text(errors="replace")
            assert not [word for word in forbidden if word in text], path


# What the program records of others: refusals, and how operations go on and end.
_OF_THE_PROGRAM = {
    *("service/context.py", "service/datastores/operations.py"),
    "service/connections/run_operations.py",
}


def test_whoever_asks_writes_through_a_context_which_reads_their_rights_again():
    """`Context.writing` alone opens a transaction; `system_writing` is for what the program records of others."""
    for path in FILES:
        if part_of(path) not in {"service", "server", "client", "cli"}:
            continue
        called = {
            (ast.unparse(node.func.value), node.func.attr)
            for node in nodes(path)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        name = str(path.relative_to(SRC))
        writers = {on for on, verb in called if verb in {"writing", "execute_many"} and not on.endswith("context")}
        assert writers == ({"self.store"} if name == "service/context.py" else set()), name
        is_system = any(verb == "system_writing" for _, verb in called)
        assert is_system == (name in _OF_THE_PROGRAM), name


TESTS = sorted((ROOT / "tests").rglob("*.py"))
# Where a test takes one of several statuses, stages or classes, and why it is not certain of one.
EITHER = {
    "connectors/types/test_postgresql_busy.py": "a pooler ends its wait or its retries, whichever comes first",
    "probe/child/test_second_look_fuzz.py": "any answer at all, for which the shapes have these three",
    "server/test_bodies.py": "a server that refuses may close the connection before its answer is read",
    "server/test_rights.py": "every route in turn, of which some answer with nothing",
}
CERTAIN = {*CLASSES, "resolve", "tcp", "tls", "login", "database", "query", "list"}


def test_tests_assert_the_one_status_stage_and_class_that_is_certain():
    found = {
        str(path.relative_to(ROOT / "tests")): node.lineno
        for path in TESTS
        for asserted in nodes(path)
        if isinstance(asserted, ast.Assert)
        for node in ast.walk(asserted.test)
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In)
        if isinstance(node.comparators[0], ast.Set | ast.Tuple | ast.List)
        for values in [
            {part.value for one in node.comparators[0].elts for part in ast.walk(one) if isinstance(part, ast.Constant)}
        ]
        if values and all(value is None or type(value) is int or value in CERTAIN for value in values)
    }
    assert found.keys() == EITHER.keys(), found


def test_tests_patch_nothing_of_our_own():
    for path in TESTS:
        ours = {
            alias.asname or alias.name
            for node in nodes(path)
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "qualytics"
            for alias in node.names
        }
        for node in nodes(path):
            if isinstance(node, ast.Import | ast.ImportFrom):
                imported = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
                assert not [name for name in imported if name.startswith(("unittest.mock", "mock"))], path
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "monkeypatch.setattr":
                patched = ast.unparse(node.args[0]).strip("'\"").partition(".")[0]
                assert patched not in ours | {"qualytics"}, f"{path}:{node.lineno}"


# Test modules that are about no one module, and why.
CROSS_CUTTING = {
    "cli/test_explain.py": "the command `connections explain`, with messages of every type",
    "cli/test_page.py": "the page of the commands, as documented",
    "client/test_canary.py": "parts of a secret, through every command and both stores",
    "client/test_questions.py": "questions of commands on a control plane",
    "client/test_start.py": "what a call on a control plane imports",
    "exchange/test_published.py": "files that the published client wrote",
    "connectors/test_binding.py": "each field and parameter of each type",
    "connectors/test_dotted_hosts.py": "each type, by a name that ends in a dot",
    "connectors/test_passwords.py": "awkward passwords on each way to real servers",
    "connectors/test_python_resolvers.py": "look-ups of each driver that is held by its resolver",
    "connectors/test_second_host.py": "each type whose login needs a second host",
    "connectors/test_tls_defects.py": "each type on each defect of a certificate",
    "connectors/test_tls_modes.py": "the modes of TLS on each real server",
    "deploy/test_files.py": "the files of a deployment, which are no modules",
    "deploy/test_nginx.py": "a control plane behind nginx as deployed",
    "probe/child/test_refused_parameters.py": "dangerous parameters of each type",
    "server/web/test_every_page.py": "every page, with every role",
    "server/web/test_prefix.py": "all pages under a path of a host, behind both kinds of proxies",
    "server/test_dry_run.py": "every change of the API",
    "server/test_ended_rights.py": "rights that end under load, on every route that writes",
    "server/test_explain.py": "the route of explain",
    "server/test_long_texts.py": "every text of the API",
    "server/test_masks.py": "masks in every reply",
    "server/test_races.py": "every versioned route at once",
    "server/test_replicas.py": "control planes on one store",
    "server/test_rights.py": "every route, asked by everybody",
    "server/test_secrets.py": "secrets in every reply and log",
    "service/config/test_crash.py": "applies of commands and workers that are killed",
    "store/postgres/test_crash.py": "kills at any moment",
    "store/sqlite/test_crash.py": "kills at any moment",
    "store/test_concurrency.py": "many processes on one store",
    "store/test_pool.py": "the pools of both engines",
    "test_add_a_connector.py": "the guide, followed as it stands",
    "test_architecture.py": "the whole source",
    "test_demo.py": "the demo",
    "test_docs.py": "the documents",
    "test_first_hour.py": "a fresh clone with the core alone",
    "test_first_slice.py": "every layer at once",
    "test_lanes.py": "the workers of the whole suite",
    "test_messages.py": "the measure of explain",
    "test_startup.py": "what commands import",
    "test_tour.py": "the tour in the documents",
    "test_working_directory.py": "every process of the program",
}


def is_named_by_its_module(path):
    """Say whether a test module bears the name of a module in the mirrored place, alone or before what it is about."""
    folder = path.relative_to(ROOT / "tests").parent
    place = ROOT / folder if folder.parts[:1] in {("bench",), ("testbed",), ("tools",)} else SRC / folder
    modules = {one.stem.strip("_") for one in place.glob("*.py")} | {one.parent.name for one in place.glob("*/*.py")}
    name = path.stem.removeprefix("test_")
    return any(name == module or name.startswith(f"{module}_") for module in modules - {"init"})


def test_a_test_module_stands_beside_what_it_tests():
    found = {
        str(path.relative_to(ROOT / "tests"))
        for path in TESTS
        if path.name.startswith("test_") and not is_named_by_its_module(path)
    }
    assert found == CROSS_CUTTING.keys(), found ^ CROSS_CUTTING.keys()
