"""The map: which items, where, and the same bytes again."""

import numpy as np
import pytest
from PIL import Image

from recbole_mmsc.feature_view import projection
from recbole_mmsc.feature_view.picture import COLOURS, MapText, draw_map
from recbole_mmsc.feature_view.projection import project, sample_rows

TEXT = MapText("title", "subtitle", "caption")


def clusters(n=60):
    rng = np.random.default_rng(0)
    return (np.eye(3, 20).repeat(n // 3, axis=0) + 0.05 * rng.normal(size=(n, 20))).astype("f4")


def test_samples_are_bounded_and_the_same_every_time(monkeypatch):
    monkeypatch.setattr(projection, "DRAWN_AT_MOST", 4)
    shown = np.arange(100) % 2 == 1
    rows = sample_rows(shown)
    assert rows.tolist() == sample_rows(shown).tolist() == sorted(set(rows.tolist()))
    assert len(rows) == 4
    assert shown[rows].all()
    assert sample_rows(shown[:8]).tolist() == [1, 3, 5, 7], "all where they are few"


def test_tsne_keeps_clusters_together_and_repeats_itself():
    found = project(clusters())
    assert found.method.startswith("t-SNE (perplexity 19, seed 2026) of 20 principal components.")
    np.testing.assert_array_equal(found.points, project(clusters()).points)
    centres = found.points.reshape(3, 20, 2).mean(axis=1, keepdims=True)
    distances = np.linalg.norm(found.points[:, None] - centres[None, :, 0], axis=2)
    assert (distances.argmin(axis=1) == np.arange(3).repeat(20)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "vectors",
    [np.ones((1, 4)), np.ones((200, 4)), np.zeros((3, 4)), np.eye(5), np.ones((3, 1))],
    ids=["one", "all alike", "all zero", "few", "one dimension"],
)
def test_too_few_for_tsne(vectors):
    found = project(vectors.astype(np.float16))
    assert found.method == "The first two principal components."
    assert found.points.shape == (len(vectors), 2)
    assert np.isfinite(found.points).all()


def test_vectors_of_one_dimension_but_two_are_no_trouble():
    angles = np.linspace(0, 3, 120)
    found = project(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert np.isfinite(found.points).all()


@pytest.mark.filterwarnings("error")
def test_the_picture_repeats_its_bytes_and_holds_no_date(tmp_path):
    groups = np.array(["A", "B", ""], dtype=object).repeat(20)
    points = np.random.default_rng(0).normal(size=(60, 2))
    first = draw_map(tmp_path / "new" / "a.png", points, groups, TEXT)
    second = draw_map(tmp_path / "new" / "b.png", points, groups, TEXT)
    assert first.read_bytes() == second.read_bytes()
    assert [file.name for file in sorted(first.parent.iterdir())] == ["a.png", "b.png"]
    with Image.open(first) as picture:
        assert picture.size == (1760, 1200)
        assert set(picture.info) <= {"dpi"}


def test_the_users_style_does_not_matter(tmp_path):
    import matplotlib

    points, groups = np.eye(2), np.array(["A", "B"], dtype=object)
    plain = draw_map(tmp_path / "plain.png", points, groups, TEXT).read_bytes()
    with matplotlib.rc_context({"font.size": 30, "savefig.bbox": "tight", "axes.grid": True}):
        assert draw_map(tmp_path / "styled.png", points, groups, TEXT).read_bytes() == plain
        assert matplotlib.rcParams["font.size"] == 30


@pytest.mark.filterwarnings("error")
def test_hostile_labels_are_drawn_as_they_stand(tmp_path):
    names = ["$\\frac{", "_hidden", "<b>", "\x1b[31m", "W" * 5000, "日本", "{x}", "%s", "a\nb", "é"]
    groups = np.array(names, dtype=object)
    points = np.random.default_rng(0).normal(size=(len(names), 2))
    text = MapText("$\\frac{" + "long " * 50, "$x", "caption " * 50)
    path = draw_map(tmp_path / "map.png", points, groups, text)
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L"))
    assert (pixels[:, -16:] == 255).all(), "nothing runs over the right edge"
    assert len(names) > len(COLOURS), "so that some are grey"


def test_a_failed_write_leaves_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "map.png"
    path.write_bytes(b"old")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recbole_mmsc.feature_view.picture.Figure.savefig", full)
    with pytest.raises(OSError, match="No space"):
        draw_map(path, np.eye(2), np.array(["A", "B"], dtype=object), TEXT)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
