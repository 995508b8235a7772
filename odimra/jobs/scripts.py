"""How scripts fail that jobs run for their users. Used by kinds of jobs and by who runs them."""


class ScriptRefused(Exception):
    """The script cannot be run at all; the text may be shown to who runs the job."""


class ScriptFailed(Exception):
    """A script has failed; the text may be shown to who runs the job."""
