/** The commands that only read: `sessions`, `log`, `view`, `handoff`, `snapshots`, `snapshot`. */
import * as Command from "@effect/cli/Command"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import process from "node:process"
import type { State } from "../../session/Session.ts"
import type { Acknowledged } from "../../store/SessionStore.ts"
import { Tokens } from "../../message/Tokens.ts"
import * as View from "../../view/View.ts"
import { WINDOW } from "../config/settings.ts"
import { type Part, drawWindow } from "../terminal/bars.ts"
import { printAnswer } from "../io.ts"
import { configOption, dbOption, explainOption, jsonOption, sessionArg, snapshotArg } from "../options.ts"
import { loadSettings, useStore } from "../services.ts"
import { alignColumns, formatCount, styleOf } from "../terminal/terminal.ts"
import { formatTranscript } from "../terminal/transcript.ts"

export const sessions = Command.make("sessions", { db: dbOption, json: jsonOption }, ({ db, json }) =>
  Effect.gen(function* () {
    const found = yield* useStore(db, (store) => store.sessions)
    yield* printAnswer(json, found, () =>
      found.length === 0
        ? ["no sessions"]
        : alignColumns(
            found.map(({ generation, messages, sessionId, tokens, waiting }) => [
              sessionId,
              `${formatCount(messages)} messages`,
              `~${formatCount(tokens)} tokens`,
              `${formatCount(waiting)} waiting`,
              `generation ${generation}`
            ])
          )
    )
  })
).pipe(Command.withDescription("List the sessions of a database"))

export const log = Command.make(
  "log",
  { session: sessionArg, db: dbOption, explain: explainOption, json: jsonOption },
  ({ db, explain, json, session }) =>
    Effect.gen(function* () {
      const entries = Chunk.toReadonlyArray(yield* useStore(db, (store) => Stream.runCollect(store.log(session))))
      const value = explain ? entries.map(describeEntry) : entries.map(({ message }) => message)
      yield* printAnswer(json, value, () =>
        formatTranscript(
          entries.map(({ message, seq, undone, unreadable }) => ({
            label: `#${seq ?? "inbox"} ${undone ? "(undone) " : ""}${unreadable === undefined ? "" : "(unreadable) "}`,
            message
          }))
        )
      )
    })
).pipe(Command.withDescription("Print every acknowledged message of a session, first the log, then the inbox"))

const describeEntry = ({ arrival, at, kind, message, seq, undone, unreadable }: Acknowledged) => ({
  seq,
  arrival,
  kind,
  at,
  undone,
  ...(unreadable === undefined ? {} : { unreadable }),
  message
})

export const view = Command.make(
  "view",
  { session: sessionArg, db: dbOption, explain: explainOption, config: configOption, json: jsonOption },
  (args) =>
    Effect.gen(function* () {
      const contextLength = Option.isSome(args.config)
        ? (yield* loadSettings(args.config)).policy.contextLength
        : WINDOW
      const state = yield* useStore(args.db, (store) => store.state(args.session))
      yield* printView(state, args, contextLength)
    })
).pipe(Command.withDescription("Print the chat messages that the model sees of a session"))

export const snapshots = Command.make(
  "snapshots",
  { session: sessionArg, db: dbOption, json: jsonOption },
  ({ db, json, session }) =>
    Effect.gen(function* () {
      const found = yield* useStore(db, (store) => store.snapshots(session))
      yield* printAnswer(json, found, () =>
        found.length === 0
          ? ["no snapshots: this is the first generation"]
          : alignColumns(found.map((s) => [s.snapshotId, `generation ${s.generation}`, `up to #${s.lastSeq}`]))
      )
    })
).pipe(Command.withDescription("List the snapshots of a session, each a view before a compression"))

export const snapshot = Command.make(
  "snapshot",
  { id: snapshotArg, db: dbOption, json: jsonOption },
  ({ db, id, json }) =>
    Effect.gen(function* () {
      const state = yield* useStore(db, (store) => store.snapshot(id))
      yield* printView(state, { json, explain: false }, WINDOW)
    })
).pipe(Command.withDescription("Print the chat messages of a snapshot"))

const printView = (state: State, flags: { readonly json: boolean; readonly explain: boolean }, contextLength: number) =>
  Effect.gen(function* () {
    const view = View.assemble(state, yield* Tokens)
    const segments = state.segments.map(({ degraded, fromSeq, id, model, toSeq, tokens }) => ({
      id,
      fromSeq,
      toSeq,
      tokens,
      model,
      degraded
    }))
    const { generation, messages, parts, repairs, tokens } = view
    const value = flags.explain ? { generation, tokens, parts, segments, repairs, messages } : messages
    yield* printAnswer(flags.json, value, () => [
      ...formatTranscript(messages.map((message) => ({ label: "", message }))),
      ...(flags.explain
        ? [
            ...drawWindow(partsOfView(view), contextLength, styleOf(process.stdout)),
            ...segments.map((s) => `segment ${s.id}: ${s.fromSeq} to ${s.toSeq}, ~${s.tokens} tokens, ${s.model}`),
            ...repairs.map(formatRepair)
          ]
        : [])
    ])
  })

const formatRepair = ({ kind, seq, ...details }: View.Repair): string =>
  [`repair ${kind} at #${seq}`, ...Object.entries(details).map(([name, value]) => `${name} ${value}`)].join(", ")

/** The parts of a view as a bar shows them. Before the first compression the whole log is one part. */
export const partsOfView = ({ generation, parts }: View.View): ReadonlyArray<Part> =>
  Object.entries(parts).map(([name, { tokens }]) => ({
    name: generation === 0 && name === "tail" ? "whole log" : name,
    tokens
  }))
