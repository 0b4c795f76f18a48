"""Camera noise: the noise that a phone or a camera adds to a picture before it is a JPEG file.

The clean image is taken to be the camera's picture of a noise-free scene, with the camera's
sharpness and artefacts. Only the noise is sent through the camera:

1. the image is turned back into what the sensor saw: tone curve, sRGB curve and saturation
   are undone;
2. each sensor pixel, which sees one colour of a Bayer mosaic, gets shot noise (photons) and
   read noise (electronics); white balance amplifies it, most in red and blue;
3. demosaicking correlates neighbours and channels. It interpolates each colour by itself, or
   the differences of red and blue from green; after the former, saturation (a colour matrix)
   makes the noise more colourful;
4. the sRGB curve and the tone curve follow, clipped at black and at sensor white;
5. the camera's own denoising blurs the noise, in colour more than in brightness, and takes
   away a part of the colour;
6. JPEG compresses the picture; its 16x16 blocks start anywhere, since pictures are cropped.

In step 4 noise `n` on light `y` becomes `(F(y + n) - F(y - n)) / 2`. The curve `F`
bends and clips, so the mean of `F(y + n) - F(y)` is above 0 in dark areas, and a denoiser
trained on that would darken them. Its odd part has a mean of 0: unless quantization clips,
the clean image is the mean of its noisy ones.
"""

import functools
from typing import Annotated

import tensorflow as tf

from kdae.draws import Level, drawer, normal, pick, pick_log, pick_whole, split, uniform
from kdae.noise.bayer import from_mosaic, to_mosaic
from kdae.noise.blur import blur
from kdae.noise.colour import TO_RGB, TO_YCC, scale_colour
from kdae.noise.jpeg import save_half_colour
from kdae.noise.parameters import Limits


def camera(
    image: tf.Tensor,
    seed: tf.Tensor,
    shot: Annotated[Level, Limits(0, 1, log=True)] = (1e-4, 1.2e-2),
    read: Annotated[Level, Limits(0, 1, log=True)] = (1e-8, 2e-4),
    red: Annotated[Level, Limits(1, 10)] = (1.6, 2.4),
    blue: Annotated[Level, Limits(1, 10)] = (1.4, 2.2),
    saturation: Annotated[Level, Limits(1, 5)] = (1.0, 1.6),
    tone: Annotated[Level, Limits(0, 1)] = (0.0, 0.9),
    smooth: Annotated[Level, Limits(0, 5)] = (0.0, 0.7),
    smooth_colour: Annotated[Level, Limits(0, 5)] = (0.0, 2.0),
    jpeg: Annotated[Level | None, Limits(1, 100, whole=True, none=True)] = (75, 100),
    jpeg_probability: Annotated[float, Limits(0, 1, ranged=False)] = 0.8,
    colour: Annotated[Level, Limits(0, 1)] = 1.0,
    colourless: Annotated[float, Limits(0, 1, ranged=False)] = 0.0,
    differences: Annotated[float, Limits(0, 1, ranged=False)] = 0.0,
) -> tf.Tensor:
    """Adds the noise of a camera. The picture itself is not changed.

    `shot` and `read` are drawn log-uniformly and rise together, as they do with the ISO
    setting; `read` deviates from it by up to a tenth of its range. All others are drawn
    uniformly. The default ranges of the two span those of Brooks et al., Unprocessing Images
    for Learned Raw Denoising, 2019.

    A grey image is treated as a grey scene shot in colour and turned to grey (Rec. 601).

    Args:
        image: float32 `[H, W, C]` in [0, 1], sRGB curve, C 1 or 3, H and W at least 16.
        seed: integer tensor `[2]`.
        shot: variance of the shot noise at sensor white, where the signal is 1; elsewhere it
            is in proportion to the signal. 1e-4 is a low ISO, 1.2e-2 the highest of phones.
        read: variance of the read noise, on the same scale.
        red: white-balance gain of red over green.
        blue: white-balance gain of blue over green.
        saturation: colour amplification from sensor to display; 1 is none.
        tone: strength of the S-shaped tone curve: 0 none, 1 a smoothstep.
        smooth: standard deviation, in pixels, of the blur of noise in brightness.
        smooth_colour: the same for noise in colour.
        jpeg: quality of the JPEG compression, 1 to 100; None for no compression.
        jpeg_probability: probability that a picture is compressed.
        colour: factor of what the camera's own denoising leaves of the noise in colour.
        colourless: probability that it leaves none, 0 to 1. The noise is then equal in red,
            green and blue.
        differences: probability that colour differences are interpolated, without a colour
            matrix (the saturation is 1), 0 to 1. The channels' noise is then positively
            correlated, as in the pictures of most cameras.

    Returns:
        Float32 `[H, W, C]`; in [0, 1] if compressed, otherwise not clipped.

    Raises:
        ValueError: the image has neither 1 nor 3 channels.
    """
    if image.shape[-1] not in (1, 3):
        raise ValueError(f"image: expected 1 or 3 channels, got {image.shape[-1]}")
    draw_seed, noise_seed, colour_seed = split(seed, 3)
    draw = drawer(draw_seed, 15)
    iso = draw()
    shot_variance = pick_log(shot, iso)
    read_variance = pick_log(read, tf.clip_by_value(iso + 0.2 * (draw() - 0.5), 0.0, 1.0))
    gains = tf.stack([pick(red, draw()), 1.0, 1.0, pick(blue, draw())])
    kept, gone, difference = tf.unstack(uniform(colour_seed, [3]))
    by_difference = difference < differences
    vivid = tf.where(by_difference, 1.0, pick(saturation, draw()))
    curve = tf.maximum(pick(tone, draw()), 1e-3)  # its inverse divides by it

    display = tf.broadcast_to(image, tf.concat([tf.shape(image)[:2], [3]], 0))
    light = _undevelop(tf.clip_by_value(display, 0.0, 1.0), curve)
    mosaic, top, left = to_mosaic(scale_colour(light, 1.0 / vivid), draw(), draw())
    deviation = tf.sqrt(gains * (shot_variance * mosaic + read_variance * gains))
    mosaic_noise = deviation * normal(noise_seed, tf.shape(mosaic))
    noise = scale_colour(from_mosaic(mosaic_noise, draw(), by_difference), vivid)
    noise = noise[top : top + tf.shape(image)[0], left : left + tf.shape(image)[1]]
    above, below = tf.unstack(_develop(tf.stack([light + noise, light - noise]), curve))
    planes = tf.tensordot(0.5 * (above - below), TO_YCC, 1)
    sigma, colour_sigma = pick(smooth, draw()), pick(smooth_colour, draw())
    planes = blur(planes, tf.stack([sigma, colour_sigma, colour_sigma]))
    if image.shape[-1] == 1:
        noise = planes[..., :1]
    else:
        factor = pick(colour, kept) * tf.cast(gone >= colourless, tf.float32)
        noise = tf.tensordot(planes * tf.stack([1.0, factor, factor]), TO_RGB, 1)
    noisy = tf.ensure_shape(image + noise, image.shape)
    if jpeg is None:
        return noisy
    quality = pick_whole(jpeg, draw())
    compressed = functools.partial(save_half_colour, noisy, quality, draw(), draw())
    return tf.cond(draw() < jpeg_probability, compressed, lambda: noisy)


def to_linear(image: tf.Tensor) -> tf.Tensor:
    """Undoes the sRGB curve (IEC 61966-2-1): display values to linear light, any shape."""
    power = _power((tf.maximum(image, 0.04045) + 0.055) * (1 / 1.055), 2.4)
    return tf.where(image <= 0.04045, image * (1 / 12.92), power)


def from_linear(light: tf.Tensor) -> tf.Tensor:
    """Applies the sRGB curve (IEC 61966-2-1): linear light to display values, any shape."""
    power = 1.055 * _power(tf.maximum(light, 0.0031308), 1 / 2.4) - 0.055
    return tf.where(light <= 0.0031308, light * 12.92, power)


def _power(base: tf.Tensor, exponent: float) -> tf.Tensor:
    # For a positive base; several times faster than tf.pow.
    return tf.exp(exponent * tf.math.log(base))


def _develop(light: tf.Tensor, tone: tf.Tensor) -> tf.Tensor:
    """Clips linear light as the sensor does, and applies the sRGB curve and the tone curve.

    The tone curve is `(1 - t) x + t (3 x^2 - 2 x^3)`, written around mid-grey.
    """
    middle = from_linear(tf.clip_by_value(light, 0.0, 1.0)) - 0.5
    return 0.5 + middle * ((1.0 + 0.5 * tone) - (2.0 * tone) * tf.square(middle))


def _undevelop(image: tf.Tensor, tone: tf.Tensor) -> tf.Tensor:
    """Inverts `_develop` on [0, 1]; `tone` must be above 0.

    Viete's solution of the cubic: `sin 3a = 3 sin a - 4 sin^3 a`.
    """
    radius = 2.0 * tf.sqrt((1.0 + 0.5 * tone) / (6.0 * tone))
    scale = 2.0 / (tone * radius * radius * radius)
    sine = tf.clip_by_value(scale * (image - 0.5), -1.0, 1.0)
    middle = radius * tf.sin(tf.asin(sine) * (1 / 3))
    return to_linear(tf.clip_by_value(0.5 + middle, 0.0, 1.0))
