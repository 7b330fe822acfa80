"""Where runs are made: on this machine, or on a Ray cluster."""

from __future__ import annotations

import math
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from recbole_mmsc.benchmark.launch import launch
from recbole_mmsc.benchmark.plan import Resources
from recbole_mmsc.benchmark.record import RunRecord
from recbole_mmsc.ray_cluster import join_cluster

RAY_RETRIES = 3  # of a run whose Ray worker or node was lost


class Executor(Protocol):
    """Makes runs, several at once.

    Args:
        at_once: runs that it takes before it has made some; the order of what waits may change.
    """

    at_once: float

    def submit(self, folder: Path) -> Future[RunRecord]:
        """Make the run of a folder some time."""
        ...

    def close(self) -> None:
        """Let go of what was held."""
        ...


class LocalExecutor:
    """Runs on this machine, ``parallel`` at once."""

    def __init__(self, resources: Resources) -> None:
        self.at_once = resources.parallel
        self._pool = ThreadPoolExecutor(resources.parallel, thread_name_prefix="run")
        self._interrupted = threading.Event()

    def submit(self, folder: Path) -> Future[RunRecord]:
        """Make the run of a folder as soon as there is room."""
        return self._pool.submit(launch, folder, self._interrupted)

    def close(self) -> None:
        """Begin no further run, and stop those that are being made."""
        self._interrupted.set()
        self._pool.shutdown(cancel_futures=True)


class RayExecutor:
    """Runs on an existing Ray cluster, as many at once as it has room for.

    The folder of the benchmark and the datasets must lie where every node sees them under the same
    path, and every node needs this package.

    Args:
        address: of the cluster; ``auto`` finds the one this machine belongs to.
        resources: of one run; Ray reserves its threads, its memory and its GPU.

    Raises:
        ClusterError: ray is not installed or does not work here, or there is no cluster.
    """

    def __init__(self, address: str, resources: Resources) -> None:
        self._ray = join_cluster(address)
        self.at_once = math.inf  # the cluster may grow
        options: dict[str, Any] = {"num_cpus": resources.threads, "max_retries": RAY_RETRIES}
        if resources.memory is not None:
            options["memory"] = int(resources.memory * 2**30)
        if resources.gpu_id:
            options["num_gpus"] = 1
        self._launch = self._ray.remote(**options)(launch)

    def submit(self, folder: Path) -> Future[RunRecord]:
        """Hand the run of a folder to the cluster."""
        return self._launch.remote(folder).future()

    def close(self) -> None:
        """Leave the cluster."""
        self._ray.shutdown()
