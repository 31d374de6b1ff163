/** Gives agents on the other side of a connection their turns. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Effect from "effect/Effect"
import { Api } from "../Api.ts"
import type { View } from "../../view/View.ts"
import { type Asked, OpenTurns } from "../openTurns.ts"
import { describeView, readMessages } from "../views.ts"

const WAIT = 30_000
const TTL = 60_000
const LONGEST_TTL = 600_000

/** Below it, a client would lose its turn by a hiccup of the network. */
const SHORTEST_TTL = 1_000

export const layer = HttpApiBuilder.group(Api, "turns", (handlers) =>
  Effect.gen(function* () {
    const turns = yield* OpenTurns
    return handlers
      .handle("begin", ({ path: { session }, payload: { ttl = TTL, wait = WAIT } }) =>
        turns.begin(session, { wait, ttl: Math.min(LONGEST_TTL, Math.max(SHORTEST_TTL, ttl)) }).pipe(
          Effect.map(({ lastSeq, ttl, turn }) => ({ turn, sessionId: session, lastSeq, ...extendBy(ttl) })),
          // Neither its caller nor its agent can be within another turn, and `wait` is a number.
          Effect.catchTags({ NestedTurn: Effect.die, InvalidPolicy: Effect.die, TurnInterrupted: Effect.die })
        )
      )
      .handle("step", ({ path: { session, turn }, payload: { format = "chat", ...options } }) =>
        Effect.flatMap(turns.view(session, turn, { format, options }), ([view, ttl]) =>
          answerView(view, ttl, { format, options })
        )
      )
      .handle("rescue", ({ path: { session, turn }, payload: { detail = "" } }) =>
        Effect.flatMap(turns.rescue(session, turn, detail), ([view, ttl, asked]) => answerView(view, ttl, asked))
      )
      .handle("append", ({ path: { session, turn }, payload: { format = "chat", key, messages } }) =>
        Effect.gen(function* () {
          const read = yield* readMessages(format, messages)
          const { ttl, ...answer } = yield* turns.append(session, turn, read, key)
          return { ...answer, ...extendBy(ttl) }
        })
      )
      .handle("report", ({ path: { session, turn }, payload }) =>
        Effect.map(turns.report(session, turn, payload), extendBy)
      )
      .handle("heartbeat", ({ path: { session, turn } }) => Effect.map(turns.keep(session, turn), extendBy))
      .handle("end", ({ path: { session, turn } }) =>
        Effect.map(turns.end(session, turn), (lastSeq) => ({ sessionId: session, lastSeq }))
      )
  })
)

const answerView = (view: View, ttl: number, { format, options }: Asked) =>
  Effect.map(describeView(view, format, options.tools), (answer) => ({ ...answer, ...extendBy(ttl) }))

const extendBy = (ttl: number) => ({ expiresAt: Date.now() + ttl })
