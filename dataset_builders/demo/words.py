"""The demo's vocabulary: product types, styles, brands, and the grammar of its texts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class ProductType(NamedTuple):
    """A kind of product: substitutes share it, complements have types that go together."""

    name: str
    department: str
    nouns: tuple[str, ...]
    price: float


def _types(department: str, *rows: tuple[str, str, float]) -> list[ProductType]:
    return [ProductType(name, department, tuple(nouns.split("|")), p) for name, nouns, p in rows]


# fmt: off
TYPES: list[ProductType] = [
    *_types("Kitchen",
        ("kettle", "Kettle|Tea Kettle|Water Boiler", 35),
        ("teapot", "Teapot|Tea Pot with Infuser|Tea Brewer", 28),
        ("mug", "Mug|Coffee Cup|Tea Mug", 12),
        ("coffee grinder", "Coffee Grinder|Coffee Mill|Bean Grinder", 40),
        ("storage tin", "Storage Tin|Canister|Airtight Jar", 15)),
    *_types("Dining",
        ("plate", "Dinner Plate|Plates|Dining Dish", 22),
        ("bowl", "Bowl|Soup Bowls|Serving Bowl", 18),
        ("wine glass", "Wine Glass|Stemware|Wine Goblets", 26),
        ("cutlery", "Cutlery Set|Flatware|Knives and Forks", 45),
        ("tray", "Serving Tray|Tray with Handles|Breakfast Tray", 24)),
    *_types("Bedroom",
        ("pillow", "Pillow|Throw Cushion|Bed Pillow", 20),
        ("duvet cover", "Duvet Cover|Bedding Set|Quilt Cover", 50),
        ("blanket", "Blanket|Throw|Knitted Throw", 38),
        ("bedside lamp", "Bedside Lamp|Table Lamp|Night Light", 33),
        ("alarm clock", "Alarm Clock|Bedside Clock|Clock", 25)),
    *_types("Bath",
        ("towel", "Bath Towel|Towels|Bath Sheet", 19),
        ("bath mat", "Bath Mat|Bathroom Rug|Shower Mat", 21),
        ("soap dispenser", "Soap Dispenser|Lotion Pump|Soap Bottle", 14),
        ("shower curtain", "Shower Curtain|Curtain with Hooks|Bath Curtain", 23),
        ("laundry basket", "Laundry Basket|Hamper|Washing Basket", 30)),
    *_types("Office",
        ("desk lamp", "Desk Lamp|Task Light|Reading Lamp", 42),
        ("office chair", "Office Chair|Desk Chair|Swivel Seat", 120),
        ("notebook", "Notebook|Journal|Writing Pad", 11),
        ("fountain pen", "Fountain Pen|Ink Pen|Calligraphy Pen", 29),
        ("organizer", "Desk Organizer|Pencil Holder|Desk Caddy", 17)),
    *_types("Garden",
        ("watering can", "Watering Can|Plant Waterer|Sprinkling Can", 22),
        ("planter", "Planter|Flower Pot|Plant Pot", 16),
        ("trowel", "Garden Trowel|Hand Shovel|Digging Tool", 13),
        ("hose", "Garden Hose|Water Hose|Hose Reel", 36),
        ("bird feeder", "Bird Feeder|Hanging Feeder|Seed Feeder", 27)),
    *_types("Sports",
        ("yoga mat", "Yoga Mat|Exercise Mat|Pilates Mat", 30),
        ("dumbbell", "Dumbbell|Hand Weights|Free Weight", 44),
        ("water bottle", "Water Bottle|Drinking Flask|Sports Bottle", 18),
        ("gym bag", "Gym Bag|Duffel|Sports Bag", 39),
        ("foam roller", "Foam Roller|Massage Roller|Muscle Roller", 24)),
    *_types("Travel",
        ("suitcase", "Suitcase|Carry-On|Trolley Case", 95),
        ("backpack", "Backpack|Rucksack|Daypack", 55),
        ("packing cube", "Packing Cubes|Luggage Organizer|Travel Pouch", 20),
        ("travel pillow", "Travel Pillow|Neck Pillow|Flight Cushion", 22),
        ("umbrella", "Umbrella|Folding Umbrella|Rain Shade", 19)),
]

COMPLEMENTS: tuple[tuple[str, str], ...] = (
    ("kettle", "teapot"), ("kettle", "mug"), ("teapot", "mug"), ("teapot", "storage tin"),
    ("coffee grinder", "mug"), ("coffee grinder", "storage tin"), ("mug", "tray"),
    ("plate", "bowl"), ("plate", "cutlery"), ("bowl", "cutlery"), ("wine glass", "tray"),
    ("wine glass", "plate"), ("pillow", "duvet cover"), ("pillow", "blanket"),
    ("duvet cover", "bedside lamp"), ("bedside lamp", "alarm clock"), ("blanket", "alarm clock"),
    ("towel", "bath mat"), ("towel", "laundry basket"), ("soap dispenser", "bath mat"),
    ("soap dispenser", "shower curtain"), ("shower curtain", "laundry basket"),
    ("desk lamp", "office chair"), ("desk lamp", "organizer"), ("notebook", "fountain pen"),
    ("fountain pen", "organizer"), ("notebook", "backpack"), ("office chair", "notebook"),
    ("watering can", "planter"), ("planter", "trowel"), ("trowel", "hose"),
    ("hose", "watering can"), ("bird feeder", "planter"), ("bird feeder", "trowel"),
    ("yoga mat", "water bottle"), ("yoga mat", "foam roller"), ("dumbbell", "foam roller"),
    ("dumbbell", "gym bag"), ("gym bag", "water bottle"), ("water bottle", "backpack"),
    ("suitcase", "packing cube"), ("suitcase", "travel pillow"), ("packing cube", "backpack"),
    ("travel pillow", "umbrella"), ("backpack", "umbrella"),
)

#: Style → words that hint at it, and its colours by name.
STYLES: dict[str, tuple[tuple[str, ...], dict[str, tuple[int, int, int]]]] = {
    "minimalist": (("Minimalist", "Simple", "Clean Line", "Nordic"),
        {"White": (236, 236, 232), "Light Grey": (196, 200, 203), "Ash": (167, 172, 173)}),
    "rustic": (("Rustic", "Farmhouse", "Country", "Handmade"),
        {"Walnut": (110, 74, 46), "Chestnut": (142, 90, 52), "Oatmeal": (205, 181, 143)}),
    "vintage": (("Vintage", "Retro", "Classic", "Old Style"),
        {"Mustard": (214, 164, 46), "Olive": (128, 130, 56), "Mint": (142, 190, 160)}),
    "industrial": (("Industrial", "Loft", "Urban", "Heavy Duty"),
        {"Black": (48, 48, 52), "Gunmetal": (84, 92, 100), "Copper": (176, 104, 68)}),
    "bohemian": (("Boho", "Bohemian", "Patterned", "Folk"),
        {"Terracotta": (204, 98, 66), "Plum": (132, 60, 112), "Saffron": (240, 148, 40)}),
    "coastal": (("Coastal", "Nautical", "Seaside", "Breezy"),
        {"Navy": (36, 62, 116), "Sky Blue": (120, 180, 222), "Aqua": (80, 176, 182)}),
}
# fmt: on

# fmt: off
_FIRST = ("Al", "Bren", "Cas", "Dor", "El", "Fen", "Gal", "Har", "Is", "Jor", "Kel", "Lor", "Mar",
          "Nor", "Or", "Per", "Quin", "Ros", "Sel", "Tor")
_LAST = ("ano", "berg", "cott", "dale", "ero", "ford", "gate", "holm", "ika", "land", "mont")
# Some hold HTML entities, as shops' texts do: the build cleans them.
_FEATURES = ("Dishwasher &amp; Dust Proof", "For Home &amp; Travel", "Gift Box", "Large", "Small",
             "Set of 2", "Set of 4", "Premium Quality", "New Edition", "Easy to Clean",
             "Lightweight", "Best Seller", "Extra Strong", "Eco Friendly")
# fmt: on
_PATTERNS = (
    "{brand} {style} {noun}, {colour}",
    "{brand} {noun} {feature} {style} {colour}",
    "{style} {noun} - {feature}, {colour}",
    "{colour} {noun} by {brand} | {feature}",
    "{noun}, {style}, {feature}",
)
_SENTENCES = (
    "This {noun} brings {style} charm to your {department} corner.",
    "Made to last. {feature}.",
    "Designed by {brand} with care; goes well with the rest of our {department} range.",
    "From our {style} line: {colour}",
)


def brand_names(n: int, rng: np.random.Generator) -> list[str]:
    """N different invented brand names, at most 220."""
    names = [first + last for first in _FIRST for last in _LAST]
    return [names[i] for i in rng.permutation(len(names))[:n]]


def write_texts(
    kind: ProductType, style: str, colour: str, brand: str, rng: np.random.Generator
) -> dict[str, object]:
    """Title, brand, category and description of one product, as a shop would list it.

    The texts tell the type nearly always and the style often: words are left out, now and then a
    shop uses a word of another style, and one product in a hundred has no text at all.
    """
    if rng.random() < 0.01:
        return {"title": "", "brand": "", "category": [], "description": []}
    told_style = style if rng.random() < 0.85 else list(STYLES)[rng.integers(len(STYLES))]
    words = STYLES[told_style][0]
    parts = {
        "noun": kind.nouns[rng.integers(len(kind.nouns))],
        "style": words[rng.integers(len(words))] if rng.random() < 0.6 else "",
        "colour": colour if rng.random() < 0.6 else "",
        "brand": brand,
        "feature": _FEATURES[rng.integers(len(_FEATURES))],
        "department": kind.department.lower(),
    }
    title = _fill(_PATTERNS[rng.integers(len(_PATTERNS))], parts)
    described = rng.random() < 0.5
    description = _fill(_SENTENCES[rng.integers(len(_SENTENCES))], parts) if described else ""
    category = ["Demo Shop", kind.department]
    if rng.random() < 0.6:
        category.append(kind.nouns[0])
    return {
        "title": title,
        "brand": brand if rng.random() < 0.85 else "",
        "category": category,
        "description": [description] if description else [],
    }


def _fill(pattern: str, parts: dict[str, str]) -> str:
    """The pattern with its parts, without the gaps that empty parts leave."""
    text = " ".join(pattern.format(**parts).split()).replace(" ,", ",").replace(" .", ".")
    return text.replace(", ,", ",").replace(",,", ",").strip(" ,-|:")
