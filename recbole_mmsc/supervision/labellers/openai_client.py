"""One question to a server of chat completions: asked politely, read within limits."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp
from yarl import URL

from recbole_mmsc import __version__
from recbole_mmsc.politeness import Pace, backoff, retry_after
from recbole_mmsc.supervision.judgement import Failure, Judgement

from .openai_address import proxy_for
from .openai_answers import WAYS_TO_ASK, read_answer, shown

_NOT_LIKE_THIS = (400, 404, 422)
_PASSING = (408, 409, 425, 429)
MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Patience:
    """What one question may take; times in seconds.

    Attributes:
        connect: to reach the server.
        total: one request; an answer comes in one piece, when it is complete.
        retries: after the first attempt.
        backoff: before the first retry; it doubles with each.
        longest_wait: what a ``Retry-After`` is granted at most.
        silence: that many questions in a row without an answer that can be used mean that there
            will be none.
    """

    connect: float = 10.0
    total: float = 300.0
    retries: int = 3
    backoff: float = 1.0
    longest_wait: float = 60.0
    silence: int = 20


class NoAnswer(Exception):
    """A question was not answered, or not in a way that can be understood.

    Attributes:
        failure: for whoever asked for the judgement.
        status: of HTTP; 0 where it did not come to that.
        passing: whether asking again can help.
    """

    def __init__(self, failure: Failure, status: int = 0, passing: bool = False) -> None:
        super().__init__(failure.reason, failure.detail)
        self.failure, self.status, self.passing = failure, status, passing


class ChatClient:
    """Asks one model of one server; to be used in ``async with``.

    Redirects are not followed, cookies are not kept, and no file of passwords is read: the key
    goes to this server only, and no other credentials do.

    Args:
        base: the address to which ``/chat/completions`` is added.
        model: its name on the server.
        key: sent as a bearer token; "" for none.
        pace: grants the turns.
        patience: with one question.
    """

    def __init__(self, base: URL, model: str, key: str, pace: Pace, patience: Patience) -> None:
        self._url = base / "chat" / "completions"
        self._model = model
        self._key = key
        self._pace = pace
        self._patience = patience
        self._ways = WAYS_TO_ASK
        self._answered = False
        self._n_unanswered = 0
        self._chance = random.Random()

    async def __aenter__(self) -> ChatClient:
        headers = {"User-Agent": f"recbole-mmsc/{__version__} (label)"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            timeout=aiohttp.ClientTimeout(
                total=self._patience.total, sock_connect=self._patience.connect
            ),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def ask(self, messages: list[dict[str, str]]) -> Judgement:
        """What the model says in a chat, with retries where they can help.

        Raises:
            NoAnswer: not to this question.
            ValueError: to none: the key is refused, there is no such model or address, or the
                server has stopped to answer, or the model to answer as it is asked to.
        """
        try:
            completion = await self._retried(messages)
            self._answered = True
            said = read_answer(completion, self._key)
            if isinstance(said, Failure):
                raise NoAnswer(said)
        except NoAnswer as no:
            self._n_unanswered += 1
            self._check_whether_to_go_on(no)
            raise
        self._n_unanswered = 0
        return said

    def _check_whether_to_go_on(self, no: NoAnswer) -> None:
        told = f"{no.failure.reason}: {no.failure.detail}".rstrip(": ")
        # once there were answers, 403 and 404 are about what one question says
        ends_all = (401,) if self._answered else (401, 403, 404)
        if no.status in ends_all and no.status == 404:
            raise ValueError(
                f"Expected a model {self._model!r} at {self._url}, the server knows no such model "
                f"or address ({told}); check openai:<model>@<address>, most addresses end in /v1."
            ) from None
        if no.status in ends_all:
            key = "another key" if self._key else "a key"
            raise ValueError(
                f"Expected an answer of {self._url}, it was refused ({told}); set the environment "
                f"variable OPENAI_API_KEY to {key} that may use {self._model!r}."
            ) from None
        if self._n_unanswered >= self._patience.silence:
            raise ValueError(
                f"Expected answers of {self._url} that can be used, found none to "
                f"{self._patience.silence} questions in a row, the last time for this reason: "
                f"{told}. See to the server and the model and start again; what was judged is kept."
            ) from None

    async def _retried(self, messages: list[dict[str, str]]) -> dict[str, Any]:
        for attempt in range(self._patience.retries):
            try:
                return await self._asked(messages)
            except NoAnswer as no:
                if not no.passing:
                    raise
            await asyncio.sleep(backoff(attempt, self._patience.backoff, self._chance))
        return await self._asked(messages)

    async def _asked(self, messages: list[dict[str, str]]) -> dict[str, Any]:
        ways = self._ways
        for way in ways:
            try:
                completion = await self._post({"model": self._model, "messages": messages, **way})
                break
            except NoAnswer as no:
                if no.status not in _NOT_LIKE_THIS or way is ways[-1]:
                    raise
        self._ways = (way,)
        return completion

    async def _post(self, question: dict[str, Any]) -> dict[str, Any]:
        host = self._url.host or ""
        await self._pace.turn(host)
        try:
            async with self._session.post(
                self._url, json=question, allow_redirects=False, proxy=proxy_for(self._url)
            ) as answer:
                if wait := retry_after(
                    answer.headers.get("Retry-After"), self._patience.longest_wait
                ):
                    self._pace.hold(host, wait)
                status, text = answer.status, await _text(answer)
        except asyncio.TimeoutError:
            raise NoAnswer(Failure("timeout"), passing=True) from None
        except (aiohttp.ClientError, OSError) as error:
            detail = shown(f"{type(error).__name__}: {error}", self._key)
            raise NoAnswer(Failure("connection failed", detail), passing=True) from None
        if status != 200:
            failure = Failure(f"HTTP {status}", shown(text, self._key))
            raise NoAnswer(failure, status, passing=status >= 500 or status in _PASSING)
        try:
            completion = json.loads(text)
        except (ValueError, RecursionError):
            completion = None
        if not (isinstance(completion, dict) and completion.get("choices")):
            raise NoAnswer(Failure("no chat completion", shown(text, self._key)))
        return completion


async def _text(answer: aiohttp.ClientResponse) -> str:
    data = bytearray()
    async for piece in answer.content.iter_any():
        data += piece
        if len(data) > MAX_BYTES:
            raise NoAnswer(Failure("answer too large", f"more than {MAX_BYTES:,} bytes"))
    return data.decode(errors="replace")
