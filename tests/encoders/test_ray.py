"""The same features from a Ray cluster; where there is none, the error says so."""

import sys

import pytest

from recbole_mmsc.encoders.encode import encode_dataset
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
