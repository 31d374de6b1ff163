/** Defines what every peer has to do. */
import type { Turn } from "../session.ts"

/** The summarizer: it answers at once, and what it was shown is kept. */
export interface Summarizer {
  readonly prompts: Array<string>
  readonly answer: (prompt: string) => string
}

export interface Session {
  readonly id: () => string
  /** Takes the request, shows the model its view, stores the replies, and compresses when it likes to. */
  readonly turn: (turn: Turn) => Promise<void>
  /** Reads the messages that the model would be shown next. */
  readonly view: () => Promise<ReadonlyArray<string>>
  readonly close: () => Promise<void>
}

export interface Peer {
  readonly name: string
  /** Opens the session in `folder`, or goes on with it. */
  readonly open: (folder: string, summarizer: Summarizer) => Promise<Session>
}

export const WINDOW = 128_000
