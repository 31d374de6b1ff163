/** `throughline export --db DB --to STATE_DB [ID…]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as HermesExport from "../../hermes/export.ts"
import { openForWriting } from "../../hermes/file.ts"
import { SessionId } from "../../session/Session.ts"
import { SessionStore } from "../../store/SessionStore.ts"
import { answer, dbOption, jsonOption, SessionName, store } from "../services.ts"
import { count, printable } from "../terminal/terminal.ts"

const to = Options.text("to").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("a Hermes Agent's state.db, to which the sessions are added")
)

const chosen = Args.text({ name: "session" }).pipe(
  Args.withSchema(SessionName),
  Args.withDescription("the id of a session"),
  Args.repeated
)

export const command = Command.make("export", { sessions: chosen, db: dbOption, to, json: jsonOption }, (args) =>
  Effect.gen(function* () {
    const sessions = yield* SessionStore
    const ids =
      args.sessions.length > 0
        ? args.sessions
        : (yield* sessions.sessions).map(({ sessionId }) => SessionId.make(sessionId))
    const leaving = yield* Effect.forEach(new Set(ids), (sessionId) =>
      Effect.gen(function* () {
        const log = Chunk.toReadonlyArray(yield* Stream.runCollect(sessions.log(sessionId)))
        return { sessionId, log, state: yield* sessions.state(sessionId) }
      })
    )
    const exported = yield* Effect.flatMap(openForWriting(args.to), (file) => HermesExport.writeExport(file, leaving))
    yield* answer(args.json, { sessions: exported }, () => exported.flatMap(lines).map(printable))
  }).pipe(Effect.scoped, Effect.provide(store(args.db)))
).pipe(Command.withDescription("Add sessions to a Hermes Agent's database, all of them or none; without ids every one"))

const lines = ({ messages, notWhole, sessionId, undone }: HermesExport.Exported): ReadonlyArray<string> => [
  `exported ${sessionId}: ${count(messages)} messages`,
  ...(notWhole > 0 ? [`of ${sessionId}: ${count(notWhole)} messages have parts that Hermes has no column for`] : []),
  ...(undone > 0 ? [`of ${sessionId}: ${count(undone)} undone messages left out, as its schema cannot hide them`] : [])
]
