/** The store a crashing agent works on: the file's name says which. */
import { basename } from "node:path"
import * as Hermes from "../../src/hermes/Hermes.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"

/** What a killed process has written is with the operating system: no need to wait for the disk. */
const durability = "process"

export const storeOn = (filename: string, create = true) =>
  basename(filename) === "state.db"
    ? Hermes.layer({ filename, durability })
    : Sqlite.layer({ filename, durability, create })
