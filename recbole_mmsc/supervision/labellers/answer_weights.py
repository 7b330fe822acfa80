"""How probable a causal language model finds each of several answers to a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its answers in tokens.

    Attributes:
        tokens: what all answers continue.
        answers: of each, the tokens that follow.
    """

    tokens: list[int]
    answers: list[list[int]]

    @classmethod
    def answered(cls, texts: Sequence[list[int]]) -> Question:
        """Of the tokens of the whole texts, one for each answer.

        What they share says nothing about an answer. A token that spans the end of the question
        and the beginning of an answer is not shared, and so belongs to the answer.
        """
        columns = enumerate(zip(*texts, strict=False))
        shared = next((n for n, column in columns if len(set(column)) > 1), min(map(len, texts)))
        return cls(texts[0][:shared], [text[shared:] for text in texts])

    @property
    def longest(self) -> int:
        """Tokens of the question with its longest answer."""
        return len(self.tokens) + max(map(len, self.answers))

    @property
    def n_read(self) -> int:
        """Tokens that a model reads: those of the question once, and those of each answer."""
        return len(self.tokens) + sum(map(len, self.answers))


@torch.inference_mode()
def answer_weights(model: PreTrainedModel, questions: Sequence[Question]) -> torch.Tensor:
    """The probability of each answer, as if there were no others.

    It is the softmax of the sums of the log-probabilities of the answers' tokens. Questions that
    are read together do not change each other's answers.

    Args:
        model: in evaluation mode.
        questions: each with the same number of answers.

    Returns:
        [questions, answers] float32 on the CPU; rows sum to 1.
    """
    n_answers = len(questions[0].answers)
    # Questions end in the same column, so that their answers begin in the same one.
    ids, seen = _table([question.tokens for question in questions], model.device, left=True)
    read = model(
        input_ids=ids,
        attention_mask=seen,
        position_ids=(seen.cumsum(1) - 1) * seen,
        use_cache=True,
        logits_to_keep=1,
    )
    # A question is read once for all its answers. Versions of the library differ in how they call
    # what the model remembers.
    memory = "cache" if "cache" in read else "past_key_values"
    read[memory].batch_repeat_interleave(n_answers)
    before = seen.repeat_interleave(n_answers, 0)
    answers = [answer for question in questions for answer in question.answers]
    ids, seen = _table(answers, model.device, left=False)
    positions = before.sum(1, keepdim=True) + torch.arange(ids.shape[1], device=ids.device)
    continued = model(
        input_ids=ids,
        attention_mask=torch.cat([before, seen], 1),
        position_ids=positions * seen,
        use_cache=True,
        **{memory: read[memory]},
    )
    # Each token is told by the logits of the one before it, the first one by the question's last.
    first = read.logits[:, -1:].repeat_interleave(n_answers, 0)
    logits = torch.cat([first, continued.logits[:, :-1]], 1).float()
    told = logits.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1)
    return told.masked_fill(seen == 0, 0).sum(1).view(-1, n_answers).softmax(1).cpu()


def _table(
    rows: Sequence[list[int]], device: torch.device, left: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens, and which of them count: [rows, longest] each, filled up on the left or the right."""
    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    seen = torch.zeros_like(ids)
    for row, tokens in enumerate(rows):
        part = slice(longest - len(tokens), None) if left else slice(len(tokens))
        ids[row, part] = torch.tensor(tokens, dtype=torch.long)
        seen[row, part] = 1
    return ids.to(device), seen.to(device)
