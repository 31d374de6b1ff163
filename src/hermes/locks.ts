/** The locks that hold a session of a Hermes database: those of its compressions, and the leases of its turns. */

/** Each table of locks, with its column for the session id. */
export const LOCK_TABLES = { compression_locks: "session_id", session_turn_leases: "conversation_id" } as const

export interface HermesLock {
  readonly table: keyof typeof LOCK_TABLES
  readonly sessionId: string
  /** Such as `pid=…:tid=…:agent=…:nonce=…`. */
  readonly holder: string
  readonly expiresAt: number
}

/** The time in epoch seconds and the running processes: what decides whether a lock still counts. */
export interface World {
  readonly now: number
  readonly isRunning: (pid: number) => boolean
}

/** `expired`: its holder did not renew it; `dead`: the process of its holder is gone. */
export type LockState = "held" | "expired" | "dead"

export const lockState = ({ expiresAt, holder }: HermesLock, { isRunning, now }: World): LockState => {
  const pid = parsePid(holder)
  if (pid !== null && !isRunning(pid)) return "dead"
  return expiresAt <= now ? "expired" : "held"
}

/** A holder that names no process counts until its lock expires. */
const parsePid = (holder: string): number | null => {
  const pid = /(?:^|:)pid=(\d+)(?=:|$)/.exec(holder)?.[1]
  return pid === undefined ? null : Number(pid)
}
