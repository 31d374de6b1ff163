/** `throughline deliver ID --db DB < message` */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { readFileSync } from "node:fs"
import * as Message from "../../Message.ts"
import { SessionStore } from "../../SessionStore.ts"
import { answer, CommandError, dbOption, jsonOption, sessionArg, store } from "../shared.ts"

const kind = Options.choice("kind", ["request", "notification"]).pipe(
  Options.withDescription("a request is to be answered, a notification only to be known"),
  Options.withDefault("request")
)

const key = Options.text("key").pipe(
  Options.withDescription("an idempotency key: delivering again under it delivers nothing"),
  Options.optional
)

export const command = Command.make(
  "deliver",
  { session: sessionArg, db: dbOption, kind, key, json: jsonOption },
  (args) =>
    Effect.gen(function* () {
      const message = yield* parse(yield* stdin)
      const delivery = { kind: args.kind, key: Option.getOrUndefined(args.key) }
      const receipt = yield* Effect.flatMap(SessionStore, (sessions) =>
        sessions.deliver(args.session, message, delivery)
      ).pipe(Effect.provide(store(args.db, true)))
      yield* answer(args.json, receipt, () => [
        `${receipt.duplicate ? "already delivered" : "delivered"} to ${receipt.sessionId} as arrival ${receipt.arrival}`
      ])
    })
).pipe(Command.withDescription("Deliver a message from stdin, JSON or plain text, to a session"))

const stdin = Effect.try({
  try: () => readFileSync(0, "utf8"),
  catch: () => new CommandError({ message: "no message on stdin" })
})

/** What looks like a chat message must be one; everything else is what a user says. */
const parse = (text: string): Either.Either<Message.Message, Message.InvalidMessage | CommandError> => {
  if (text.trim() === "") return Either.left(new CommandError({ message: "no message on stdin" }))
  const value = Option.getOrUndefined(json(text))
  return Predicate.hasProperty(value, "role")
    ? Message.parse(value)
    : Either.right({ role: "user", content: text.trimEnd() })
}

const json = Option.liftThrowable((text: string): unknown => JSON.parse(text))
