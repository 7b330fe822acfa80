"""A chat as the tokens that a model of this machine reads, with each label as its answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jinja2 import TemplateError

from recbole_mmsc.supervision.judgement import LABELS, Pair, Product
from recbole_mmsc.supervision.prompt import Prompt

from .answer_weights import Question


class ChatTokens:
    """Makes tokens by the template of a tokenizer; without one, the messages just follow.

    Args:
        tokenizer: of the library transformers.
        prompt: what is asked.

    Raises:
        ValueError: the tokenizer does not tell the labels apart.
    """

    def __init__(self, tokenizer: Any, prompt: Prompt) -> None:
        self._tokenizer = tokenizer
        self._prompt = prompt
        marks = [mark for mark in tokenizer.get_added_vocab() if mark.strip()]
        # the longest first, as one may begin with another; (?!) is nowhere
        marks = sorted(map(re.escape, marks), key=len, reverse=True)
        self._marks = re.compile("|".join(marks) or "(?!)")
        probe = self.question(Pair(Product("A"), Product("B")))
        if len(set(map(tuple, probe.answers))) < len(LABELS):
            raise ValueError(f"its tokenizer reads several of {', '.join(LABELS)} as the same")

    def question(self, pair: Pair) -> Question:
        """The chat about a pair; its answers are :data:`LABELS`, in their order.

        Chat and label are read in one go, so that a label has the tokens that it has there.
        """
        unmarked = replace(
            pair, first=self._unmarked(pair.first), second=self._unmarked(pair.second)
        )
        chat = self._text(self._prompt.messages(unmarked))
        # a template writes by itself what a tokenizer puts before and behind
        plain = not self._tokenizer.chat_template
        texts = self._tokenizer(
            [chat + label for label in LABELS], add_special_tokens=plain, verbose=False
        )["input_ids"]
        if plain and all(text[-1] == self._tokenizer.eos_token_id for text in texts):
            texts = [text[:-1] for text in texts]
        return Question.answered(texts)

    def _unmarked(self, product: Product) -> Product:
        """A product without what the tokenizer takes for the end of a message and the like."""
        return replace(
            product,
            title=self._marks.sub(" ", product.title),
            brand=self._marks.sub(" ", product.brand),
            category=self._marks.sub(" ", product.category),
            description=self._marks.sub(" ", product.description),
        )

    def _text(self, messages: Sequence[dict[str, str]]) -> str:
        if not self._tokenizer.chat_template:
            return "".join(message["content"].rstrip() + "\n\n" for message in messages)
        try:
            return self._templated(messages)
        except TemplateError:  # some know no message of the system
            system, first, *rest = messages
            both = f"{system['content']}\n{first['content']}"
            return self._templated([{**first, "content": both}, *rest])

    def _templated(self, messages: Sequence[dict[str, str]]) -> str:
        return self._tokenizer.apply_chat_template(
            messages,
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,  # of templates that know it: the answer comes at once
        )
