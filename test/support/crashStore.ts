/** The store a crashing agent works on: the file's name says which. */
import { basename } from "node:path"
import * as Hermes from "../../src/hermes/Hermes.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"

/** A killed process leaves its writes to the operating system, so no write waits for the disk. */
const durability = "process"

export const storeOn = (filename: string, create = true) =>
  basename(filename) === "state.db"
    ? Hermes.layer({ filename, durability })
    : Sqlite.layer({ filename, durability, create })
