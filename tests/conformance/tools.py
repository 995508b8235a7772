"""How each DMTF tool is called, and what its reports say.

The traps that each command line avoids are described in docs/conformance.md.
"""

from __future__ import annotations

import csv
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.support.service import Service, clean_environment

HERE = Path(__file__).parent

# Tools that are run by a file of ours.
WRAPPED = {"rf_protocol_validator": "protocol.py"}

USE_CASES = ("AccountManagement", "QueryParameters", "PowerControl")

# The three columns of numbers under "| PASS | WARN | FAIL | NOT TESTED |", which two of the tools
# print.
SUMMARY = re.compile(r"\|\s*(\d+)\s*\|\s*(\d+)\s*\|\s*(\d+)\s*\|\s*(\d+)\s*\|")
COMPLAINT = re.compile(r" - (?:ERROR|WARNING|CRITICAL) - (.*)")
# What a tool says it looks at, before it complains.
SUBJECT = re.compile(r" - INFO - Validating (\S+)\.\.\.")


class ToolFailed(Exception):
    """A tool ended without the report that it is run for."""


@dataclass
class Verdict:
    """What one tool said. `complaints` are the lines to read when it did not pass."""

    tool: str
    passed: int = 0
    warned: int = 0
    failed: int = 0
    not_tested: int = 0
    complaints: list[str] = field(default_factory=list)
    skipped: str | None = None

    @property
    def good(self) -> bool:
        """Whether nothing failed, nothing warned and nothing that must pass is missing."""
        return self.skipped is not None or not (self.failed or self.warned or self.complaints)


@dataclass(frozen=True)
class Toolbox:
    """The installed tools (`bin`), where their reports go, and the service they judge."""

    bin: Path
    reports: Path
    service: Service

    def service_validator(self, csdl: Path) -> Verdict:
        """Validate every resource of the tree against the schemas in the flat folder `csdl`."""
        folder = self.reports / "service-validator"
        printed = self._run(
            "rf_service_validator",
            [
                *("--authtype", "Session", "--skipschema", "--schema_directory", str(csdl)),
                *("--logdir", str(folder), "--collectionlimit", "Task", "50", "LogEntry", "20"),
            ],
        )
        return self._from_summary("service validator", printed, folder)

    def use_case_checkers(self) -> Verdict:
        """Run the use cases that this service is made for."""
        folder = self.reports / "use-case-checkers"
        printed = self._run(
            "rf_use_case_checkers", ["--report-dir", str(folder), "--test-list", *USE_CASES]
        )
        return self._from_summary("use-case checkers", printed, folder)

    def protocol_validator(self) -> Verdict:
        """Run all protocol assertions; those of class A and S must pass in every row."""
        folder = self.reports / "protocol-validator"
        trust = [] if self.service.plain else ["--ca-bundle", self.service.ca_file]
        printed = self._run(
            "rf_protocol_validator",
            [*trust, "--avoid-http-redirect", "--report-dir", str(folder), "--report-type", "tsv"],
        )
        reports = sorted(folder.glob("*.tsv"))
        if not reports:
            raise ToolFailed(f"rf_protocol_validator wrote no report:\n{printed}")
        with reports[-1].open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        return judge_protocol(rows, [*class_a(), *class_s()], allowed())

    def _run(self, tool: str, arguments: list[str]) -> str:
        login = ["-u", self.service.administrator, "-p", self.service.password]
        command = [str(self.bin / tool)]
        if tool in WRAPPED:
            command = [str(self.bin / "python"), str(HERE / WRAPPED[tool])]
        done = subprocess.run(
            [*command, "--rhost", self.service.address, *login, *arguments],
            env=clean_environment(NO_COLOR="1"),
            cwd=self.reports,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        (self.reports / f"{tool}.out").write_text(done.stdout + done.stderr, "utf-8")
        return done.stdout + done.stderr

    def _from_summary(self, name: str, printed: str, folder: Path) -> Verdict:
        numbers = SUMMARY.findall(printed)
        if not numbers:
            raise ToolFailed(f"{name} printed no summary:\n{printed[-4000:]}")
        passed, warned, failed, not_tested = map(int, numbers[-1])
        verdict = Verdict(name, passed, warned, failed, not_tested)
        if warned or failed:
            for log in sorted(folder.rglob("*.log")):
                verdict.complaints += complaints(log.read_text("utf-8", "replace"))
        if passed == 0:
            verdict.complaints.append("the tool passed nothing: it did not reach the service")
        return verdict


def complaints(log: str) -> list[str]:
    """Return the errors and warnings of a tool's log, each behind the URI it is about, if any."""
    found, subject = [], ""
    for line in log.splitlines():
        if about := SUBJECT.search(line):
            subject = f"{about.group(1)}: "
        elif complaint := COMPLAINT.search(line):
            found.append(subject + complaint.group(1))
    return found


def class_a() -> list[str]:
    """Return the assertions that must pass in every row."""
    return _listed("class_a.txt")


def class_s() -> list[str]:
    """Return those on server-sent events, which must pass as well."""
    return _listed("class_s.txt")


def _listed(name: str) -> list[str]:
    lines = (HERE / name).read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def allowed() -> dict[str, Mapping[str, str]]:
    """Return the protocol assertions that may be other than PASS, with result and reason."""
    listed = yaml.safe_load((HERE / "allowed.yaml").read_text("utf-8"))
    return dict(listed.get("protocol") or {})


def judge_protocol(
    rows: list[dict[str, str]], required: list[str], excused: Mapping[str, Mapping[str, str]]
) -> Verdict:
    """Count the rows and name every assertion that is not as it must be.

    An assertion passes when it has a PASS row and no FAIL or WARN row: the tool logs one row per
    resource it looked at, and NOT_TESTED rows beside PASS rows for resources that the assertion
    does not concern.
    """
    counts = Counter(row["Result"] for row in rows)
    verdict = Verdict(
        "protocol validator",
        counts["PASS"],
        counts["WARN"],
        counts["FAIL"],
        counts["NOT_TESTED"],
    )
    results: dict[str, set[str]] = {}
    for row in rows:
        results.setdefault(row["Assertion"], set()).add(row["Result"])
        excuse = excused.get(row["Assertion"], {}).get("result")
        if row["Result"] in ("FAIL", "WARN"):
            if excuse == row["Result"]:
                _forgive(verdict, excuse)
            else:
                verdict.complaints.append(
                    "{Result} {Assertion} {Method} {URI}: {Message}".format(**row)
                )
    for name in required:
        found = results.get(name, {"never reported"})
        if name not in excused and "PASS" not in found:
            verdict.complaints.append(f"{name} must pass but is {', '.join(sorted(found))}")
    for name, excuse_row in excused.items():
        if excuse_row["result"] not in results.get(name, set()):
            verdict.complaints.append(
                f"{name} is excused in allowed.yaml but is no longer {excuse_row['result']}"
            )
    return verdict


def _forgive(verdict: Verdict, result: str) -> None:
    if result == "FAIL":
        verdict.failed -= 1
    else:
        verdict.warned -= 1
