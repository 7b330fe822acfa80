"""A language model behind a server that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterable, Iterator
from itertools import islice

from yarl import URL

from recbole_mmsc.politeness import Pace
from recbole_mmsc.supervision.judgement import Failure, Judgement, Pair
from recbole_mmsc.supervision.prompt import read_prompt

from . import Labeller, LabellerOptions
from .in_steps import in_steps
from .openai_address import is_this_machine, model_and_address
from .openai_answers import ANSWER_IN_WORDS, FORM
from .openai_client import ChatClient, NoAnswer, Patience

KEY = "OPENAI_API_KEY"


class OpenAIServer(Labeller):
    """Asks vLLM, Ollama, llama.cpp or a cloud, several questions at once.

    Made by :meth:`of`.
    """

    @classmethod
    def of(
        cls, argument: str, options: LabellerOptions, patience: Patience | None = None
    ) -> OpenAIServer:
        """The labeller ``openai:<model>@<address>``; its key is ``OPENAI_API_KEY``, if set.

        Args:
            argument: such as ``qwen2.5-7b@http://localhost:8000/v1``.
            options: prompt, concurrency and per_second concern it.
            patience: with one question.

        Raises:
            ValueError: an argument or prompt that cannot be used, or a key that would travel in
                the open.
            OSError: there is no such prompt.
        """
        model, base = model_and_address(argument)
        return cls(argument, model, base, _key_for(base), options, patience or Patience())

    def __init__(
        self,
        argument: str,
        model: str,
        base: URL,
        key: str,
        options: LabellerOptions,
        patience: Patience,
    ) -> None:
        self._prompt = read_prompt(options.prompt)
        self.name = f"openai:{argument}"
        self.prompt_version = f"{self._prompt.version}:{self._prompt.checksum}:{FORM}"
        self._model, self._base, self._key = model, base, key
        self._options, self._patience = options, patience

    def judge(self, pairs: Iterable[Pair]) -> Iterator[tuple[Pair, Judgement | Failure]]:
        """Ask about each pair; see :meth:`Labeller.judge`.

        Raises:
            ValueError: the key is refused, there is no such model or address, or the server has
                stopped to answer, or the model to answer as it is asked to.
        """
        return in_steps(self._judged(pairs))

    async def _judged(
        self, pairs: Iterable[Pair]
    ) -> AsyncGenerator[tuple[Pair, Judgement | Failure], None]:
        waiting = iter(pairs)
        running: set[asyncio.Task[tuple[Pair, Judgement | Failure]]] = set()
        pace = Pace(self._options.per_second)
        async with ChatClient(self._base, self._model, self._key, pace, self._patience) as client:
            try:
                while True:
                    for pair in islice(waiting, self._options.concurrency - len(running)):
                        running.add(asyncio.create_task(self._judge(client, pair)))
                    if not running:
                        return
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    # what was answered is handed over before an error ends all
                    for task in sorted(done, key=lambda task: task.exception() is not None):
                        yield task.result()
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)

    async def _judge(self, client: ChatClient, pair: Pair) -> tuple[Pair, Judgement | Failure]:
        messages = self._prompt.messages(pair, labelled=True)
        messages[-1]["content"] += f"\n{ANSWER_IN_WORDS}"
        try:
            return pair, await client.ask(messages)
        except NoAnswer as no:
            return pair, no.failure


def _key_for(base: URL) -> str:
    key = os.environ.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError(f"Expected a key of printable ASCII characters in {KEY}, found others.")
    if key and base.scheme == "http" and not is_this_machine(base):
        raise ValueError(
            f"Expected an https address for the key in {KEY}, found http, which anyone on the way "
            f"can read; ask {base.host} by https, or unset {KEY} if it wants no key."
        )
    return key
