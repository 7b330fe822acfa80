"""Models of the library transformers, from tiny ones saved in a folder."""

import json
import pickle
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch.nn.functional import normalize

from recbole_mmsc.data.features import read_features
from recbole_mmsc.encoders import get_encoder, model_folder, precision
from recbole_mmsc.encoders.encode import encode_dataset
from recbole_mmsc.encoders.frozen import files_sha256

WORDS = ["[PAD]", "[UNK]", "[EOS]", "steel", "glass", "kettle", "garden", "hose", "long"]
TEXTS = ["steel kettle", "long garden hose " * 9, "glass"]
SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
SMALL["num_attention_heads"] = 2
VISION = {**SMALL, "image_size": 32, "patch_size": 16}
TEXT = {**SMALL, "vocab_size": len(WORDS), "max_position_embeddings": 10}
TEXT |= {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 2}


def save_tokenizer(folder, length):
    words = Tokenizer(models.WordLevel(dict(zip(WORDS, range(9), strict=True)), unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing("$A [EOS]", None, [("[EOS]", 2)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=words,
        model_max_length=length,
        pad_token="[PAD]",
        unk_token="[UNK]",
        eos_token="[EOS]",
    ).save_pretrained(folder)


def save(folder, model, length=10, processor=None):
    model.save_pretrained(folder)
    save_tokenizer(folder, length)
    if processor:
        processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders of a CLIP, a SigLIP, a BERT and a RoBERTa with weights made at random."""
    torch.manual_seed(7)
    root = tmp_path_factory.mktemp("models")
    size = {"height": 32, "width": 32}
    clip = transformers.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=8)
    processor = transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    save(root / "clip", transformers.CLIPModel(clip), processor=processor)
    siglip = transformers.SiglipConfig(text_config=TEXT, vision_config=VISION)
    processor = transformers.SiglipImageProcessor(size=size)
    save(root / "siglip", transformers.SiglipModel(siglip), processor=processor)
    save(root / "bert", transformers.BertModel(transformers.BertConfig(**TEXT)))
    roberta = transformers.RobertaConfig(**TEXT | {"max_position_embeddings": 11})
    save(root / "roberta", transformers.RobertaModel(roberta), length=10**30)
    return root


@pytest.fixture
def models_(made, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(made, tmp_path / "models")


def load(folder):
    return get_encoder(f"transformers:{folder}", device="cpu")


def pictures():
    generator = np.random.default_rng(3)
    sizes = [(40, 60, 3), (33, 32, 3)]
    return [Image.fromarray(generator.integers(0, 256, s, dtype=np.uint8)) for s in sizes]


def pooled(output):
    return normalize(getattr(output, "pooler_output", output), dim=-1).numpy()


@pytest.mark.parametrize(("kind", "padding"), [("clip", True), ("siglip", "max_length")])
def test_paired_vectors_equal_the_library_called_directly(made, kind, padding):
    model = transformers.AutoModel.from_pretrained(made / kind).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(made / kind)
    processor = transformers.AutoImageProcessor.from_pretrained(made / kind)
    tokens = tokenizer(TEXTS, padding=padding, truncation=True, max_length=10, return_tensors="pt")
    pixels = processor(pictures(), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        texts = pooled(model.get_text_features(**tokens))
        images = pooled(model.get_image_features(pixels))
    encoder = load(made / kind)
    assert encoder.modalities == ("text", "image")
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)
    transform = pickle.loads(pickle.dumps(encoder.image_transform()))
    arrays = np.stack([transform(image) for image in pictures()])
    np.testing.assert_allclose(arrays, pixels.numpy(), atol=1e-6)
    np.testing.assert_allclose(encoder.encode_images(arrays), images, atol=1e-5)
    assert str(encoder.template).endswith(" [13]")


def pooling_of(folder, settings):
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(settings))


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_sentence_vectors_equal_the_library_called_directly(models_, kind):
    folder = models_ / kind
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    states = []
    for text in TEXTS:
        tokens = tokenizer(text, truncation=True, max_length=10, return_tensors="pt")
        with torch.no_grad():
            states.append(model(**tokens).last_hidden_state[0])
    mean = normalize(torch.stack([state.mean(0) for state in states]), dim=-1).numpy()
    first = normalize(torch.stack([state[0] for state in states]), dim=-1).numpy()
    assert load(folder).modalities == ("text",)
    np.testing.assert_allclose(load(folder).encode_texts(TEXTS), mean, atol=1e-5)
    for said in (
        {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False, "include_prompt": True},
        {"pooling_mode": "cls"},
    ):
        pooling_of(folder, said)
        np.testing.assert_allclose(load(folder).encode_texts(TEXTS), first, atol=1e-5)
    pooling_of(folder, {"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True})
    with pytest.raises(ValueError, match=r"mean or cls, found 'mean\+max'"):
        load(folder)


def test_a_sentence_model_is_cut_where_it_says_and_has_no_further_layers(models_):
    folder = models_ / "bert"
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 3}')
    encoder = load(folder)
    cut = encoder.encode_texts(["long garden hose steel", "long garden kettle"])
    np.testing.assert_array_equal(cut[0], cut[1])
    dense = [{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]
    (folder / "modules.json").write_text(json.dumps(dense))
    with pytest.raises(ValueError, match=r"Transformer, Pooling and Normalize, found Dense"):
        load(folder)


def test_encode_writes_a_verified_file_with_what_computed(models_, tmp_path):
    folder = models_ / "bert"
    (folder / "README.md").write_text("---\nlicense: other\nlicense_name: own\n---\n")
    (tmp_path / "toy").mkdir()
    rows = [{"item_id": name, "title": text} for name, text in zip("ABC", TEXTS, strict=True)]
    rows.append({"item_id": "D", "title": ""})
    rows = [{**row, "brand": "", "category": None, "description": ""} for row in rows]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "toy" / "catalogue.parquet")
    encoder = load(folder)
    path = encode_dataset(tmp_path / "toy", encoder, dtype="float32", progress=False).path
    before = path.read_bytes()
    features = read_features(path, list("ABCD"))
    # a model of ten tokens gets thirteen characters of each field
    right = encoder.encode_texts(["steel kettle", "long garden h", "glass"])
    np.testing.assert_allclose(features.vectors["text"][:3], right, atol=1e-5)
    assert features.available["text"].tolist() == [True, True, True, False]
    assert features.metadata["weights_sha256"] == files_sha256([folder / "model.safetensors"])
    assert features.metadata["licence"] == "own"
    assert features.metadata["computed"] == "float32 on cpu"
    again = encode_dataset(tmp_path / "toy", load(folder), dtype="float32", progress=False).path
    assert again.read_bytes() == before


def test_shards_load_and_are_checksummed_in_a_row(models_):
    folder = models_ / "bert"
    whole = load(folder).encode_texts(TEXTS)
    model = transformers.AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="4KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    encoder = load(folder)
    np.testing.assert_array_equal(encoder.encode_texts(TEXTS), whole)
    assert encoder.describe()["weights_sha256"] == files_sha256(reversed(shards))
    shards[0].unlink()
    with pytest.raises(ValueError, match="could not load"):
        load(folder)


def test_damaged_folders_are_refused_by_name(models_):
    folder, weights = models_ / "clip", models_ / "clip" / "model.safetensors"
    whole = weights.read_bytes()
    for damaged in (whole[:-100], whole[:5], pickle.dumps({"a": 1}), b""):
        weights.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"model and its tokenizer in .*clip, could not load"):
            load(folder)
    state = load_file(models_ / "siglip" / "model.safetensors")
    save_file(state, weights, {"format": "pt"})
    with pytest.raises(ValueError, match=r"could not load .*"):
        load(folder)
    weights.unlink()
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors in .*can hold code"):
        load(folder)
    weights.write_bytes(whole)
    (folder / "preprocessor_config.json").unlink(missing_ok=True)
    (folder / "processor_config.json").unlink(missing_ok=True)
    with pytest.raises(ValueError, match=r"image processor in .*could not load"):
        load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no config\.json in"):
        load(folder)


def test_weights_that_lack_a_layer_are_refused(models_):
    weights = models_ / "bert" / "model.safetensors"
    state = load_file(weights)
    headless = {key: value for key, value in state.items() if not key.startswith("pooler.")}
    save_file(headless, weights, {"format": "pt"})
    load(models_ / "bert")
    del headless["encoder.layer.0.output.dense.weight"]
    save_file(headless, weights, {"format": "pt"})
    with pytest.raises(
        ValueError, match=r"no weights for encoder\.layer\.0\.output\.dense\.weight"
    ):
        load(models_ / "bert")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "vit"}, r"clip or siglip or a text encoder .* is of kind 'vit'"),
        ({"model_type": "bart"}, r"is of kind 'bart'"),
        ({"model_type": "gpt2"}, r"is of kind 'gpt2'"),
        ({"model_type": "siglip2"}, r"is of kind 'siglip2'"),
        ({"model_type": "mine", "auto_map": {"AutoConfig": "code.Config"}}, "could not load"),
        ({}, "could not load"),
        ([], "could not load"),
    ],
)
def test_other_kinds_of_models_are_refused(tmp_path, config, reason):
    (tmp_path / "config.json").write_text(json.dumps(config))
    trap = tmp_path / "sprung"
    (tmp_path / "code.py").write_text(f"open({str(trap)!r}, 'w')\n")
    with pytest.raises(ValueError, match=reason):
        load(tmp_path)
    assert not trap.exists()


def test_a_name_on_the_hub_is_fetched_without_code(made, monkeypatch):
    asked = []

    def snapshot(name, allow_patterns):
        asked.append((name, allow_patterns))
        return str(made / "bert")

    monkeypatch.setattr(model_folder, "snapshot_download", snapshot)
    encoder = load("owner/tiny-bert")
    assert encoder.name == "transformers:owner/tiny-bert"
    assert encoder.describe()["licence"] == "unknown: see the page of owner/tiny-bert"
    [(name, patterns)] = asked
    assert name == "owner/tiny-bert"
    assert not any(pattern.endswith(("py", "bin", "pt")) for pattern in patterns)
    for wrong in ("", "no/such/folder", "/no/folder"):
        with pytest.raises(FileNotFoundError, match="no folder"):
            load(wrong)


def test_auto_precision_follows_what_the_cpu_knows(monkeypatch):
    cpu = torch.device("cpu")
    for flags, chosen in (({"avx512_bf16": True}, torch.bfloat16), ({}, torch.float32)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda said=flags: said, raising=False)
        assert precision.choose_dtype("auto", cpu) == chosen
    assert precision.choose_dtype("float32", cpu) == torch.float32


def test_half_precision_is_close_and_says_so(made):
    exact = load(made / "siglip")
    fast = get_encoder(f"transformers:{made / 'siglip'}", precision="bfloat16", device="cpu")
    assert fast.describe()["computed"] == "bfloat16 on cpu"
    arrays = np.stack([exact.image_transform()(image) for image in pictures()])
    for ours, right in (
        (fast.encode_texts(TEXTS), exact.encode_texts(TEXTS)),
        (fast.encode_images(arrays), exact.encode_images(arrays)),
    ):
        assert ((ours * right).sum(1) > 0.999).all()
