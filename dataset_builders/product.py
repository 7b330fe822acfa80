"""One product of a catalogue, as every reader hands it on, and what makes an id usable."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: Sources that say "viewed beside this item".
CO_VIEW = frozenset({"also_view", "also_viewed", "buy_after_viewing"})
CO_REVIEW = "co_review"  # reviewed by the same users
#: Sources that say "bought beside this item".
CO_PURCHASE = frozenset({"also_buy", "also_bought", "bought_together", CO_REVIEW})
#: Every source, in the order in which files and counts list them.
SOURCES = (
    "also_view",
    "also_viewed",
    "buy_after_viewing",
    "also_buy",
    "also_bought",
    "bought_together",
    CO_REVIEW,
)

MAX_ID_LENGTH = 256

# What RecBole's reader (pandas, default settings) takes for a missing value, and RecBole's own
# padding token: an item of this name would vanish or merge with the padding row.
# fmt: off
_READ_AS_MISSING = frozenset({
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "[PAD]",
})
# fmt: on
# No whitespace or control characters (they break the tab-separated files), no double quote (the
# reader takes it for quoting), no half of a surrogate pair (it has no UTF-8 form).
_USABLE = re.compile(r'[^\s"\x00-\x1f\x7f-\x9f\ud800-\udfff]+')


class BuildError(ValueError):
    """The build cannot go on: the message says what was expected, found, and what to do."""


class UnusableRecord(ValueError):
    """One record cannot become a product; the text is the reason kept in the quarantine."""


@dataclass(slots=True)
class Product:
    """A product with clean texts, and its references exactly as the source lists them.

    Attributes:
        item_id: An id for which :func:`id_problem` found nothing.
        title: Plain text on one line; empty when unknown, like all texts below.
        brand: Plain text on one line.
        category: Path from broad to narrow.
        price: In the source's currency, finite and not negative; None when unknown.
        description: Plain text on one line.
        image_urls: The best picture first.
        references: Source name (one of :data:`SOURCES`) to the ids it lists. They may hold the
            product itself, repetitions and unusable ids: the catalogue cleans and counts those.
    """

    item_id: str
    title: str = ""
    brand: str = ""
    category: tuple[str, ...] = ()
    price: float | None = None
    description: str = ""
    image_urls: tuple[str, ...] = ()
    references: dict[str, list[str]] = field(default_factory=dict)


def id_problem(item_id: object) -> str | None:
    """Say why ``item_id`` cannot name an item of a RecBole dataset; None when it can."""
    if (  # the quick way, true of nearly all
        isinstance(item_id, str)
        and item_id.isalnum()
        and len(item_id) <= MAX_ID_LENGTH
        and item_id not in _READ_AS_MISSING
    ):
        return None
    if item_id is None or item_id == "":
        return "the item id is missing"
    if not isinstance(item_id, str):
        return "the item id is not text"
    if len(item_id) > MAX_ID_LENGTH:
        return f"the item id is longer than {MAX_ID_LENGTH} characters"
    if item_id in _READ_AS_MISSING:
        return "the item id would be read back as a missing value"
    if not _USABLE.fullmatch(item_id):
        return "the item id holds whitespace, a control character, a quote or a broken character"
    return None


def checked_id(item_id: object) -> str:
    """Return ``item_id`` when it is usable.

    Raises:
        UnusableRecord: With the reason of :func:`id_problem`.
    """
    if problem := id_problem(item_id):
        raise UnusableRecord(problem)
    return item_id  # type: ignore[return-value]
