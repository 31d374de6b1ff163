/** `throughline rewind ID SEQ --db DB` and `throughline reset ID --db DB` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Rewind from "../../gateway/rewind.ts"
import { SessionStore } from "../../store/SessionStore.ts"
import { Tokens } from "../../message/Tokens.ts"
import { printAnswer, dbOption, jsonOption, sessionArg, layerStore } from "../services.ts"
import { formatCount } from "../terminal/terminal.ts"

const seqArg = Args.integer({ name: "seq" }).pipe(
  Args.withDescription("the last message to stay, as `throughline log` numbers them; 0 takes back all")
)

export const rewind = Command.make(
  "rewind",
  { session: sessionArg, seq: seqArg, db: dbOption, json: jsonOption },
  ({ db, json, seq, session }) =>
    Effect.gen(function* () {
      const counter = yield* Tokens
      const { generation, undone } = yield* Effect.flatMap(SessionStore, (sessions) =>
        Rewind.rewindSession(sessions, counter, session, seq)
      ).pipe(Effect.provide(layerStore(db)))
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
    const { generation, snapshotId } = yield* Effect.flatMap(SessionStore, (sessions) =>
      Rewind.resetSession(sessions, args.session)
    ).pipe(Effect.provide(layerStore(args.db)))
    yield* printAnswer(args.json, { sessionId: args.session, generation, snapshotId }, () => [
      `reset: session ${args.session}, generation ${generation}`,
      `the view before: ${snapshotId}`
    ])
  })
).pipe(Command.withDescription("End the working context of a session; the log stays and can be searched"))
