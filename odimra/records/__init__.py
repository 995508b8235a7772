"""Records: JSON objects that scans and scripts work on, and the language they are asked in.

:mod:`.records` keeps them, each write one step in the store; :mod:`.query` finds them a page at a
time. :mod:`.pointer` names a place within a record, :mod:`.patch` changes it there, :mod:`.filter`
says which records are meant and :mod:`.macros` puts the time into a filter's text; these are pure.
"""
