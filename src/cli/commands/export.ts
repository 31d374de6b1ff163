/** `throughline export --db DB --to STATE_DB [ID…]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as HermesExport from "../../hermes/export.ts"
import { SessionId } from "../../session/Session.ts"
import type { SessionStore } from "../../store/SessionStore.ts"
import { printAnswer } from "../io.ts"
import { dbOption, jsonOption, SessionName } from "../options.ts"
import { useStore } from "../services.ts"
import { formatCount } from "../terminal/terminal.ts"

const to = Options.text("to").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("the state.db of a Hermes Agent, to which the sessions are added")
)

const chosen = Args.text({ name: "session" }).pipe(
  Args.withSchema(SessionName),
  Args.withDescription("the id of a session"),
  Args.repeated
)

export const command = Command.make("export", { sessions: chosen, db: dbOption, to, json: jsonOption }, (args) =>
  Effect.gen(function* () {
    const leaving = yield* useStore(args.db, (store) => readSessions(store, args.sessions))
    const exported = yield* HermesExport.writeExport(args.to, leaving)
    yield* printAnswer(args.json, { sessions: exported }, () => exported.flatMap(formatExported))
  })
).pipe(
  Command.withDescription("Add sessions to a Hermes Agent's database, all or none of them; without ids, every session")
)

/** Reads the sessions that were chosen, or all of them. */
const readSessions = (store: SessionStore["Type"], chosen: ReadonlyArray<SessionId>) =>
  Effect.gen(function* () {
    const ids = chosen.length > 0 ? chosen : (yield* store.sessions).map(({ sessionId }) => SessionId.make(sessionId))
    return yield* Effect.forEach(new Set(ids), (sessionId) =>
      Effect.gen(function* () {
        const log = Chunk.toReadonlyArray(yield* Stream.runCollect(store.log(sessionId)))
        return { sessionId, log, state: yield* store.state(sessionId) }
      })
    )
  })

const formatExported = ({
  messages,
  notWhole,
  sessionId,
  undone
}: HermesExport.ExportResult): ReadonlyArray<string> => [
  `exported ${sessionId}: ${formatCount(messages)} messages`,
  ...(notWhole > 0
    ? [`of ${sessionId}: ${formatCount(notWhole)} messages have parts that Hermes has no column for`]
    : []),
  ...(undone > 0
    ? [`of ${sessionId}: ${formatCount(undone)} undone messages left out, as the schema cannot hide them`]
    : [])
]
