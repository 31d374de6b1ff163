/** `throughline export --db DB --to STATE_DB [ID…]` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as HermesExport from "../../hermes/export.ts"
import { SessionId } from "../../session/Session.ts"
import { SessionStore } from "../../store/SessionStore.ts"
import { printAnswer } from "../io.ts"
import { dbOption, jsonOption, SessionName } from "../options.ts"
import { layerStore } from "../services.ts"
import { formatCount, replaceControls } from "../terminal/terminal.ts"

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
    const exported = yield* HermesExport.writeExport(args.to, leaving)
    yield* printAnswer(args.json, { sessions: exported }, () => exported.flatMap(formatExported).map(replaceControls))
  }).pipe(Effect.provide(layerStore(args.db)))
).pipe(
  Command.withDescription("Add sessions to a Hermes Agent's database, all or none of them; without ids, every session")
)

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
