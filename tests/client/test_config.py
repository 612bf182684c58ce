"""Where the control plane comes from: variables, config.yaml, contexts; and everything that may be wrong with them."""

import os
import stat

import pytest
import yaml

from qualytics.client import config
from qualytics.errors import UsageError

PUBLISHED = "url: https://plane.example.com/api/\ntoken: eyJ.eyJ.x\nssl_verify: false\ntimeout: 12\n"


def write(home, text, mode=0o644):
    home.mkdir(parents=True, exist_ok=True)
    path = home / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def test_nothing_configured_is_the_embedded_store(home):
    assert config.find(home, {}) is None
    assert not home.exists()


@pytest.mark.parametrize(
    ("given", "url", "api"),
    [
        ("plane.example.com", "https://plane.example.com", "https://plane.example.com/api"),
        ("https://plane.example.com/", "https://plane.example.com", "https://plane.example.com/api"),
        ("https://plane.example.com/api", "https://plane.example.com", "https://plane.example.com/api"),
        ("https://plane.example.com/api/", "https://plane.example.com", "https://plane.example.com/api"),
        ("https://plane.example.com/q/api/", "https://plane.example.com/q", "https://plane.example.com/q/api"),
        ("https://plane.example.com/api/api", "https://plane.example.com/api", "https://plane.example.com/api/api"),
        ("HTTPS://Plane.Example.com:443", "https://plane.example.com", "https://plane.example.com/api"),
        ("https://plane.example.com:8443", "https://plane.example.com:8443", "https://plane.example.com:8443/api"),
        ("http://localhost:8000", "http://localhost:8000", "http://localhost:8000/api"),
        ("http://[::1]:8000/", "http://[::1]:8000", "http://[::1]:8000/api"),
        ("http://127.1.2.3", "http://127.1.2.3", "http://127.1.2.3/api"),
        ("https://bücher.example", "https://xn--bcher-kva.example", "https://xn--bcher-kva.example/api"),
        (" https://plane.example.com \n", "https://plane.example.com", "https://plane.example.com/api"),
    ],
)
def test_a_url_is_read_the_way_users_write_it(home, given, url, api):
    found = config.find(home, {"QUALYTICS_URL": given, "QUALYTICS_TOKEN": "t"})
    assert (found.url, found.api_url) == (url, api)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://h",
            "https://",
            "https://h:x",
            "https://h:99999",
            "https://user:secret@h",
            "https://h?x=1",
            "https://h#x",
        ),
        *("https://h h", "https://a..b", "https://h/\u00fc", "https://h\x00", "https://[::1", "file:///etc/passwd"),
        *("https://" + "a" * 300, "https://-\u2024", "://", "https://h/a b"),
    ],
)
def test_a_url_that_is_none_is_refused_without_repeating_it(run, url):
    if "\x00" in url:
        with pytest.raises(UsageError):
            config.parse_url(url, "url")
        return
    result = run("connections", "list", env={"QUALYTICS_URL": url, "QUALYTICS_TOKEN": "t"})
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: QUALYTICS_URL ")
    assert "secret" not in result.err


@pytest.mark.parametrize("path", ["", "/", "v2", "/v2/", "a/b"])
def test_the_path_of_the_api_can_be_another(home, path):
    env = {"QUALYTICS_URL": "https://h", "QUALYTICS_TOKEN": "t", "QUALYTICS_API_PATH": path}
    assert config.find(home, env).api_url == "https://h" + (f"/{path.strip('/')}" if path.strip("/") else "")


def test_a_file_of_the_published_client_works_as_it_is_and_becomes_private(home):
    path = write(home, PUBLISHED)
    found = config.find(home, {})
    assert (found.url, found.token.reveal(), found.endpoint.ssl_verify, found.endpoint.timeout_s) == (
        *("https://plane.example.com", "eyJ.eyJ.x", False, 12.0),
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_variables_win_over_the_file_and_one_alone_is_an_error(home):
    write(home, PUBLISHED)
    found = config.find(home, {"QUALYTICS_URL": "https://other.example.com", "QUALYTICS_TOKEN": "t"})
    assert (found.url, found.endpoint.ssl_verify, found.endpoint.timeout_s) == ("https://other.example.com", True, 30.0)
    for there, missing in (("URL", "TOKEN"), ("TOKEN", "URL")):
        with pytest.raises(UsageError, match=f"QUALYTICS_{there} is set, and QUALYTICS_{missing} is not"):
            config.find(home, {f"QUALYTICS_{there}": "https://h"})
    found = config.find(home, {"QUALYTICS_TIMEOUT": "5", "QUALYTICS_SSL_VERIFY": "true"})
    assert (found.endpoint.ssl_verify, found.endpoint.timeout_s) == (True, 5.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("TIMEOUT", value) for value in ("0", "-1", "x", "1.5", "99999", "\u0661")),
        *(("SSL_VERIFY", value) for value in ("maybe", "2")),
        ("INSECURE_HTTP", "perhaps"),
        ("TOKEN", "two words"),
        ("TOKEN", "t\r\nX-Evil: 1"),
        ("TOKEN", "t\u00fc"),
        ("URL", "http://plane.example.com"),
        ("URL", "http://127.example.com"),
        ("URL", "http://localhost.example.com"),
    ],
)
def test_a_variable_that_is_wrong_is_named(run, name, value):
    env = {"QUALYTICS_URL": "https://h", "QUALYTICS_TOKEN": "t", f"QUALYTICS_{name}": value}
    result = run("connections", "list", env=env)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: QUALYTICS_{name} ")


def test_plain_http_to_another_host_needs_a_word(home):
    env = {"QUALYTICS_URL": "http://plane.example.com", "QUALYTICS_TOKEN": "t"}
    with pytest.raises(UsageError, match="plain http"):
        config.find(home, env)
    assert config.find(home, {**env, "QUALYTICS_INSECURE_HTTP": "1"}).endpoint.scheme == "http"
    write(home, "url: http://plane.example.com/api/\ntoken: t\ninsecure_http: true\n")
    assert config.find(home, {}).endpoint.scheme == "http"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not YAML at line "),
        ("a: b: c", "is not YAML at line 1"),
        (b"\xff\xfe\x00", "is not YAML"),
        ("just words", "is not a mapping of names to values"),
        ("- a", "is not a mapping of names to values"),
        ("url: [1]", "url in "),
        ("url: https://h\ntoken: 7", "token in "),
        ("url: https://h\nssl_verify: 'yes'", "ssl_verify in "),
        ("url: https://h\ntimeout: true", "timeout in "),
        ("url: https://h\ntimeout: 0", "timeout in "),
        ("url: https://h\ntoken: a b", "token in "),
        ("url: https://h\ncontexts: 7", "contexts in "),
        ("url: !!python/object/apply:os.system ['true']", "is not YAML"),
        ("x" * (1 << 20) + "y", "is larger than 1 MiB"),
        ("[" * 10_000, "is not YAML"),
        ("url: 'https://user:secret@h'", "url in "),
    ],
)
def test_a_file_that_is_wrong_is_named_and_never_shown(run, home, content, words):
    path = write(home, content)
    result = run("connections", "list")
    assert (result.code, result.out) == (2, "")
    assert str(path) in result.err
    assert words in result.err
    assert "secret" not in result.err
    assert len(result.err.splitlines()) == 2


def test_links_directories_and_pipes_in_its_place_are_refused(run, home, tmp_path):
    home.mkdir(parents=True)
    (tmp_path / "real.yaml").write_text(PUBLISHED)
    (home / "config.yaml").symlink_to(tmp_path / "real.yaml")
    assert "is a symbolic link" in run("connections", "list").err
    (home / "config.yaml").unlink()
    os.mkfifo(home / "config.yaml")
    assert "is not a file" in run("connections", "list").err
    (home / "config.yaml").unlink()
    (home / "config.yaml").mkdir()
    result = run("connections", "list")
    assert (result.code, result.out) == (2, "")


def test_an_url_without_a_token_is_not_signed_in(run, home):
    write(home, "url: https://plane.example.com\n")
    result = run("connections", "list")
    assert (result.code, result.out) == (4, "")
    assert result.err.splitlines()[0] == "error: there is no token for https://plane.example.com"


def test_contexts_stand_beside_the_keys_of_others_which_stay(home):
    write(home, f"{PUBLISHED}theme: dark\n")
    document = config.put(config.read(home), "prod", {"url": "https://prod.example.com/api/", "token": "p"})
    path = config.write(home, document)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert os.listdir(home) == ["config.yaml"]
    stored = yaml.safe_load(path.read_text())
    assert (stored["url"], stored["token"], stored["theme"]) == ("https://prod.example.com/api/", "p", "dark")
    assert "timeout" not in stored
    assert stored["contexts"]["default"]["timeout"] == 12
    assert config.find(home, {}).context == "prod"
    assert config.find(home, {"QUALYTICS_CONTEXT": "default"}).url == "https://plane.example.com"
    assert config.find(home, {"QUALYTICS_CONTEXT": "embedded"}) is None
    with pytest.raises(UsageError, match="there is no context 'other'"):
        config.find(home, {"QUALYTICS_CONTEXT": "other"})
    config.write(home, config.switch(config.read(home), config.contexts_of(config.read(home)), None))
    assert config.find(home, {}) is None
    assert set(config.contexts_of(config.read(home))) == {"default", "prod"}
    assert config.read(home)["theme"] == "dark"


def test_what_another_program_writes_at_the_top_counts_and_hides_no_context(home):
    contexts = {"default": {"url": "https://a.example.com/api/", "token": "a"}}
    document = {"url": "https://b.example.com/api/", "token": "b", "contexts": contexts, "current": "default"}
    config.write(home, document)
    assert config.find(home, {}).url == "https://b.example.com"
    assert {name: one["token"] for name, one in config.contexts_of(config.read(home)).items()} == {
        "default": "a",
        "unnamed": "b",
    }


def test_a_write_that_fails_leaves_the_old_file(home):
    path = write(home, PUBLISHED, 0o600)
    (home / f".config.yaml.{os.getpid()}.tmp").mkdir()
    with pytest.raises(Exception, match=r"config\.yaml"):
        config.write(home, {"url": "https://other"})
    assert path.read_text() == PUBLISHED


@pytest.mark.parametrize("words", [("connections", "list"), ("users", "list"), ("datastores", "list")])
def test_an_option_beats_the_variable_which_beats_the_file_which_beats_yaml(run, home, words):
    assert run(*words).out == "[]\n"
    write(home, "format: csv\n")
    assert run(*words).out.startswith("id,name,")
    assert run(*words, env={"QUALYTICS_FORMAT": "table"}).out.startswith("ID  NAME")
    assert run(*words, env={"QUALYTICS_FORMAT": ""}).out.startswith("id,name,")
    assert run(*words, "-f", "yaml", env={"QUALYTICS_FORMAT": "table"}).out == "[]\n"


def test_a_format_that_is_none_is_told_with_its_place_and_stores_nothing(run, home):
    words = ("connections", "create", "-t", "sqlite", "--uri", "/x")
    done = run(*words, env={"QUALYTICS_FORMAT": "tabel"})
    wanted = "QUALYTICS_FORMAT must be yaml, json, table, wide, jsonl or csv\nhint: did you mean table?\n"
    assert (done.code, done.err) == (2, f"error: {wanted}")
    for value in ("[a]", "7", "xml"):
        write(home, f"format: {value}\n")
        done = run(*words)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(
            f"error: format in {home}/config.yaml must be yaml, json, table, wide, jsonl or csv\n"
        )
    assert run("connections", "list", "-f", "json").json == []


def test_the_format_stays_when_contexts_change(run, home):
    write(home, "format: json\nurl: https://one.example.com\ntoken: t\n")
    assert run("auth", "use", "embedded").json["name"] == "embedded"
    assert config.read(home)["format"] == "json"


def test_a_file_that_is_wrong_in_itself_stops_no_command_that_needs_none_of_it(run, home):
    write(home, "format: [\n")
    assert run("connections", "types", "sqlite").document["type"] == "sqlite"
    assert run("connections", "list").code == 2
