/** `throughline deliver ID --db DB < message` */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Message from "../../message/Message.ts"
import { describeInexact, NO_JSON, parseExactly } from "../../transcripts/exactJson.ts"
import * as Rows from "../../transcripts/rows.ts"
import { CommandError, printAnswer, readStdin } from "../io.ts"
import { dbOption, jsonOption, sessionArg } from "../options.ts"
import { useGateway } from "../services.ts"

const kind = Options.choice("kind", ["request", "notification"]).pipe(
  Options.withDescription("a request wants an answer, a notification does not"),
  Options.withDefault("request")
)

const key = Options.text("key").pipe(
  Options.withPseudoName("key"),
  Options.withDescription("an idempotency key: the same message under the same key is delivered once"),
  Options.optional
)

export const command = Command.make(
  "deliver",
  { session: sessionArg, db: dbOption, kind, key, json: jsonOption },
  (args) =>
    Effect.gen(function* () {
      const message = yield* parseInput(yield* readStdin("the message, then Ctrl-D:"))
      const delivery = { kind: args.kind, key: Option.getOrUndefined(args.key) }
      const receipt = yield* useGateway(args.db, ({ deliver }) => deliver(args.session, message, delivery), {
        create: true
      })
      yield* printAnswer(args.json, receipt, () => [
        `${receipt.duplicate ? "already delivered" : "delivered"} to ${receipt.sessionId} as arrival ${receipt.arrival}`
      ])
    })
).pipe(Command.withDescription("Deliver a message from stdin, JSON or plain text, to a session"))

const EMPTY = new CommandError({ message: "stdin: expected a message, found nothing" })

/** Text that begins like a JSON object must be a chat message. All other text is the content of a user message. */
const parseInput = (
  text: string
): Either.Either<Message.Message, Rows.ImportError | Message.InvalidMessage | CommandError> => {
  if (text.trim() === "") return Either.left(EMPTY)
  if (!/^\s*\{\s*"/.test(text)) return Either.right({ role: "user", content: text.trimEnd() })
  const parsed = parseExactly(text) ?? NO_JSON
  const issue = describeInexact(parsed)
  if (issue !== undefined) return Either.left(new Message.InvalidMessage({ issue }))
  return Rows.parseMessage({ file: "stdin", line: null }, parsed.value)
}
