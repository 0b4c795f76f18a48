/** Weights as TF.js stores them, and where a TFLite file has them. */

/** A tensor of a TF.js model's weights. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly quantization?: { readonly dtype: string; readonly scale?: number; readonly min?: number };
}

/** What `tools/litert.py` tells of a TFLite file that has no weights yet. */
export interface Plan {
  /** The height and width that the file is for. */
  readonly side: number;
  /** Where each height is in the file, and what; the width of the same tensor follows it. */
  readonly shapes: readonly (readonly [number, number])[];
  /** Where the weights of each name begin: float32 [out, height, width, in]. */
  readonly weights: Readonly<Record<string, number>>;
}

const SIZES: Record<string, number> = { float32: 4, int32: 4, float16: 2, uint16: 2, uint8: 1, bool: 1 };

function count({ shape }: WeightSpec): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** The bytes of one value. */
function bytesOf({ dtype, quantization }: WeightSpec): number {
  return SIZES[quantization?.dtype ?? dtype];
}

/** The bytes of all weights, from their shapes: known before a shard is fetched. */
export function weightBytes(specs: readonly WeightSpec[]): number {
  return specs.reduce((total, spec) => total + count(spec) * bytesOf(spec), 0);
}

/** The value of a float16 number, which is finite. */
export function fromHalf(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -size : size;
}

/** How to read the weights of one tensor, which begin at byte `start`. */
function reader(view: DataView, spec: WeightSpec, start: number): (index: number) => number {
  const { quantization } = spec;
  const { scale = 1, min = 0 } = quantization ?? {};
  const stored = quantization?.dtype ?? spec.dtype;
  if (stored === "float32") return (index) => view.getFloat32(start + 4 * index, true);
  if (stored === "float16") return (index) => fromHalf(view.getUint16(start + 2 * index, true));
  if (stored === "uint8") return (index) => view.getUint8(start + index) * scale + min;
  throw new RangeError(`weights of ${stored}`);
}

/** A TFLite file with TF.js' weights: [height, width, in, out] there, [out, height, width, in] here. */
export function withWeights(file: Uint8Array, plan: Plan, specs: readonly WeightSpec[], weights: ArrayBuffer): Uint8Array<ArrayBuffer> {
  const filled = file.slice();
  const [from, to] = [new DataView(weights), new DataView(filled.buffer)];
  let start = 0;
  for (const spec of specs) {
    const place = plan.weights[spec.name];
    if (place === undefined) throw new RangeError(`no place for ${spec.name}`);
    const [total, outs, read] = [count(spec), spec.shape[3], reader(from, spec, start)];
    for (let index = 0; index < total; index++) {
      const at = (index % outs) * (total / outs) + Math.floor(index / outs);
      to.setFloat32(place + 4 * at, read(index), true);
    }
    start += total * bytesOf(spec);
  }
  return filled;
}

/** Makes a TFLite file one for pictures of that size, in place. */
export function resize(file: Uint8Array, { side, shapes }: Plan, width: number, height: number): void {
  const view = new DataView(file.buffer, file.byteOffset);
  for (const [place, length] of shapes) {
    view.setInt32(place, (length * height) / side, true);
    view.setInt32(place + 4, (length * width) / side, true);
  }
}
