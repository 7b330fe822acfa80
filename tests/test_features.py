"""The features file: round trip, bytes, and refusals by name."""

import json
import struct

import numpy as np
import pytest

from recbole_mmsc.data.features import (
    FeatureError,
    features_path,
    item_ids_checksum,
    read_features,
    write_features,
)

IDS = ["B1", "B2", "B3"]
TEXT = np.array([[1, 0], [0.6, 0.8], [0, 0]], np.float32)
MASK = np.array([True, True, False])


@pytest.fixture
def path(tmp_path):
    path = features_path(tmp_path / "toy", "tfidf")
    return write_features(
        path, IDS, {"text": TEXT}, {"text": MASK}, encoder="tfidf", metadata={"licence": "none"}
    )


def parts(path):
    """Header (dict) and data (bytes) of a safetensors file."""
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + size]), raw[8 + size :]


def rewrite(path, header, data):
    encoded = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)


def test_round_trip(path):
    features = read_features(path, IDS)
    assert features.modalities == ("text",)
    assert features.encoder == "tfidf"
    assert (features.n_items, features.dim("text")) == (3, 2)
    np.testing.assert_array_equal(features.vectors["text"], TEXT)
    np.testing.assert_array_equal(features.available["text"], MASK)
    assert features.vectors["text"].dtype == np.float32
    assert features.available["text"].dtype == bool
    assert features.metadata["licence"] == "none"
    assert features.metadata["text_dim"] == "2"


def test_the_safetensors_library_reads_it(path):
    from safetensors.numpy import load_file

    tensors = load_file(path)
    assert sorted(tensors) == ["text", "text_available"]
    np.testing.assert_array_equal(tensors["text"], TEXT)
    np.testing.assert_array_equal(tensors["text_available"], [1, 1, 0])


def test_two_modalities_in_float16(tmp_path):
    path = tmp_path / "x" / "features" / "clip.safetensors"
    image = np.eye(3, 4, dtype=np.float16)
    write_features(
        path, IDS, {"image": image, "text": TEXT}, {"image": ~MASK, "text": MASK}, encoder="clip"
    )
    features = read_features(path, IDS)
    assert features.modalities == ("text", "image")
    assert features.vectors["image"].dtype == np.float16
    assert features.vectors["image"][0].tolist() == [0, 0, 0, 0], "absent rows are zeroed"
    assert features.vectors["image"][2].tolist() == [0, 0, 1, 0]


def test_same_input_same_bytes_whatever_the_order_of_the_metadata(tmp_path):
    pairs = [(f"k{i}", "v") for i in range(20)]
    for name, metadata in (("a", dict(pairs)), ("b", dict(reversed(pairs)))):
        write_features(
            tmp_path / name, IDS, {"text": TEXT}, {"text": MASK}, encoder="e", metadata=metadata
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a", "b"], "no scratch file is left"


def test_checksum_is_sha256_of_the_ids_joined_by_newlines():
    # printf 'B1\nB2\nB3' | sha256sum
    assert item_ids_checksum(IDS) == (
        "78f5befcbfe93eadc3880ddce96c0d5fb79a94165ab66b3704d08807a1e19682"
    )
    assert item_ids_checksum(["B1", "B2B3"]) != item_ids_checksum(["B1B2", "B3"])


def test_file_names_are_safe(tmp_path):
    path = features_path(tmp_path, "open_clip:ViT-B/32")
    assert path == tmp_path / "features" / "open_clip-ViT-B-32.safetensors"
    assert features_path(tmp_path, "../../evil").parent == tmp_path / "features"
    assert features_path(tmp_path, "hub:größe").name == "hub-größe.safetensors"
    assert features_path(tmp_path, "hub:模型") != features_path(tmp_path, "hub:文本")


@pytest.mark.parametrize(("end", "verb"), [("", "encode"), ("+adapted", "adapt")])
def test_features_of_another_encoder_filed_alike_are_refused(tmp_path, end, verb):
    path = features_path(tmp_path / "toy", "hub:a/b" + end)
    write_features(path, IDS, {"text": TEXT}, {"text": MASK}, encoder="hub:a/b" + end)
    for name in (None, "hub:a/b" + end, "hub-a-b" + end):  # the last is the file's own
        assert read_features(path, IDS, name).encoder == "hub:a/b" + end
    with pytest.raises(FeatureError, match=r"'hub:a:b.*', found those of 'hub:a/b") as error:
        read_features(path, IDS, "hub:a:b" + end)
    assert f"`recbole-mmsc {verb} toy --encoder hub:a:b --data" in str(error.value)
    with pytest.raises(FeatureError, match=f"{verb} toy --encoder hub:a/b --data"):
        read_features(path, IDS[:2], "hub-a-b" + end)


def test_features_that_name_no_encoder_are_anyones(path):
    header, data = parts(path)
    del header["__metadata__"]["encoder"]
    rewrite(path, header, data)
    assert read_features(path, IDS, "tfidf").encoder == ""


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["B2", "B1", "B3"], "in another order"),
        (["B1", "B2", "B4"], "other items"),
        (["B1", "B2"], "made for 3 items, but the dataset has 2 items"),
    ],
)
def test_other_items_are_refused_by_name(path, ids, message):
    with pytest.raises(FeatureError, match=message) as error:
        read_features(path, ids)
    assert str(path) in str(error.value)
    assert "recbole-mmsc encode toy --encoder tfidf" in str(error.value)


def test_a_missing_file_names_the_command(tmp_path):
    with pytest.raises(FeatureError, match=r"no such file.*encode toy --encoder minilm"):
        read_features(features_path(tmp_path / "toy", "minilm"), IDS)


@pytest.mark.parametrize("keep", [0, 4, 8, 40, -1])
def test_truncated_files_are_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FeatureError, match=r"damaged.*encode toy --encoder tfidf"):
        read_features(path, IDS)


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 10**9) + b"{" * 100,
        struct.pack("<Q", 4) + b"\xff\xfe\x00\x00",
        struct.pack("<Q", 2) + b"[]",
        b"\x80\x04cos\nsystem\n(S'echo hacked'\ntR.",
    ],
)
def test_hostile_headers_are_refused(path, raw):
    path.write_bytes(raw)
    with pytest.raises(FeatureError, match="damaged"):
        read_features(path, IDS)


def test_offsets_outside_the_data_are_refused(path):
    header, data = parts(path)
    header["text"]["shape"] = [3, 2**40]
    rewrite(path, header, data)
    with pytest.raises(FeatureError, match="damaged"):
        read_features(path, IDS)


def damage_dimension(header, data):
    header["__metadata__"]["text_dim"] = "384"
    return data


def damage_version(header, data):
    header["__metadata__"]["format_version"] = "2"
    return data


def damage_metadata(header, data):
    del header["__metadata__"]
    return data


def damage_rows(header, data):
    header["text"]["shape"] = [2, 3]
    return data


def damage_dtype(header, data):
    header["text"].update(dtype="BF16", shape=[3, 4])
    return data


def damage_nan(header, data):
    return struct.pack("<f", float("nan")) + data[4:]


def damage_mask(header, data):
    return data[:-1] + b"\x07"


def damage_absent_row(header, data):
    return data[:-3] + b"\x00\x01\x00"


def damage_names(header, data):
    header["sound"] = header.pop("text")
    return data


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_dimension, "expected text vectors of 384 dimensions .* found 2"),
        (damage_version, "expected format_version 1, found 2"),
        (damage_metadata, "expected format_version 1, found None"),
        (damage_rows, r"expected text of shape \(3, d\), found \(2, 3\)"),
        (damage_dtype, "expected tensors in .*BF16"),
        (damage_nan, "NaN or inf in row 0"),
        (damage_mask, "values 0 or 1, .* up to 7"),
        (damage_absent_row, "expected zeros where text_available is 0"),
        (damage_names, "expected a vector and a mask tensor each, found .*sound"),
    ],
)
def test_contents_that_break_the_contract_are_refused(path, damage, message):
    header, data = parts(path)
    rewrite(path, header, damage(header, data))
    with pytest.raises(FeatureError, match=message) as error:
        read_features(path, IDS)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("vectors", "available", "message"),
    [
        ({"text": TEXT[:2]}, {"text": MASK}, r"shape \(3, d\), found \(2, 2\)"),
        ({"text": TEXT.astype(float)}, {"text": MASK}, "float16 or float32, found float64"),
        ({"text": TEXT}, {"text": MASK[:2]}, "3 values 0 or 1"),
        ({"text": TEXT}, {"image": MASK}, "same modalities"),
        ({"sound": TEXT}, {"sound": MASK}, "same modalities"),
        ({"text": np.full_like(TEXT, np.inf)}, {"text": MASK}, "NaN or inf in row 0"),
    ],
)
def test_nothing_wrong_is_written(tmp_path, vectors, available, message):
    with pytest.raises(FeatureError, match=message):
        write_features(tmp_path / "f", IDS, vectors, available, encoder="e")
    assert not any(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recbole_mmsc.data.features.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_features(path, IDS, {"text": TEXT * 0}, {"text": MASK}, encoder="tfidf")
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_features_that_are_there_are_named_beside_those_that_are_not(tmp_path):
    with pytest.raises(FeatureError, match=r"there is no such file\. Make them with"):
        read_features(features_path(tmp_path, "minilm"), ["A"])
    vectors = {"text": np.ones((1, 2), np.float32)}
    path = features_path(tmp_path, "mine")
    write_features(path, ["A"], vectors, {"text": np.ones(1, bool)}, encoder="mine")
    with pytest.raises(FeatureError, match=r"no such file; there are those of mine, for the"):
        read_features(features_path(tmp_path, "minilm"), ["A"])
