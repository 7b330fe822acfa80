"""What is missing is named, with what to do."""

import pytest

from recbole_mmsc.missing import DatasetNotBuilt, require_dataset


def test_a_folder_of_ours_without_its_card(tiny_folder):
    require_dataset("tiny", tiny_folder)
    (tiny_folder / "dataset.json").unlink()
    with pytest.raises(DatasetNotBuilt, match=r"not whole: no dataset\.json in .*tiny, which says"):
        require_dataset("tiny", tiny_folder)


def test_a_folder_of_others_needs_no_card(tmp_path):
    (tmp_path / "films.inter").touch()
    require_dataset("films", tmp_path)
