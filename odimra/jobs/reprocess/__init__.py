"""The job kind ``reprocess``: periods of the past are rated again, by the rules that held in each.

:mod:`.windows` keeps what was asked for, :mod:`.worker` does it period by period, :mod:`.cycle` is
the ordinary rating of periods that have just ended.
"""
