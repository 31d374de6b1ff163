/** A folder in which commands of the command line have something to work on. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Schema } from "effect"
import type { Route } from "../../src/model/Provider.ts"
import * as Cli from "./cli.ts"
import type { ModelServer } from "./ModelServer.ts"
import { makeTemporaryFolder } from "./temporaryFolder.ts"
import { conversation } from "./world.ts"

/** The messages of the session that `importHistory` imports. */
export const history = conversation(20)

/** What an import counts in the history. */
export const historyCounts = {
  messages: 80,
  roles: { user: 20, assistant: 40, tool: 20 },
  calls: 20,
  answered: 20
}

export const formatJsonl = (messages: ReadonlyArray<unknown>) =>
  messages.map((message) => JSON.stringify(message)).join("\n")

/** A config file that names the embedded summarizer, which calls no model. */
export const OFFLINE_CONFIG = "model: { provider: embedded, context_length: 8000 }"

/** The settings of a config file that names a model of the server. */
export const makeServerSettings = ({ url }: ModelServer, api: Route["api"]) => ({
  model: { default: "test-model", provider: "openai", base_url: url, api_key: "k-1", context_length: 8_000, api },
  compression: { instructions: "Keep invoice numbers." }
})

/** Makes a folder with a history to import and the path of a database that does not exist yet. */
export const makeWorkplace = Effect.gen(function* () {
  const folder = yield* makeTemporaryFolder()
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  return { folder, write, db: join(folder, "sessions.db"), history: write("history.jsonl", formatJsonl(history)) }
})

/** Makes such a folder and imports the history as session `chat`. */
export const importHistory = Effect.tap(makeWorkplace, ({ db, history }) =>
  Effect.map(Cli.run(["import", history, "--db", db, "--session", "chat"]), Cli.assertSuccess)
)

export const decodeMessages = Schema.decodeUnknown(
  Schema.Array(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
)

/** The answer of `compress`, as a person reads it. */
export const COMPRESSED = new RegExp(
  [
    "^committed: session \\S+, generation 1",
    "messages [\\d,]+ → \\d+, tokens ~[\\d,]+ → ~[\\d,]+",
    "\\d+ model calls? in \\d+\\.\\d s(?:, ~[\\d,]+ tokens)?",
    "summary by \\S+",
    "the view before: \\S+\\.snapshot\\.\\S+Z\n$"
  ].join("\n")
)
