/**
 * A picture in square chunks at full, half, quarter, ... size. Drawing any part at any
 * zoom touches only the chunks seen, about as many pixels as the screen has, and no
 * single canvas exceeds what a phone allows.
 */
import type { Size } from "../maths/header.ts";
import type { Rect } from "../maths/tiles.ts";
import { pictureRect, type Viewport } from "../maths/viewport.ts";

const CHUNK = 1024;
const SMALLEST = 512; // no level is smaller than half of this

type Context = OffscreenCanvasRenderingContext2D;

/** A canvas that lives in main memory: it is read back often. */
export function makeContext(width: number, height: number, colorSpace: PredefinedColorSpace = "srgb"): Context {
  const options = { willReadFrequently: true, colorSpace };
  const context = new OffscreenCanvas(width, height).getContext("2d", options);
  if (!context) throw new RangeError("out of memory: no canvas");
  return context;
}

export class Pyramid {
  private readonly levels: { size: Size; chunks: Map<string, Context> }[] = [];

  readonly size: Size;

  /** Where a chunk has not been written, the pyramid shows `below`. */
  constructor(
    { width, height }: Size,
    readonly colorSpace: PredefinedColorSpace,
    private readonly below?: Pyramid,
  ) {
    this.size = { width, height };
    for (;;) {
      this.levels.push({ size: { width, height }, chunks: new Map() });
      if (Math.max(width, height) <= SMALLEST) break;
      width = Math.max(1, width >> 1);
      height = Math.max(1, height >> 1);
    }
  }

  /** Copies from a decoded picture of the same size. */
  fill(picture: CanvasImageSource): void {
    for (const rect of this.chunkRects(0, { x: 0, y: 0, ...this.size })) {
      const { x, y, width, height } = rect;
      this.chunkToWrite(0, x, y).drawImage(picture, x, y, width, height, 0, 0, width, height);
    }
    this.shrink({ x: 0, y: 0, ...this.size });
  }

  /** Gives the memory back at once: the collector does not know how much a canvas holds. */
  free(): void {
    for (const { chunks } of this.levels) {
      for (const { canvas } of chunks.values()) canvas.width = canvas.height = 0;
      chunks.clear();
    }
  }

  /** Writes pixels at a place, at all levels. */
  put(image: ImageData, x: number, y: number): void {
    const rect = { x, y, width: image.width, height: image.height };
    for (const chunk of this.chunkRects(0, rect)) {
      this.chunkToWrite(0, chunk.x, chunk.y).putImageData(image, x - chunk.x, y - chunk.y);
    }
    this.shrink(rect);
  }

  /** Reads pixels at full size. */
  read(rect: Rect): ImageData {
    const context = makeContext(rect.width, rect.height, this.colorSpace);
    for (const chunk of this.chunkRects(0, rect)) {
      const canvas = this.chunkToRead(0, chunk.x, chunk.y);
      if (canvas) context.drawImage(canvas, chunk.x - rect.x, chunk.y - rect.y);
    }
    return context.getImageData(0, 0, rect.width, rect.height, { colorSpace: this.colorSpace });
  }

  /** Draws the part of the picture that `view` shows; `context` is as large as `screen`. */
  draw(context: Context, view: Viewport, screen: Size): void {
    const wanted = Math.floor(Math.log2(1 / Math.min(1, view.scale)) + 0.01);
    const level = Math.min(wanted, this.levels.length - 1);
    const { size } = this.levels[level];
    const onScreen = pictureRect(view, this.size, screen);
    const scaleX = onScreen.width / size.width;
    const scaleY = onScreen.height / size.height;
    context.imageSmoothingEnabled = view.scale < 2;
    const left = Math.max(0, Math.floor(-onScreen.x / scaleX));
    const top = Math.max(0, Math.floor(-onScreen.y / scaleY));
    const seen = {
      x: left,
      y: top,
      width: Math.min(size.width, Math.ceil((screen.width - onScreen.x) / scaleX)) - left,
      height: Math.min(size.height, Math.ceil((screen.height - onScreen.y) / scaleY)) - top,
    };
    for (const chunk of this.chunkRects(level, seen)) {
      const canvas = this.chunkToRead(level, chunk.x, chunk.y);
      if (!canvas) continue;
      // Whole screen pixels: chunks meet without a gap and without overlap.
      const x0 = Math.round(onScreen.x + chunk.x * scaleX);
      const y0 = Math.round(onScreen.y + chunk.y * scaleY);
      const x1 = Math.round(onScreen.x + (chunk.x + chunk.width) * scaleX);
      const y1 = Math.round(onScreen.y + (chunk.y + chunk.height) * scaleY);
      context.drawImage(canvas, 0, 0, chunk.width, chunk.height, x0, y0, x1 - x0, y1 - y0);
    }
  }

  /** The chunks of a level that meet `rect`, cut off at the picture's border. */
  private *chunkRects(level: number, rect: Rect): Generator<Rect> {
    const { size } = this.levels[level];
    const right = Math.min(size.width, rect.x + rect.width);
    const bottom = Math.min(size.height, rect.y + rect.height);
    for (let y = rect.y - (rect.y % CHUNK); y < bottom; y += CHUNK) {
      for (let x = rect.x - (rect.x % CHUNK); x < right; x += CHUNK) {
        const width = Math.min(CHUNK, size.width - x);
        yield { x, y, width, height: Math.min(CHUNK, size.height - y) };
      }
    }
  }

  private chunkToRead(level: number, x: number, y: number): OffscreenCanvas | undefined {
    const own = this.levels[level].chunks.get(`${x},${y}`);
    return own ? own.canvas : this.below?.chunkToRead(level, x, y);
  }

  private chunkToWrite(level: number, x: number, y: number): Context {
    const { size, chunks } = this.levels[level];
    const key = `${x},${y}`;
    let context = chunks.get(key);
    if (!context) {
      context = makeContext(Math.min(CHUNK, size.width - x), Math.min(CHUNK, size.height - y), this.colorSpace);
      const below = this.below?.chunkToRead(level, x, y);
      if (below) context.drawImage(below, 0, 0);
      chunks.set(key, context);
    }
    return context;
  }

  /** Renews the smaller levels where full-size `rect` changed. */
  private shrink(rect: Rect): void {
    let { x, y } = rect;
    let right = x + rect.width;
    let bottom = y + rect.height;
    for (let level = 1; level < this.levels.length; level++) {
      const { size } = this.levels[level];
      [x, y] = [x >> 1, y >> 1];
      right = Math.min(size.width, (right + 1) >> 1);
      bottom = Math.min(size.height, (bottom + 1) >> 1);
      const fine = { x: x * 2, y: y * 2, width: (right - x) * 2, height: (bottom - y) * 2 };
      for (const chunk of this.chunkRects(level - 1, fine)) {
        this.shrinkChunk(level, chunk, fine);
      }
    }
  }

  private shrinkChunk(level: number, chunk: Rect, fine: Rect): void {
    const from = this.chunkToRead(level - 1, chunk.x, chunk.y);
    const x0 = Math.max(fine.x, chunk.x);
    const y0 = Math.max(fine.y, chunk.y);
    const width = Math.min(fine.x + fine.width, chunk.x + chunk.width) - x0;
    const height = Math.min(fine.y + fine.height, chunk.y + chunk.height) - y0;
    if (!from || width < 2 || height < 2) return;
    const [toX, toY] = [x0 >> 1, y0 >> 1];
    const [chunkX, chunkY] = [toX - (toX % CHUNK), toY - (toY % CHUNK)];
    const context = this.chunkToWrite(level, chunkX, chunkY);
    context.save();
    context.beginPath();
    context.rect(toX - chunkX, toY - chunkY, width >> 1, height >> 1);
    context.clip();
    context.globalCompositeOperation = "copy"; // replaces what is there, alpha included
    context.drawImage(
      from,
      x0 - chunk.x,
      y0 - chunk.y,
      (width >> 1) * 2,
      (height >> 1) * 2,
      toX - chunkX,
      toY - chunkY,
      width >> 1,
      height >> 1,
    );
    context.restore();
  }
}
