/** Lists sessions with how full their windows are, and finds out which have changed. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { setNewest } from "../concurrency/newestEntries.ts"
import { inUse } from "../message/Tokens.ts"
import { SessionId } from "../session/Session.ts"
import type { StoreError } from "../session/SessionError.ts"
import { type SessionSummary, SessionStore } from "../store/SessionStore.ts"
import type { ServerEvent, SessionEntry } from "./endpoints/answers.ts"
import { Settings } from "./settings.ts"
import { estimateView } from "./views.ts"

export class SessionList extends Context.Tag("throughline/server/SessionList")<
  SessionList,
  {
    /** Lists `limit` sessions after the id `after`, in order of their ids. */
    readonly list: (
      after: string | undefined,
      limit: number
    ) => Effect.Effect<{ readonly sessions: ReadonlyArray<SessionEntry>; readonly next: string | null }, StoreError>
    /** Tells what has changed since it was asked last. */
    readonly findChanges: Effect.Effect<ReadonlyArray<ServerEvent>, StoreError>
  }
>() {}

/** The size of a view as it was with so many messages and generations. */
interface Sized {
  readonly key: string
  readonly view: number
}

const MOST_SIZES = 20_000

const keyOf = ({ generation, messages }: SessionSummary): string => `${generation} ${messages}`
const figuresOf = (summary: SessionSummary): string => `${keyOf(summary)} ${summary.waiting} ${summary.tokens}`

const make = Effect.gen(function* () {
  const store = yield* SessionStore
  const counter = yield* inUse
  const { contextLength } = yield* Settings
  const sizes = new Map<string, Sized>()
  let known: ReadonlyMap<string, string> | undefined

  /** Reads a session only if it has changed. One that cannot be read counts as a whole. */
  const describe = (summary: SessionSummary): Effect.Effect<SessionEntry> => {
    const sized = sizes.get(summary.sessionId)
    const key = keyOf(summary)
    const measured =
      sized?.key === key
        ? Effect.succeed(sized.view)
        : store.state(SessionId.make(summary.sessionId, true)).pipe(
            Effect.map((state) => estimateView(state, counter)),
            Effect.orElseSucceed(() => summary.tokens)
          )
    return Effect.map(measured, (view) => {
      setNewest(sizes, summary.sessionId, { key, view }, MOST_SIZES)
      return { ...summary, view, contextLength }
    })
  }

  const list = (after: string | undefined, limit: number) =>
    Effect.gen(function* () {
      const all = yield* store.sessions
      const rest = after === undefined ? all : dropUpTo(all, after)
      const page = rest.slice(0, limit)
      const sessions = yield* Effect.forEach(page, describe)
      return { sessions, next: rest.length > page.length ? (page.at(-1)?.sessionId ?? null) : null }
    })

  const findChanges = Effect.gen(function* () {
    const all = yield* store.sessions
    const before = known
    known = new Map(all.map((summary) => [summary.sessionId, figuresOf(summary)] as const))
    if (before === undefined) return []
    const changed = all.filter((summary) => before.get(summary.sessionId) !== figuresOf(summary))
    const gone = Array.from(before.keys()).filter((sessionId) => known?.has(sessionId) === false)
    return [
      ...gone.map((sessionId) => ({ _tag: "Gone", sessionId }) as const),
      ...(yield* Effect.forEach(changed, (summary) =>
        Effect.map(
          describe(summary),
          (session) => ({ _tag: "Changed", sessionId: session.sessionId, session }) as const
        )
      ))
    ]
  })

  return SessionList.of({ list, findChanges })
})

/** Stores list ids in the order of their bytes, in which JavaScript compares no texts. */
const dropUpTo = (all: ReadonlyArray<SessionSummary>, after: string): ReadonlyArray<SessionSummary> => {
  const last = Buffer.from(after)
  return all.filter(({ sessionId }) => Buffer.compare(Buffer.from(sessionId), last) > 0)
}

export const layer = Layer.effect(SessionList, make)
