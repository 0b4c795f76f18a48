/** The size at which the camera can run live. */

/** Long sides to choose from, in pixels. */
export const LIVE_SIDES = [128, 192, 256, 320, 480, 640, 960] as const;

/** The time a frame should take: faster looks no better, slower is no film. */
export const FRAME_MS = 140;

/**
 * The largest side whose frames take at most FRAME_MS on a machine that takes
 * `msPerMegapixel`; `aspect` is short side / long side. At least the smallest.
 */
export function liveSide(msPerMegapixel: number, aspect: number): number {
  const fits = LIVE_SIDES.filter((side) => ((side * side * aspect) / 1e6) * msPerMegapixel <= FRAME_MS);
  return fits.at(-1) ?? LIVE_SIDES[0];
}

/** One step smaller if frames take far too long, one larger if there is room for it. */
export function nextSide(side: number, frameMs: number): number {
  const at = LIVE_SIDES.findIndex((step) => step === side);
  if (frameMs > FRAME_MS * 1.5 && at > 0) return LIVE_SIDES[at - 1];
  const larger = LIVE_SIDES[at + 1];
  if (larger && frameMs * (larger / side) ** 2 < FRAME_MS * 0.8) return larger;
  return side;
}
