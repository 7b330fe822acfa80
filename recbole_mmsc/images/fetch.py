"""Fetch the pictures of a built dataset from the addresses in its catalogue."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.request import getproxies

from filelock import FileLock, Timeout
from tqdm import tqdm

from recbole_mmsc.data.built import catalogue_columns
from recbole_mmsc.politeness import Pace

from .decoding import without_warnings
from .failures import FetchFailed
from .fetching import Limits, PictureClient
from .ledger import Entry, Ledger
from .shelf import Shelf, name_problem
from .summary import FetchSummary

UNNAMEABLE = "the id makes no safe file name"
NO_ADDRESS = "no address in the catalogue"


def fetch_images(
    folder: str | os.PathLike[str],
    *,
    per_item: int = 1,
    concurrency: int = 16,
    per_second: float = 10.0,
    retry: bool = False,
    limits: Limits | None = None,
    progress: bool = True,
    allow_loopback: bool = False,
) -> FetchSummary:
    """Fetch pictures into ``images/``, and what became of each address into ``images.jsonl``.

    What is there already is not fetched again, and what failed for good is not asked again. Any
    interruption leaves whole pictures only; the same call goes on from there.

    Args:
        folder: a built dataset folder.
        per_item: pictures of each item, from the first of its addresses that work.
        concurrency: items at once.
        per_second: requests per second to one host.
        retry: ask again what failed for good.
        limits: what one picture may cost.
        progress: show a progress bar on stderr.
        allow_loopback: let this machine be asked; for tests.

    Raises:
        ValueError: no item has an address, or an argument is out of range.
        OSError: there is no such dataset, another run works on it, or a file cannot be written.
        KeyboardInterrupt: stopped in order; its text says how to go on.
    """
    if per_item < 1 or concurrency < 1 or not 0 < per_second < float("inf"):
        raise ValueError(
            "Expected at least one picture per item, one item at once and a rate above 0, found "
            f"{per_item}, {concurrency} and {per_second:g}."
        )
    folder = Path(folder)
    catalogue = _addresses(folder)
    try:
        with (
            FileLock(folder / ".images.lock", timeout=0),
            Ledger(folder / "images.jsonl") as ledger,
        ):
            shelf = Shelf(folder / "images", catalogue)
            run = _Run(catalogue, shelf, ledger, per_item, retry)
            asyncio.run(
                run.fetch(
                    concurrency, Pace(per_second), limits or Limits(), progress, allow_loopback
                )
            )
            return run.summary(folder)
    except Timeout:
        raise OSError(
            f"another run fetches pictures into {folder}; wait for it to end, or stop it"
        ) from None
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "What was fetched is kept; the same command goes on from there."
        ) from None


class _Run:
    def __init__(
        self,
        catalogue: dict[str, list[str]],
        shelf: Shelf,
        ledger: Ledger,
        per_item: int,
        retry: bool,
    ) -> None:
        self._catalogue = catalogue
        self._shelf = shelf
        self._ledger = ledger
        self._per_item = per_item
        self._n_fetched = 0
        self._n_failed = 0
        ledger.rewrite(entry for entry in self._known() if not (retry and entry.reason))

    def _known(self) -> Iterator[Entry]:
        """What is known and still holds, in the order of the catalogue."""
        for item_id, addresses in self._catalogue.items():
            if problem := name_problem(item_id):
                yield Entry(item_id, "", reason=UNNAMEABLE, detail=problem)
                continue
            for address in addresses:
                entry = self._ledger.entries.get((item_id, address))
                # a picture that was deleted, or noted and never written, is to be fetched
                if entry and (entry.reason or entry.file in self._shelf):
                    yield entry

    async def fetch(
        self, concurrency: int, pace: Pace, limits: Limits, progress: bool, allow_loopback: bool
    ) -> None:
        wanted = [item_id for item_id in self._catalogue if any(self._open(item_id))]
        with (
            without_warnings(),
            tqdm(total=len(wanted), unit="item", desc="fetch", disable=not progress) as bar,
        ):
            async with PictureClient(pace, limits, allow_loopback) as client:
                queue = iter(wanted)
                await _together(self._work(client, queue, bar) for _ in range(concurrency))
        self._ledger.rewrite(self._known())

    def _open(self, item_id: str) -> Iterator[str]:
        """The addresses of an item to ask, as long as it lacks pictures."""
        if name_problem(item_id):
            return
        for address in self._catalogue[item_id]:
            if self._shelf.count(item_id) >= self._per_item:
                return
            entry = self._ledger.entries.get((item_id, address))
            if entry is None or not (entry.file or entry.final):
                yield address

    async def _work(self, client: PictureClient, queue: Iterator[str], bar: tqdm) -> None:
        for item_id in queue:
            for address in self._open(item_id):
                await self._one(client, item_id, address)
                bar.set_postfix(fetched=self._n_fetched, failed=self._n_failed, refresh=False)
            bar.update()

    async def _one(self, client: PictureClient, item_id: str, address: str) -> None:
        try:
            data, suffix = await client.fetch(address)
        except FetchFailed as failed:
            self._n_failed += 1
            self._ledger.add(
                Entry(
                    item_id,
                    address,
                    reason=failed.reason,
                    detail=failed.detail,
                    final=failed.final,
                )
            )
            return
        name = self._shelf.free_name(item_id, suffix)
        try:
            # Noted first: a kill in between leaves an entry without a file, which is asked again;
            # the other way round there would be a picture of which nobody knows the address.
            self._ledger.add(Entry(item_id, address, file=name))
            self._shelf.save(name, data)
        except OSError as error:
            raise OSError(
                f"cannot write {name} ({error.strerror}); what was fetched before is kept, and "
                "the same command goes on from there"
            ) from error
        self._n_fetched += 1

    def summary(self, folder: Path) -> FetchSummary:
        entries = [entry for entry in self._known() if entry.reason]
        items = Counter(entry.reason for entry in entries if not entry.url)
        items[NO_ADDRESS] = sum(not addresses for addresses in self._catalogue.values())
        return FetchSummary(
            folder=folder,
            n_items=len(self._catalogue),
            n_with_picture=sum(map(bool, map(self._shelf.count, self._catalogue))),
            n_fetched=self._n_fetched,
            final=dict(Counter(entry.reason for entry in entries if entry.url and entry.final)),
            passing=dict(Counter(entry.reason for entry in entries if not entry.final)),
            items={reason: count for reason, count in items.items() if count},
            ignored_proxy=bool(getproxies().keys() - {"no"}),
        )


async def _together(works: Iterable) -> None:
    """Run all; the first failure, or an interruption, ends the others in order."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _addresses(folder: Path) -> dict[str, list[str]]:
    """Item → its addresses in order, each once, from ``catalogue.parquet``."""
    table = catalogue_columns(folder, "item_id", "image_urls")
    found = dict(zip(table["item_id"].to_pylist(), table["image_urls"].to_pylist(), strict=True))
    catalogue = {
        item: list(dict.fromkeys(filter(None, urls or ()))) for item, urls in found.items()
    }
    if not any(catalogue.values()):
        raise ValueError(
            f"None of the {len(catalogue):,} items in {folder} has the address of a picture. Give "
            "pictures of your own, named after item ids: `recbole-mmsc build … --images DIR`."
        )
    return catalogue
