"""MMSC for RecBole: importing this package registers our models and datasets with RecBole."""

from importlib.metadata import version

from recbole_mmsc.registration import register

__version__ = version("recbole-mmsc")

register()

# after register(): on today's stack recbole.quick_start cannot be imported without its guards
from recbole.quick_start import run_recbole  # noqa: E402

__all__ = ["__version__", "register", "run_recbole"]
