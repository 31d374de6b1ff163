/** `throughline forget ID --db DB` */
import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import { printAnswer } from "../io.ts"
import { dbOption, jsonOption, sessionArg } from "../options.ts"
import { useGateway } from "../services.ts"
import { formatCount } from "../terminal/terminal.ts"

export const command = Command.make(
  "forget",
  { session: sessionArg, db: dbOption, json: jsonOption },
  ({ db, json, session }) =>
    Effect.gen(function* () {
      const { messages, waiting } = yield* useGateway(db, ({ forget }) => forget(session))
      yield* printAnswer(json, { sessionId: session, messages, waiting }, () => [
        `forgotten: session ${session}, with ${formatCount(messages)} messages and ${formatCount(waiting)} that waited`
      ])
    })
).pipe(Command.withDescription("Delete a session with all that is stored of it; nothing brings it back"))
