"""A causal chat model on this machine; it writes nothing, its labels are only weighed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import transformers

from recbole_mmsc.encoders.frozen import loading
from recbole_mmsc.encoders.model_folder import longest_text, model_folder, weight_files
from recbole_mmsc.encoders.precision import choose_device, choose_dtype
from recbole_mmsc.supervision.judgement import LABELS, UNSURE, Failure, Judgement, Pair, Product
from recbole_mmsc.supervision.prompt import read_prompt

from . import Labeller, LabellerOptions
from .answer_weights import Question, answer_weights
from .chat_tokens import ChatTokens

_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


class TransformersModel(Labeller):
    """Takes the label that a model finds most probable as the answer.

    The confidence is the probability of that label among the four. Made by :meth:`of`.
    """

    @classmethod
    def of(cls, argument: str, options: LabellerOptions) -> TransformersModel:
        """The labeller ``transformers:<name on the hub>`` or ``transformers:<folder>``.

        Args:
            argument: a causal language model with weights in safetensors.
            options: prompt, batch_size, device and precision concern it.

        Raises:
            ValueError: another kind of model, files that do not load or arrive, or a prompt,
                device or precision that cannot be used.
            OSError: files that are not there.
        """
        prompt = read_prompt(options.prompt)
        device = choose_device(options.device)
        dtype = choose_dtype(options.precision, device)
        folder = model_folder(argument)
        weight_files(folder)  # says what is missing
        with loading("a causal language model and its tokenizer", folder):
            config = transformers.AutoConfig.from_pretrained(folder, **_LOCAL)
            if type(config) in transformers.MODEL_FOR_MASKED_LM_MAPPING:
                raise ValueError(f"{config.model_type} reads in both directions")
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **_LOCAL)
            loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(
                folder, use_safetensors=True, dtype=dtype, output_loading_info=True, **_LOCAL
            )
            model, report = loaded
            if missing := report["missing_keys"]:
                raise ValueError(f"no weights for {', '.join(sorted(missing)[:5])}")
            chat = ChatTokens(tokenizer, prompt)
        labeller = cls(
            model.eval().requires_grad_(False).to(device),
            chat,
            longest_text(folder, model, tokenizer),
            options.batch_size,
        )
        labeller.name = f"transformers:{argument}"
        labeller.prompt_version = f"{prompt.version}:{prompt.checksum}"
        return labeller

    def __init__(
        self, model: transformers.PreTrainedModel, chat: ChatTokens, longest: int, batch_size: int
    ) -> None:
        self._model, self._chat = model, chat
        self._longest, self._batch_size = longest, batch_size

    def judge(self, pairs: Iterable[Pair]) -> Iterator[tuple[Pair, Judgement | Failure]]:
        """Judge some pairs at a time; see :meth:`Labeller.judge`.

        Descriptions are halved until a pair fits into the model; one that does not even without
        them is ``unsure`` with confidence 0.

        Raises:
            ValueError: the model computes no numbers in this precision.
        """
        waiting = iter(pairs)
        while batch := list(islice(waiting, self._batch_size)):
            asked = [(pair, self._fitting(pair)) for pair in batch]
            judgements = self._weighed([question for _, question in asked if question])
            too_long = f"longer than the {self._longest:,} tokens that the model reads"
            for pair, question in asked:
                yield pair, next(judgements) if question else Judgement(UNSURE, 0.0, too_long)

    def _fitting(self, pair: Pair) -> Question | None:
        while True:
            question = self._chat.question(pair)
            if question.longest <= self._longest:
                return question
            if not (pair.first.description or pair.second.description):
                return None
            pair = replace(pair, first=_shorter(pair.first), second=_shorter(pair.second))

    def _weighed(self, questions: list[Question]) -> Iterator[Judgement]:
        if not questions:
            return
        weights = answer_weights(self._model, questions)
        if not weights.isfinite().all():
            raise ValueError(
                f"Expected numbers of the model, found none in {self._model.dtype}; "
                "choose the precision float32."
            )
        for question, row in zip(questions, weights.tolist(), strict=True):
            weight, label = max(zip(row, LABELS, strict=True), key=lambda told: told[0])
            yield Judgement(label, min(weight, 1.0), tokens=question.n_read)


def _shorter(product: Product) -> Product:
    return replace(product, description=product.description[: len(product.description) // 2])
