"""Where Jobs are: their ids, and those of the scheduled jobs that they are.

Jobs of the task scanner's scheduler are shown, too: there is one scheduler beneath both.
"""

from __future__ import annotations

from urllib.parse import quote

from odimra.jobs.planned.model import PREFIX

JOB_SERVICE = "/redfish/v1/JobService"
JOBS = f"{JOB_SERVICE}/Jobs"
#: What stands in front of the names of the scanner's jobs.
SCAN = "scan:"


def shown_id(job_id: str) -> str:
    """Return the Id of a scheduled job."""
    return job_id.removeprefix(PREFIX) if job_id.startswith(PREFIX) else SCAN + job_id


def kept_id(shown: str) -> str:
    """Return the id of the scheduled job that is shown so."""
    name = shown.removeprefix(SCAN)
    # Each is shown by one name only.
    scan = shown.startswith(SCAN) and not name.startswith(PREFIX)
    return name if scan else PREFIX + shown


def job_uri(job_id: str) -> str:
    """Return where a scheduled job is shown."""
    return f"{JOBS}/{quote(shown_id(job_id), safe=':')}"
