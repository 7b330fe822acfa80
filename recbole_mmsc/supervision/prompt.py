"""The prompt: a versioned template that shows two products and asks how they are related."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from recbole_mmsc.properties_files import PROPERTIES
from recbole_mmsc.supervision.judgement import Pair, Product

READY_PROMPT = PROPERTIES / "prompts" / "pair-1.yaml"
FIRST, SECOND = "{first}", "{second}"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _ProductText(_Strict):
    title: str = ""
    brand: str = ""
    category: str = ""
    price: float | None = None
    description: str = ""


class _Example(_Strict):
    first: _ProductText
    second: _ProductText
    label: Literal["substitute", "complement", "irrelevant", "unsure"]


class Prompt(_Strict):
    """What a language model is told and asked; read by :func:`read_prompt`.

    Attributes:
        version: its name; :attr:`checksum` tells two texts of one name apart.
        system: the instruction.
        question: with ``{first}`` and ``{second}`` where the products go.
        examples: answered pairs, shown before the question.
    """

    version: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    system: str = Field(min_length=1)
    question: str
    examples: tuple[_Example, ...] = ()

    @field_validator("question")
    @classmethod
    def _has_both(cls, value: str) -> str:
        for place in (FIRST, SECOND):
            if value.count(place) != 1:
                raise ValueError(f"expected {place} once")
        return value

    @property
    def checksum(self) -> str:
        """The first characters of the SHA-256 of all it says."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]

    def messages(self, pair: Pair, labelled: bool = False) -> list[dict[str, str]]:
        """The messages of a chat that ends with the question about a pair.

        A product is one line of JSON, so that no text of the catalogue can end its field and
        begin an instruction of its own.

        Args:
            pair: the pair.
            labelled: an example's answer is JSON with ``label``, as a server is asked to answer,
                and not the bare label.
        """
        chat = [{"role": "system", "content": self.system}]
        for example in self.examples:
            answer = json.dumps({"label": example.label}) if labelled else example.label
            asked = self._asked(example.first, example.second)
            chat.append({"role": "user", "content": asked})
            chat.append({"role": "assistant", "content": answer})
        asked = self._asked(_text(pair.first), _text(pair.second))
        return [*chat, {"role": "user", "content": asked}]

    def _asked(self, first: _ProductText, second: _ProductText) -> str:
        before, _, rest = self.question.partition(FIRST)
        if SECOND in before:  # the template may name the second one first
            start, _, between = before.partition(SECOND)
            return start + _line(second) + between + _line(first) + rest
        between, _, end = rest.partition(SECOND)
        return before + _line(first) + between + _line(second) + end


def read_prompt(path: Path | None = None) -> Prompt:
    """Read a prompt's file, by default the ready one.

    Raises:
        ValueError: it is no YAML, has an unknown key, or lacks a place for a product.
        OSError: there is no such file.
    """
    path = path or READY_PROMPT
    try:
        return Prompt.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML: {error}") from None
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        raise ValueError(f"{path} is no prompt: {told}") from None


def _text(product: Product) -> _ProductText:
    return _ProductText(
        title=product.title,
        brand=product.brand,
        category=product.category,
        price=product.price,
        description=product.description,
    )


def _line(product: _ProductText) -> str:
    """One line of JSON, without what is not known.

    Without ``<`` too, so that no text looks like a mark that ends a message.
    """
    known = {name: value for name, value in product.model_dump().items() if value not in ("", None)}
    return json.dumps(known).replace("<", "\\u003c")
