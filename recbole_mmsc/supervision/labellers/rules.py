"""Rules: no model, no cost. Their labels are those of rules and are called so everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from recbole_mmsc.supervision.judgement import Judgement, Pair
from recbole_mmsc.supervision.labellers import Labeller

ALIKE = 0.3  # titles that share this much of their words (Jaccard)


class Rules(Labeller):
    """Labels a pair by its behaviour and by what the catalogue says of both.

    Each rule that applies gives points, viewed and bought together, same leaf of the category
    path, same department, same brand, titles that share words; the relation with more points wins,
    and the confidence is its share of them.
    """

    name = "rules"
    prompt_version = "rules-1"
    lasting = False

    def judge(self, pairs: Iterable[Pair]) -> Iterator[tuple[Pair, Judgement]]:
        """Judge pairs, in their order."""
        for pair in pairs:
            yield pair, _judged(pair)


def _judged(pair: Pair) -> Judgement:
    first, second = pair.first, pair.second
    leaf = bool(first.category) and first.category == second.category
    department = _department(first.category) == _department(second.category) != ""
    brand = bool(first.brand) and first.brand.casefold() == second.brand.casefold()
    alike = _shared(first.title, second.title) >= ALIKE
    points = {"substitute": 0.0, "complement": 0.0, "irrelevant": 1.0}
    reasons = []
    rules = [
        (pair.viewed, "substitute", 2.0, "viewed together"),
        (pair.bought and not pair.viewed, "complement", 2.0, "bought, not viewed together"),
        (leaf, "substitute", 2.0, "same leaf category"),
        (leaf and alike, "substitute", 1.0, "titles share words"),
        (not leaf and department, "complement", 0.5, "same department, other category"),
        (not leaf and brand, "complement", 1.0, "same brand, other category"),
        (not leaf and not department, "irrelevant", 1.0, "other department"),
    ]
    for applies, label, weight, reason in rules:
        if applies:
            points[label] += weight
            reasons.append(reason)
    label = max(points, key=lambda name: points[name])
    confidence = points[label] / sum(points.values())
    if list(points.values()).count(points[label]) > 1:
        return Judgement("unsure", 0.0, "; ".join(reasons))
    return Judgement(label, confidence, "; ".join(reasons))


def _department(path: str) -> str:
    return " > ".join(path.split(" > ")[:2])


def _shared(one: str, other: str) -> float:
    words = [set(re.findall(r"\w+", title.casefold())) for title in (one, other)]
    return len(words[0] & words[1]) / max(len(words[0] | words[1]), 1)
