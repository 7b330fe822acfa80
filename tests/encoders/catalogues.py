"""A small dataset folder to encode, and an encoder whose vectors can be told by hand."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from recbole_mmsc.encoders import Encoder

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def picture(colour: str) -> bytes:
    """A PNG of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (4, 4), COLOURS[colour]).save(file, "PNG")
    return file.getvalue()


def write_catalogue(folder: Path, titles: dict[str, str]) -> Path:
    """A dataset folder with nothing but a catalogue."""
    folder.mkdir(parents=True, exist_ok=True)
    nothing = [""] * len(titles)
    table = {"item_id": list(titles), "title": list(titles.values())}
    table |= {name: nothing for name in ("brand", "category", "description")}
    pq.write_table(pa.table(table), folder / "catalogue.parquet")
    return folder


def write_pictures(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Pictures by name: a colour, or the bytes themselves."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(picture(content) if isinstance(content, str) else content)
    return folder


def mean_colour(image: Image.Image) -> np.ndarray:
    """[3], red, green and blue."""
    return np.asarray(image, np.float32).mean((0, 1))


class Colours(Encoder):
    """A text is its length, a picture its mean colour; what it was asked for is kept."""

    name = "colours"
    modalities = ("text", "image")
    batch_size = 2

    def __init__(self):
        self.text_batches, self.image_batches = [], []

    def describe(self):
        return {"weights_sha256": "0"}

    def encode_texts(self, texts):
        self.text_batches.append(list(texts))
        return np.array([[len(text), 1] for text in texts], np.float32)

    def image_transform(self):
        return mean_colour

    def encode_images(self, pixels):
        self.image_batches.append(len(pixels))
        return pixels / np.linalg.norm(pixels, axis=1, keepdims=True)
