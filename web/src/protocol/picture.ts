/** What the picture worker (decoding, canvases, saving) offers. */
import type { Controls } from "../maths/blend.ts";
import type { Keep } from "../maths/exif.ts";
import type { Size } from "../maths/header.ts";
import type { Rgba } from "../maths/pixels.ts";
import type { Tile } from "../maths/tiles.ts";
import type { Viewport } from "../maths/viewport.ts";
import type { Moved } from "./rpc.ts";

/** What of a file cannot be kept, or was left out. */
export type Note = "animated" | "toP3" | "toSrgb" | "toEightBits" | "profile";

export interface PictureInfo extends Size {
  readonly grey: boolean;
  readonly opaque: boolean;
  /** 16 if a PNG is saved with 16 bits. */
  readonly bits: 8 | 16;
  readonly colorSpace: PredefinedColorSpace;
  readonly notes: readonly Note[];
  readonly hasExif: boolean;
  /** A small PNG of at most 128 pixels. */
  readonly thumbnail: Blob;
}

/** A point of a picture, in its pixels. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

export const LOSSY = ["jpeg", "webp", "avif"] as const;
export type SaveFormat = "png" | (typeof LOSSY)[number];

/** What to draw: a picture with a model's result, where, and on a screen of which size. */
export interface Scene {
  readonly id: number;
  readonly model: string;
  readonly view: Viewport;
  readonly screen: Size;
  readonly controls: Controls;
  /** Draws what was removed in place of the result. */
  readonly removed: boolean;
}

export interface SaveOrder {
  readonly id: number;
  readonly model: string;
  readonly name: string;
  readonly controls: Controls;
}

export interface SaveOptions {
  readonly format: SaveFormat;
  /** Of formats that lose something: 0 to 1. */
  readonly quality: number;
  /** What of the EXIF data goes along. */
  readonly keep: Keep;
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
  /** Deviation of grain in the brightness, and of coarse spots in the colour; 0 to 255. */
  readonly grain: number;
  readonly blotches: number;
  /** The quality of a JPEG that the noisy picture goes through, 1 to 100. */
  readonly jpeg: number;
  readonly seed: number;
}

export interface PictureCalls {
  /**
   * Takes the two canvases of the stage: the noisy picture below, the clean one above. `wide`
   * is for screens that show more than sRGB.
   */
  attach(before: OffscreenCanvas, after: OffscreenCanvas, wide: boolean): void;
  /** Decodes a picture. Errors: NotAPicture, TooLarge (see errors.ts). */
  open(id: number, file: Blob): Promise<PictureInfo>;
  paint(scene: Scene): Promise<void>;
  /** Takes the port of an engine, called `lane` from now on. */
  connect(lane: number, port: MessagePort): void;
  /** Forgets an engine that is gone; its tiles fail. */
  disconnect(lane: number): void;
  /**
   * Has a lane clean a tile with a `model` of `channels`, and puts it in its place unless the
   * picture was reset meanwhile. Errors: EngineFailed.
   */
  clean(id: number, tile: Tile, lane: number, model: string, channels: 1 | 3): Promise<void>;
  /** Forgets a model's result. */
  reset(id: number, model: string): Promise<void>;
  /** The middle of the spot where the model has taken away most. */
  busiest(id: number, model: string): Place;
  /** What this browser writes. */
  formats(): Promise<SaveFormat[]>;
  save(order: SaveOrder, options: SaveOptions): Promise<Blob>;
  /** Writes pictures into one ZIP, one after the other: into `target`, else into what is returned. */
  zip(orders: SaveOrder[], options: SaveOptions, target?: FileSystemFileHandle): Promise<Blob | undefined>;
  /** Forgets a picture and gives its memory back. */
  close(id: number): Promise<void>;
  /** Decodes a small picture and crops its middle to at most `side` pixels. */
  crop(file: Blob, side: number): Promise<Moved<Rgba>>;
  /** Adds noise. */
  spoil(image: Rgba, settings: NoiseSettings): Promise<Moved<Rgba>>;
  /** Makes the noisy copy of a clean sample, as a PNG. */
  sample(file: Blob, seed: number): Promise<Blob>;
}
