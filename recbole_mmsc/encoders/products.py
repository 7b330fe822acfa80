"""Vectors of products that are in no catalogue yet, as an encoder makes them of a catalogue's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from recbole_mmsc.data.attributes import SEPARATOR
from recbole_mmsc.dataset_builders.fields import as_description, as_path, as_title
from recbole_mmsc.encoders import Encoder, get_encoder
from recbole_mmsc.images.decoding import BadImage, decode_image

if TYPE_CHECKING:
    from PIL.Image import Image

_FITTING = ("fit", "fit_images", "finish_images")


def encode_products(
    encoder: str | Encoder, products: Sequence[Mapping[str, Any]]
) -> dict[str, np.ndarray]:
    """Encode products for :meth:`MMSC.rank_unseen`.

    Where the catalogue's features are adapted, :func:`.adapter_file.apply_adapter` adapts these.

    Args:
        encoder: the one that made the catalogue's features, by name or itself.
        products: for each of m products what is known of it: ``title``, ``brand``, ``category``
            (a path, ``Kitchen > Kettles``), ``description``, texts or lists of texts, and
            ``images``, the file of its picture or a list of files. Texts are cleaned as those of
            a catalogue are.

    Returns:
        Modality → ``[m, d]`` float32, rows of length 1, or zero for a product without it; a
        modality that no product has is left out.

    Raises:
        ValueError: the encoder is fitted on its catalogue, so that it knows no other texts; a
            picture cannot be read; a product is no mapping, or a text none; no product has
            anything to encode.
    """
    if isinstance(products, Mapping):
        raise ValueError("expected a list of products, found one product; put it into a list")
    for product in products if isinstance(products, Sequence) else [products]:
        if not isinstance(product, Mapping):
            raise ValueError(
                "expected a list of mappings, such as {'title': 'Kettle'}, one for each product, "
                f"found {product!r}"
            )
    if isinstance(encoder, str):
        encoder = get_encoder(encoder)
    if any(getattr(type(encoder), name) is not getattr(Encoder, name) for name in _FITTING):
        raise ValueError(
            f"expected an encoder with weights of its own, found {encoder.name}, fitted on its "
            "catalogue: encode the catalogue with the new products in it, or by minilm, say"
        )
    encode = {"text": _texts, "image": _pictures}
    found = {name: _stacked(encode[name](encoder, products)) for name in encoder.modalities}
    vectors = {name: rows for name, rows in found.items() if rows is not None}
    if not vectors:
        raise ValueError(
            f"expected products with {' or '.join(encoder.modalities)}, found {len(products)} "
            "without"
        )
    return vectors


def _texts(encoder: Encoder, products: Sequence[Mapping[str, Any]]) -> list[np.ndarray | None]:
    columns = {
        name: pa.array([_text(each, name) for each in products], pa.string())
        for name in encoder.template.fields
    }
    texts = encoder.template.texts(pa.table(columns))
    some = [text for text in texts if text]
    vectors = _in_batches(encoder.encode_texts, some, encoder.batch_size)
    return [next(vectors) if text else None for text in texts]


def _text(product: Mapping[str, Any], name: str) -> str:
    """A field as the builder of a catalogue cleans it."""
    texts = _several(product, name, str, "text")
    if name == "description":
        return as_description(texts)
    if name == "category":
        one_text = isinstance(product.get(name), str)
        return SEPARATOR.join(as_path(texts[0].split(">") if one_text and texts else texts))
    return as_title(" ".join(texts))


def _pictures(encoder: Encoder, products: Sequence[Mapping[str, Any]]) -> list[np.ndarray | None]:
    files = [_several(each, "images", (str, os.PathLike), "file") for each in products]
    prepare = encoder.image_transform()
    pixels = (_pixels(file, prepare) for file in chain.from_iterable(files))
    vectors = _in_batches(
        lambda batch: encoder.encode_images(np.stack(batch)), pixels, encoder.batch_size
    )
    return [_mean(list(islice(vectors, len(some)))) for some in files]


def _pixels(file: str | os.PathLike[str], prepare: Callable[[Image], np.ndarray]) -> np.ndarray:
    try:
        return prepare(decode_image(Path(file).read_bytes()))
    except (BadImage, OSError) as error:
        raise ValueError(f"expected a picture in {file}: {error}") from None


def _mean(vectors: Sequence[np.ndarray]) -> np.ndarray | None:
    """The normalised mean, as of an item with several pictures; None without any."""
    if not vectors:
        return None
    total = np.sum(vectors, axis=0)
    return total / max(float(np.linalg.norm(total)), 1e-12)


def _several(
    product: Mapping[str, Any], name: str, kind: type | tuple[type, ...], called: str
) -> list[Any]:
    """What is given under a name, one or a list of several; none for a product without it."""
    value = product.get(name) or []
    several = list(value) if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(each, kind) for each in several):
        raise ValueError(f"expected a {called} or a list of {called}s as {name}, found {value!r}")
    return several


def _in_batches(
    encode: Callable[[list[Any]], np.ndarray], inputs: Iterable[Any], size: int
) -> Iterator[np.ndarray]:
    """One vector for each input, so many at a time as an encoder likes."""
    waiting = iter(inputs)
    while batch := list(islice(waiting, size)):
        yield from encode(batch)


def _stacked(rows: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """One row for each product, zeros for those without; None where all are."""
    width = next((len(row) for row in rows if row is not None), None)
    if width is None:
        return None
    return np.stack([np.zeros(width) if row is None else row for row in rows]).astype(np.float32)
