"""Records: JSON objects that scans and scripts work on, and the language they are asked in.

:mod:`.pointer` names a place within a record, :mod:`.filter` says which records are meant and
:mod:`.macros` puts the time into a filter's text; these three are pure and know nobody.
"""
