/** `throughline pin ID [SEQ [TO]] --db DB` and `throughline unpin ID NAME --db DB` */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { PinRequest } from "../../gateway/Gateway.ts"
import { CommandError, printAnswer } from "../io.ts"
import { configOption, dbOption, jsonOption, sessionArg } from "../options.ts"
import { loadSettings, useGateway } from "../services.ts"

const rangeArg = Args.integer({ name: "seq" }).pipe(
  Args.withDescription("the message to keep, as `throughline log` numbers them, or the first and the last"),
  Args.between(0, 2)
)
const textOption = Options.text("text").pipe(
  Options.withDescription("a text to keep instead of messages, such as a rule or a plan"),
  Options.optional
)
const asOption = Options.text("as").pipe(
  Options.withPseudoName("name"),
  Options.withDescription("the name of the pin; it replaces an older one of the same name"),
  Options.optional
)

export const pin = Command.make(
  "pin",
  {
    session: sessionArg,
    range: rangeArg,
    text: textOption,
    as: asOption,
    db: dbOption,
    config: configOption,
    json: jsonOption
  },
  ({ as, config, db, json, range, session, text }) =>
    Effect.gen(function* () {
      const request = yield* readRequest(range, text, as)
      const { policy } = yield* loadSettings(config)
      const pinned = yield* useGateway(db, ({ pin }) => pin(session, request), { policy })
      yield* printAnswer(json, { sessionId: session, ...pinned }, () => [`pinned: session ${session}, ${pinned.name}`])
    })
).pipe(Command.withDescription("Keep messages or a text in every view, word for word"))

export const unpin = Command.make(
  "unpin",
  { session: sessionArg, name: Args.text({ name: "name" }), db: dbOption, json: jsonOption },
  ({ db, json, name, session }) =>
    Effect.gen(function* () {
      const unpinned = yield* useGateway(db, ({ unpin }) => unpin(session, name))
      yield* printAnswer(json, { sessionId: session, unpinned }, () => [
        unpinned
          ? `unpinned: session ${session}; it leaves the view at the next compression`
          : `nothing to unpin: session ${session} has no such pin`
      ])
    })
).pipe(Command.withDescription("Let what is pinned leave the view at the next compression"))

const readRequest = (
  range: ReadonlyArray<number>,
  text: Option.Option<string>,
  as: Option.Option<string>
): Effect.Effect<PinRequest, CommandError> => {
  const [fromSeq, toSeq] = range
  const named = Option.match(as, { onNone: () => ({}), onSome: (name) => ({ as: name }) })
  if (Option.isSome(text) === (fromSeq !== undefined)) {
    return Effect.fail(new CommandError({ message: "expected the number of a message, or --text" }))
  }
  if (Option.isSome(text)) return Effect.succeed({ text: text.value, ...named })
  return Effect.succeed({ fromSeq: fromSeq ?? 0, toSeq: toSeq ?? fromSeq ?? 0, ...named })
}
