"""What all tests share: a command line of their own, and the real data where it is at hand."""

import logging
import os
import signal
import sys
from pathlib import Path

import pytest

# Tests run side by side (pytest-xdist), so each, and what it starts, has one thread of its own.
# Before torch is imported, which reads it then.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.tiny import write_tiny


@pytest.fixture(autouse=True, scope="session")
def keyboard():
    """A shell has its background jobs ignore Ctrl-C, and so would all programs that tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def clean_argv(monkeypatch):
    """RecBole reads the settings of a run from ``sys.argv``, which is pytest's here."""
    monkeypatch.setattr(sys, "argv", ["pytest"])


@pytest.fixture
def quiet(tmp_path, monkeypatch):
    """RecBole writes where it is and logs what it does: not into the tests' folder and output."""
    monkeypatch.chdir(tmp_path)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def real_data() -> Path:
    """The folder of real Amazon files; tests that need it are skipped without it."""
    named = os.environ.get("RECBOLE_MMSC_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is no folder; name one in RECBOLE_MMSC_DATA")
    return folder


@pytest.fixture
def tiny_folder(tmp_path) -> Path:
    """A dataset folder written by hand, ``<data>/tiny``; its parent is RecBole's data_path."""
    return write_tiny(tmp_path / "dataset" / "tiny")
