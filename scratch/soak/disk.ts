/** Disks that fail: a shim between the process and its file system, where there is a C compiler to make it. */
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { join } from "node:path"

const SOURCE = fileURLToPath(new URL("disk.c", import.meta.url))

/** Compiles the shim into a folder. Returns its path, or null where it cannot be made. */
export const compile = (folder: string) =>
  Effect.sync(() => {
    const library = join(folder, "disk.so")
    const { status } = spawnSync("gcc", ["-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], { stdio: "ignore" })
    return status === 0 ? library : null
  })

/** Fails the writes of the process that has this control file, one in `n`. */
export const fail = (control: string, how: "full" | "eio" | "kill", n: number): void =>
  writeFileSync(control, `${how} ${n}`)

export const heal = (control: string): void => rmSync(control, { force: true })

/** The environment of a process whose disk may fail. */
export const environment = (library: string | null, control: string) =>
  library === null ? process.env : { ...process.env, LD_PRELOAD: library, SOAK_DISK: control }
