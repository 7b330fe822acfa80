"""Numbers for ids, in compact arrays instead of a dictionary of Python objects."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Vocabulary:
    """Distinct tokens, numbered in the order in which they came.

    Args:
        tokens: the first tokens, each once.

    Attributes:
        tokens: all so far; a token's number is its place.
    """

    def __init__(self, tokens: pa.StringArray | None = None) -> None:
        self.tokens = pa.array([], pa.string()) if tokens is None else tokens

    def __len__(self) -> int:
        return len(self.tokens)

    def find(self, tokens: pa.StringArray) -> np.ndarray:
        """[t] int32: the tokens' numbers, -1 for unknown ones.

        The cost is one pass over the vocabulary and one over ``tokens``: ask for many at a time.
        """
        found = pc.index_in(tokens, value_set=self.tokens)
        return pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int32)

    def append(self, tokens: pa.StringArray) -> np.ndarray:
        """[t] int32: the numbers that new tokens get; none is known yet, none is there twice."""
        start = len(self)
        self.tokens = pa.concat_arrays([self.tokens, tokens])
        return np.arange(start, len(self), dtype=np.int32)

    def add(self, tokens: pa.StringArray) -> np.ndarray:
        """[t] int32: the tokens' numbers; unknown ones get the next."""
        numbers = self.find(tokens)
        unknown = numbers < 0
        if unknown.any():
            new = pc.dictionary_encode(tokens.filter(pa.array(unknown)))
            numbers[unknown] = self.append(new.dictionary)[new.indices.to_numpy()]
        return numbers
