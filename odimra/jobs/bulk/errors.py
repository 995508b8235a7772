"""How scripts and the queries in them fail to be read."""


class BadScript(ValueError):
    """The script cannot be run; ``element`` is the one at fault, by its path."""

    def __init__(self, element: str, said: str) -> None:
        super().__init__(f"{element}: {said}" if element else said)
        self.element = element
        self.said = said


class BadQuery(ValueError):
    """The query is none; ``element`` is the part at fault."""

    def __init__(self, element: str, said: str) -> None:
        super().__init__(f"{element[:80]}: {said}" if element else said)
        self.element = element
