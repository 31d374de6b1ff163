/** The commands that only read: `sessions`, `left-out`, `log`, `view`, `handoff`, `snapshots`, `snapshot`. */
import * as Command from "@effect/cli/Command"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import process from "node:process"
import type { State } from "../../session/Session.ts"
import type { Acknowledged, SessionSummary } from "../../store/SessionStore.ts"
import { Tokens } from "../../message/Tokens.ts"
import * as View from "../../view/View.ts"
import { WINDOW } from "../config/settings.ts"
import { type Part, drawWindow } from "../terminal/bars.ts"
import { describeOrigin } from "../import/table.ts"
import { printAnswer } from "../io.ts"
import { configOption, dbOption, explainOption, jsonOption, sessionArg, snapshotArg } from "../options.ts"
import { loadSettings, useStore } from "../services.ts"
import { makePrintable } from "../terminal/printable.ts"
import { alignColumns, formatCount, styleOf } from "../terminal/terminal.ts"
import { formatTranscript } from "../terminal/transcript.ts"

export const sessions = Command.make("sessions", { db: dbOption, json: jsonOption }, ({ db, json }) =>
  Effect.gen(function* () {
    const found = yield* useStore(db, (store) => store.sessions)
    const linked = linkSessions(found)
    yield* printAnswer(json, linked, () =>
      linked.length === 0
        ? ["no sessions"]
        : alignColumns(
            linked.map((session) => [
              session.sessionId,
              `${formatCount(session.messages)} messages`,
              `~${formatCount(session.tokens)} tokens`,
              `${formatCount(session.waiting)} waiting`,
              `generation ${session.generation}`,
              describeLinks(session)
            ])
          )
    )
  })
).pipe(Command.withDescription("List the sessions of a database, and which were parts of others"))

/** A session of the list, with those that were imported as parts of it. */
interface LinkedSession extends SessionSummary {
  readonly subagents?: ReadonlyArray<string>
  readonly branches?: ReadonlyArray<string>
}

const linkSessions = (sessions: ReadonlyArray<SessionSummary>): ReadonlyArray<LinkedSession> => {
  const parts = { subagent: new Map<string, Array<string>>(), branch: new Map<string, Array<string>>() }
  for (const { origin, sessionId } of sessions) {
    if (origin === undefined) continue
    const known = parts[origin.as].get(origin.of)
    if (known === undefined) parts[origin.as].set(origin.of, [sessionId])
    else known.push(sessionId)
  }
  return sessions.map((session) => {
    const subagents = parts.subagent.get(session.sessionId) ?? []
    const branches = parts.branch.get(session.sessionId) ?? []
    return {
      ...session,
      ...(subagents.length === 0 ? {} : { subagents }),
      ...(branches.length === 0 ? {} : { branches })
    }
  })
}

const describeLinks = ({ branches = [], origin, subagents = [] }: LinkedSession): string =>
  [
    ...(origin === undefined ? [] : [describeOrigin(origin)]),
    ...(subagents.length === 0 ? [] : [`sub-agents ${subagents.join(", ")}`]),
    ...(branches.length === 0 ? [] : [`branches ${branches.join(", ")}`])
  ].join("; ")

export const leftOut = Command.make(
  "left-out",
  { session: sessionArg, db: dbOption, json: jsonOption },
  ({ db, json, session }) =>
    Effect.gen(function* () {
      const found = yield* useStore(db, (store) => store.leftOut(session))
      yield* printAnswer(json, found, () =>
        found.length === 0
          ? ["nothing was left out"]
          : found.flatMap(({ line, reason, text }) => [
              `${line === null ? "" : `line ${line}: `}${reason}`,
              makePrintable(text)
            ])
      )
    })
).pipe(Command.withDescription("Print what an import could not read of a session's file, as it stood there"))

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
