"""Adapting the features of a dataset folder to its training pairs."""

import json
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from recbole.quick_start import run_recbole
from safetensors import safe_open

from recbole_mmsc.cli import main
from recbole_mmsc.data.features import (
    FeatureError,
    features_path,
    read_features,
    write_features,
)
from recbole_mmsc.data.pairs import TrainingPairs, read_training_pairs
from recbole_mmsc.dataset_builders.checksums import file_checksum
from recbole_mmsc.encoders.adapt import adapt_dataset
from recbole_mmsc.encoders.adapter_file import (
    adapted,
    adapter_path,
    apply_adapter,
    read_adapter,
    unit,
)
from recbole_mmsc.encoders.adapter_training import train_adapter
from recbole_mmsc.settings import SettingsError
from recbole_mmsc.settings.adaptation import AdaptationSettings
from tests.tiny import ENCODER, ITEMS

QUICK = AdaptationSettings.of(
    batch_size=16, hidden=8, temperature=0.5, held_out=0.2, epochs=4, learning_rate=0.003
)


def adapt(folder, settings=QUICK, encoder=ENCODER):
    return adapt_dataset(folder, encoder, settings, progress=False)


def vectors(folder, encoder=ENCODER):
    return read_features(features_path(folder, encoder + "+adapted"), ITEMS).vectors


# --- files --------------------------------------------------------------------------------------


def test_adapted_features_keep_the_contract_and_say_where_they_come_from(tiny_folder):
    source = features_path(tiny_folder, ENCODER)
    before = source.read_bytes()
    summary = adapt(tiny_folder)
    assert source.read_bytes() == before
    assert summary.path == tiny_folder / "features" / f"{ENCODER}+adapted.safetensors"
    assert summary.losses[summary.best] < summary.losses[0]
    old, new = read_features(source, ITEMS), read_features(summary.path, ITEMS)
    assert new.encoder == f"{ENCODER}+adapted"
    assert new.vectors["text"].dtype == old.vectors["text"].dtype
    assert not new.vectors["text"][7].any(), "item 7 has no text"
    np.testing.assert_array_equal(new.available["text"], old.available["text"])
    assert np.abs(new.vectors["text"]).sum() > 0
    path = adapter_path(tiny_folder, ENCODER)
    assert path == tiny_folder / "features" / "adapters" / f"{ENCODER}+adapted.safetensors"
    with safe_open(path, "pt") as file:
        header = file.metadata()
    train = tiny_folder / "tiny.train.inter"
    assert header["adapted_from_sha256"] == file_checksum(source)
    assert header["train_sha256"] == new.metadata["train_sha256"] == file_checksum(train)
    assert new.metadata["adapter_sha256"] == file_checksum(path)
    assert json.loads(header["settings"]) == QUICK.model_dump()
    assert json.loads(header["held_out_losses"]) == summary.losses


def test_the_same_input_gives_the_same_bytes_whatever_the_state_of_the_generators(tiny_folder):
    paths = adapt(tiny_folder).path, adapter_path(tiny_folder, ENCODER)
    before = [path.read_bytes() for path in paths]
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    adapt(tiny_folder)
    assert torch.rand(1) == expected, "the caller's random numbers are left alone"
    assert [path.read_bytes() for path in paths] == before
    adapt(tiny_folder, QUICK.model_copy(update={"seed": 1}))
    assert paths[1].read_bytes() != before[1]


def test_new_items_are_adapted_as_those_of_the_catalogue(tiny_folder):
    old = read_features(features_path(tiny_folder, ENCODER), ITEMS).vectors["text"]
    path = adapt(tiny_folder).path
    found = apply_adapter(adapter_path(tiny_folder, ENCODER), {"text": old[[3, 7, 30]] * 2})
    np.testing.assert_allclose(
        found["text"], read_features(path, ITEMS).vectors["text"][[3, 7, 30]], atol=1e-6
    )
    assert not found["text"][1].any()


def test_mmsc_reads_them_by_their_name(tiny_folder):
    adapt(tiny_folder)
    result = run_recbole(
        model="MMSC",
        dataset="tiny",
        config_dict={
            "data_path": str(tiny_folder.parent),
            "checkpoint_dir": str(tiny_folder.parent),
            "encoder": f"{ENCODER}+adapted",
            "epochs": 1,
            "embedding_size": 8,
            "gpu_id": "",
            "show_progress": False,
        },
    )
    assert 0 < result["test_result"]["substitute/ndcg@10"] <= 1


def test_those_of_another_split_are_refused(tiny_folder):
    adapt(tiny_folder)
    train = tiny_folder / "tiny.train.inter"
    train.write_text("".join(train.read_text().splitlines(keepends=True)[:-1]))
    settings = {
        "data_path": str(tiny_folder.parent),
        "encoder": f"{ENCODER}+adapted",
        "gpu_id": "",
    }
    with pytest.raises(FeatureError, match=f"recbole-mmsc adapt tiny --encoder {ENCODER}"):
        run_recbole(model="MMSC", dataset="tiny", config_dict=settings)


# --- no leak ------------------------------------------------------------------------------------


def test_no_held_out_pair_and_no_behaviour_reaches_the_vectors_but_training_pairs_do(tiny_folder):
    path = adapt(tiny_folder).path
    before = path.read_bytes(), adapter_path(tiny_folder, ENCODER).read_bytes()
    for phase in ("valid", "test"):
        inter = tiny_folder / f"tiny.{phase}.inter"
        lines = inter.read_text().splitlines()
        inter.write_text("\n".join([lines[0], "substitute|B00\tB39\talso_view\t1.0", *lines[3:]]))
    (tiny_folder / "behaviour.parquet").unlink()
    adapt(tiny_folder)
    assert (path.read_bytes(), adapter_path(tiny_folder, ENCODER).read_bytes()) == before
    (tiny_folder / "tiny.test.inter").unlink()
    adapt(tiny_folder)
    assert path.read_bytes() == before[0]

    train = tiny_folder / "tiny.train.inter"
    kept = vectors(tiny_folder)["text"]
    gone = {"substitute|B01\tB04\t", "substitute|B04\tB01\t"}  # neither item is held out
    lines = train.read_text().splitlines(keepends=True)
    fewer = [line for line in lines if not any(line.startswith(pair) for pair in gone)]
    assert len(fewer) == len(lines) - 2
    train.write_text("".join(fewer))
    adapt(tiny_folder)
    assert (vectors(tiny_folder)["text"] != kept).any()


# --- planted truth ------------------------------------------------------------------------------


def precision(rows, group, asking):
    """Share of an item's five nearest neighbours that are of its group."""
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1)[:, :5]
    return (group[nearest] == group[:, None])[asking].mean()


def world(seed, n_groups=60, size=6):
    """Items of a group share a direction in 8 dimensions of 32; the others are louder noise."""
    rng = np.random.default_rng(seed)
    group = np.arange(n_groups).repeat(size)
    shared = rng.normal(size=(n_groups, 8)).repeat(size, axis=0)
    noise = rng.normal(size=(len(group), 24)) * 2
    rows = np.concatenate([shared + 0.3 * rng.normal(size=shared.shape), noise], axis=1)
    rotation = np.linalg.qr(rng.normal(size=(32, 32)))[0]
    cold = group >= n_groups * 3 // 4
    pairs = [(a, b) for a, b in combinations(range(len(group)), 2) if group[a] == group[b]]
    pairs = np.array([(a, b) for a, b in pairs if not cold[a]])
    pairs = TrainingPairs(np.zeros(len(pairs), int), pairs[:, 0], pairs[:, 1], len(group))
    return (rows @ rotation).astype(np.float32), group, cold, pairs


@pytest.mark.parametrize("seed", range(3))
def test_adapted_neighbours_are_better_for_cold_items_too(seed):
    rows, group, cold, pairs = world(seed)
    settings = AdaptationSettings.of(
        epochs=20, batch_size=64, hidden=64, learning_rate=0.01, seed=seed
    )
    trained = train_adapter({"text": unit(rows)}, pairs, settings, progress=False)
    frozen = unit(rows).vectors.numpy()
    better = adapted(trained.adapter, "text", rows)
    for asking in (cold, ~cold):
        assert precision(better, group, asking) > precision(frozen, group, asking) + 0.2


def test_an_adapter_that_does_not_help_what_it_has_not_seen_changes_nothing():
    rows = np.eye(30, dtype=np.float32).repeat(2, axis=0)  # those related are the same already
    first = np.arange(0, 60, 2)
    pairs = TrainingPairs(np.zeros(30, int), first, first + 1, 60)
    settings = AdaptationSettings.of(
        epochs=9, patience=1, learning_rate=1.0, batch_size=8, hidden=64, held_out=0.2
    )
    trained = train_adapter({"text": unit(rows)}, pairs, settings, progress=False)
    assert trained.best == 0
    assert len(trained.losses) == 2, "it stopped after one epoch"
    np.testing.assert_allclose(
        adapted(trained.adapter, "text", rows), unit(rows).vectors.numpy(), atol=1e-6
    )


# --- modalities ---------------------------------------------------------------------------------


@pytest.mark.parametrize("image_size", [16, 6])
@pytest.mark.parametrize("names", [("image",), ("text", "image")])
def test_image_only_and_both_with_missing_ones_masked(tiny_folder, names, image_size):
    rng = np.random.default_rng(1)
    text = read_features(features_path(tiny_folder, ENCODER), ITEMS)
    images = np.eye(4, image_size).repeat(10, axis=0) + 0.3 * rng.normal(size=(40, image_size))
    available = {"text": text.available["text"], "image": np.arange(40) % 5 > 0}
    rows = {"text": text.vectors["text"], "image": images.astype(np.float16)}
    write_features(
        features_path(tiny_folder, "hub:a/b"),
        ITEMS,
        {name: rows[name] for name in names},
        {name: available[name] for name in names},
        encoder="hub:a/b",
    )
    summary = adapt(tiny_folder, encoder="hub:a/b")
    assert summary.losses[summary.best] < summary.losses[0]
    assert summary.path.name == "hub-a-b+adapted.safetensors"
    new = read_features(summary.path, ITEMS, "hub:a/b+adapted")
    assert set(new.modalities) == set(names)
    for name in names:
        lengths = np.linalg.norm(new.vectors[name].astype(np.float32), axis=1)
        np.testing.assert_allclose(lengths, available[name], atol=2e-3)
    read_adapter(adapter_path(tiny_folder, "hub:a/b"))


def test_itc_alone_moves_an_items_text_and_image_together():
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(200, 8))
    modalities = {
        name: unit((meaning @ rng.normal(size=(8, 12))).astype(np.float32))
        for name in ("text", "image")
    }
    related = np.arange(0, 200, 2)
    pairs = TrainingPairs(np.zeros(100, int), related, related + 1, 200)

    def agreement(itc_weight):
        settings = AdaptationSettings.of(
            epochs=30,
            patience=30,
            batch_size=32,
            hidden=32,
            temperature=0.1,
            learning_rate=0.01,
            itc_weight=itc_weight,
        )
        adapter = train_adapter(modalities, pairs, settings, progress=False).adapter
        out = adapter(modalities)
        cosines = out["text"].vectors @ out["image"].vectors.T
        return (cosines.argmax(dim=1) == torch.arange(200)).float().mean().item()

    assert agreement(10.0) > agreement(0.0) + 0.1


# --- refusals -----------------------------------------------------------------------------------


def test_what_cannot_be_adapted_is_refused_by_name_and_leaves_no_file(tiny_folder):
    train = tiny_folder / "tiny.train.inter"
    head, *lines = train.read_text().splitlines(keepends=True)
    with pytest.raises(FeatureError, match="adapted already"):
        adapt(tiny_folder, encoder=f"{ENCODER}+adapted")
    with pytest.raises(FeatureError, match="recbole-mmsc encode tiny --encoder nobody"):
        adapt(tiny_folder, encoder="nobody")
    for rows in ([], lines[:1], [line for line in lines if line.startswith("complement")]):
        train.write_text(head + "".join(rows))
        with pytest.raises(ValueError, match=r"expected training pairs of substitute .* found \d"):
            adapt(tiny_folder)
    for broken, message in (
        (head + "substitute|B99\tB00\ta\t1\n", r"known item in line 2 .* 'B99'.* audit"),
        (head + lines[0] + "friend|B01\tB00\ta\t1\n", "known relation in line 3 .* 'friend'"),
        ("user\titem\nB00\tB01\n", "query_id:token and item_id:token"),
        ("", "query_id:token and item_id:token"),
    ):
        train.write_text(broken)
        with pytest.raises(ValueError, match=message):
            adapt(tiny_folder)
    train.unlink()
    with pytest.raises(FileNotFoundError, match=r"tiny\.train\.inter.* recbole-mmsc build"):
        adapt(tiny_folder)
    assert [file.name for file in (tiny_folder / "features").iterdir()] == [
        f"{ENCODER}.safetensors"
    ]


def test_pairs_are_read_once_whichever_way_they_are_written(tiny_folder):
    (tiny_folder / "tiny.train.inter").write_text(
        "query_id:token\titem_id:token\tsource:token\tweight:float\n"
        "substitute|B02\tB01\ta\t1\nsubstitute|B01\tB02\ta\t1\ncomplement|B00\tB02\tb\t1\n"
        "substitute|B03\tB03\ta\t1\n"
    )
    pairs = read_training_pairs(tiny_folder, ITEMS)
    found = np.stack([pairs.relation, pairs.first, pairs.second], axis=1)
    assert found.tolist() == [[0, 1, 2], [1, 0, 2]]
    assert pairs.graph(["substitute"]).nonzero()[0].tolist() == [1, 2]
    assert pairs.graph(["substitute", "complement"]).nonzero()[0].tolist() == [0, 1, 2, 2]


def test_settings_are_checked():
    with pytest.raises(SettingsError, match=r"'learning_rat'.*did you mean 'learning_rate'"):
        AdaptationSettings.of(learning_rat=0.1)
    for name, value in (
        ("relations", []),
        ("relations", ["friend"]),
        ("temperature", 0.0),
        ("epochs", 0),
        ("batch_size", 1),
        ("held_out", 1.0),
        ("learning_rate", float("nan")),
    ):
        with pytest.raises(SettingsError, match=f"adapt cannot run .*\n  {name}: "):
            AdaptationSettings.of(**{name: value})


def test_hostile_adapters_are_refused(tiny_folder, tmp_path):
    features = adapt(tiny_folder).path
    path = adapter_path(tiny_folder, ENCODER)
    rows = np.ones((2, 16), np.float32)
    with pytest.raises(FeatureError, match=r"text .m, 16.*found image of shape"):
        apply_adapter(path, {"image": rows})
    with pytest.raises(FeatureError, match=r"found text of shape \[2, 15\]"):
        apply_adapter(path, {"text": rows[:, :15]})
    with pytest.raises(FeatureError, match="finite text vectors"):
        apply_adapter(path, {"text": rows * np.nan})
    with pytest.raises(FeatureError, match=r"no such file.*recbole-mmsc adapt"):
        apply_adapter(tmp_path / "none", {"text": rows})
    with pytest.raises(FeatureError, match="expected an adapter of format 1"):
        apply_adapter(features, {"text": rows})
    broken = tmp_path / "broken"
    content = path.read_bytes()
    for damaged in (b"", content[:-4], content[:100], b"\xff" * 64):
        broken.write_bytes(damaged)
        with pytest.raises(FeatureError, match="damaged, or no adapter"):
            apply_adapter(broken, {"text": rows})
    broken.write_bytes(content[:-4] + np.float32(np.inf).tobytes())
    with pytest.raises(FeatureError, match="NaN or inf"):
        apply_adapter(broken, {"text": rows})
    broken.write_bytes(content.replace(b"down.bias", b"down.bigs"))
    with pytest.raises(FeatureError, match="damaged, or no adapter"):
        apply_adapter(broken, {"text": rows})


# --- command line -------------------------------------------------------------------------------


def test_the_command(tiny_folder, capsys):
    data = ["--data", str(tiny_folder.parent)]
    assert main(["adapt", "tiny", "--encoder", ENCODER, "--epochs", "2", "--seed", "3", *data]) == 0
    printed = capsys.readouterr().out
    assert f"encoder: {ENCODER}+adapted" in printed
    with safe_open(adapter_path(tiny_folder, ENCODER), "pt") as file:
        settings = json.loads(file.metadata()["settings"])
    assert (settings["epochs"], settings["seed"]) == (2, 3)
    assert main(["adapt", "tiny", "--epochs", "0", *data]) == 1
    assert "epochs: Input should be greater than 0" in capsys.readouterr().err
    assert main(["adapt", "nowhere", *data]) == 1
    with pytest.raises(SystemExit):
        main(["adapt", "--help"])
    assert "example: recbole-mmsc adapt" in capsys.readouterr().out


def test_an_encoder_asked_for_by_its_files_name_keeps_its_own(tiny_folder):
    text = read_features(features_path(tiny_folder, ENCODER), ITEMS)
    path = features_path(tiny_folder, "hub:a/b")
    write_features(path, ITEMS, text.vectors, text.available, encoder="hub:a/b")
    assert read_features(adapt(tiny_folder, encoder="hub-a-b").path, ITEMS).encoder == (
        "hub:a/b+adapted"
    )
    with pytest.raises(FeatureError, match="expected those of 'hub:a:b', found those of 'hub:a/b'"):
        adapt(tiny_folder, encoder="hub:a:b")


def test_missing_adapted_features_name_the_command_that_makes_them(tiny_folder):
    with pytest.raises(FeatureError, match=r"recbole-mmsc adapt tiny --encoder minilm --data "):
        read_features(features_path(tiny_folder, "minilm+adapted"), ITEMS)
    assert features_path(tiny_folder, "a+adapted") != features_path(tiny_folder, "a-adapted")


def test_the_order_of_the_catalogue_is_that_of_the_features(tiny_folder):
    table = pq.read_table(tiny_folder / "catalogue.parquet")
    reverse = table.take(pa.array(range(39, -1, -1)))
    pq.write_table(reverse, tiny_folder / "catalogue.parquet")
    with pytest.raises(FeatureError, match="another order"):
        adapt(tiny_folder)
