"""How records fail, one class per way. Faces translate these; none of them names a status."""

from __future__ import annotations


class RecordsError(Exception):
    """What was asked of the records is not possible; the text says why, without their content."""


class UnknownType(RecordsError):
    """The settings allow no records of this type."""

    def __init__(self, type: str) -> None:
        super().__init__(f"there are no records of the type '{type}'")
        self.type = type


class ReadOnly(RecordsError):
    """Records of this type are made elsewhere; they can be read, and remembered things of."""

    def __init__(self, type: str) -> None:
        super().__init__(f"records of the type '{type}' can only be read")
        self.type = type


class _OfRecord(RecordsError):
    said = ""

    def __init__(self, type: str, id: str) -> None:
        super().__init__(self.said.format(f"{type}/{id}"))
        self.type = type
        self.id = id


class RecordMissing(_OfRecord):
    """There is no such record."""

    said = "there is no record '{}'"


class RecordExists(_OfRecord):
    """There is such a record already."""

    said = "there is a record '{}' already"


class RevisionMismatch(_OfRecord):
    """The record has moved on from the revision that the writer named, or never had it."""

    said = "the record '{}' is of another revision"


class BadRecord(RecordsError):
    """A type, an id or a content that no record can have; ``name`` is what is wrong."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(f"{name}: {said}")
        self.name = name
        self.said = said


class RecordTooLarge(RecordsError):
    """The content is longer than a record may be; both in bytes of compact JSON."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the record has {size} bytes of JSON, at most {limit} are kept")
        self.size = size
        self.limit = limit


class TooManyRecords(RecordsError):
    """There are as many records of the type as may be."""

    def __init__(self, type: str, limit: int) -> None:
        super().__init__(f"there are {limit} records of the type '{type}', which is the most")
        self.type = type
        self.limit = limit


class BadPatch(RecordsError):
    """An operation of a patch that cannot be done; ``name`` is its index and its field."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(f"{name}: {said}")
        self.name = name
        self.said = said


class BadQuery(RecordsError):
    """A query that cannot be answered; ``name`` is the parameter that is to blame."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(f"{name}: {said}")
        self.name = name
        self.said = said
