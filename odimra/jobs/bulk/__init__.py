"""The job kind ``bulk-script``: scripts of midPoint's language for bulk actions, run as tasks.

:mod:`.parsing` reads a script into :mod:`.language`, :mod:`.plan` lays out how it is run,
:mod:`.worker` runs it, :mod:`.runs` shows what came of it. No module here knows HTTP or a format of
documents: scripts come as plain JSON data.
"""
