"""A server of chat completions on this machine; its models are called by how they answer."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = {"purpose_a": "boils", "purpose_b": "brews", "reason": "used together"}
ANSWER |= {"label": "complement", "confidence": 0.9}


class ChatServer(ThreadingHTTPServer):
    """Notes who asked what.

    Attributes:
        counts: how often each title was asked about.
        questions: all bodies, in order.
        headers: of each of them.
        release: set it, and what is held is answered.
        most_at_once: questions that were open at the same time.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.counts: Counter[str] = Counter()
        self.questions: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.release = threading.Event()
        self.together = threading.Barrier(3)
        self.lock = threading.Lock()
        self.open = self.most_at_once = 0

    def labeller(self, model: str) -> str:
        return f"openai:{model}@http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients of these tests hang up; that is no news."""


@contextmanager
def serving() -> Iterator[ChatServer]:
    server = ChatServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.together.abort()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # an answer in two small packets would wait for the client's word on the first
    wbufsize = -1
    server: ChatServer

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = question["messages"][-1]["content"]
        title = json.loads(asked.partition("A: ")[2].partition("\n")[0])["title"]
        with self.server.lock:
            self.server.counts[title] += 1
            self.server.questions.append(question)
            self.server.headers.append(dict(self.headers))
            self.server.open += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.open)
        self.question, self.title, self.n_asked = question, title, self.server.counts[title]
        kind, _, rest = question["model"].partition("-")
        if not self.path.endswith("/v1/chat/completions"):
            kind = "missing"
        try:
            getattr(self, f"on_{kind}")(rest)
        finally:
            with self.server.lock:
                self.server.open -= 1

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, body: bytes, status: int = 200, length: int | None = None, **headers) -> None:
        with self.server.lock:
            self.server.open -= 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        with self.server.lock:
            self.server.open += 1

    def complete(self, content: object, ended: str = "stop", **message: object) -> None:
        choice = {"message": {"content": content, **message}, "finish_reason": ended}
        self.answer(json.dumps({"choices": [choice], "usage": {"total_tokens": 70}}).encode())

    def error(self, status: int, told: str, **headers: str) -> None:
        self.answer(json.dumps({"error": {"message": told}}).encode(), status, **headers)

    def on_right(self, _: str) -> None:
        self.complete(json.dumps(ANSWER))

    def on_content(self, content: str) -> None:
        """content-…: says exactly this."""
        self.complete(content)

    def on_refusing(self, _: str) -> None:
        self.complete(None, refusal="I would rather not.")

    def on_filtered(self, _: str) -> None:
        self.complete("", "content_filter")

    def on_cut(self, _: str) -> None:
        self.complete(json.dumps(ANSWER)[:40], "length")

    def on_body(self, body: str) -> None:
        """body-…: the whole answer."""
        self.answer(body.encode())

    def on_missing(self, _: str) -> None:
        self.error(404, "no such model")

    def on_status(self, status: str) -> None:
        """status-503 and the like."""
        self.error(int(status), "sorry,\n\x1b[31mno")

    def on_failing(self, times: str) -> None:
        """failing-2: twice, then it answers."""
        if self.n_asked <= int(times):
            self.error(500, "oh")
        else:
            self.on_right("")

    def on_busy(self, _: str) -> None:
        if self.n_asked == 1:
            self.error(429, "slowly", Retry_After="3600")
        else:
            self.on_right("")

    def on_dropping(self, times: str) -> None:
        """dropping-1: hangs up once without a word, then it answers."""
        if self.n_asked <= int(times):
            self.close_connection = True
        else:
            self.on_right("")

    def on_short(self, _: str) -> None:
        """Promises more than comes, once."""
        if self.n_asked == 1:
            self.answer(b'{"choices"', length=1000)
            self.close_connection = True
        else:
            self.on_right("")

    def on_hanging(self, _: str) -> None:
        self.server.release.wait(30)

    def on_together(self, _: str) -> None:
        """Answers three at once, and no fewer."""
        self.server.together.wait(30)
        self.on_right("")

    def on_first(self, _: str) -> None:
        """Answers all at once but the question about ``slow``, which is held."""
        if self.title == "slow":
            self.server.release.wait(30)
        self.on_right("")

    def on_interrupting(self, _: str) -> None:
        """Answers the first question; at the next one someone presses Ctrl-C."""
        if self.title == "0":
            self.on_right("")
        else:
            os.kill(os.getpid(), signal.SIGINT)
            self.server.release.wait(30)

    def on_revoking(self, _: str) -> None:
        """Knows the key for one question."""
        if self.title == "0":
            self.on_right("")
        else:
            self.error(401, "key revoked")

    def on_moody(self, status: str) -> None:
        """moody-403: answers all but what is called ``bad``."""
        if self.title == "bad":
            self.error(int(status), "not this one")
        else:
            self.on_right("")

    def on_huge(self, _: str) -> None:
        self.answer(b" " * (3 << 20))

    def on_packed(self, _: str) -> None:
        """64 MiB in as many kilobytes."""
        self.answer(gzip.compress(bytes(64 << 20)), Content_Encoding="gzip")

    def on_moved(self, _: str) -> None:
        self.answer(b"", 307, Location="/elsewhere")

    def on_echoing(self, status: str) -> None:
        """echoing-401: repeats the key that it was sent."""
        told = f"{'no ' * 60}{self.headers['Authorization']} is not known"
        if status == "200":
            self.complete(json.dumps({**ANSWER, "reason": told}))
        elif status == "0":
            self.complete(told)
        else:
            self.error(int(status), told)

    def on_knows(self, known: str) -> None:
        """knows-json_object: no other format, and no seed; ``knows-nothing``: none at all."""
        asked = self.question.get("response_format", {}).get("type", "nothing")
        if asked == known and not (known == "nothing" and "seed" in self.question):
            self.complete(f"Sure!\n```json\n{json.dumps(ANSWER, indent=1)}\n```")
        else:
            self.error(422, f"response_format {asked} is not known")

    def on_thinks(self, _: str) -> None:
        """Takes no temperature, and its limit by the newer name."""
        if {"temperature", "max_tokens", "seed"} & self.question.keys():
            self.error(400, "Unsupported parameter: 'max_tokens'")
        else:
            self.on_right("")
