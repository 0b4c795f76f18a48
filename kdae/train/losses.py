"""The loss: a weighted sum of the L1 and the squared L2 norm of the residual."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops
from pydantic import NonNegativeFloat, model_validator

from kdae.config import Section


class LossConfig(Section):
    """The loss that training minimizes; see `l1_l2`."""

    l1: NonNegativeFloat = 1.0
    """Weight of the L1 norm of the residual; l1 or l2 must be above 0."""
    l2: NonNegativeFloat = 0.0
    """Weight of the squared L2 norm of the residual."""
    reduction: Literal["mean", "sum"] = "mean"
    """Whether an image's values are averaged or added; see `l1_l2`."""

    @model_validator(mode="after")
    def _some_cost(self) -> LossConfig:
        if self.l1 + self.l2 == 0:
            raise ValueError("l1 or l2 above 0")
        return self


def l1_l2(
    clean: Any, restored: Any, l1: float = 1.0, l2: float = 0.0, reduction: str = "mean"
) -> Any:
    """Returns l1 * |r|_1 + l2 * |r|_2^2 with r = restored - clean, for each image.

    The L1 norm keeps edges sharp; the squared L2 norm penalizes large errors.

    Args:
        clean: [N, H, W, C], any float dtype, range [0, 1].
        restored: the same shape.
        l1: weight of the L1 norm.
        l2: weight of the squared L2 norm.
        reduction: `sum` adds over an image's values, as in the formula; `mean` divides by
            their number, so that the size of a patch does not change the step.

    Returns:
        Float32 [N], also for inputs in half precision: a sum of the 4,096 squares of a 64x64
        patch in float16 would lose the small ones.

    Raises:
        ValueError: for another `reduction`.
    """
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction: expected 'mean' or 'sum', got {reduction!r}")
    residual = ops.cast(restored, "float32") - ops.cast(clean, "float32")
    cost = l1 * ops.abs(residual) + l2 * ops.square(residual)
    reduce = ops.mean if reduction == "mean" else ops.sum
    return reduce(cost, axis=(1, 2, 3))


@keras.saving.register_keras_serializable("kdae")
class L1L2Loss(keras.losses.Loss):
    """The mean of `l1_l2` over the images of a batch.

    Args:
        l1: weight of the L1 norm.
        l2: weight of the squared L2 norm.
        reduction: within an image, `mean` or `sum`; see `l1_l2`.
        name: name of the loss in logs.
    """

    def __init__(
        self, l1: float = 1.0, l2: float = 0.0, reduction: str = "mean", name: str = "l1_l2"
    ) -> None:
        # Always float32, as Keras would first cast the inputs to the global policy.
        super().__init__(name=name, reduction="sum_over_batch_size", dtype="float32")
        self.l1, self.l2, self.within_image = l1, l2, reduction

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each image; see `l1_l2`."""
        return l1_l2(y_true, y_pred, self.l1, self.l2, self.within_image)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments, so that a saved model loads by itself."""
        return {
            "l1": self.l1,
            "l2": self.l2,
            "reduction": self.within_image,
            "name": self.name,
        }
