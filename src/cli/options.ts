/** Arguments and options that several commands have. */
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"
import { SessionId } from "../session/Session.ts"

/** A session id as the user types it. */
export const SessionName = SessionId.annotations({
  message: () => ({ message: "expected a session id of 1 to 512 characters", override: true })
})

export const sessionArg = Args.text({ name: "session" }).pipe(
  Args.withSchema(SessionName),
  Args.withDescription("the id of the session")
)

export const snapshotArg = Args.text({ name: "snapshot" }).pipe(Args.withDescription("the id of a snapshot"))

export const dbOption = Options.text("db").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("the database of the sessions: a file, or postgres://…")
)

export const jsonOption = Options.boolean("json").pipe(
  Options.withDescription("print exactly one JSON value on stdout, everything else on stderr")
)

export const explainOption = Options.boolean("explain").pipe(
  Options.withDescription("also print where each part comes from")
)

export const configOption = Options.text("config").pipe(
  Options.withPseudoName("file"),
  Options.withDescription("models, thresholds and auxiliary tasks, as YAML or JSON"),
  Options.optional
)
