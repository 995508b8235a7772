"""Fleet and scenario files: what they give, and what is said of mistakes in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from odimra.emulation import fleet as fleets
from odimra.emulation import scenarios
from odimra.emulation.files import BadEmulationFile, locate
from odimra.emulation.fleet import Fleet
from odimra.emulation.images import image_name, image_version

DEFAULT = locate("fleets", "default").read_text(encoding="utf-8")


def changed(**keys: object) -> str:
    return yaml.safe_dump({**yaml.safe_load(DEFAULT), **keys})


def test_the_default_fleet(fleet: Fleet) -> None:
    assert list(fleet.machines) == ["node-1", "node-2", "node-3", "store-1"]


def test_a_fleet_of_many_is_short() -> None:
    many = fleets.loads(
        changed(machines=[{"template": "rack-1u", "count": 1000, "id": "n{n}x", "first": 7}])
    )
    assert (len(many.machines), next(iter(many.machines)), list(many.machines)[-1]) == (
        1000,
        "n7x",
        "n1006x",
    )


def test_identities_are_repeatable_unique_and_of_their_form() -> None:
    def identities(seed: int) -> list[str]:
        made = fleets.loads(DEFAULT, seed).machines.values()
        return [
            value
            for machine in made
            for value in (machine.serial("system"), machine.uuid("system"), machine.mac("1"))
        ]

    first = identities(1)
    assert first == identities(1)
    assert not set(first) & set(identities(2))
    assert len(set(first)) == len(first)
    assert re.fullmatch(r"[0-9A-Z]{12}", first[0])
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first[1]
    )
    assert re.fullmatch(r"02(:[0-9A-F]{2}){5}", first[2])


def test_a_changed_configuration_is_another_edition(fleet: Fleet) -> None:
    machine = fleet.machines["node-1"]
    assert machine.edition == fleets.loads(DEFAULT, 1).machines["node-1"].edition
    assert machine.edition != fleets.loads(DEFAULT, 2).machines["node-1"].edition


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("templates: [", "fleet: not valid YAML in line 1"),
        ("a: 1", "fleet: the file: "),
        (changed(machines=[]), "fleet: machines: "),
        (changed(machines=[{"template": "rack-1u"}]), "fleet: machines[0]: "),
        (
            changed(machines=[{"template": "none", "ids": ["a"]}]),
            "fleet: machines[0].template: there is no template 'none'",
        ),
        (
            changed(machines=[{"template": "rack-1u", "ids": ["a/b"]}]),
            "fleet: machines[0].ids[0]: ",
        ),
        (
            changed(machines=[{"template": "rack-1u", "ids": ["a"]}] * 2),
            "fleet: machines[1]: there are two machines 'a'",
        ),
        (
            changed(
                machines=[
                    {"template": "rack-1u", "count": 10000, "id": f"{one}{{n}}"} for one in "ab"
                ]
            ),
            "fleet: machines: 20000 machines; at most 10000",
        ),
    ],
)
def test_a_bad_fleet_is_one_line_with_the_place(text: str, said: str) -> None:
    with pytest.raises(BadEmulationFile) as error:
        fleets.loads(text)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [{play: nowhere}]", "rules[0].play: there is no scenario 'nowhere'"),
        ("rules: [{operation: Reset, play: {}}]", "rules[0].operation: "),
        ("rules: [{play: {}, refuse: {}}]", "rules[0]: "),
        ("rules: [{}]", "rules[0]: "),
        ("scenarios: {a: {steps: [{percent: 101}]}}", "scenarios.a.steps[0].percent: "),
        (
            "scenarios: {a: {steps: [{percent: 9}, {percent: 8}]}}",
            "scenarios.a.steps[1].percent: PercentComplete never falls",
        ),
        (
            "scenarios: {a: {steps: [{at: 9}, {at: 8}]}}",
            "scenarios.a.steps[1].at: earlier than the step before it",
        ),
        (
            "scenarios: {a: {duration: {min: 2, max: 1}}}",
            "scenarios.a.duration: 'max' is less than 'min'",
        ),
        (
            "scenarios: {a: {result: {status: 500}}}",
            "scenarios.a.result.status: 500 does not fit the end 'Completed'",
        ),
        (
            "scenarios: {a: {end: Exception, result: {status: 200}}}",
            "scenarios.a.result.status: 200 does not fit",
        ),
        (
            "scenarios: {a: {messages: [{id: A.1.0.B, text: $nobody}]}}",
            "scenarios.a.messages[0]: '$nobody' has a variable",
        ),
        (
            "scenarios: {a: {steps: [{message: {id: A.1.0.B, text: 5 $ each}}]}}",
            "scenarios.a.steps[0].message: '5 $ each' has a variable",
        ),
        (
            "scenarios: {a: {messages: [{id: Success, text: x}]}}",
            "scenarios.a.messages[0].id: ",
        ),
    ],
)
def test_a_bad_scenario_is_one_line_with_the_place(text: str, said: str) -> None:
    with pytest.raises(BadEmulationFile) as error:
        scenarios.loads(text)
    assert str(error.value).startswith(f"scenarios: {said}")
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadEmulationFile, match=r"absent\.yaml: cannot be read: No such file"):
        fleets.load(tmp_path / "absent.yaml", 1)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadEmulationFile, match="it is not UTF-8 text"):
        scenarios.load(binary, 1)


def test_a_setting_names_a_file_that_comes_along_or_a_path(tmp_path: Path) -> None:
    assert locate("scenarios", "faults").name == "faults.yaml"
    assert locate("fleets", "mine.yaml") == Path("mine.yaml")
    assert locate("fleets", str(tmp_path / "x")) == tmp_path / "x"


@pytest.mark.parametrize(
    ("uri", "version"),
    [
        ("http://host/bios-2.4.1.bin", "2.4.1"),
        ("https://user:pw@host/dir/bios-v2.4.1-rc1.bin?x=9.9", "2.4.1-rc1"),
        ("host/fw_1.2.tar.gz", "1.2"),
        ("sftp://h/BMC%2010.0.3+b7.img", "10.0.3+b7"),
        ("http://h/for-3.0-update-4.5.bin", "4.5"),
        ("http://h/golden.bin", "golden"),
        ("http://h/.hidden", ".hidden"),
        ("http://h/" + "1." * 60 + "1", ("1." * 60)[:64]),
    ],
)
def test_the_version_comes_from_the_name_of_the_image(uri: str, version: str) -> None:
    assert image_version(image_name(uri)) == version
