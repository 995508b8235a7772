"""``odimra user``: the accounts, from the command line of the machine itself.

Called by the command line. Works beside a running service, through its store, and without one, for
which it starts the embedded store for the moment. What an account may be is decided by ``access``;
the composition root offers it here as an :class:`AccountBook`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, TypeVar, cast

from odimra.account_book import AccountBook, AccountLine, AccountRefused
from odimra.standalone import store_url
from odimra.store import StoreUnavailable
from odimra.store.format import WrongFormat

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from odimra.config import Settings

    OpenBook = Callable[[Settings, str], AbstractAsyncContextManager["AccountBook"]]

__all__ = ["AccountBook", "AccountLine", "AccountRefused", "book_of_the_service", "with_book"]

T = TypeVar("T")


def book_of_the_service(
    settings: Settings, store_url: str
) -> AbstractAsyncContextManager[AccountBook]:
    """Return the accounts as the composition root opens them (by name: it knows everyone)."""
    opener = cast("OpenBook", importlib.import_module("odimra.app").open_accounts)
    return opener(settings, store_url)


async def with_book(
    settings: Settings, act: Callable[[AccountBook], Awaitable[T]], open_book: OpenBook
) -> T:
    """Return what ``act`` returns, called with the accounts.

    Raises :class:`AccountRefused`, also when the store does not answer or its data is not for this
    version, and ``EmbeddedStoreError``.
    """
    try:
        async with store_url(settings) as url, open_book(settings, url) as book:
            return await act(book)
    except StoreUnavailable as error:
        raise AccountRefused(f"the store does not answer: {error}") from error
    except WrongFormat as error:
        raise AccountRefused(str(error)) from error
