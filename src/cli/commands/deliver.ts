/** `throughline deliver ID --db DB < message` */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Message from "../../message/Message.ts"
import { NO_JSON, parseExactly } from "../../transcripts/exactJson.ts"
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
  const { numbersAsText, repeatedKey, value } = parseExactly(text) ?? NO_JSON
  const [number] = numbersAsText
  if (number !== undefined) return refuse(`${number}: Expected a number that a double holds, or text`)
  if (repeatedKey !== undefined) return refuse(`${repeatedKey}: Expected each key of an object once`)
  return Rows.parseMessage({ file: "stdin", line: null }, value)
}

/** The sender of one message can send it again, with the number as text. */
const refuse = (issue: string) => Either.left(new Message.InvalidMessage({ issue }))
