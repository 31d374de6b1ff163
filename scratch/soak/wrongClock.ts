/** A wall clock that is wrong by as much as one says. Timers and the monotonic clock go on as they did. */
const { now } = Date
let shift = 0

export const shiftClock = (milliseconds: number): void => {
  shift = milliseconds
  Date.now = () => now() + shift
}
