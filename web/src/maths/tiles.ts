/** Where to cut a picture so that the tiles' results equal the whole picture's result. */

/** One tile: `source` is what the model sees, `keep` is the part of its answer to keep. */
export interface Tile {
  readonly source: Rect;
  readonly keep: Rect;
}

/** A rectangle in pixels of the picture. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface TileRules {
  /** Height and width of the model's input must be multiples of this. */
  readonly multiple: number;
  /** Pixels of context a kept pixel needs on each side, a multiple of `multiple`. */
  readonly halo: number;
  /** Pixels by which the picture is continued on each side, a multiple of `multiple`. */
  readonly margin: number;
  /** The most pixels one tile may have: this bounds the engine's memory. */
  readonly maxPixels: number;
  /** How many tiles run at the same time. */
  readonly lanes: number;
}

interface Span {
  readonly start: number;
  readonly size: number;
  readonly keepFrom: number;
  readonly keepTo: number;
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/**
 * Cuts a length into `count` spans of equal size. A span that touches the border of
 * the padded length has no halo there: the model must meet the border where it meets
 * it in the whole picture. Equal sizes let a GPU reuse its compiled programs.
 */
export function cutLength(length: number, count: number, multiple: number, halo: number): Span[] {
  const padded = roundUp(length, multiple);
  if (count === 1) return [{ start: 0, size: padded, keepFrom: 0, keepTo: length }];
  const step = roundUp(Math.ceil((padded - 2 * halo) / count), multiple);
  const size = Math.min(step + 2 * halo, padded);
  const spans: Span[] = [];
  for (let index = 0; index < count; index++) {
    const keepFrom = index === 0 ? 0 : index * step + halo;
    const last = index === count - 1;
    const keepTo = last ? length : Math.min(length, (index + 1) * step + halo);
    if (keepFrom >= keepTo) break;
    spans.push({ start: Math.min(index * step, padded - size), size, keepFrom, keepTo });
  }
  return spans;
}

/** The pixels that `lanes` parallel workers must go through, one after the other. */
function cost(columns: Span[], rows: Span[], lanes: number): number {
  const rounds = Math.ceil((columns.length * rows.length) / lanes);
  return rounds * (columns[0].size * rows[0].size + PIXELS_PER_CALL);
}

/** A call costs about as much as this many pixels (copying, scheduling). */
const PIXELS_PER_CALL = 2000;

/**
 * Plans the tiles of a picture: the cheapest grid whose tiles have at most `maxPixels`
 * pixels. Tiles come in order of their distance from the picture's middle. With a margin
 * `source` reaches beyond the picture on all sides; without one on the right and below only.
 *
 * @throws RangeError if `maxPixels` does not leave room for a kept pixel between halos.
 */
export function planTiles(width: number, height: number, rules: TileRules): Tile[] {
  const { multiple, margin, maxPixels, lanes } = rules;
  const halo = margin > 0 ? Math.max(rules.halo, margin + multiple) : rules.halo; // no tile is all margin
  let best: { columns: Span[]; rows: Span[]; cost: number } | undefined;
  const [wide, high] = [width + 2 * margin, height + 2 * margin];
  const most = (length: number) => Math.max(1, Math.ceil((length - 2 * halo) / multiple));
  for (let across = 1; across <= most(wide); across++) {
    const columns = cutLength(wide, across, multiple, halo);
    if (columns.length < across || columns[across - 1].keepFrom >= margin + width) continue;
    for (let down = 1; down <= most(high); down++) {
      const rows = cutLength(high, down, multiple, halo);
      if (rows.length < down || rows[down - 1].keepFrom >= margin + height) continue;
      if (columns[0].size * rows[0].size > maxPixels) continue;
      const price = cost(columns, rows, lanes);
      if (!best || price < best.cost) best = { columns, rows, cost: price };
      if (down * across > lanes) break; // more rows than needed only add halo
    }
  }
  if (!best) throw new RangeError(`no tile of at most ${maxPixels} pixels fits a halo of ${halo}`);
  const tiles: Tile[] = [];
  for (const row of best.rows) {
    const [top, bottom] = inside(row, margin, height);
    for (const column of best.columns) {
      const [left, right] = inside(column, margin, width);
      tiles.push({
        source: { x: column.start - margin, y: row.start - margin, width: column.size, height: row.size },
        keep: { x: left, y: top, width: right - left, height: bottom - top },
      });
    }
  }
  const distance = ({ keep }: Tile) =>
    Math.hypot(keep.x + keep.width / 2 - width / 2, keep.y + keep.height / 2 - height / 2);
  return tiles.sort((a, b) => distance(a) - distance(b));
}

/** What a span keeps of a length that has margins, in pixels of the picture. */
function inside({ keepFrom, keepTo }: Span, margin: number, length: number): [number, number] {
  return [Math.max(keepFrom - margin, 0), Math.min(keepTo - margin, length)];
}

/** The distance between two ranges of numbers, 0 where they meet. */
function gap(at: number, to: number, from: number, until: number): number {
  return Math.max(0, from - to, at - until);
}

/**
 * The index of the tile nearest to what is on the screen: one that `view` (in pixels of the
 * picture) meets goes before others; of equal ones, that nearer to the view's middle.
 */
export function nearest(tiles: readonly Tile[], view: Rect): number {
  const [middleX, middleY] = [view.x + view.width / 2, view.y + view.height / 2];
  let best = 0;
  let least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const [index, { keep }] of tiles.entries()) {
    const outside = Math.hypot(
      gap(keep.x, keep.x + keep.width, view.x, view.x + view.width),
      gap(keep.y, keep.y + keep.height, view.y, view.y + view.height),
    );
    const toMiddle = Math.hypot(
      gap(keep.x, keep.x + keep.width, middleX, middleX),
      gap(keep.y, keep.y + keep.height, middleY, middleY),
    );
    if (outside < least[0] || (outside === least[0] && toMiddle < least[1])) {
      best = index;
      least = [outside, toMiddle];
    }
  }
  return best;
}

/** The index inside [0, length) that `index` mirrors to, without repeating the border. */
export function reflect(index: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const folded = ((index % period) + period) % period;
  return folded < length ? folded : period - folded;
}
