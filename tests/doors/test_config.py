"""The settings: sources, precedence, and what a bad one says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from odimra import config
from odimra.options import record_options
from odimra.resources import data_path


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str, name: str = "odimra.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems(path=None, env=None, overrides=None) -> tuple[str, ...]:
    with pytest.raises(config.BadConfiguration) as caught:
        config.load(path, env or {}, overrides or {})
    return caught.value.problems


def test_the_defaults_are_those_of_the_yaml_file(empty_folder):
    settings = config.load(None, {}, {})
    defaults = yaml.safe_load(data_path("config", "odimra.yaml").read_text())
    document = config.to_document(settings)
    assert document.pop("state_folder") == str(empty_folder / defaults.pop("state_folder"))
    assert document == defaults


def test_later_sources_win(empty_folder):
    path = write(empty_folder, "http: {port: 1001, processes: 3, address: '::1'}\n", "mine.yaml")
    env = {"ODIMRA_HTTP__PORT": "1002", "ODIMRA_HTTP__PROCESSES": "4"}
    http = config.load(path, env, {"http.port": 1003}).http
    assert (http.port, http.processes, http.address) == (1003, 4, "::1")
    assert http.max_json_depth == 32


@pytest.mark.parametrize("how", ["flag", "variable", "here"])
def test_the_file_is_found(empty_folder, how):
    name = "odimra.yaml" if how == "here" else "other.yaml"
    path = write(empty_folder, "http: {port: 1001}\n", name)
    env = {"ODIMRA_CONFIG": str(path)} if how == "variable" else {}
    assert config.load(path if how == "flag" else None, env, {}).http.port == 1001


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("http: {port: 70000}", "http.port: 70000 is greater than the maximum of 65535"),
        ("http: {prot: 1}", "http.prot: is not a setting (did you mean 'port'?)"),
        ("htpt: {}", "htpt: is not a setting (did you mean 'http'?)"),
        ("http: {port: yes}", "http.port: True is not of type 'integer'"),
        ("http: {port: '80'}", "http.port: '80' is not of type 'integer'"),
        ("http: 3", "http: 3 is not of type 'object'"),
        ("log: {level: loud}", "log.level: 'loud' is not one of"),
        ("store: {url: 'redis:/u:pw@h'}", "store.url: is not a URL of a store"),
        ("emulation: {time_factor: .nan}", "emulation.time_factor: is not a number"),
        ("emulation: {time_factor: .inf}", "emulation.time_factor: inf is greater than"),
        ("engine: {limits: {kinds: {A: 1}}}", "engine.limits.kinds: 'A' cannot be the name"),
        ("engine: {limits: {kinds: {a: 0}}}", "engine.limits.kinds.a: 0 is less than"),
        ("http: {port: 1, port: 2}", "line 1, column 17: 'port' is there twice"),
        ("http: {", "line 2, column 1: "),
        ("- http", "must hold sections"),
        ("http: \x00", "is not YAML"),
    ],
)
def test_a_bad_file_is_one_clear_line(empty_folder, text, line):
    write(empty_folder, text + "\n")
    (problem,) = problems()
    assert problem.startswith(f"odimra.yaml: {line}")
    assert "\n" not in problem
    assert "pw" not in problem


def test_every_problem_has_a_line_of_its_own(empty_folder):
    write(empty_folder, "http: {port: -1, processes: 0}\nlog: {colour: red}\n")
    assert len(problems()) == 3


def test_a_file_that_cannot_be_read_is_named(empty_folder):
    assert problems("none.yaml") == ("none.yaml: cannot be read: No such file or directory",)
    (empty_folder / "latin.yaml").write_bytes(b"log: \xff\n")
    assert problems("latin.yaml") == ("latin.yaml: cannot be read: it is not UTF-8 text",)


@pytest.mark.parametrize("text", ["", "# nothing\n", "http:\n"])
def test_an_empty_file_or_section_changes_nothing(empty_folder, text):
    before = config.load(None, {}, {})
    write(empty_folder, text)
    assert config.load(None, {}, {}) == before


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("ODIMRA_HTTP__PORT", "70000", "ODIMRA_HTTP__PORT: http.port: 70000 is greater than"),
        ("ODIMRA_HTTP__PORT", "{", "ODIMRA_HTTP__PORT: http.port: '{' is not of type 'integer'"),
        ("ODIMRA_HTTP__PROT", "1", "ODIMRA_HTTP__PROT: is not a setting (did you mean"),
        ("ODIMRA_HTTP_PORT", "1", "ODIMRA_HTTP_PORT: is not a setting (did you mean"),
    ],
)
def test_a_bad_variable_is_one_clear_line(name, value, line):
    (problem,) = problems(env={name: value})
    assert problem.startswith(line)


def test_variables_of_other_programs_are_left_alone():
    env = {"ODIMRA_PORT": "tcp://10.0.0.1:443", "ODIMRA_SERVICE_HOST": "10.0.0.1", "HOME": "/x"}
    assert config.load(None, env, {}) == config.load(None, {}, {})


def test_variables_have_the_type_of_their_setting():
    env = {
        "ODIMRA_STATE_FOLDER": "/some/where",
        "ODIMRA_ACCESS__ADMINISTRATOR": "007",
        "ODIMRA_HTTP__PLAIN_HTTP": "true",
        "ODIMRA_HTTP__TLS__MINIMUM": "1.3",
        "ODIMRA_TASKS__AUTO_DELETE_MINUTES": "null",
        "ODIMRA_ENGINE__LIMITS__KINDS": "{update: 3}",
    }
    settings = config.load(None, env, {})
    assert settings.state_folder == "/some/where"
    assert settings.access.administrator == "007"
    assert settings.http.plain_http is True
    assert settings.http.tls.minimum == "1.3"
    assert settings.tasks.auto_delete_minutes is None
    assert settings.engine.limits.kinds == {"update": 3}


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            {"access.min_password_length": 20, "access.max_password_length": 10},
            "access.min_password_length: 20 is greater than",
        ),
        (
            {"access.lockout_duration_seconds": 5, "access.lockout_reset_after_seconds": 6},
            "access.lockout_reset_after_seconds: 6 is greater than",
        ),
        ({"http.tls.key": "k.pem"}, "http.tls.certificate: is empty although http.tls.key is set"),
        ({"http.tls.certificate": "c.pem"}, "http.tls.key: is empty although"),
        (
            {"events.denied_networks": "10.0.0.0/8 10.1.1.1/8"},
            "events.denied_networks: 10.1.1.1/8 has host bits set",
        ),
        (
            {"events.allowed_networks": "10.0.0.0/8 privat"},
            "events.allowed_networks: 'privat' is no network, and none of private, loopback",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(overrides, line):
    (problem,) = problems(overrides=overrides)
    assert problem.startswith(line)


def test_settings_survive_being_handed_to_another_process():
    settings = config.load(None, {}, {"engine.limits.kinds": {"update": 3}})
    assert config.from_document(json.loads(json.dumps(config.to_document(settings)))) == settings


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:secret@h:1/0", "redis://user:***@h:1/0"),
        ("redis://:secret@h", "redis://:***@h"),
        ("redis://token@h", "redis://***@h"),
        ("unix:///s?password=secret&db=1", "unix:///s?password=***&db=1"),
        ("embedded:", "embedded:"),
        ("redis://h:1", "redis://h:1"),
    ],
)
def test_a_shown_url_holds_no_secret(url, shown):
    settings = config.load(None, {}, {"store.url": url})
    assert config.masked(settings)["store"]["url"] == shown


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(config.config_schema())


def documented_settings(text: str) -> list[str]:
    """The dotted path of every setting above which the YAML file has a comment."""
    found, sections, commented = [], [], False
    for line in text.splitlines():
        match = re.match(r"^( *)([a-z0-9_]+):(.*)$", line)
        if match:
            depth = len(match[1]) // 2
            sections = [*sections[:depth], match[2]]
            if match[3].strip() and commented:
                found.append(".".join(sections))
        commented = line.strip().startswith("#")
    return found


def test_every_setting_has_a_comment_in_the_yaml_file():
    text = data_path("config", "odimra.yaml").read_text(encoding="utf-8")
    known = sorted(config.setting_paths(config.config_schema()))
    assert sorted(documented_settings(text)) == known


def test_every_setting_is_in_the_documentation_with_its_default():
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z0-9_.]+)` \| `([^`]*)` \|", text, re.MULTILINE))
    defaults = yaml.safe_load(data_path("config", "odimra.yaml").read_text(encoding="utf-8"))
    expected = {}
    for dotted in config.setting_paths(config.config_schema()):
        value = defaults
        for name in dotted.split("."):
            value = value[name]
        expected[dotted] = json.dumps(value) if not isinstance(value, str) else value or '""'
    assert rows == expected


def test_types_of_records_are_a_list_of_names(empty_folder):
    env = {"ODIMRA_RECORDS__TYPES": '["managed/user", "site/*"]'}
    given = config.load(None, env, {})
    assert record_options(given).types == ("managed/user", "site/*")
    assert config.from_document(config.to_document(given)) == given
    for wrong in ("managed/*", "[]", "[managed]", "[a/b/c]", "['a/b ']"):
        (problem,) = problems(env={"ODIMRA_RECORDS__TYPES": wrong})
        assert problem.startswith("ODIMRA_RECORDS__TYPES: records.types")
