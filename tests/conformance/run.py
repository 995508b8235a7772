"""`make conformance`: start a fresh service, let the DMTF tools judge it, print one table.

The exit status is 0 only when no tool that ran complained.

Everything runs inside a network namespace that has only a loopback interface, because the protocol
validator always sends multicast searches: none may leave the machine. Making it needs Linux and
either root or unprivileged user namespaces; elsewhere the protocol validator is skipped, and the
table says so.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.conformance.tools import Toolbox, ToolFailed, Verdict, class_a, class_s
from tests.conformance.work import SETTINGS, give_jobs, give_sources, give_work, listening
from tests.support.emulated import emulated
from tests.support.service import CHECKOUT, Service
from tests.support.work import cancel

HOME = CHECKOUT / ".conformance"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# Set in the process that already lives in the namespace.
INSIDE = "CONFORMANCE_INSIDE_NAMESPACE"
MOST_COMPLAINTS = 60

console = Console()


def install() -> Path:
    """Install the tools into .conformance/venv if need be; return its folder of commands."""
    folder = HOME / "venv"
    stamp = folder / "installed.txt"
    wanted = REQUIREMENTS.read_text("utf-8")
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        console.print("installing the DMTF tools into .conformance/venv ...")
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--requirement", str(REQUIREMENTS)], check=True)
        stamp.write_text(wanted, "utf-8")
    return folder / "bin"


def namespace_prefix() -> list[str] | None:
    """Return the command that runs another one in a network namespace of its own.

    None where there is none.
    """
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return None
    for prefix in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        inner = [*prefix, "sh", "-c", "ip link set lo up"]
        if subprocess.run(inner, capture_output=True, check=False).returncode == 0:
            return [*prefix, "sh", "-c", 'ip link set lo up && exec "$@"', "conformance"]
    return None


def csdl_folder() -> Path | None:
    """Return the flat folder of CSDL files.

    $ODIMRA_CSDL, else ../shared/redfish/csdl beside the checkout.
    """
    named = os.environ.get("ODIMRA_CSDL")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "redfish" / "csdl"
    return folder.resolve() if any(folder.glob("*_v1.xml")) else None


def judge(bin_folder: Path, isolated: bool, only: list[str], sources: int) -> list[Verdict]:
    """Start a service, give it work to show, and run the chosen tools one after another."""
    reports = HOME / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    csdl = csdl_folder()
    with ExitStack() as running_all:
        service = running_all.enter_context(Service(SETTINGS))
        toolbox = Toolbox(bin_folder, reports, service)
        client = service.admin()
        if sources:
            give_sources(
                client, running_all.enter_context(emulated(sources, "--time-factor", "20"))
            )
        running_job = give_jobs(client)
        running = give_work(client)

        def look_at_listeners(tool: Callable[[], Verdict]) -> Verdict:
            with listening(client):
                return tool()

        plan: dict[str, tuple[str | None, Callable[[], Verdict]]] = {
            "service": (
                None if csdl else "no CSDL files; name their folder by ODIMRA_CSDL",
                lambda: look_at_listeners(lambda: toolbox.service_validator(csdl or Path())),
            ),
            "usecase": (None, toolbox.use_case_checkers),
            "protocol": (
                None if isolated else "no network namespace can be made here; it multicasts",
                toolbox.protocol_validator,
            ),
        }
        verdicts = []
        for name, (why_not, run) in plan.items():
            if only and name not in only:
                continue
            console.print(f"{name} ...")
            if name != "service":
                # The use cases reset every system; they would wait for the one that is busy.
                cancel(client, running)
                client.patch(running_job, {"JobState": "Cancelled"})
            verdicts.append(Verdict(name, skipped=why_not) if why_not else run())
        service_log = service.printed()
        (reports / "service.log").write_text(service_log, "utf-8")
    if "Traceback" in service_log:
        verdicts.append(Verdict("service log", failed=1, complaints=["it holds a traceback"]))
    return verdicts


def show(verdicts: list[Verdict]) -> None:
    """Print the table, and below it what is wrong."""
    table = Table(title="DMTF tools against a freshly started service")
    table.add_column("tool")
    for column in ("pass", "warn", "fail", "not tested"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for verdict in verdicts:
        numbers = (verdict.passed, verdict.warned, verdict.failed, verdict.not_tested)
        shown = [""] * 4 if verdict.skipped else [str(number) for number in numbers]
        word = f"SKIPPED: {verdict.skipped}" if verdict.skipped else "ok"
        table.add_row(verdict.tool, *shown, word if verdict.good else "[red]NOT OK[/red]")
    console.print(table)
    for verdict in verdicts:
        for line in verdict.complaints[:MOST_COMPLAINTS]:
            console.print(f"  {verdict.tool}: {escape(line)}", soft_wrap=True)
        if len(verdict.complaints) > MOST_COMPLAINTS:
            console.print(f"  {verdict.tool}: and {len(verdict.complaints) - MOST_COMPLAINTS} more")
    if any(verdict.tool == "protocol validator" for verdict in verdicts):
        console.print(
            f"  class A: {len(class_a())} assertions, class S: {len(class_s())}, judged one by one"
        )
    console.print("  reports: .conformance/reports")


def main() -> int:
    """Run as described at the top."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.run", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=("service", "usecase", "protocol"), default=[])
    parser.add_argument("--sources", type=int, default=20, help="emulated BMCs behind the service")
    arguments = parser.parse_args()
    inside = INSIDE in os.environ
    bin_folder = HOME / "venv" / "bin" if inside else install()
    if not inside and (prefix := namespace_prefix()) is not None:
        command = [*prefix, sys.executable, "-m", "tests.conformance.run", *sys.argv[1:]]
        environment = {**os.environ, INSIDE: "1"}
        return subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode
    try:
        verdicts = judge(bin_folder, inside, arguments.only, arguments.sources)
    except ToolFailed as problem:
        console.print(escape(str(problem)))
        return 1
    show(verdicts)
    return 0 if all(verdict.good for verdict in verdicts) else 1


if __name__ == "__main__":
    raise SystemExit(main())
