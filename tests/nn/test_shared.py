"""Lists of different lengths, one after the other."""

import torch

from recbole_mmsc.nn.shared import Rows

LISTS = [[2, 5, 7], [], [0], [1, 2, 3, 4, 5, 6, 8, 9]]
ROWS = Rows(torch.tensor([0, 3, 3, 4, 12]), torch.tensor([entry for row in LISTS for entry in row]))


def test_every_entry_is_found_in_its_row_and_nothing_else():
    asked = torch.cartesian_prod(torch.arange(len(LISTS)), torch.arange(12))
    found, position = ROWS.find(*asked.T)
    assert found.tolist() == [wanted in LISTS[row] for row, wanted in asked.tolist()]
    assert position.tolist() == list(range(12))


def test_no_question_and_no_entry():
    none = torch.zeros(0, dtype=torch.long)
    assert [part.tolist() for part in ROWS.find(none, none)] == [[], []]
    empty = Rows(torch.zeros(4, dtype=torch.long), none)
    found, position = empty.find(torch.tensor([0, 2]), torch.tensor([0, 1]))
    assert (found.tolist(), position.tolist()) == ([False, False], [])


def test_the_entries_of_some_rows():
    entries, owner = ROWS.of(torch.tensor([2, 1, 0]))
    assert ROWS.entries[entries].tolist() == [0, 2, 5, 7]
    assert owner.tolist() == [0, 2, 2, 2]
    assert ROWS.lengths(torch.tensor([3, 1])).tolist() == [8, 0]
