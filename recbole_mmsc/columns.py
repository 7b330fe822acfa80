"""What RecBole means to do with the columns of its files, in terms pandas 3 keeps."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pandas as pd


def read_atomic_file(*args: Any, **kwargs: Any) -> pd.DataFrame:
    """``pandas.read_csv``, an empty ``*_seq`` cell read as ``""`` (dataset.py:501 means to)."""
    frame = pd.read_csv(*args, **kwargs)
    for column in frame.columns:
        if str(column).endswith("_seq"):
            frame[column] = frame[column].fillna("")
    return frame


def fill_nan(dataset: Any) -> None:
    """``Dataset._fill_nan``: a missing token is the padding, a missing float the mean."""
    from recbole.utils import FeatureType

    no_values = {
        FeatureType.TOKEN_SEQ: np.array([], dtype=np.int64),
        FeatureType.FLOAT_SEQ: np.array([], dtype=np.float64),
    }
    for name in dataset.feat_name_list:
        feat = getattr(dataset, name)
        for field in feat:
            kind = dataset.field2type[field]
            if kind == FeatureType.TOKEN:
                feat[field] = feat[field].fillna(0)
            elif kind == FeatureType.FLOAT:
                feat[field] = feat[field].fillna(feat[field].mean())
            else:
                missing = no_values[kind]
                cells = [missing if isinstance(cell, float) else cell for cell in feat[field]]
                feat[field] = pd.Series(cells, index=feat.index, dtype=object)


def row_lengths(value: Any) -> Any:
    """``len``; of a column of sequences, the length of each (what ``agg(len)`` gave)."""
    return value.map(builtins.len) if isinstance(value, pd.Series) else builtins.len(value)
