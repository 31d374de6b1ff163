/** `throughline hook [--db FILE] [--shorten TOKENS]` and `throughline hook install` */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { homedir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { parseJson } from "../../format/json.ts"
import { answerEvent } from "./answerEvent.ts"
import { AnyEvent, HookEvent } from "./contract.ts"
import { makeSettings } from "./settings.ts"
import { spareAgent } from "./spareAgent.ts"
import { CommandError, printAnswer, readStdin } from "../io.ts"
import { printNotice } from "../terminal/terminal.ts"

const db = Options.text("db").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("the database of the sessions; default: throughline.db in the folder of Claude Code"),
  Options.optional
)

const shorten = Options.integer("shorten").pipe(
  Options.withPseudoName("tokens"),
  Options.withSchema(
    Schema.Int.pipe(Schema.greaterThanOrEqualTo(200)).annotations({
      message: () => ({ message: "expected --shorten to be 200 or more", override: true })
    })
  ),
  Options.withDescription("shorten the texts of a tool's output to so many tokens, and keep the whole in the database"),
  Options.optional
)

/** The folder in which Claude Code keeps its own files. */
const claudeFolder = () => process.env.CLAUDE_CONFIG_DIR ?? join(homedir(), ".claude")

const install = Command.make(
  "install",
  {
    db,
    shorten,
    project: Options.boolean("project").pipe(Options.withDescription("for a package that is installed in the project")),
    user: Options.boolean("user").pipe(Options.withDescription("for a package that is installed globally (default)"))
  },
  ({ db, project, shorten, user }) =>
    Effect.gen(function* () {
      if (project && user) return yield* new CommandError({ message: "expected --project or --user, found both" })
      const place = project ? "project" : "user"
      const settings = makeSettings({ place, db: Option.getOrNull(db), shorten: Option.getOrNull(shorten) })
      const file = project ? ".claude/settings.json" : join(claudeFolder(), "settings.json")
      yield* printNotice(`throughline: nothing was changed; add this to ${file}`)
      yield* printAnswer(false, null, () => JSON.stringify(settings, null, 2).split("\n"))
    })
).pipe(Command.withDescription("Print the settings that make Claude Code call the hook. Changes nothing"))

export const command = Command.make("hook", { db, shorten }, (args) =>
  Effect.gen(function* () {
    const input = yield* readStdin("throughline: reading one event of Claude Code as JSON from stdin")
    const options = {
      db: Option.getOrElse(args.db, () => join(claudeFolder(), "throughline.db")),
      shorten: Option.getOrNull(args.shorten)
    }
    const event = yield* readEvent(input)
    const answer = event === null ? {} : yield* answerEvent(event, options)
    yield* printAnswer(true, answer, () => [])
  }).pipe(spareAgent)
).pipe(
  Command.withSubcommands([install]),
  Command.withDescription(
    "Answer an event of Claude Code from stdin: keep what a compaction drops and say its facts again. " +
      "throughline hook install prints the settings"
  )
)

/** Reads an event; null for one that nothing is done about. */
const readEvent = (input: string): Either.Either<HookEvent | null, CommandError> => {
  const value = parseJson(input)
  const event = decodeEvent(value)
  if (Option.isSome(event)) return Either.right(event.value)
  const other = decodeAny(value)
  return Option.isSome(other) && !KNOWN.includes(other.value.hook_event_name)
    ? Either.right(null)
    : Either.left(new CommandError({ message: "expected an event of Claude Code on stdin" }))
}

const decodeEvent = Schema.decodeUnknownOption(HookEvent)
const decodeAny = Schema.decodeUnknownOption(AnyEvent)
const KNOWN = ["SessionStart", "PreCompact", "PostCompact", "PostToolUse"]
