/** Time left, in numbers and in words. */

/** Seconds left after `done` of `total` equal tiles took `seconds`; undefined at first. */
export function secondsLeft(done: number, total: number, seconds: number): number | undefined {
  return done === 0 ? undefined : (seconds / done) * (total - done);
}

/** "a moment", "12 s", "about 2 min": rounded so that it does not flicker. */
export function spokenTime(seconds: number): string {
  if (seconds < 1.5) return "a moment";
  if (seconds < 20) return `${Math.round(seconds)} s`;
  if (seconds < 90) return `${Math.round(seconds / 5) * 5} s`;
  return `about ${Math.round(seconds / 60)} min`;
}
