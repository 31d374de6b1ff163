/** Remembers how many pictures the server of a session takes, where it has refused more. Forgotten with the process. */
import { readImageLimit } from "../model/overflowText.ts"
import type { SessionId } from "../session/Session.ts"

export interface PictureLimits {
  /** The most pictures of a request; infinite where none was refused. */
  readonly find: (sessionId: SessionId) => number
  /** Believes a refusal of `images` pictures: returns the limit that its text names, or else half of them. */
  readonly lower: (sessionId: SessionId, images: number, text: string) => number
  readonly forget: (sessionId: SessionId) => void
}

/** Forgets the session that was refused longest ago if there are more than `mostSessions`, which then learns again. */
export const makePictureLimits = (mostSessions = 10_000): PictureLimits => {
  const limits = new Map<SessionId, number>()
  return {
    find: (sessionId) => limits.get(sessionId) ?? Infinity,
    lower: (sessionId, images, text) => {
      const named = readImageLimit(text) ?? Infinity
      const most = named < images ? named : Math.floor(images / 2)
      limits.delete(sessionId)
      limits.set(sessionId, most)
      for (const oldest of limits.keys()) {
        if (limits.size <= mostSessions) break
        limits.delete(oldest)
      }
      return most
    },
    forget: (sessionId) => {
      limits.delete(sessionId)
    }
  }
}
