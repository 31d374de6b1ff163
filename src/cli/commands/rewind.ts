/** `throughline rewind ID SEQ --db DB`, `throughline reset ID --db DB` and `throughline restore SNAPSHOT --db DB` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import { printAnswer } from "../io.ts"
import { configOption, dbOption, jsonOption, sessionArg, snapshotArg } from "../options.ts"
import { loadSettings, useGateway, useStore } from "../services.ts"
import { formatCount } from "../terminal/terminal.ts"

const seqArg = Args.integer({ name: "seq" }).pipe(
  Args.withDescription("the last message to keep, as `throughline log` numbers them; 0 takes back all")
)

export const rewind = Command.make(
  "rewind",
  { session: sessionArg, seq: seqArg, db: dbOption, json: jsonOption },
  ({ db, json, seq, session }) =>
    Effect.gen(function* () {
      const { generation, undone } = yield* useGateway(db, ({ rewind }) => rewind(session, seq))
      yield* printAnswer(json, { sessionId: session, generation, undone }, () => [
        undone === 0
          ? `nothing to take back: session ${session} ends with #${seq}`
          : `rewound: session ${session}, generation ${generation}`,
        ...(undone === 0 ? [] : [`${undone === 1 ? "1 message is" : `${formatCount(undone)} messages are`} undone`])
      ])
    })
).pipe(Command.withDescription("Take back the newest messages of a session; the log keeps them as undone"))

export const reset = Command.make("reset", { session: sessionArg, db: dbOption, json: jsonOption }, (args) =>
  Effect.gen(function* () {
    const { generation, snapshotId } = yield* useGateway(args.db, ({ reset }) => reset(args.session))
    yield* printAnswer(args.json, { sessionId: args.session, generation, snapshotId }, () => [
      `reset: session ${args.session}, generation ${generation}`,
      `the view before: ${snapshotId}`
    ])
  })
).pipe(Command.withDescription("End the working context of a session; the log remains and can be searched"))

export const restore = Command.make(
  "restore",
  { id: snapshotArg, db: dbOption, config: configOption, json: jsonOption },
  ({ config, db, id, json }) =>
    Effect.gen(function* () {
      const { policy } = yield* loadSettings(config)
      const { sessionId } = yield* useStore(db, (store) => store.snapshot(id))
      const restored = yield* useGateway(db, ({ restore }) => restore(sessionId, id), { policy })
      yield* printAnswer(json, { sessionId, ...restored }, () => [
        `restored: session ${sessionId}, generation ${restored.generation}`,
        `the view before: ${restored.snapshotId}`
      ])
    })
).pipe(Command.withDescription("Show again what a session showed at a snapshot, and after it what came since"))
