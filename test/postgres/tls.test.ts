import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Client } from "pg"
import { SessionId } from "../../src/session/Session.ts"
import { startServer, unprivileged } from "../support/postgres.ts"
import { openHost, readTexts } from "../support/postgresHosts.ts"
import { user } from "../support/stores.ts"

/** A certificate that signs itself, for the name or address. */
const makeCertificate = (folder: string, subject: string) => {
  const [key, certificate] = [join(folder, "server.key"), join(folder, "server.crt")]
  const names = ["-subj", "/CN=throughline", "-addext", `subjectAltName=${subject}`]
  const made = [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    ...names,
    "-keyout",
    key,
    "-out",
    certificate
  ]
  execFileSync("openssl", made, { stdio: "pipe" })
  chmodSync(key, 0o600)
  const { gid = 0, uid } = unprivileged
  if (uid !== undefined) for (const file of [folder, key, certificate]) chownSync(file, uid, gid)
  return { key, certificate }
}

const hasOpenssl = (() => {
  try {
    execFileSync("openssl", ["version"], { stdio: "pipe" })
    return true
  } catch {
    return false
  }
})()

/** A server that speaks TLS, with the certificate of `subject`. */
const openSecureServer = (subject: string) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "throughline-tls-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    const { certificate, key } = makeCertificate(folder, subject)
    const settings = ["fsync=off", "ssl=on", `ssl_cert_file=${certificate}`, `ssl_key_file=${key}`]
    const server = yield* Effect.acquireRelease(
      Effect.promise(() => startServer(settings)),
      ({ stop }) => Effect.promise(stop)
    )
    return { url: server.url(), certificate }
  })

/** How many connections of the library are encrypted, and how many are not. */
const countConnections = (url: string) =>
  Effect.promise(async () => {
    const client = new Client(url)
    await client.connect()
    const { rows } = await client.query<{ ssl: boolean }>(
      `SELECT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'throughline'`
    )
    await client.end()
    return { encrypted: rows.filter(({ ssl }) => ssl).length, plain: rows.filter(({ ssl }) => !ssl).length }
  })

describe.skipIf(!hasOpenssl)("a server with a certificate that it signed itself", () => {
  it.scopedLive("is refused unless the certificate is trusted, and then all connections are encrypted", () =>
    Effect.gen(function* () {
      const { certificate, url } = yield* openSecureServer("IP:127.0.0.1")
      const untrusted = yield* Effect.flip(openHost(`${url}?sslmode=verify-full`))
      assert.deepInclude(untrusted, { reason: "unreadable", isRetryable: false })
      assert.match(untrusted.message, /certificate/)

      const store = yield* openHost(`${url}?sslmode=verify-full&sslrootcert=${encodeURIComponent(certificate)}`)
      const id = SessionId.make("s")
      yield* store.deliver(id, user("hello"), { kind: "request" })
      assert.deepStrictEqual(yield* readTexts(store, id), ["hello"])
      const { encrypted, plain } = yield* countConnections(url)
      assert.isAbove(encrypted, 0)
      assert.strictEqual(plain, 0)
    })
  )

  it.scopedLive("is refused where it names another host, though the certificate is trusted", () =>
    Effect.gen(function* () {
      const { certificate, url } = yield* openSecureServer("DNS:elsewhere.invalid")
      const trusted = `${url}?sslmode=verify-full&sslrootcert=${encodeURIComponent(certificate)}`
      const refused = yield* Effect.flip(openHost(trusted))
      assert.deepInclude(refused, { reason: "unreadable", isRetryable: false })
      assert.match(refused.message, /altnames/)
    })
  )
})
