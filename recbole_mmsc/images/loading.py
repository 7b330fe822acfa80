"""Pictures read, decoded and turned into arrays, by threads or ahead of their use by processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice

import numpy as np
from PIL import Image

from .decoding import BadImage, decode_image, without_warnings
from .sources import Picture, Source

CHUNK = 16  # pictures that are made at once
FEW = 512  # pictures for which starting workers takes longer than it saves
_MOST = 16  # workers or threads
_AHEAD = 2  # chunks in flight per worker, beside those of a batch

Transform = Callable[[Image.Image], np.ndarray]
Loaded = list[np.ndarray | str]  # for each picture its array, or the reason why there is none


class WorkerLost(OSError):
    """A worker was killed or could not start."""


class PictureLoader:
    """Loads chunks of pictures in their order: workers ahead of their use, a batch and two each.

    Args:
        source: what to read from.
        transform: from an RGB picture to the array that the encoder wants; it is pickled.
        workers: how many processes; with 0, threads of this one load a chunk when it is its turn,
            on all cores, which the encoder does not need then. Their number changes no result.
        batch_size: how many pictures are used at once, while the workers go on.
    """

    def __init__(self, source: Source, transform: Transform, workers: int, batch_size: int) -> None:
        self._job = source, transform
        self._ahead = workers * _AHEAD + -(-batch_size // CHUNK)
        self._pool = _start(workers, self._job) if workers else None
        self._threads = None if workers else ThreadPoolExecutor(min(_cores(), _MOST))

    def load(self, chunks: Iterable[Sequence[Picture]]) -> Iterator[Loaded]:
        """The loaded chunks, one for one and in order; a bad picture is a reason, never an error.

        Raises:
            WorkerLost: a worker ended before its time.
        """
        if self._pool is None:
            yield from (load_chunk(*self._job, chunk, self._threads) for chunk in chunks)
            return
        try:
            yield from self._load_ahead(self._pool, iter(chunks))
        except BrokenProcessPool as error:
            raise WorkerLost(
                "A process that loads pictures ended before its time, perhaps for lack of memory, "
                'or because a script has no `if __name__ == "__main__":` around its calls. '
                "Finished shards are kept; go on with fewer workers, or with 0."
            ) from error

    def _load_ahead(
        self, pool: ProcessPoolExecutor, chunks: Iterator[Sequence[Picture]]
    ) -> Iterator[Loaded]:
        first = [pool.submit(_load_here, chunk) for chunk in islice(chunks, self._ahead)]
        waiting: deque[Future[Loaded]] = deque(first)
        while waiting:
            loaded = waiting.popleft().result()
            waiting.extend(pool.submit(_load_here, chunk) for chunk in islice(chunks, 1))
            yield loaded

    def close(self) -> None:
        """End the workers and threads."""
        for pool in (self._pool, self._threads):
            if pool is not None:
                pool.shutdown(cancel_futures=True)


def default_workers(pictures: int, cores_are_busy: bool) -> int:
    """How many workers so many pictures are worth on this machine.

    Args:
        pictures: how many are to be loaded.
        cores_are_busy: a model that runs on the cores takes some ten times as long over a picture
            as loading it does, so that one worker in eight cores keeps up, and fewer cores are
            best left to the model.
    """
    if pictures <= FEW:
        return 0
    return min(_cores() // 8 if cores_are_busy else _cores(), _MOST)


def load_chunk(
    source: Source,
    transform: Transform,
    pictures: Sequence[Picture],
    threads: Executor | None = None,
) -> Loaded:
    """Read, decode and transform pictures, on threads if any."""
    load = partial(_load_picture, source, transform)
    with without_warnings():
        return list(threads.map(load, pictures) if threads else map(load, pictures))


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # macOS has none
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _load_picture(source: Source, transform: Transform, picture: Picture) -> np.ndarray | str:
    try:
        return transform(decode_image(source.read(picture)))
    except BadImage as error:
        return str(error)
    except Exception as error:  # such as a transform that cannot take a picture of one pixel
        return f"cannot be prepared ({type(error).__name__}: {error})"


def _start(workers: int, job: tuple[Source, Transform]) -> ProcessPoolExecutor:
    # Neither a copy of this process, with the model in it, nor an import of everything each time.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return ProcessPoolExecutor(workers, context, _prepare_worker, (job,))


_job: tuple[Source, Transform]


def _prepare_worker(job: tuple[Source, Transform]) -> None:
    global _job
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who stops the run ends its workers
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    # A killed parent tells nobody; without this its workers would wait for ever.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _load_here(pictures: Sequence[Picture]) -> Loaded:
    return load_chunk(*_job, pictures)
