"""Packaging: ``properties/`` and ``dataset_builders/`` install inside ``recbole_mmsc``."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["recbole_mmsc", "recbole_mmsc.*"]),
        "recbole_mmsc.properties",
        "recbole_mmsc.properties.benchmark",
        "recbole_mmsc.properties.dataset",
        "recbole_mmsc.properties.model",
        "recbole_mmsc.properties.prompts",
        "recbole_mmsc.dataset_builders",
        "recbole_mmsc.dataset_builders.amazon",
        "recbole_mmsc.dataset_builders.audit",
        "recbole_mmsc.dataset_builders.demo",
    ],
    package_dir={
        "recbole_mmsc": "recbole_mmsc",
        "recbole_mmsc.properties": "properties",
        "recbole_mmsc.dataset_builders": "dataset_builders",
    },
    package_data={
        "": ["*.yaml"],
        "recbole_mmsc.benchmark.report": ["*.j2", "*.css", "*.js"],
    },
)
