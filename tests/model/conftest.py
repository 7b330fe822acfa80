"""All of these tests run RecBole."""

import pytest


@pytest.fixture(autouse=True)
def everywhere_quiet(quiet):
    """A working directory of its own, and no log, for each."""
