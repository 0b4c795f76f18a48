/** Time left. */

/** Seconds left after `done` of `total` equal tiles took `seconds`; undefined at first. */
export function secondsLeft(done: number, total: number, seconds: number): number | undefined {
  return done === 0 ? undefined : (seconds / done) * (total - done);
}
