import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A new folder within `parent`, removed with everything in it when its scope closes. */
export const makeTemporaryFolder = (parent = tmpdir()) =>
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(parent, "throughline-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )

/** The path of a database in a temporary folder of its own. */
export const temporaryDatabase = Effect.map(makeTemporaryFolder(), (folder) => join(folder, "sessions.db"))
