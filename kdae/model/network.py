"""The network: an encoder of stride-2 scales and an upsampling decoder.

    image ─ stem ─ blocks ──────────── + ─ blocks ─ head ─ (+ image) ─ denoised
             1/2     └ down ─ blocks ─ up ┘
                       1/4      └ ...

`plain` has no path around the bottleneck: no skip connections, no residual; every filter
of its encoder is followed by a ReLU. `skip` adds the encoder's features of each scale to
the decoder's, its blocks (filters, ReLU, filters) are residual, and it predicts what to add
to the noisy image. With `zero_mean` its stem is blind to brightness, and so is all that
follows: brightness is in every feature otherwise, and one step that turns a filter against it
silences its ReLU for good.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from kdae.model.config import ModelConfig
from kdae.model.layers import STRIDE, BilinearUpsample, DepthToSpace, ZeroSum


def build_denoiser(
    config: ModelConfig,
    channels: int,
    weight_decay: float = 0.0,
    dtype: str = "float32",
    seed: int = 0,
) -> keras.Model:
    """Builds the denoiser D(E(image)).

    Args:
        config: family, widths, blocks, kernel, upsampling, bias, zero_mean.
        channels: 1 or 3.
        weight_decay: scale of the L2 regularizer of every kernel.
        dtype: a Keras dtype policy; under `mixed_float16` the output is still float32.
        seed: of the initial filters.

    Returns:
        A model from [N, H, W, channels] float32 in [0, 1] to the same shape, not clipped;
        H and W must be multiples of 2^len(config.widths). `encoder` and `decoder` give
        its halves.
    """
    keep_image = config.family == "skip"
    blind = keep_image and config.zero_mean
    at_zero: dict[str, Any] = {"kernel_initializer": "zeros"}
    seeds = iter(range(seed * 1000, seed * 1000 + 1000))
    regularizer = keras.regularizers.L2(weight_decay) if weight_decay else None

    def conv(filters: int, size: int, name: str, kind: type = layers.Conv2D, **kw: Any) -> Any:
        init = keras.initializers.HeNormal(seed=next(seeds))
        kw = {"kernel_initializer": init, "padding": "same", "use_bias": config.bias} | kw
        return kind(filters, size, kernel_regularizer=regularizer, dtype=dtype, name=name, **kw)

    def relu(name: str) -> Any:
        return layers.ReLU(name=name, dtype=dtype)

    def block(x: Any, filters: int, name: str) -> Any:
        if not keep_image:
            return relu(f"{name}_relu")(conv(filters, config.kernel, f"{name}_conv")(x))
        y = relu(f"{name}_relu")(conv(filters, config.kernel, f"{name}_conv1")(x))
        # Starting at zero, a block starts as the identity, which bears bolder steps.
        y = conv(filters, config.kernel, f"{name}_conv2", **at_zero)(y)
        return layers.Add(name=f"{name}_add", dtype=dtype)([x, y])

    def up(x: Any, filters: int, size: int, name: str, **kw: Any) -> Any:
        if config.upsampling == "transpose":
            kind = layers.Conv2DTranspose
            return conv(filters, 2 * size, f"{name}_conv", kind, strides=STRIDE, **kw)(x)
        if config.upsampling == "bilinear":
            x = BilinearUpsample(name=f"{name}_resize", dtype=dtype)(x)
            return conv(filters, size, f"{name}_conv", **kw)(x)
        x = conv(filters * STRIDE**2, size, f"{name}_conv", **kw)(x)
        return DepthToSpace(name=f"{name}_d2s", dtype=dtype)(x)

    # Encoder: `scales[k]` is the representation at 1/2^(k+1).
    image = layers.Input((None, None, channels), name="image")
    x, scales = image, []
    for k, (width, count) in enumerate(zip(config.widths, config.blocks, strict=True)):
        # The stem sees as much as a `kernel` filter on 2x2 squares of pixels.
        size = 2 * config.kernel if k == 0 else STRIDE
        kw = {"kernel_constraint": ZeroSum()} if k == 0 and blind else {}
        x = conv(width, size, f"down{k}_conv", strides=STRIDE, **kw)(x)
        if not keep_image:
            # Not in `skip`, whose ReLUs sit in its blocks: there most of these died.
            x = relu(f"down{k}_relu")(x)
        for b in range(count):
            x = block(x, width, f"encoder{k}_block{b}")
        x = layers.Identity(name=f"scale{k}", dtype=dtype)(x)
        scales.append(x)

    # Decoder: from the coarsest scale back to the image.
    for k in reversed(range(len(scales) - 1)):
        width = config.widths[k]
        x = up(x, width, 1, f"up{k}")
        if keep_image:
            x = layers.Add(name=f"skip{k}", dtype=dtype)([x, scales[k]])
        else:
            x = relu(f"up{k}_relu")(x)
        for b in range(config.blocks[k]):
            x = block(x, width, f"decoder{k}_block{b}")
    # The residual starts at zero, the denoiser as the identity.
    x = up(x, channels, config.kernel, "head", **(at_zero if keep_image else {}))
    x = layers.Identity(name="decoded", dtype="float32")(x)
    if keep_image:
        x = layers.Add(name="denoised", dtype="float32")([image, x])
    model = keras.Model(image, x, name=f"kdae_{config.family}")
    for kernel in model.trainable_variables:
        if kernel.constraint is not None:  # Keras applies it only after each step.
            kernel.assign(kernel.constraint(kernel))
    return model


def encoder(model: keras.Model) -> keras.Model:
    """The encoder of a denoiser alone: image -> [representation at every scale].

    Args:
        model: from `build_denoiser`, or such a model loaded from a file.
    """
    names = sorted(x.name for x in model.layers if x.name.startswith("scale"))
    outputs = [model.get_layer(name).output for name in names]
    return keras.Model(model.input, outputs, name="encoder")


def decoder(model: keras.Model) -> keras.Model:
    """The decoder alone: [representation at every scale the decoder reads] -> decoded image.

    For `plain` the input is the bottleneck and the output the image; for `skip` the inputs
    are all scales and the output is what the denoiser adds to the noisy image.
    """
    outputs = encoder(model).outputs
    inputs = outputs[-1:] if "denoised" not in {x.name for x in model.layers} else outputs
    return keras.Model(inputs, model.get_layer("decoded").output, name="decoder")
