/** PgBouncer in transaction mode in front of a server: each transaction may have another connection. */
import { spawn } from "node:child_process"
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { findFreePort, unprivileged } from "./postgres.ts"

const BINARY = "/usr/sbin/pgbouncer"

export const isPoolerInstalled = existsSync(BINARY)

export interface Pooler {
  readonly port: number
  readonly stop: () => Promise<void>
}

/** Fewer connections to the server than there are clients, so that they have to share. */
export const startPooler = async (target: number, connections: number): Promise<Pooler> => {
  const folder = mkdtempSync(join(tmpdir(), "throughline-pgbouncer-"))
  chmodSync(folder, 0o755)
  const port = await findFreePort()
  const settings = join(folder, "pgbouncer.ini")
  writeFileSync(
    settings,
    `[databases]
* = host=127.0.0.1 port=${target} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${connections}
`
  )
  const pooler = spawn(BINARY, [settings], { ...unprivileged, cwd: folder, stdio: ["ignore", "ignore", "pipe"] })
  const gone = new Promise<void>((resolve) => pooler.once("exit", () => resolve()))
  process.once("exit", () => pooler.kill("SIGKILL"))
  await new Promise<void>((resolve, reject) => {
    let said = ""
    pooler.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text
      if (said.includes("process up")) resolve()
    })
    pooler.once("exit", () => reject(new Error(said)))
  })
  const stop = async () => {
    pooler.kill("SIGKILL")
    await gone
    rmSync(folder, { recursive: true, force: true })
  }
  return { port, stop }
}
