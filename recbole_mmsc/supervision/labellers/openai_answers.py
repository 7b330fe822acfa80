"""The answer that a server is asked for, and what is made of the one it gives."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from recbole_mmsc.supervision.judgement import LABELS, UNSURE, Failure, Judgement

# What the products are for comes first: a model writes in this order, and so thinks before it
# decides.
_TEXTS = {"purpose_a": "what A is for", "purpose_b": "what B is for", "reason": "one sentence"}
_FORMAT: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "judgement",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                **{key: {"type": "string", "description": told} for key, told in _TEXTS.items()},
                "label": {"type": "string", "enum": list(LABELS)},
                "confidence": {"type": "number", "description": "from 0 to 1"},
            },
            "required": [*_TEXTS, "label", "confidence"],
            "additionalProperties": False,
        },
    },
}
# Said to every model: not all servers pass the format on.
ANSWER_IN_WORDS = (
    "Answer with one JSON object and nothing else. Its keys, in this order: purpose_a and "
    "purpose_b (what each product is for, a few words), reason (one short sentence), "
    f"label ({', '.join(LABELS[:-1])} or {LABELS[-1]}), confidence (from 0 to 1)."
)

_SHORT = {"temperature": 0, "max_tokens": 300}
# What a question says of its answer. Servers refuse what they do not know; then the next one is
# tried.
WAYS_TO_ASK: tuple[dict[str, Any], ...] = (
    {"response_format": _FORMAT, "seed": 0, **_SHORT},
    {"response_format": {"type": "json_object"}, "seed": 0, **_SHORT},
    _SHORT,
    # Models that think before they answer have no temperature, and another word for the limit.
    {"response_format": _FORMAT, "max_completion_tokens": 4000},
)
# Part of the version of what is asked: another form of answer is another question.
FORM = hashlib.sha256(json.dumps([ANSWER_IN_WORDS, WAYS_TO_ASK]).encode()).hexdigest()[:8]

# Of an answer whose label is clear and whose confidence is not: as good as none.
UNTOLD = 0.5
_OUT_OF_TEN = 10.0
_LONGEST_CONTENT = 20_000
_MOST_TOKENS = 10_000_000


def read_answer(completion: dict[str, Any], secret: str = "") -> Judgement | Failure:
    """The judgement in a chat completion, or why there is none to be understood.

    A model that refuses has judged: ``unsure`` with confidence 0 and the reason. Text around the
    JSON object is overlooked, and so is the case of the label. A confidence above 10 is a
    percentage; one that is missing, no number, or between 1 and 10, which may be a grade out of ten
    or a percentage, counts as :data:`UNTOLD`.

    Args:
        completion: what the server answered.
        secret: does not get into the reason.
    """
    tokens = _tokens(completion.get("usage"))
    try:
        choice = completion["choices"][0]
        ended, message = choice.get("finish_reason"), choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        ended = content = refusal = None
    if refusal or ended == "content_filter":
        return Judgement(UNSURE, 0.0, shown(f"refused: {refusal or ended}", secret), tokens)
    try:
        answer = _answer(_text(content))
    except ValueError as error:
        cut = "it was cut off, " if ended == "length" else ""
        return Failure("answer not understood", shown(f"{cut}{error}", secret), tokens)
    reason = answer.get("reason")
    return Judgement(
        answer["label"],
        _confidence(answer.get("confidence")),
        shown(reason, secret) if isinstance(reason, str) else "",
        tokens,
    )


def shown(text: str, secret: str = "") -> str:
    """Text from a server on one line of at most 200 printable characters, without the secret."""
    if secret:
        text = text.replace(secret, "***")
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:200]


def _text(content: object) -> str:
    """The text of a message; some servers hand it over in parts, some of which are no text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(part["text"] for part in texts if isinstance(part.get("text"), str))


def _answer(content: str) -> dict[str, Any]:
    """The object with a label in ``content``; its label becomes one of ours.

    Several that agree are as good as one. Those that do not may come from a product's own text.
    """
    if len(content) > _LONGEST_CONTENT:
        raise ValueError(f"{len(content):,} characters")
    found = _labelled(content)
    if not found:
        raise ValueError(f"no JSON object with a label: {content}")
    labels = {answer["label"].strip().lower(): answer["label"] for answer in found}
    if len(labels) > 1 or not labels.keys() <= set(LABELS):
        raise ValueError(f"label {' and '.join(labels.values())}")
    return {**found[0], "label": next(iter(labels))}


def _labelled(content: str) -> list[dict[str, Any]]:
    """The JSON objects with a label that stand in a text, those within others not counted."""
    decoder, found = json.JSONDecoder(), []
    at = content.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(content, at)
            if isinstance(value.get("label"), str):
                found.append(value)
        except (ValueError, RecursionError):
            end = at + 1
        at = content.find("{", end)
    return found


def _confidence(told: object) -> float:
    text = str(told).strip() if isinstance(told, (int, float, str)) else ""
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        return UNTOLD
    if text.endswith("%") or number > _OUT_OF_TEN:
        number /= 100
    return number if 0 <= number <= 1 else UNTOLD


def _tokens(usage: object) -> int:
    told = usage.get("total_tokens") if isinstance(usage, dict) else 0
    return told if type(told) is int and 0 <= told <= _MOST_TOKENS else 0
