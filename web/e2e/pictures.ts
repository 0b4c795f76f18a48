/** Pictures for tests and benchmarks. */
import { randomNumbers } from "../src/maths/noise.ts";
import type { Rgba } from "../src/maths/pixels.ts";
import { encodePng, type PngKind } from "../src/maths/png.ts";

/** A PNG of smooth colours with noise: each value is off by up to 30. */
export async function makePicture(width: number, height: number, kind: PngKind = "rgb"): Promise<Buffer> {
  const random = randomNumbers(width * 10007 + height);
  function* strips(): Generator<Rgba> {
    for (let y = 0; y < height; y++) {
      const data = new Uint8ClampedArray(width * 4);
      for (let x = 0; x < width; x++) {
        const noisy = (value: number) => value + (random() - 0.5) * 60;
        data[x * 4] = noisy((x / width) * 200 + 20);
        data[x * 4 + 1] = kind === "grey" ? data[x * 4] : noisy((y / height) * 200 + 20);
        data[x * 4 + 2] = kind === "grey" ? data[x * 4] : noisy(128);
        data[x * 4 + 3] = kind === "rgba" && x < width / 2 ? 128 : 255;
      }
      yield { data, width, height: 1 };
    }
  }
  return Buffer.from(await (await encodePng(width, height, kind, strips())).arrayBuffer());
}
