"""A pair of products, and what a labeller says of it."""

from __future__ import annotations

from dataclasses import dataclass

LABELS = ("substitute", "complement", "irrelevant", "unsure")
UNSURE = "unsure"

Key = tuple[str, str]  # the two item ids of a pair


@dataclass(frozen=True, slots=True)
class Product:
    """What a labeller is told of an item; text of the catalogue, written by anyone.

    Attributes:
        item_id: the item.
        title: empty where it is not known, as the other texts.
        brand: of the product.
        category: its path, such as ``Beauty > Hair Care > Shampoos``.
        price: None where it is not known.
        description: cut to some hundred characters.
    """

    item_id: str
    title: str = ""
    brand: str = ""
    category: str = ""
    price: float | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two products to be judged; neither is the query more than the other.

    Attributes:
        first: the one that stands earlier in the catalogue.
        second: the other.
        viewed: one of them names the other as viewed with it or instead of it, in training.
        bought: one of them names the other as bought with it, in training.
    """

    first: Product
    second: Product
    viewed: bool = False
    bought: bool = False

    @property
    def key(self) -> Key:
        """The two item ids."""
        return self.first.item_id, self.second.item_id


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a labeller says of a pair.

    Attributes:
        label: one of :data:`LABELS`.
        confidence: in [0, 1].
        reason: short, for people; may be empty.
        tokens: how many the judgement cost, read and written; 0 where none are counted.
    """

    label: str
    confidence: float
    reason: str = ""
    tokens: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no judgement."""
        if self.label not in LABELS:
            raise ValueError(f"expected a label out of {', '.join(LABELS)}, found {self.label!r}")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"expected a confidence in [0, 1], found {self.confidence!r}")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a pair got no judgement this time; it will be asked again by the next call.

    Attributes:
        reason: short, the same for all failures of its kind, such as ``HTTP 503``.
        detail: what exactly happened.
        tokens: how many it cost all the same.
    """

    reason: str
    detail: str = ""
    tokens: int = 0
