/** Names the places of measurements: a folder on a disk, and one in memory, where no fsync hides the processor's share. */
import { Effect } from "effect"
import { existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Place {
  readonly name: string
  readonly folder: string
  readonly isMemory: boolean
}

const MEMORY = "/dev/shm"
const TMPFS = 0x01021994

export const places = (folder: string | undefined): ReadonlyArray<Place> =>
  (folder === undefined ? [tmpdir(), MEMORY] : [folder])
    .filter((folder) => existsSync(folder))
    .map((folder) => {
      const isMemory = statfsSync(folder).type === TMPFS
      return { name: isMemory ? "on tmpfs" : "on disk", folder, isMemory }
    })

/** A database file of its own, gone with its scope. */
export const file = ({ folder }: Place) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(folder, "throughline-bench-"))),
      (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
    ),
    (made) => join(made, "sessions.db")
  )
