"""open_clip models, from a tiny one saved in a folder and by name with a file of weights."""

import json
import pickle

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

from recbole_mmsc.encoders import get_encoder
from recbole_mmsc.encoders.frozen import files_sha256

CONFIG = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1},
}
TEXTS = ["Steel kettle", "A very long text about a garden hose " * 5]
MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in open_clip's hub layout, with weights made at random."""
    folder = tmp_path_factory.mktemp("hub")
    write_config(folder, CONFIG)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A tiny model\n")
    torch.manual_seed(5)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


def write_config(folder, config):
    whole = {"model_cfg": config, "preprocess_cfg": {"mean": MEAN, "std": STD}}
    (folder / "open_clip_config.json").write_text(json.dumps(whole))


@pytest.fixture
def folder(made, tmp_path):
    """A copy to spoil."""
    for file in made.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.fixture
def named(made, tmp_path, monkeypatch):
    """The same architecture under a name of open_clip's registry."""
    (tmp_path / "Tiny-B-16.json").write_text(json.dumps(CONFIG))
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", dict(open_clip.factory._MODEL_CONFIGS))
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIG_PATHS", [])
    open_clip.add_model_config(tmp_path / "Tiny-B-16.json")
    return "Tiny-B-16"


def pictures():
    generator = np.random.default_rng(3)
    sizes = [(40, 60, 3), (33, 32, 3)]
    return [Image.fromarray(generator.integers(0, 256, s, dtype=np.uint8)) for s in sizes]


def test_vectors_equal_the_library_called_directly(made):
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{made}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{made}")
    with torch.no_grad():
        texts = normalize(model.eval().encode_text(tokenizer(TEXTS)), dim=-1).numpy()
        pixels = torch.stack([preprocess(image) for image in pictures()])
        images = normalize(model.encode_image(pixels), dim=-1).numpy()
    encoder = get_encoder(f"open_clip:local-dir:{made}", device="cpu")
    assert encoder.modalities == ("text", "image")
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)
    transform = pickle.loads(pickle.dumps(encoder.image_transform()))
    arrays = np.stack([transform(image) for image in pictures()])
    np.testing.assert_array_equal(arrays, pixels.numpy())
    np.testing.assert_allclose(encoder.encode_images(arrays), images, atol=1e-5)


def test_a_model_by_name_with_a_file_of_weights(made, named):
    file = made / "open_clip_model.safetensors"
    by_name = get_encoder(f"open_clip:{named}/{file}", device="cpu")
    assert by_name.name == f"open_clip:{named}/{file}"
    in_folder = get_encoder(f"open_clip:local-dir:{made}", device="cpu")
    np.testing.assert_array_equal(by_name.encode_texts(TEXTS), in_folder.encode_texts(TEXTS))


def test_a_tag_brings_its_own_preprocessing_and_activation(made, named, monkeypatch):
    known = {"file": str(made / "open_clip_model.safetensors"), "mean": MEAN, "quick_gelu": True}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, named, {"good_tag": known})
    encoder = get_encoder(f"open_clip:{named}/good_tag", device="cpu")
    assert list(encoder.preprocessing.mean) == MEAN
    assert "QuickGELU" in str(encoder.model)
    with pytest.raises(
        ValueError, match=r"tag among good_tag .*'god_tag'.* Did you mean 'good_tag'"
    ):
        get_encoder(f"open_clip:{named}/god_tag")


def test_the_header_says_what_computed(made):
    encoder = get_encoder(f"open_clip:local-dir:{made}", device="cpu")
    said = encoder.describe()
    assert said["weights_sha256"] == files_sha256([made / "open_clip_model.safetensors"])
    assert said["licence"] == "mit"
    assert said["computed"] == "float32 on cpu"
    assert open_clip.__version__ in said["libraries"]
    assert str(encoder.template).endswith(" [16]"), "twelve tokens leave little room for a field"


def test_half_precision_is_close_and_says_so(made):
    exact = get_encoder(f"open_clip:local-dir:{made}", device="cpu")
    fast = get_encoder(f"open_clip:local-dir:{made}", precision="bfloat16", device="cpu")
    assert fast.describe()["computed"] == "bfloat16 on cpu"
    arrays = np.stack([exact.image_transform()(image) for image in pictures()])
    for ours, right in (
        (fast.encode_texts(TEXTS), exact.encode_texts(TEXTS)),
        (fast.encode_images(arrays), exact.encode_images(arrays)),
    ):
        assert ours.dtype == np.float32
        assert ((ours * right).sum(1) > 0.999).all()


def test_weights_in_pytorch_format_are_read_without_running_them(folder):
    state = load_file(folder / "open_clip_model.safetensors")
    before = get_encoder(f"open_clip:local-dir:{folder}", device="cpu").encode_texts(TEXTS)
    (folder / "open_clip_model.safetensors").unlink()
    weights = folder / "open_clip_pytorch_model.bin"
    torch.save(state, weights)
    again = get_encoder(f"open_clip:local-dir:{folder}", device="cpu").encode_texts(TEXTS)
    np.testing.assert_array_equal(again, before)

    trap = folder / "sprung"

    class Trap:
        def __reduce__(self):
            return trap.touch, ()

    for save in (torch.save, lambda what, path: path.write_bytes(pickle.dumps(what))):
        save(Trap(), weights)
        with pytest.raises(ValueError, match=r"open_clip_pytorch_model.bin, .*never run"):
            get_encoder(f"open_clip:local-dir:{folder}")
    assert not trap.exists()


def test_damaged_folders_are_refused_by_name(folder):
    name, weights = f"open_clip:local-dir:{folder}", folder / "open_clip_model.safetensors"
    whole = weights.read_bytes()
    for damaged in (whole[:-100], whole[:5], pickle.dumps({"a": 1}), b""):
        weights.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"open_clip_model\.safetensors, could not load"):
            get_encoder(name)
    weights.unlink()
    with pytest.raises(FileNotFoundError, match=r"open_clip_model\.safetensors or .*neither"):
        get_encoder(name)
    weights.write_bytes(whole)
    for config in ("{", "[]", json.dumps({"model_cfg": {"embed_dim": 8}})):
        (folder / "open_clip_config.json").write_text(config)
        with pytest.raises(ValueError, match="could not load"):
            get_encoder(name)
    write_config(folder, {**CONFIG, "embed_dim": 16})
    with pytest.raises(ValueError, match=r"could not load .*size mismatch"):
        get_encoder(name)
    (folder / "open_clip_config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"open_clip_config\.json in .*found none"):
        get_encoder(name)


def test_a_tokenizer_that_wants_to_run_code_is_refused(folder):
    text = {**CONFIG["text_cfg"], "hf_tokenizer_name": "any"}
    text["tokenizer_kwargs"] = {"trust_remote_code": True}
    write_config(folder, {**CONFIG, "text_cfg": text})
    with pytest.raises(ValueError, match="run code of its own"):
        get_encoder(f"open_clip:local-dir:{folder}")


def test_unknown_models_and_files_suggest_what_there_is():
    with pytest.raises(ValueError, match=r"'ViT-B-23/openai'.* Did you mean 'ViT-B-"):
        get_encoder("open_clip:ViT-B-23/openai")
    with pytest.raises(ValueError, match=r"Did you mean 'laion2b_s34b_b79k'"):
        get_encoder("open_clip:ViT-B-32/laion2b_s34b")
    with pytest.raises(ValueError, match=r"tag among .*openai.* \(got ''\)"):
        get_encoder("open_clip:ViT-B-32")
    with pytest.raises(FileNotFoundError, match=r"ViT-B-32 at /nowhere/w\.pt"):
        get_encoder("open_clip:ViT-B-32//nowhere/w.pt")
    with pytest.raises(ValueError, match="<model>/<tag"):
        get_encoder("open_clip:")
