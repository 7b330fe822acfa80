"""A web server on this machine that answers well or badly, by path, and counts who asked."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from .test_decoding import bomb, encoded

NOISE = Image.effect_noise((48, 48), 90).convert("RGB")
JPEG = encoded(NOISE, "JPEG")
PNG = encoded(NOISE, "PNG")


class PictureServer(ThreadingHTTPServer):
    """``counts`` says how often each path was asked, ``headers`` with which words.

    Attributes:
        release: set it, and what hangs goes on.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.counts: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.release = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients of these tests hang up; that is no news."""


@contextmanager
def serving() -> Iterator[PictureServer]:
    server = PictureServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PictureServer

    def do_GET(self) -> None:
        name = self.path.strip("/").partition("?")[0]
        self.server.counts[name] += 1
        self.server.headers.append(dict(self.headers))
        getattr(self, "on_" + name.partition("-")[0].partition(".")[0], self.on_missing)(name)

    def answer(self, body: bytes, status: int = 200, length: int | None = None, **headers) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

    def on_missing(self, _: str) -> None:
        self.answer(b"not here", 404)

    def on_jpeg(self, _: str) -> None:
        self.answer(JPEG, Content_Type="text/html")

    def on_png(self, _: str) -> None:
        self.answer(PNG, Content_Type="image/jpeg")

    def on_pixel(self, _: str) -> None:
        self.answer(encoded(Image.new("RGB", (1, 1)), "GIF"))

    def on_html(self, _: str) -> None:
        self.answer(b"<html>a picture? no</html>", Content_Type="image/jpeg")

    def on_empty(self, _: str) -> None:
        self.answer(b"")

    def on_status(self, name: str) -> None:
        """status-503 and the like."""
        self.answer(b"no", int(name.partition("-")[2]))

    def on_cut(self, _: str) -> None:
        """All headers are right, the picture ends half-way."""
        self.answer(JPEG[: len(JPEG) // 2])

    def on_short(self, _: str) -> None:
        """Promises more than comes."""
        self.answer(JPEG[:100], length=len(JPEG))
        self.close_connection = True

    def on_dropped(self, name: str) -> None:
        """Hangs up once without a word, then answers."""
        if self.server.counts[name] == 1:
            self.close_connection = True
        else:
            self.answer(JPEG)

    def on_hangup(self, _: str) -> None:
        self.close_connection = True

    def on_twice(self, name: str) -> None:
        self.answer(*((b"oh", 500) if self.server.counts[name] <= 2 else (JPEG,)))

    def on_busy(self, name: str) -> None:
        if self.server.counts[name] == 1:
            self.answer(b"later", 429, Retry_After="7")
        else:
            self.answer(JPEG)

    def on_slow(self, _: str) -> None:
        """Promises a picture and sends nothing."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(JPEG)))
        self.end_headers()
        self.server.release.wait(30)

    def on_held(self, _: str) -> None:
        """Answers once it is released."""
        self.server.release.wait(30)
        self.answer(JPEG)

    def on_drip(self, _: str) -> None:
        """One byte at a time, each soon enough, all together too late."""
        self.send_response(200)
        self.send_header("Content-Length", str(10**5))
        self.end_headers()
        with suppress(OSError):
            while not self.server.release.wait(0.01):
                self.wfile.write(b"x")

    def on_endless(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        with suppress(OSError):
            while not self.server.release.is_set():
                self.wfile.write(bytes(1 << 16))

    def on_huge(self, _: str) -> None:
        """Says so at once; whoever reads on waits."""
        self.answer(b"", length=10**12)
        self.server.release.wait(30)

    def on_bomb(self, _: str) -> None:
        self.answer(bomb(60_000, 60_000))

    def on_gzipped(self, _: str) -> None:
        self.answer(gzip.compress(JPEG), Content_Encoding="gzip")

    def on_gzipbomb(self, _: str) -> None:
        """64 MiB in as many kilobytes."""
        packer = zlib.compressobj(wbits=31)
        packed = b"".join(packer.compress(bytes(1 << 20)) for _piece in range(64))
        self.answer(packed + packer.flush(), Content_Encoding="gzip")

    def on_moved(self, name: str) -> None:
        """moved-3: three redirects, then a picture."""
        left = int(name.partition("-")[2])
        self.answer(b"", 302, Location=f"/moved-{left - 1}" if left > 1 else "/jpeg")

    def on_loop(self, name: str) -> None:
        self.answer(b"", 301, Location=f"/{name}")

    def on_private(self, _: str) -> None:
        self.answer(b"", 302, Location="http://10.1.2.3/jpeg")

    def on_file(self, _: str) -> None:
        self.answer(b"", 302, Location="file:///etc/passwd")

    def on_odd(self, _: str) -> None:
        """Redirects to bytes that are no text."""
        self.wfile.write(
            b"HTTP/1.1 302 x\r\nLocation: http://\x80\xff/\r\nContent-Length: 0\r\n\r\n"
        )
