"""Settings of ``recbole-mmsc adapt``."""

from __future__ import annotations

import difflib
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from recbole_mmsc.settings.base import ModelSettings, SettingsError


class AdaptationSettings(ModelSettings):
    """How an adapter is trained; the defaults were chosen on validation (docs/model.md)."""

    model_name = "adapt"

    relations: list[Literal["substitute", "complement"]] = Field(
        default=["substitute"], min_length=1, description="whose training pairs are pulled together"
    )
    itc_weight: float = Field(
        default=0.1, ge=0, description="weight of the contrast of an item's text and image, 0: off"
    )
    temperature: float = Field(default=0.03, gt=0, le=10, description="divides the cosines")
    hidden: int = Field(default=256, gt=0, le=8192, description="width inside the adapter")
    epochs: int = Field(default=2, gt=0, description="passes over the training pairs, at most")
    patience: int = Field(
        default=2, gt=0, description="epochs without a better held-out loss before it stops"
    )
    batch_size: int = Field(default=512, ge=2, description="pairs contrasted with each other")
    learning_rate: float = Field(default=0.001, gt=0, description="falls linearly to zero")
    weight_decay: float = Field(default=0.01, ge=0, description="AdamW's")
    held_out: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="share of the items whose training pairs only decide when to stop",
    )
    seed: int = Field(default=2026, ge=0, lt=2**32, description="draws weights, batches, held-out")

    @classmethod
    def of(cls, **given: Any) -> Self:
        """The defaults, but for what is given.

        Raises:
            SettingsError: an unknown name (the nearest is suggested), a wrong type or value.
        """
        for name in given:
            if name not in cls.model_fields:
                near = difflib.get_close_matches(name, cls.model_fields, n=1)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                raise SettingsError(
                    f"adapt does not know {name!r}{hint}. Its settings: "
                    f"{', '.join(cls.model_fields)}."
                )
        try:
            return cls(**given)
        except ValidationError as error:
            raise SettingsError(cls._explain(error)) from None
