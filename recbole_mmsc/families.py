"""Things that are found by name, ``family`` or ``family:argument``, and files called after them."""

from __future__ import annotations

import difflib
import re
from typing import Generic, TypeVar

Factory = TypeVar("Factory")


def filed_as(name: str) -> str:
    """What a file of that name is called: ``a:b/c`` is a-b-c.

    The letters of all languages stay, so that names in any script have files of their own.
    """
    return re.sub(r"[^\w.+]+", "-", name)


class Families(Generic[Factory]):
    """Families by name; registering a name again replaces it.

    Args:
        what: what they are, with its article, such as "an encoder".
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._factories: dict[str, Factory] = {}

    def register(self, family: str, factory: Factory) -> None:
        """Add a family.

        Raises:
            ValueError: the name is empty or has a colon.
        """
        if not family or ":" in family:
            raise ValueError(f"Expected a non-empty family name without a colon (got {family!r}).")
        self._factories[family] = factory

    def names(self) -> tuple[str, ...]:
        """The registered families, sorted."""
        return tuple(sorted(self._factories))

    def find(self, name: str) -> tuple[Factory, str]:
        """The factory of ``family:argument``, and the argument, "" if there is none.

        Raises:
            ValueError: no such family; the nearest name is suggested.
        """
        family, _, argument = name.partition(":")
        if family not in self._factories:
            near = difflib.get_close_matches(family, self._factories, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"Expected {self._what} among {', '.join(self.names())} (got {name!r}).{hint}"
            )
        return self._factories[family], argument
