/** What the picture worker (decoding, canvases, saving) offers. */
import type { Size } from "../maths/header.ts";
import type { Rgba } from "../maths/pixels.ts";
import type { Tile } from "../maths/tiles.ts";
import type { Viewport } from "../maths/viewport.ts";
import type { Moved } from "./rpc.ts";

export interface PictureInfo extends Size {
  readonly grey: boolean;
  readonly opaque: boolean;
  /** A small PNG of at most 128 pixels. */
  readonly thumbnail: Blob;
}

export type SaveFormat = "png" | "jpeg";

/** What to draw: a picture, where, how strong, and on a screen of which size. */
export interface Scene {
  readonly id: number;
  readonly view: Viewport;
  readonly screen: Size;
  readonly strength: number;
}

export interface SaveOrder {
  readonly id: number;
  readonly name: string;
  readonly strength: number;
}

/** Noise of the Lab; 0 turns each part off. */
export interface NoiseSettings {
  /** Deviation on the 0 to 255 scale. */
  readonly sigma: number;
  /** Photons that white counts. */
  readonly photons: number;
  /** Fraction of the picture in knocked-out blocks, and their side in pixels. */
  readonly blocks: number;
  readonly blockSide: number;
  readonly seed: number;
}

export interface PictureCalls {
  /** Takes the two canvases of the stage: the noisy picture below, the clean one above. */
  attach(before: OffscreenCanvas, after: OffscreenCanvas): void;
  /** Decodes a picture. Errors: NotAPicture, TooLarge (see errors.ts). */
  open(id: number, file: Blob): Promise<PictureInfo>;
  paint(scene: Scene): Promise<void>;
  /** Takes the port of an engine, called `lane` from now on. */
  connect(lane: number, port: MessagePort): void;
  /** Forgets an engine that is gone; its tiles fail. */
  disconnect(lane: number): void;
  /**
   * Has a lane clean a tile with a model of `channels`, and puts it in its place unless the
   * picture was reset meanwhile. Errors: EngineFailed.
   */
  clean(id: number, tile: Tile, lane: number, channels: 1 | 3): Promise<void>;
  /** Forgets all results. */
  reset(id: number): Promise<void>;
  save(order: SaveOrder, format: SaveFormat): Promise<Blob>;
  zip(orders: SaveOrder[], format: SaveFormat): Promise<Blob>;
  close(id: number): void;
  /** Decodes a small picture and crops its middle to at most `side` pixels. */
  crop(file: Blob, side: number): Promise<Moved<Rgba>>;
  /** Adds noise. */
  spoil(image: Rgba, settings: NoiseSettings): Moved<Rgba>;
  /** Makes the noisy copy of a clean sample, as a PNG. */
  sample(file: Blob, seed: number): Promise<Blob>;
}
