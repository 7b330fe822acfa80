"""A file appears whole or not at all."""

import pytest

from recbole_mmsc.dataset_builders.whole_file import whole_file


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path):
    path = tmp_path / "new" / "file.txt"
    for text in ("first", "second"):
        with whole_file(path) as scratch:
            scratch.write_text(text)
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_what_is_not_finished_changes_nothing(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("before")
    stopped = pytest.raises(UnicodeEncodeError)
    with stopped, whole_file(path) as scratch, scratch.open("w", encoding="ascii") as file:
        file.writelines(["half", "½"])
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
