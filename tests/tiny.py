"""A dataset folder of 40 items in 4 types, written line by line, with no code of the builders.

Items ``B00`` … ``B39``; item n is of type n // 10. Substitutes are items of one type, complements
items at the same place in types 0 and 1, or 2 and 3. Everything is deterministic.
"""

import hashlib
import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recbole_mmsc.data.features import write_features
from recbole_mmsc.properties_files import model_defaults
from recbole_mmsc.settings import MMSCSettings

ITEMS = [f"B{n:02d}" for n in range(40)]
RELATIONS = ("substitute", "complement")
ENCODER = MMSCSettings.from_config(model_defaults("MMSC")).encoder  # so that MMSC runs as it is


def pairs() -> dict[str, list[tuple[int, int, str]]]:
    """Relation → (a, b, phase), a < b; of five pairs in a row one is valid and one is test."""
    same_type = [(a, b) for a, b in combinations(range(40), 2) if a // 10 == b // 10]
    across = [
        (first + place, second + (place + step) % 10)
        for first, second in ((0, 10), (20, 30))
        for place in range(10)
        for step in range(3)
    ]
    phases = ("train", "train", "train", "valid", "test")
    return {
        relation: [(a, b, phases[n % 5]) for n, (a, b) in enumerate(found)]
        for relation, found in (("substitute", same_type), ("complement", across))
    }


def write_tiny(folder: Path, name: str | None = None) -> Path:
    """Write the folder; `name` is the dataset's name, the folder's own by default."""
    name = name or folder.name
    folder.mkdir(parents=True)
    lines: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    behaviour = []
    for relation, found in pairs().items():
        source = "also_view" if relation == "substitute" else "also_buy"
        for a, b, phase in found:
            for item, other in ((a, b), (b, a)):
                lines[phase].append(f"{relation}|{ITEMS[item]}\t{ITEMS[other]}\t{source}\t1.0")
                if phase == "train":
                    behaviour.append((ITEMS[item], ITEMS[other], source, True))
    # two items of type 0 named beside the same product that is not in the catalogue
    behaviour += [("B00", "OUT0", "also_view", False), ("B01", "OUT0", "also_view", False)]

    head = "query_id:token\titem_id:token\tsource:token\tweight:float"
    for phase, rows in lines.items():
        _write(folder / f"{name}.{phase}.inter", [head, *rows])
    _write(
        folder / f"{name}.user",
        ["query_id:token", *(f"{relation}|{item}" for relation in RELATIONS for item in ITEMS)],
    )
    catalogue = {
        "item_id": ITEMS,
        "title": [f"title {n} of type{n // 10}" for n in range(40)],
        "brand": [f"brand{n % 3}" for n in range(40)],
        "category": [f"all > type{n // 10}" for n in range(40)],
        "price": [n + 0.5 for n in range(40)],
        "description": [""] * 40,
        "image_urls": [[]] * 40,
    }
    image_urls = pa.array(catalogue["image_urls"], pa.list_(pa.string()))
    pq.write_table(pa.table({**catalogue, "image_urls": image_urls}), folder / "catalogue.parquet")
    in_text = list(catalogue)[:5]
    head = "item_id:token\ttitle:token_seq\tbrand:token\tcategory:token_seq\tprice:float"
    rows = zip(*(catalogue[column] for column in in_text), strict=True)
    _write(folder / f"{name}.item", [head, *("\t".join(map(str, row)) for row in rows)])
    item, other, source, in_catalogue = zip(*behaviour, strict=True)
    lists = Counter()
    place = []
    for named in zip(item, source, strict=True):
        place.append(lists[named])
        lists[named] += 1
    table = {
        "item": pa.array(item),
        "other": pa.array(other),
        "source": pa.array(source),
        "place": pa.array(place, pa.int16()),
        "in_catalogue": pa.array(in_catalogue),
    }
    pq.write_table(pa.table(table), folder / "behaviour.parquet")
    split = b"".join((folder / f"{name}.{phase}.inter").read_bytes() for phase in lines)
    document = {
        "name": name,
        "exclusive_relations": True,
        "options": {"split": "warm", "policy": "difference"},
        "split_sha256": hashlib.sha256(split).hexdigest(),
    }
    _write(folder / "dataset.json", [json.dumps(document)])
    _write_features(folder)
    return folder


def write_two_that_differ_in_held_out_pairs(folder: Path) -> tuple[Path, Path]:
    """Two folders ``tiny``, of which the second lacks some pairs of validation and test."""
    one, two = write_tiny(folder / "one" / "tiny"), write_tiny(folder / "two" / "tiny")
    for phase in ("valid", "test"):
        file = two / f"tiny.{phase}.inter"
        head, *rows = file.read_text(encoding="utf-8").splitlines()
        _write(file, [head, *rows[2:]])
    return one, two


def _write_features(folder: Path) -> None:
    rng = np.random.default_rng(0)
    by_type = rng.normal(size=(4, 16)).repeat(10, axis=0)
    vectors = (by_type + 0.3 * rng.normal(size=(40, 16))).astype(np.float32)
    available = np.ones(40, dtype=bool)
    available[7] = False  # one item without a text
    write_features(
        folder / "features" / f"{ENCODER}.safetensors",
        ITEMS,
        {"text": vectors},
        {"text": available},
        encoder=ENCODER,
    )


def _write(file: Path, lines: list[str]) -> None:
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
