"""What is installed: a wheel carries every package and data file and runs from an empty folder."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from odimra.resources import DataFileMissing, data_path

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = ("odimra", "schemas", "config")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built of a copy: building in the checkout would leave folders behind."""
    copy = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        if (CHECKOUT / name).exists():
            shutil.copy(CHECKOUT / name, copy)
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(target)]
    if setuptools_builds_wheels():
        command.append("--no-build-isolation")
    done = subprocess.run([*command, str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = target.glob("*.whl")
    return built


def setuptools_builds_wheels() -> bool:
    import setuptools

    return tuple(int(part) for part in setuptools.__version__.split(".")[:2]) >= (70, 1)


def data_files(folder: str) -> set[str]:
    return {
        f"{folder}/{path.relative_to(CHECKOUT / folder).as_posix()}"
        for path in (CHECKOUT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_every_module_and_data_file_is_in_the_wheel(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = data_files("odimra")
    wanted |= {f"odimra/data/{name}" for name in data_files("schemas") | data_files("config")}
    assert wanted <= inside, sorted(wanted - inside)


def test_nothing_else_is_in_the_wheel(wheel):
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"odimra"}


def test_every_package_is_named_in_setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    named = set(parser["options"]["packages"].split())
    found = {
        ".".join(path.parent.relative_to(CHECKOUT).parts)
        for path in (CHECKOUT / "odimra").rglob("__init__.py")
    }
    assert named == found | {"odimra.data.config", "odimra.data.schemas"}


def test_the_unpacked_wheel_runs_in_an_empty_folder(wheel, tmp_path):
    unpacked, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    zipfile.ZipFile(wheel).extractall(unpacked)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "odimra", "config"],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["http"]["port"] == 8443
    told = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            "from odimra.resources import data_path; print(data_path('schemas'))",
        ],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == str(unpacked / "odimra" / "data" / "schemas")


def test_the_command_is_installed():
    parser = configparser.ConfigParser()
    parser.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    scripts = parser["options.entry_points"]["console_scripts"]
    assert scripts.strip() == "odimra = odimra.__main__:main"


def test_a_missing_folder_of_data_is_told():
    with pytest.raises(DataFileMissing, match="install odimra again"):
        data_path("nothing")  # type: ignore[arg-type]
