/** Keeps all sessions up to date by events. */
import { useEffect, useState } from "preact/hooks"
import { readSessions, type ServerEvent, type SessionEntry } from "./client.ts"
import { type Connection, followEvents } from "./eventStream.ts"

/** A compression under way. `share` is how much is written, from 0 to 1; null until a model writes. */
export interface Activity {
  readonly operationId: string
  readonly since: number
  readonly share: number | null
  readonly isWaitedFor: boolean
}

/** Pairs an event with the time at which this page heard of it. */
export interface Happening {
  readonly at: number
  readonly event: Exclude<ServerEvent, { readonly _tag: "Changed" | "Missed" | "Progress" }>
}

/** The time for which a step waited for a compression. */
export interface Waited {
  readonly from: number
  readonly to: number
}

const MOST_HAPPENINGS = 500

export class Live {
  connection: Connection = "connecting"
  isLoaded = false
  failure: Error | null = null
  sessions: ReadonlyArray<SessionEntry> = []
  readonly activities = new Map<string, Activity>()
  readonly turns = new Set<string>()
  readonly happenings = new Map<string, Array<Happening>>()
  readonly waits = new Map<string, Array<Waited>>()
  /** Rises with each event of a session, so that what is shown of it is read again. */
  readonly revisions = new Map<string, number>()
  private readonly byId = new Map<string, SessionEntry>()
  private readonly waitsSince = new Map<string, number>()
  private readonly listeners = new Set<() => void>()
  private isTold = true

  start(): () => void {
    void this.load()
    return followEvents({
      onConnection: (connection) => {
        // The events of the time without a connection are not known.
        if (connection === "live" && this.connection === "lost") void this.load()
        this.connection = connection
        this.tell()
      },
      onEvent: (event) => this.take(event)
    })
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  private async load(): Promise<void> {
    try {
      const found: Array<SessionEntry> = []
      let after: string | null | undefined
      do {
        const page = await readSessions(after ?? undefined)
        found.push(...page.sessions)
        after = page.next
      } while (after !== null)
      this.byId.clear()
      for (const entry of found) this.byId.set(entry.sessionId, entry)
      this.failure = null
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error))
    }
    this.isLoaded = true
    this.listSessions()
    this.tell()
  }

  private take(event: ServerEvent): void {
    if (event._tag === "Missed") return void this.load()
    const { sessionId } = event
    const now = Date.now()
    if (event._tag === "Changed") {
      this.byId.set(sessionId, event.session)
      this.listSessions()
    } else if (event._tag === "Gone") {
      this.byId.delete(sessionId)
      this.listSessions()
    }
    this.followActivity(event, now)
    if (event._tag === "TurnBegan") this.turns.add(sessionId)
    if (event._tag === "TurnEnded") this.turns.delete(sessionId)
    if (event._tag !== "Changed" && event._tag !== "Progress") keepLast(this.happenings, sessionId, { at: now, event })
    if (event._tag !== "Progress") this.revisions.set(sessionId, (this.revisions.get(sessionId) ?? 0) + 1)
    this.tell()
  }

  private followActivity(event: Exclude<ServerEvent, { readonly _tag: "Missed" }>, now: number): void {
    const { sessionId } = event
    const before = this.activities.get(sessionId)
    switch (event._tag) {
      case "Started":
      case "Progress": {
        const share = event._tag === "Progress" ? event.tokensWritten / Math.max(1, event.tokensExpected) : null
        const { isWaitedFor, operationId } = event
        this.activities.set(sessionId, { operationId, isWaitedFor, share, since: before?.since ?? now })
        if (isWaitedFor && !this.waitsSince.has(sessionId)) this.waitsSince.set(sessionId, now)
        return
      }
      case "Committed":
      case "Degraded":
      case "Shortened":
      case "NoHeadroom":
      case "Unchanged":
      case "Failed":
      case "Gone": {
        this.activities.delete(sessionId)
        const from = this.waitsSince.get(sessionId)
        if (from !== undefined) keepLast(this.waits, sessionId, { from, to: now })
        this.waitsSince.delete(sessionId)
        return
      }
    }
  }

  private listSessions(): void {
    this.sessions = Array.from(this.byId.values()).sort((a, b) => (a.sessionId < b.sessionId ? -1 : 1))
  }

  /** Many events between two pictures of the screen are one change of the page. */
  private tell(): void {
    if (!this.isTold) return
    this.isTold = false
    setTimeout(() => {
      this.isTold = true
      this.listeners.forEach((listener) => listener())
    }, BETWEEN_CHANGES)
  }
}

const BETWEEN_CHANGES = 100

const keepLast = <A>(lists: Map<string, Array<A>>, key: string, value: A): void => {
  const list = lists.get(key) ?? []
  list.push(value)
  if (list.length > MOST_HAPPENINGS) list.shift()
  lists.set(key, list)
}

export const live = new Live()

/** Draws the component again whenever something happened. */
export const useLive = (): Live => {
  const [, setCount] = useState(0)
  useEffect(() => live.subscribe(() => setCount((count) => count + 1)), [])
  return live
}
