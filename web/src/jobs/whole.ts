/** Cleans a small picture in one piece. */
import { crop, type FloatImage, padReflect, type Rgba, toFloat } from "../maths/pixels.ts";
import { roundUp } from "../maths/tiles.ts";
import type { ModelCard } from "./models.ts";

/** A model that is ready to run. */
export interface Ready {
  readonly card: ModelCard;
  run(image: FloatImage): Promise<FloatImage>;
}

/** Continues the picture by its mirror image as far as the model asks for, and cuts that off again. */
export async function cleanWhole(image: Rgba, { card, run }: Ready): Promise<FloatImage> {
  const { size_multiple: multiple, margin = 0 } = card;
  const { width, height } = image;
  const sides = [width, height].map((side) => roundUp(side + 2 * margin, multiple));
  const result = await run(toFloat(padReflect(image, sides[0], sides[1], margin, margin)));
  return crop(result, { x: margin, y: margin, width, height });
}
