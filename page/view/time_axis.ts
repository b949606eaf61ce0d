/** From times to places: short times are stretched and long ones squeezed, so that every arrow can be followed. */

/** Places of times, the last one at the bottom. */
export interface TimeAxis {
  /** The place of a time, pixels from the top. Times before the first one are above the top. */
  placeOf(at: number): number;
  /** Times with their places, top down. */
  readonly ticks: readonly { readonly at: number; readonly place: number }[];
  /** Long times without an event: where they end, and how long they are, ms. */
  readonly pauses: readonly { readonly place: number; readonly ms: number }[];
}

/** The least distance of two events, and of two decades of time between them, pixels. */
const LEAST = 2.2;
const DECADE = 3.6;
/** A pause worth telling, ms. */
const PAUSE_MS = 400;
const TICK_PIXELS = 54;

/** Pixels for a time between two events. */
function distanceOf(ms: number): number {
  return LEAST + DECADE * Math.log10(1 + ms / 0.08);
}

/** The axis for these times, of which the last one is `end`. */
export function timeAxis(times: Iterable<number>, end: number, height: number): TimeAxis {
  const sorted = [...new Set(times)].filter((time) => time <= end).sort((a, b) => b - a);
  const points: { at: number; place: number }[] = [{ at: end, place: height }];
  const pauses: { place: number; ms: number }[] = [];
  for (const at of sorted) {
    const last = points.at(-1)!;
    if (last.at - at < 1e-6) continue;
    const place = last.place - distanceOf(last.at - at);
    if (last.at - at > PAUSE_MS) pauses.push({ place: (last.place + place) / 2, ms: last.at - at });
    points.push({ at, place });
    if (place < -20) break;
  }
  points.reverse();
  const placeOf = (at: number): number => {
    if (at <= points[0]!.at) return points[0]!.place - (points[0]!.at - at > 0 ? 8 : 0);
    let [low, high] = [0, points.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (points[middle]!.at <= at) low = middle;
      else high = middle;
    }
    const [a, b] = [points[low]!, points[high]!];
    return b.at === a.at ? b.place : a.place + (b.place - a.place) * Math.min(1, (at - a.at) / (b.at - a.at));
  };
  const ticks: { at: number; place: number }[] = [];
  let lastPlace = -Infinity;
  for (const point of points) {
    if (point.place < 10 || point.place - lastPlace < TICK_PIXELS) continue;
    ticks.push(point);
    lastPlace = point.place;
  }
  return { placeOf, ticks, pauses };
}
