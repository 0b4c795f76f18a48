/** Zoom and pan: which part of the picture is on the screen. All lengths in device pixels. */
import type { Rect } from "./tiles.ts";
import type { Size } from "./header.ts";

/** `scale` screen pixels per picture pixel; (x, y) is the picture point in the middle. */
export interface Viewport {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export const MAX_SCALE = 16;

/** The scale at which the whole picture is seen; small pictures are not blown up beyond 4. */
function fitScale(picture: Size, screen: Size): number {
  const scale = Math.min(screen.width / picture.width, screen.height / picture.height);
  return Math.min(scale, 4);
}

export function fit(picture: Size, screen: Size): Viewport {
  return { scale: fitScale(picture, screen), x: picture.width / 2, y: picture.height / 2 };
}

/** Keeps the scale between fit (or 1:1) and MAX_SCALE, and the picture on the screen. */
function constrain(view: Viewport, picture: Size, screen: Size): Viewport {
  const least = Math.min(fitScale(picture, screen), 1);
  const scale = Math.min(MAX_SCALE, Math.max(least, view.scale));
  const clamp = (centre: number, length: number, room: number) => {
    const half = room / scale / 2;
    return half * 2 >= length ? length / 2 : Math.min(length - half, Math.max(half, centre));
  };
  return {
    scale,
    x: clamp(view.x, picture.width, screen.width),
    y: clamp(view.y, picture.height, screen.height),
  };
}

/** Scales by `factor`, keeping the picture point under the screen point (px, py) there. */
export function zoomAt(view: Viewport, factor: number, px: number, py: number, picture: Size, screen: Size): Viewport {
  const wanted = view.scale * factor;
  const least = Math.min(fitScale(picture, screen), 1);
  const scale = Math.min(MAX_SCALE, Math.max(least, wanted));
  const dx = px - screen.width / 2;
  const dy = py - screen.height / 2;
  return constrain(
    { scale, x: view.x + dx / view.scale - dx / scale, y: view.y + dy / view.scale - dy / scale },
    picture,
    screen,
  );
}

/** Moves the picture by (dx, dy) screen pixels. */
export function pan(view: Viewport, dx: number, dy: number, picture: Size, screen: Size): Viewport {
  const moved = { scale: view.scale, x: view.x - dx / view.scale, y: view.y - dy / view.scale };
  return constrain(moved, picture, screen);
}

/** Where the picture's border lies on the screen, in whole pixels. */
export function pictureRect(view: Viewport, picture: Size, screen: Size): Rect {
  return {
    x: Math.round(screen.width / 2 - view.x * view.scale),
    y: Math.round(screen.height / 2 - view.y * view.scale),
    width: Math.round(picture.width * view.scale),
    height: Math.round(picture.height * view.scale),
  };
}
