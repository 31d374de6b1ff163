/** The command line as a child process: bundled once, run as its user runs it, with no settings but those given. */
import { execFileSync, spawn } from "node:child_process"
import { resolve } from "node:path"
import { Context, Deferred, Effect, FiberId, Layer } from "effect"
import { makeTemporaryFolder } from "./temporaryFolder.ts"

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs: what it has said on stderr so far, and its end. */
export interface Running {
  readonly interrupt: Effect.Effect<void>
  readonly says: (text: string) => Effect.Effect<void>
  readonly ended: Effect.Effect<Ended>
}

export interface Surroundings {
  readonly stdin?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** A descriptor to write to instead of being read. */
  readonly stdout?: number
}

export class Cli extends Context.Tag("test/Cli")<
  Cli,
  { readonly start: (args: ReadonlyArray<string>, surroundings?: Surroundings) => Effect.Effect<Running> }
>() {}

/** Within `node_modules`, where the bundle finds what it leaves out. */
export const layer = Layer.scoped(
  Cli,
  Effect.map(makeTemporaryFolder("node_modules"), (folder) => {
    const file = resolve(folder, "main.js")
    execFileSync(process.execPath, ["build.js", file], { stdio: "inherit" })
    return { start: (args, surroundings = {}) => Effect.sync(() => start(file, args, surroundings)) }
  })
)

/** Runs a command to its end. */
export const run = (args: ReadonlyArray<string>, surroundings?: Surroundings) =>
  Effect.flatMap(Cli, ({ start }) => Effect.flatMap(start(args, surroundings), ({ ended }) => ended))

const start = (
  file: string,
  args: ReadonlyArray<string>,
  { cwd, env = {}, stdin = "", stdout: given }: Surroundings
): Running => {
  const child = spawn(process.execPath, [file, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ["pipe", given ?? "pipe", "pipe"]
  })
  const end = Deferred.unsafeMake<Ended>(FiberId.none)
  const listeners = new Set<() => void>()
  let stdout = ""
  let stderr = ""
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text))
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
    listeners.forEach((listener) => listener())
  })
  child.on("close", (code) => Deferred.unsafeDone(end, Effect.succeed({ code, stdout, stderr })))
  // A command may end without having read it.
  child.stdin?.on("error", () => {}).end(stdin)
  return {
    interrupt: Effect.sync(() => void child.kill("SIGINT")),
    says: (text) =>
      Effect.async<void>((resume) => {
        const listener = () => {
          if (!stderr.includes(text)) return
          listeners.delete(listener)
          resume(Effect.void)
        }
        listeners.add(listener)
        listener()
      }),
    ended: Deferred.await(end)
  }
}
