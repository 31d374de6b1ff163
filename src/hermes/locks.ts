/** Who holds a session of a Hermes database: the locks of its compressions and the leases of its turns. */

export interface HermesLock {
  readonly table: "compression_locks" | "session_turn_leases"
  readonly sessionId: string
  readonly holder: string
  readonly expiresAt: number
}

/** What one has to know of the world to say whether a lock still counts: epoch seconds, and which processes run. */
export interface World {
  readonly now: number
  readonly isRunning: (pid: number) => boolean
}

/** `expired`: nobody renewed it; `dead`: its process is gone. */
export type LockState = "held" | "expired" | "dead"

export const lockState = ({ expiresAt, holder }: HermesLock, { isRunning, now }: World): LockState => {
  const pid = pidOf(holder)
  if (pid !== null && !isRunning(pid)) return "dead"
  return expiresAt <= now ? "expired" : "held"
}

/** Of `pid=…:tid=…:agent=…:nonce=…`. A holder that names no process is believed until it expires. */
const pidOf = (holder: string): number | null => {
  const found = /(?:^|:)pid=(\d+)(?=:|$)/.exec(holder)
  return found === null ? null : Number(found[1])
}
