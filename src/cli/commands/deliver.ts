/** `throughline deliver ID --db DB < message` */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import process from "node:process"
import { buffer } from "node:stream/consumers"
import type * as Message from "../../message/Message.ts"
import { SessionStore } from "../../store/SessionStore.ts"
import * as Rows from "../../transcripts/rows.ts"
import * as LogLines from "../../audit/logLines.ts"
import { systemErrorText } from "../../message/systemErrorText.ts"
import { printAnswer, CommandError, dbOption, jsonOption, sessionArg, layerStore, decodeUtf8 } from "../services.ts"
import { printNotice } from "../terminal/terminal.ts"

const kind = Options.choice("kind", ["request", "notification"]).pipe(
  Options.withDescription("a request is to be answered, a notification only to be known"),
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
      const message = yield* parseInput(yield* readStdin)
      const delivery = { kind: args.kind, key: Option.getOrUndefined(args.key) }
      const receipt = yield* Effect.flatMap(SessionStore, (sessions) =>
        sessions.deliver(args.session, message, delivery)
      ).pipe(Effect.provide(layerStore(args.db, true)))
      if (!receipt.duplicate) yield* LogLines.logBuffered(receipt, args.kind)
      yield* printAnswer(args.json, receipt, () => [
        `${receipt.duplicate ? "already delivered" : "delivered"} to ${receipt.sessionId} as arrival ${receipt.arrival}`
      ])
    })
).pipe(Command.withDescription("Deliver a message from stdin, JSON or plain text, to a session"))

const EMPTY = new CommandError({ message: "stdin: expected a message, found nothing" })

/** Not the synchronous read: that would be deaf to Ctrl-C. */
const readStdin = Effect.suspend(() => {
  const hint = process.stdin.isTTY ? printNotice("the message, then Ctrl-D:") : Effect.void
  const bytes = Effect.zipRight(
    hint,
    Effect.tryPromise({
      try: () => buffer(process.stdin),
      catch: (cause) => new CommandError({ message: `cannot read stdin: ${systemErrorText(cause)}` })
    })
  )
  return Effect.flatMap(bytes, (bytes) => decodeUtf8("stdin", bytes))
})

/** What begins like a JSON object must be a chat message; everything else is what a user says. */
const parseInput = (text: string): Either.Either<Message.Message, Rows.ImportError | CommandError> => {
  if (text.trim() === "") return Either.left(EMPTY)
  return /^\s*\{\s*"/.test(text)
    ? Rows.parseMessage({ file: "stdin", line: null }, Rows.parseJson(text))
    : Either.right({ role: "user", content: text.trimEnd() })
}
