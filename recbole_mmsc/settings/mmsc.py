"""MMSC's own settings."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from recbole_mmsc.families import filed_as
from recbole_mmsc.settings.base import ModelSettings


class MMSCSettings(ModelSettings):
    """What MMSC reads besides RecBole's own settings."""

    model_name = "MMSC"

    encoder: str = Field(
        min_length=1, description="the features file to read, features/<encoder>.safetensors"
    )
    modalities: list[Literal["text", "image"]] = Field(
        description="which of the encoder's modalities are used, []: no content"
    )
    behaviour: bool = Field(description="co-view and co-purchase, and what is solved from them")
    list_order: bool = Field(
        description="what stands high in a product's list counts more; false: all alike"
    )
    refile: bool = Field(
        description="training pairs that look like the other relation's count there; false: never"
    )
    semantic_level: bool = Field(
        description="attention over the sources of an item; false: their mean"
    )
    task_level: bool = Field(
        description="gates between the relations; false: each keeps to its own"
    )
    embedding_size: int = Field(gt=0, le=4096, description="width of every item vector")
    dropout: float = Field(ge=0, lt=1, description="share of the fused entries zeroed in training")
    candidates: int = Field(gt=0, description="items of a batch that each query is ranked against")
    edge_dropout: float = Field(
        ge=0, lt=1, description="share of the edges that pass no message in a training step"
    )
    neighbours: int = Field(
        gt=0, description="neighbours of an item and behaviour heard in a training step, about"
    )
    content_neighbours: int = Field(
        ge=0, description="content neighbours an item without behaviour borrows from, 0: none"
    )
    content_sharpness: float = Field(
        gt=0, le=64, description="power of the content neighbours' cosines when items borrow"
    )
    words: bool = Field(
        description="the words of title and brand beside the encoder's vectors among them"
    )
    content_reg: float = Field(
        ge=1e-6, description="lambda of the regression on content neighbours when items borrow"
    )
    completion_weight: float = Field(
        ge=0, description="weight of the completed graph in the score, 0: off"
    )
    borrowed_weight: float = Field(
        ge=0, description="weight of a borrowed row of the completed graph beside an item's own"
    )
    completion_features: int = Field(
        gt=0, description="features in the linear model of one item and relation"
    )
    completion_reg: float = Field(ge=1e-3, description="lambda of the linear models, as EASE's")
    reranking_weight: float = Field(
        ge=0,
        description="weight of the probability that a suggestion of the completed graph comes "
        "true, 0: off",
    )
    forgotten: float = Field(
        ge=0, lt=1, description="share of a batch's items trained as if they had no behaviour"
    )
    temperature: float = Field(gt=0, le=10, description="divides the cosines of the contrasts")
    contrasted: int = Field(gt=1, description="items of a batch that a contrast looks at")
    content_weight: float = Field(
        ge=0,
        description="weight of the contrasts of content, across substitutes and of text and "
        "image, 0: off",
    )
    reliability_weight: float = Field(
        ge=0, description="weight of the reliability loss, 0: none is learned"
    )

    supervision: list[str] = Field(
        description="labellers whose labels are used, supervision/<labeller>.parquet, []: none"
    )
    belief_weight: float = Field(
        ge=0,
        description="weight of what is believed of edges, by labels or where pairs are misfiled, "
        "as soft targets beside the reliability's own loss",
    )

    @field_validator("supervision")
    @classmethod
    def _each_once(cls, labellers: list[str]) -> list[str]:
        if len({*map(filed_as, labellers)}) < len(labellers):
            raise ValueError("expected each labeller once")
        return labellers

    @model_validator(mode="after")
    def _something_to_go_by(self) -> Self:
        if not (self.modalities or self.behaviour):
            raise ValueError("expected modalities, behaviour, or both; found neither")
        return self
