"""The best items of each row of scores: exact, always in one order, without sorting rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

BLOCK = 64  # columns; measured: 32 and 128 are no faster, at any catalogue size
WORTH_IT = 2  # a row is searched by blocks where it is so many times as long as its best blocks
Choice = Callable[[Tensor, int], Tensor]


def best_items(scores: Tensor, k: int, model: str) -> Tensor:
    """The ``k`` highest scores of each row, by blocks of columns.

    The maximum of each block is found first, in one fast pass. A block that is not among the ``k``
    with the highest maxima is beaten by ``k`` others, so only those are looked into, and the
    columns that fill no block. The scores found are those of ``torch.topk``; of equal ones the
    lowest id comes first, where ``torch.topk`` leaves the order open.

    Args:
        scores: ``[b, n_items]``, minus infinity for what is not to be recommended.
        k: places to fill.
        model: whose scores they are, for the error.

    Returns:
        ``[b, k]`` int64 item ids, best first; 0, RecBole's padding, where nothing is left to
        recommend: every other item is at minus infinity, or ``k`` is above ``n_items``.

    Raises:
        ValueError: a score is not a number.
    """
    maxima = _block_maxima(scores)
    _require_numbers(maxima, model)
    looked_for = min(k + 1, scores.shape[1])  # one more, to see whether it is as good as the last
    values, items = _search(scores, maxima, looked_for, _in_any_order)
    equal = (values[:, 1:] == values[:, :-1]) & (values[:, 1:] > -torch.inf)
    tied = equal.any(dim=1).nonzero().squeeze(1)
    if len(tied):  # rare for learned scores
        values[tied], items[tied] = _search(scores[tied], maxima[tied], looked_for, _lowest_first)
    items = items.masked_fill_(values == -torch.inf, 0)[:, :k]
    return torch.nn.functional.pad(items, (0, k - items.shape[1]))


def found(items: Tensor, row: Tensor, item: Tensor, n_items: int) -> Tensor:
    """Which of the ranked items are among some items of their row.

    Args:
        items: ``[b, k]`` ranked items.
        row: ``[e]`` rows of the items to look for, in any order.
        item: ``[e]`` those items; never 0, which fills empty places.
        n_items: of the catalogue, padding included.

    Returns:
        ``[b, k]`` bool.
    """
    rows = torch.arange(len(items), device=items.device)
    wanted = item + n_items * row
    return torch.isin(items + n_items * rows[:, None], wanted.to(items.device))


def _search(scores: Tensor, maxima: Tensor, k: int, choose: Choice) -> tuple[Tensor, Tensor]:
    """``[b, k]`` the highest scores, descending, and their columns.

    Args:
        scores: ``[b, n_items]``.
        maxima: ``[b, n_blocks]`` of their blocks.
        k: at most ``n_items``.
        choose: finds the ``k`` highest values of each row, ``[b, n]`` → ``[b, k]``.
    """
    if scores.shape[1] < WORTH_IT * k * BLOCK:
        columns = choose(scores, k)
    else:
        whole = scores.shape[1] // BLOCK
        blocks = choose(maxima[:, :whole], k)
        rows = torch.arange(len(scores), device=scores.device)[:, None]
        # block by block: an index for each of their columns takes longer to make than to use
        within = scores[:, : whole * BLOCK].unflatten(1, (whole, BLOCK))[rows, blocks].flatten(1)
        best = choose(torch.cat([within, scores[:, whole * BLOCK :]], dim=1), k)
        starts = torch.nn.functional.pad(blocks, (0, 1), value=whole) * BLOCK
        columns = starts.gather(1, best // BLOCK) + best % BLOCK
    values = scores.gather(1, columns)
    values, order = values.sort(dim=1, descending=True, stable=True)
    return values, columns.gather(1, order)


def _in_any_order(values: Tensor, k: int) -> Tensor:
    return values.topk(k, dim=1, sorted=False).indices


def _lowest_first(values: Tensor, k: int) -> Tensor:
    """Columns ascend; of equal values those of the lowest columns are chosen."""
    threshold = values.topk(k, dim=1, sorted=False).values.amin(dim=1, keepdim=True)
    above, equal = values > threshold, values == threshold
    places_left = k - above.sum(dim=1, keepdim=True)
    chosen = above | (equal & (equal.cumsum(dim=1, dtype=torch.int32) <= places_left))
    return chosen.nonzero()[:, 1].view(-1, k)


def _block_maxima(scores: Tensor) -> Tensor:
    """``[b, n_blocks]``; the last block is shorter where the columns do not divide evenly."""
    whole = scores.shape[1] // BLOCK
    maxima = scores[:, : whole * BLOCK].unflatten(1, (whole, BLOCK)).amax(dim=2)
    if whole * BLOCK == scores.shape[1]:
        return maxima
    rest = scores[:, whole * BLOCK :].amax(dim=1, keepdim=True)
    return torch.cat([maxima, rest], dim=1)


def _require_numbers(maxima: Tensor, model: str) -> None:
    """Maxima suffice: ``amax`` hands a NaN on."""
    rows = int(maxima.isnan().any(dim=1).sum())
    if rows:
        raise ValueError(
            f"expected scores of {model} that are numbers, found NaN for {rows} of {len(maxima)} "
            f"queries; its training has diverged (try a lower learning_rate), or it divides by zero"
        )
