/**
 * The command line, run in two ways. `run` runs a command within this process, which costs little. `runProcess` and
 * `start` run the bundled program as its user does. Neither sees settings other than those given.
 */
import { execFileSync, spawn } from "node:child_process"
import { Console } from "node:console"
import { resolve } from "node:path"
import process from "node:process"
import { Readable, Writable } from "node:stream"
import { assert } from "@effect/vitest"
import { Context, Deferred, Effect, FiberId, Layer } from "effect"
import { exitCodeOf, runCommandLine } from "../../src/cli/commandLine.ts"
import { makeTemporaryFolder } from "./temporaryFolder.ts"

export interface CommandEnd {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Surroundings {
  readonly stdin?: string | Uint8Array
  /** True if stdin is to look like a terminal; only in this process. */
  readonly isTerminal?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Asserts that a command succeeded. Returns what it wrote to stdout. */
export const assertSuccess = ({ code, stderr, stdout }: CommandEnd): string => {
  assert.strictEqual(code, 0, stderr)
  return stdout
}

/** Asserts one line on stderr, nothing on stdout and an exit code. Returns the line without its prefix. */
export const assertFailure = ({ code, stderr, stdout }: CommandEnd, expectedCode = 1): string => {
  assert.deepStrictEqual([code, stdout], [expectedCode, ""], stderr)
  assert.match(stderr, /^throughline: .+\n$/)
  return stderr.slice("throughline: ".length, -1)
}

/** Makes the ways of expecting success of commands that `runCommand` runs. */
export const makeExpectations = <S, R>(
  runCommand: (args: ReadonlyArray<string>, surroundings?: S) => Effect.Effect<CommandEnd, never, R>
) => {
  const expectSuccess = (args: ReadonlyArray<string>, surroundings?: S) =>
    Effect.map(runCommand(args, surroundings), assertSuccess)
  /** Runs a command with `--json` and parses the one value on stdout. */
  const runForJson = (args: ReadonlyArray<string>, surroundings?: S) =>
    Effect.map(expectSuccess([...args, "--json"], surroundings), (stdout): unknown => JSON.parse(stdout))
  return { expectSuccess, runForJson }
}

// ── within this process ──

/** Commands run one at a time: each has the folder, the environment and the streams of this process for itself. */
const turns = Effect.unsafeMakeSemaphore(1)

/** Runs a command to its end, on a runtime of its own. */
export const run = (args: ReadonlyArray<string>, surroundings: Surroundings = {}): Effect.Effect<CommandEnd> =>
  turns.withPermits(1)(
    Effect.acquireUseRelease(
      Effect.sync(() => replaceSurroundings(args, surroundings)),
      ({ stderr, stdout }) =>
        Effect.map(
          Effect.promise((signal) =>
            Effect.runPromiseExit(withGlobalConsole(runCommandLine(process.argv)), { signal })
          ),
          (exit) => ({ code: exitCodeOf(exit), stdout: stdout.read(), stderr: stderr.read() })
        ),
      ({ restore }) => Effect.sync(restore)
    )
  )

/** Lets loggers write to the console that is global now: Effect's own keeps the one it was loaded with. */
const withGlobalConsole = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.consoleWith((current) => Effect.withConsole(effect, { ...current, unsafe: console }))

const replaceSurroundings = (
  args: ReadonlyArray<string>,
  { cwd = process.cwd(), env = {}, isTerminal = false, stdin = "" }: Surroundings
) => {
  const folder = process.cwd()
  const stdout = makeSink()
  const stderr = makeSink()
  const restorers = [
    replaceProperty(process, "argv", [process.execPath, "main.js", ...args]),
    replaceProperty(process, "env", { PATH: process.env.PATH, ...env }),
    replaceProperty(
      process,
      "stdin",
      Object.assign(Readable.from([Buffer.from(stdin)], { objectMode: false }), { isTTY: isTerminal })
    ),
    replaceProperty(process, "stdout", stdout.stream),
    replaceProperty(process, "stderr", stderr.stream),
    replaceProperty(globalThis, "console", new Console(stdout.stream, stderr.stream))
  ]
  process.chdir(cwd)
  const restore = () => {
    process.chdir(folder)
    restorers.forEach((restoreProperty) => restoreProperty())
  }
  return { stdout, stderr, restore }
}

/** Replaces a property, a getter too. Returns what restores it. */
const replaceProperty = (target: object, name: string, value: unknown) => {
  const before = Object.getOwnPropertyDescriptor(target, name)
  assert.isDefined(before)
  Object.defineProperty(target, name, { value, configurable: true, enumerable: true, writable: true })
  return () => Object.defineProperty(target, name, before)
}

/** A stream that keeps the text written to it. */
const makeSink = () => {
  const texts: Array<string> = []
  const stream = new Writable({
    decodeStrings: false,
    write: (text: string | Uint8Array, _encoding, done) => {
      texts.push(typeof text === "string" ? text : Buffer.from(text).toString("utf8"))
      done()
    }
  })
  return { stream, read: () => texts.join("") }
}

// ── as a process ──

/** A command that runs: what it has said on stderr so far, and its end. */
export interface RunningCommand {
  readonly interrupt: (signal: "SIGINT" | "SIGTERM" | "SIGHUP") => Effect.Effect<void>
  readonly says: (text: string) => Effect.Effect<void>
  readonly ended: Effect.Effect<CommandEnd>
}

export interface ProcessSurroundings extends Surroundings {
  /** A descriptor to write to instead of being read. */
  readonly stdout?: number
}

/** The path of the bundled program. */
export class CliBundle extends Context.Tag("test/CliBundle")<CliBundle, string>() {}

/** Bundles within `node_modules`, where the bundle finds what it leaves out. */
export const layerBundle = Layer.scoped(
  CliBundle,
  Effect.map(makeTemporaryFolder("node_modules"), (folder) => {
    const file = resolve(folder, "main.js")
    execFileSync(process.execPath, ["build.js", file], { stdio: "inherit" })
    return file
  })
)

/** Starts a command. */
export const start = (args: ReadonlyArray<string>, surroundings: ProcessSurroundings = {}) =>
  Effect.map(CliBundle, (file) => spawnCommand(file, args, surroundings))

/** Runs a command to its end. */
export const runProcess = (args: ReadonlyArray<string>, surroundings?: ProcessSurroundings) =>
  Effect.flatMap(start(args, surroundings), ({ ended }) => ended)

const spawnCommand = (
  file: string,
  args: ReadonlyArray<string>,
  { cwd, env = {}, stdin = "", stdout: descriptor }: ProcessSurroundings
): RunningCommand => {
  const child = spawn(process.execPath, [file, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ["pipe", descriptor ?? "pipe", "pipe"]
  })
  const end = Deferred.unsafeMake<CommandEnd>(FiberId.none)
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
    interrupt: (signal) => Effect.sync(() => void child.kill(signal)),
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
