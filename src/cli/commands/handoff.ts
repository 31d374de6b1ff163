/** `throughline handoff ID --db DB [--edit]` */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { readHandoff } from "../../gateway/editHandoff.ts"
import { systemErrorText } from "../../message/systemErrorText.ts"
import { CommandError, printAnswer, readStdin, readTextFile } from "../io.ts"
import { configOption, dbOption, jsonOption, sessionArg } from "../options.ts"
import { loadSettings, makeTemporaryFolder, useGateway, useStore } from "../services.ts"

const edit = Options.boolean("edit").pipe(
  Options.withDescription("mend it in $VISUAL or $EDITOR, or take the mended text from stdin")
)

export const command = Command.make(
  "handoff",
  { session: sessionArg, db: dbOption, edit, config: configOption, json: jsonOption },
  ({ config, db, edit, json, session }) =>
    Effect.gen(function* () {
      const state = yield* useStore(db, (store) => store.state(session))
      const { generation } = state
      const text = readHandoff(state)
      if (!edit) {
        return yield* printAnswer(json, { sessionId: session, generation, handoff: text }, () =>
          text === null ? ["no handoff: the view shows every message itself"] : text.split("\n")
        )
      }
      const { policy } = yield* loadSettings(config)
      const mended = process.stdin.isTTY && text !== null ? yield* editInEditor(text) : yield* readStdin("")
      if (mended.trim() === text) {
        return yield* printAnswer(json, { sessionId: session, generation, snapshotId: null }, () => ["nothing changed"])
      }
      const edited = yield* useGateway(db, ({ editHandoff }) => editHandoff(session, mended, { generation }), {
        policy
      })
      yield* printAnswer(json, { sessionId: session, ...edited }, () => [
        `mended: session ${session}, generation ${edited.generation}`,
        `the view before: ${edited.snapshotId}`
      ])
    })
).pipe(
  Command.withDescription("Print the handoff of a session: what the model is told of the messages it no longer sees")
)

/** The file is the user's alone, and gone with the folder. */
const editInEditor = (text: string): Effect.Effect<string, CommandError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const file = join(yield* makeTemporaryFolder, "handoff.md")
      yield* Effect.sync(() => writeFileSync(file, text, { mode: 0o600 }))
      yield* runEditor(process.env["VISUAL"] ?? process.env["EDITOR"] ?? "vi", file)
      return yield* readTextFile(file)
    })
  )

/** The shell splits the editor's own arguments, as in `code --wait`. */
const runEditor = (editor: string, file: string): Effect.Effect<void, CommandError> =>
  Effect.async((resume) => {
    const fail = (why: string) => resume(new CommandError({ message: `nothing was changed: ${editor} ${why}` }))
    const child = spawn("/bin/sh", ["-c", `${editor} "$1"`, "sh", file], { stdio: "inherit" })
    child.on("error", (cause) => fail(systemErrorText(cause)))
    child.on("exit", (code) => (code === 0 ? resume(Effect.void) : fail(`ended with ${code ?? "a signal"}`)))
    return Effect.sync(() => child.kill())
  })
