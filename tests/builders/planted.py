"""Small raw catalogues with a known truth, written as Amazon-2018 metadata."""

from __future__ import annotations

import json
from pathlib import Path

GROUPS, SIZE = 4, 8


def item_id(number: int) -> str:
    return f"P{number:03d}"


def records() -> list[dict]:
    """32 products in 4 groups of 8.

    Within a group each views the next three; across groups 0-1 and 2-3 the same places are bought
    together, and so are their next neighbours. Everybody refers to one outsider.
    """
    made = []
    for number in range(GROUPS * SIZE):
        group, place = divmod(number, SIZE)
        partner = group ^ 1
        made.append(
            {
                "asin": item_id(number),
                "title": f'Thing {number}, the "{group}" kind',
                "brand": f"Brand {number % 3}" if number % 4 else "",
                "category": ["All", f"Group {group}"],
                "price": f"${number}.50" if number % 2 else "",
                "description": ["Made for everyday use."],
                "imageURL": [f"https://images.example/{number}.jpg"] if number < 5 else [],
                "also_view": [item_id(group * SIZE + (place + step) % SIZE) for step in (1, 2, 3)],
                "also_buy": [
                    *(item_id(partner * SIZE + (place + step) % SIZE) for step in (0, 1)),
                    item_id(group * SIZE + (place + 1) % SIZE),  # viewed as well
                    "OUTSIDER01",
                ],
            }
        )
    return made


def write_lines(path: Path, lines: list[dict | str]) -> Path:
    """Write records (or raw lines) as JSON Lines."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def write_catalogue(folder: Path) -> Path:
    """Write the 32 products."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_lines(folder / "meta_Things.json", records())


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder: relative path → bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
