"""Settings of the methods that count: popularity, paths, neighbours, linear models."""

from __future__ import annotations

from pydantic import Field

from recbole_mmsc.settings.base import ModelSettings


class CategoryPopularitySettings(ModelSettings):
    """What CategoryPopularity reads besides RecBole's own settings."""

    model_name = "CategoryPopularity"

    smoothing: float = Field(
        gt=0,
        description="pairs of the catalogue's average that are added to those of each category",
    )


class AdamicAdarSettings(ModelSettings):
    """What AdamicAdar reads besides RecBole's own settings: nothing."""

    model_name = "AdamicAdar"


class KatzSettings(ModelSettings):
    """What Katz reads besides RecBole's own settings."""

    model_name = "Katz"

    beta: float = Field(gt=0, lt=1, description="weight of a path for each of its edges")
    hops: int = Field(ge=2, le=6, description="edges of the longest paths that count")


class ContentKNNSettings(ModelSettings):
    """What ContentKNN reads besides RecBole's own settings."""

    model_name = "ContentKNN"

    encoder: str = Field(
        min_length=1, description="the features file to read, features/<encoder>.safetensors"
    )
    category_weight: float = Field(
        ge=0, description="added to the cosine of two items of one leaf category, 0: off"
    )


class NeighbourTransferSettings(ModelSettings):
    """What NeighbourTransfer reads besides RecBole's own settings."""

    model_name = "NeighbourTransfer"

    encoder: str = Field(
        min_length=1, description="the features file to read, features/<encoder>.safetensors"
    )
    neighbours: int = Field(gt=0, description="similar warm items that a query borrows from")


class RelationEASESettings(ModelSettings):
    """What RelationEASE reads besides RecBole's own settings."""

    model_name = "RelationEASE"

    reg_weight: float = Field(gt=0, description="L2 regularisation, EASE's lambda")


class ContrastEASESettings(ModelSettings):
    """What ContrastEASE reads besides RecBole's own settings."""

    model_name = "ContrastEASE"

    reg_weight: float = Field(gt=0, description="L2 regularisation, EASE's lambda")
    union_weight: float = Field(
        ge=0, description="weight of being related at all, in either relation"
    )
    contrast_weight: float = Field(
        ge=0, description="weight of the score of the other relation, which is subtracted"
    )


class SLIMSettings(ModelSettings):
    """What SLIM reads besides RecBole's own settings; names and defaults are SLIMElastic's."""

    model_name = "SLIM"

    alpha: float = Field(gt=0, description="weight of both norms")
    l1_ratio: float = Field(ge=0, le=1, description="the L1 norm's share of it")
    positive_only: bool = Field(description="no weight below zero")
    hide_item: bool = Field(description="an item is no feature of its own")
