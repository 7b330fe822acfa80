"""Everything that makes RecBole's own calls work for our models and datasets, in one place.

:func:`register` runs once, when ``recbole_mmsc`` is imported. A line such as
``config/configurator.py:238`` is a line of RecBole 1.2.1.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch

from recbole_mmsc import compat
from recbole_mmsc.dataset_builders.presets import load_presets
from recbole_mmsc.properties_files import model_defaults, relation_base
from recbole_mmsc.settings import (
    MMSCSettings,
    ModelSettings,
    check_keys,
    graph,
    multimodal,
    structural,
)


class Model(NamedTuple):
    """A model of ours: its name, the module that holds its class, its settings if it has any."""

    name: str
    module: str
    settings: type[ModelSettings] | None = None


MODELS = {
    name: Model(name, f"recbole_mmsc.model.{file}", settings)
    for name, file, settings in [
        ("MMSC", "mmsc", MMSCSettings),
        ("CategoryPopularity", "category_popularity", structural.CategoryPopularitySettings),
        ("AdamicAdar", "adamic_adar", structural.AdamicAdarSettings),
        ("Katz", "katz", structural.KatzSettings),
        ("ContentKNN", "content_knn", structural.ContentKNNSettings),
        ("NeighbourTransfer", "neighbour_transfer", structural.NeighbourTransferSettings),
        ("RelationEASE", "relation_ease", structural.RelationEASESettings),
        ("ContrastEASE", "contrast_ease", structural.ContrastEASESettings),
        ("SLIM", "slim", structural.SLIMSettings),
        ("GraphSAGE", "graphsage", graph.GraphSAGESettings),
        ("SComGNN", "scomgnn", graph.SComGNNSettings),
        ("DecGCN", "decgcn", graph.DecGCNSettings),
        ("DHGAN", "dhgan", graph.DHGANSettings),
        ("VBPR", "vbpr", multimodal.VBPRSettings),
        ("FREEDOM", "freedom", multimodal.FREEDOMSettings),
        ("LIRDRec", "lirdrec", multimodal.LIRDRecSettings),
    ]
}


@functools.cache
def register() -> None:
    """Mend what today's libraries break and make RecBole find what is ours. Safe to call again."""
    compat.activate()
    _register_models()
    _wrap_config()
    _wrap_dataset()
    _wrap_get_dataloader()
    _wrap_evaluator()
    _register_trainer()


def _register_models() -> None:
    """utils/utils.py:55: ``get_model`` looks for a module of RecBole's, which leads to ours."""
    for model in MODELS.values():
        name = f"recbole.model.general_recommender.{model.name.lower()}"
        sys.modules[name] = _signpost(name, model.module)


def _signpost(name: str, ours: str) -> ModuleType:
    """A module `name` that imports `ours` when it is asked for the model.

    The class keeps one name, that of our module, for checkpoints and spawned processes; and who
    only builds a dataset or trains a baseline does not wait for torch_geometric.
    """

    def look_there(attribute: str) -> Any:
        if attribute.startswith("__"):  # Python itself looks at every module's __file__ or so
            raise AttributeError(attribute)
        return getattr(importlib.import_module(ours), attribute)

    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    module.__getattr__ = look_there  # type: ignore[method-assign]
    return module


# --- Config ------------------------------------------------------------------------------------


def _wrap_config() -> None:
    from recbole.config import Config

    find, load = Config._get_model_and_dataset, Config._load_internal_config_dict

    @functools.wraps(find)
    def get_model_and_dataset(self: Any, model: Any, dataset: Any) -> Any:
        """configurator.py:202: an unknown model is an error that names the nearest ones."""
        from recbole_mmsc.missing import recbole_models, unknown_model

        try:
            return find(self, model, dataset)
        except (ImportError, AttributeError, ValueError) as error:
            name = model if model is not None else self.external_config_dict.get("model")
            if not isinstance(name, str) or name in MODELS or name in recbole_models():
                raise
            raise unknown_model(name, MODELS) from error

    @functools.wraps(load)
    def load_internal_config_dict(self: Any, model: str, model_class: type, dataset: str) -> None:
        """configurator.py:238: our YAML files above RecBole's own, below the user's."""
        load(self, model, model_class, dataset)
        _overlay(self, model, model_class, dataset)
        _check_settings(self, model)

    Config._get_model_and_dataset = get_model_and_dataset
    Config._load_internal_config_dict = load_internal_config_dict


def _overlay(config: Any, model: str, model_class: type, dataset: str) -> None:
    settings = config.internal_config_dict
    if model in MODELS:
        settings |= model_defaults(model, config.yaml_loader)
    data_path = config.external_config_dict.get("data_path", settings["data_path"])
    if not (Path(data_path) / dataset / "dataset.json").is_file():
        return
    ours = relation_base(config.yaml_loader)
    if dataset in (presets := load_presets()):
        ours |= presets[dataset].recbole
    if _scores_single_pairs(model_class, config.external_config_dict.get("eval_args")):
        del ours["eval_batch_size"]
    settings |= ours
    # RecBole logs a dataset's settings under "Dataset"; a list of our own, for its is global
    listed = {name for names in config.parameters.values() for name in names}
    config.parameters["Dataset"] = [*config.parameters["Dataset"], *sorted(set(ours) - listed)]


def _scores_single_pairs(model_class: type, eval_args: Any) -> bool:
    """Whether the evaluation hands the model single pairs, ``eval_batch_size`` of them at once.

    So it is where the model has no ``full_sort_predict``, and where candidates are sampled: our
    ``eval_batch_size``, meant for whole rows of scores, would take tens of gigabytes.
    """
    from recbole.model.abstract_recommender import AbstractRecommender

    stock = AbstractRecommender.full_sort_predict
    if getattr(model_class, "full_sort_predict", stock) is stock:
        return True
    mode = eval_args.get("mode", "full") if isinstance(eval_args, dict) else "full"
    return set(mode.values() if isinstance(mode, dict) else [mode]) != {"full"}


def _check_settings(config: Any, model: str) -> None:
    settings = MODELS[model].settings if model in MODELS else None
    if settings is None:
        return
    recbole_keys = {name for names in config.parameters.values() for name in names}
    check_keys(
        settings,
        recbole_keys | set(config.internal_config_dict),
        {**config.file_config_dict, **config.variable_config_dict},
        config.cmd_config_dict,
    )
    settings.from_config({**config.internal_config_dict, **config.external_config_dict})


# --- Dataset -----------------------------------------------------------------------------------


def _wrap_dataset() -> None:
    from recbole.data.dataset import Dataset

    load, download, build = Dataset._load_data, Dataset._download, Dataset.build

    @functools.wraps(load)
    def load_data(self: Any, token: str, dataset_path: str) -> None:
        """dataset.py:256: a dataset that is not built names the command that builds it."""
        from recbole_mmsc.missing import require_dataset, require_split

        require_dataset(token, Path(dataset_path))
        require_split(self.config, Path(dataset_path))
        load(self, token, dataset_path)

    @functools.wraps(download)
    def download_alone(self: Any) -> None:
        """dataset.py:232: a single process has nobody to wait for after its download."""
        with _no_barrier_without_group():
            download(self)

    @functools.wraps(build)
    def build_of_one_split(self: Any) -> Any:
        """dataset.py:1806: a dataset that was saved is not that of a folder built anew."""
        from recbole_mmsc.missing import require_split

        require_split(self.config, Path(self.dataset_path))
        return build(self)

    Dataset.build = build_of_one_split
    Dataset._load_data = load_data
    Dataset._download = download_alone


@contextmanager
def _no_barrier_without_group() -> Iterator[None]:
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        yield
        return
    barrier = getattr(distributed, "barrier", None)
    distributed.barrier = lambda *_args, **_kwargs: None  # type: ignore[assignment]
    try:
        yield
    finally:
        distributed.barrier = barrier  # type: ignore[assignment]


# --- Evaluation --------------------------------------------------------------------------------


def _wrap_get_dataloader() -> None:
    from recbole import data
    from recbole.data import utils
    from recbole.data.dataloader import FullSortEvalDataLoader

    choose: Callable[[Any, str], type] = utils.get_dataloader

    @functools.wraps(choose)
    def get_dataloader(config: Any, phase: str) -> type:
        """data/utils.py:220: full ranking on our folders never offers the query itself."""
        loader = choose(config, phase)
        if loader is FullSortEvalDataLoader and config["relation_dataset"]:
            from recbole_mmsc.evaluation.masking import RelationFullSortDataLoader

            return RelationFullSortDataLoader
        return loader

    for module in (utils, data):
        module.get_dataloader = get_dataloader


def _wrap_evaluator() -> None:
    """trainer/trainer.py:143: on our folders the metrics of each relation join RecBole's."""
    from recbole.trainer import trainer

    from recbole_mmsc.evaluation.relations import RelationCollector, RelationEvaluator
    from recbole_mmsc.evaluation.scoring import CatalogueScores

    def chosen(stock: type, ours: type) -> Callable[[Any], Any]:
        return lambda config: (ours if config["relation_dataset"] else stock)(config)

    trainer.Collector = chosen(trainer.Collector, RelationCollector)
    trainer.Evaluator = chosen(trainer.Evaluator, RelationEvaluator)

    evaluate, rank_batch = trainer.Trainer.evaluate, trainer.Trainer._full_sort_batch_eval

    @functools.wraps(evaluate)
    def evaluate_relations(self: Any, eval_data: Any, *args: Any, **kwargs: Any) -> Any:
        """trainer/trainer.py:562: the loader knows which relation each query asks for."""
        if eval_data and isinstance(self.eval_collector, RelationCollector):
            self.eval_collector.read_relations(eval_data)
            self.catalogue_scores = CatalogueScores(
                self.model, eval_data._dataset, self.test_batch_size
            )
        return evaluate(self, eval_data, *args, **kwargs)

    @functools.wraps(rank_batch)
    def rank_relations(self: Any, batched_data: Any) -> Any:
        """trainer/trainer.py:517: the same scores and masks, of known vectors sooner."""
        if not isinstance(self.eval_collector, RelationCollector):
            return rank_batch(self, batched_data)
        interaction, masked, row, item = batched_data
        scores = self.catalogue_scores(interaction.to(self.device))
        scores[:, 0] = -torch.inf
        scores[masked] = -torch.inf
        return interaction, scores, row, item

    trainer.Trainer.evaluate = evaluate_relations
    trainer.Trainer._full_sort_batch_eval = rank_relations


def _register_trainer() -> None:
    """utils/utils.py:99: ``get_trainer`` looks for ``<Model>Trainer`` in ``recbole.trainer``."""
    import recbole.trainer

    from recbole_mmsc.model.trainer import MMSCTrainer

    recbole.trainer.MMSCTrainer = MMSCTrainer
