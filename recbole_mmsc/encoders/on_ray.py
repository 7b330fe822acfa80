"""The shards of a run on an existing Ray cluster: every task is ``encode --shard i/n``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from ..images.loading import default_workers
from ..ray_cluster import join_cluster
from .job import Job

RETRIES = 3  # of a share whose worker or node was lost; it goes on where it was


def encode_on_ray(
    address: str,
    job: Job,
    folder: str | os.PathLike[str],
    options: dict[str, Any],
    progress: bool = True,
) -> int:
    """Make all shards on a cluster, shared out to its GPUs or, where it has none, to its nodes.

    The folder and the pictures must lie where every node sees them under the same path, and every
    node needs this package.

    Args:
        address: of the cluster; ``auto`` finds the one this machine belongs to.
        job: what is encoded.
        folder: the dataset's.
        options: further arguments of ``encode_dataset``.
        progress: show a progress bar on stderr.

    Returns:
        How many shards were made.

    Raises:
        ClusterError: ray is not installed or does not work here, or there is no cluster.
    """
    ray = join_cluster(address)
    try:
        shares = _Shares.of([node["Resources"] for node in ray.nodes() if node["Alive"]])
        n = min(job.n_shards, shares.n)
        make = ray.remote(
            num_gpus=shares.gpus,
            num_cpus=shares.cpus,
            max_retries=RETRIES,
            scheduling_strategy="SPREAD",
        )(_make_share)
        if options["workers"] is None:
            workers = min(default_workers(len(job.pictures), job.encoder.fills_cores), shares.cpus)
            options = {**options, "workers": workers}
        if options["images"] is not None:
            options = {**options, "images": Path(options["images"]).resolve()}
        waiting = [
            make.remote(Path(folder).resolve(), job.encoder.name, f"{i}/{n}", options)
            for i in range(1, n + 1)
        ]
        made = 0
        with tqdm(total=n, desc="encode on Ray", unit="share", disable=not progress) as bar:
            while waiting:
                done, waiting = ray.wait(waiting)
                made += sum(ray.get(done))
                bar.update(len(done))
        return made
    finally:
        ray.shutdown()


class _Shares(NamedTuple):
    """How many shares a cluster makes at once, and what each of them has to itself."""

    n: int
    gpus: int
    cpus: int

    @classmethod
    def of(cls, nodes: list[dict[str, float]]) -> _Shares:
        """A share for each GPU of the cluster or, where it has none, for each of its nodes."""
        gpus = int(any(node.get("GPU") for node in nodes))
        at_once = [(int(node.get("GPU", 0)) if gpus else 1, node) for node in nodes]
        able = [(n, node) for n, node in at_once if n and node.get("CPU")]
        cpus = min((int(node["CPU"] // n) for n, node in able), default=1)
        return cls(max(1, sum(n for n, _ in able)), gpus, max(1, cpus))


def _make_share(folder: Path, encoder: str, shard: str, options: dict[str, Any]) -> int:
    from .encode import encode_dataset

    return encode_dataset(folder, encoder, shard=shard, progress=False, **options).made
