"""The same features from a Ray cluster; where there is none, the error says so."""

import sys

import pytest

from recbole_mmsc.encoders.encode import encode_dataset
from recbole_mmsc.encoders.on_ray import _Shares
from tests.encoders.catalogues import write_catalogue, write_pictures

try:
    from ray.cluster_utils import Cluster
except Exception:  # today's stack has no ray that RecBole allows
    Cluster = None


@pytest.fixture
def folder(tmp_path):
    folder = write_catalogue(tmp_path / "toy", {f"I{n}": f"thing {n % 4} of {n}" for n in range(9)})
    write_pictures(folder / "images", {f"I{n}.png": ("red", "green")[n % 2] for n in range(7)})
    return folder


def encode(folder, **options):
    return encode_dataset(folder, "offline", shard_items=2, progress=False, **options)


@pytest.mark.skipif(Cluster is None, reason="no ray that works")
def test_a_cluster_makes_the_same_bytes(folder):
    whole = encode(folder).path.read_bytes()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    try:
        summary = encode(folder, ray=cluster.address)
    finally:
        cluster.shutdown()
    assert (summary.made, summary.path.read_bytes()) == (5, whole)


def test_without_ray_the_error_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match="--ray needs a ray that can be imported"):
        encode(folder, ray="auto")


@pytest.mark.parametrize(
    ("nodes", "shares"),
    [
        ([{"CPU": 8.0}, {"CPU": 4.0}], (2, 0, 4)),
        ([{"CPU": 8.0}, {"memory": 1.0}], (1, 0, 8)),
        ([{"CPU": 64.0}, {"CPU": 16.0, "GPU": 2.0}, {"CPU": 4.0, "GPU": 1.0}], (3, 1, 4)),
        ([{"CPU": 2.0, "GPU": 4.0}], (4, 1, 1)),
    ],
)
def test_a_share_for_each_gpu_or_else_for_each_node(nodes, shares):
    assert _Shares.of(nodes) == shares
