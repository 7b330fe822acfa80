"""Co-reviews: items reviewed by the same users, as a further co-purchase source.

A review is, nearly always, of something bought. Two items that several users have both reviewed
are therefore taken as bought together, which fills in where the metadata lists little.

Read are the review files of all three releases (one JSON object or Python literal a line, with
`reviewerID` or `user_id` and `asin` or `parent_asin`) and the ratings-only files (comma-separated,
with or without a header; the item's column is the one that holds a known id).
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np
import scipy.sparse as sp

from ..lines import check_files, progress_bar, read_lines
from ..product import UnusableRecord
from ..quarantine import Quarantine
from ..records import either_reader

ITEMS_AT_ONCE = 2048
MIN_USERS = 2


class Review(msgspec.Struct, gc=False):
    """The fields of a line that are read."""

    user_id: str | None = None
    reviewerID: str | None = None
    parent_asin: str | None = None
    asin: str | None = None


_read = either_reader(Review)


def co_review_references(
    paths: Sequence[str | Path],
    known_ids: Sequence[str],
    quarantine: Quarantine,
    *,
    min_users: int = MIN_USERS,
    max_reviews: int = 50,
    progress: bool = True,
) -> Iterator[tuple[str, list[str]]]:
    """Yield each item that has co-reviewed items, with these, both in the order of ``known_ids``.

    The relation is symmetric: each pair is listed from both sides. Memory is 12 bytes a review of
    a known item while reading, then that of the users-by-items matrix.

    Args:
        paths: Review files, plain, gzip or zstd.
        known_ids: The catalogue's ids, each once; reviews of other items are passed over.
        quarantine: Takes the lines that are no reviews.
        min_users: How many users must have reviewed both items.
        max_reviews: Users who reviewed more items than this are passed over: what they share is
            chance (and their pairs would outnumber all others).
        progress: Show a bar on stderr.

    Raises:
        BuildError: If a file cannot be read.
    """
    index = {item_id: position for position, item_id in enumerate(known_ids)}
    users, items = array("q"), array("i")
    checked = check_files(paths)
    with progress_bar(checked, "reading reviews", progress) as bar:
        for path in checked:
            _read_file(path, index, quarantine, bar.update, users, items)
    reviews = _user_item_matrix(np.asarray(users), np.asarray(items), len(known_ids))
    reviewed = np.diff(reviews.indptr)
    reviews = reviews[(reviewed >= 2) & (reviewed <= max_reviews)]
    by_item = reviews.T.tocsr()
    for start in range(0, len(known_ids), ITEMS_AT_ONCE):
        shared = (by_item[start : start + ITEMS_AT_ONCE] @ reviews).tocsr()
        shared.sort_indices()
        for row in range(shared.shape[0]):
            span = slice(shared.indptr[row], shared.indptr[row + 1])
            others = shared.indices[span][shared.data[span] >= min_users].tolist()
            listed = [known_ids[other] for other in others if other != start + row]
            if listed:
                yield known_ids[start + row], listed


def _read_file(
    path: Path,
    index: Mapping[str, int],
    quarantine: Quarantine,
    advance: Callable[[int], object],
    users: array[int],
    items: array[int],
) -> None:
    for number, line in read_lines(path, quarantine, advance=advance):
        try:
            user, item = _user_and_item(line, index)
        except UnusableRecord as problem:
            quarantine.add(path.name, number, str(problem), line)
            continue
        if (position := index.get(item)) is not None:
            # 64 bits of a hash instead of a table of all users; the same in every process.
            digest = blake2b(user.encode("utf-8", "replace"), digest_size=8).digest()
            users.append(int.from_bytes(digest, "little", signed=True))
            items.append(position)


def _user_and_item(line: bytes, index: Mapping[str, int]) -> tuple[str, str]:
    if line.lstrip()[:1] == b"{":
        review = _read(line)
        user = review.user_id or review.reviewerID
        item = review.parent_asin or review.asin
    else:
        try:
            fields = next(csv.reader([line.decode("utf-8", "replace").strip()]))
        except csv.Error as error:
            raise UnusableRecord("the line is no CSV") from error
        user, item = fields[:2] if len(fields) > 1 else ("", "")
        if user in index:
            user, item = item, user
    if not user or not item:
        raise UnusableRecord("the line names no user and item")
    return user, item


def _user_item_matrix(users: np.ndarray, items: np.ndarray, n_items: int) -> sp.csr_matrix:
    """Return a matrix of ones, [users, n_items], int32."""
    distinct, rows = np.unique(users, return_inverse=True)
    ones = np.ones(len(items), dtype=np.int32)
    matrix = sp.csr_matrix((ones, (rows, items)), shape=(len(distinct), n_items))
    matrix.data[:] = 1  # the constructor has added up repeated reviews
    return matrix
