"""An existing Ray cluster, joined with an error that says what is missing."""

from __future__ import annotations

from typing import Any


class ClusterError(ValueError):
    """Ray does not work here, or there is no cluster."""


def join_cluster(address: str) -> Any:
    """Import ray and join a cluster; leave it with ``ray.shutdown()``.

    Args:
        address: of the cluster; ``auto`` finds the one this machine belongs to.

    Returns:
        The module ``ray``.

    Raises:
        ClusterError: ray is not installed or does not work here, or there is no cluster.
    """
    try:
        import ray
    except Exception as error:  # ray of RecBole's version fails in many ways on today's stack
        raise ClusterError(
            f"--ray needs a ray that can be imported, found {type(error).__name__}: {error}; "
            "RecBole's pin, 2.6.3, fails on today's stack: pip install --no-deps --upgrade ray"
        ) from None
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except ConnectionError as error:
        raise ClusterError(f"expected a Ray cluster at {address!r}: {error}") from None
    return ray
