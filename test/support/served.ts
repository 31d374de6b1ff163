/** What a service is started with, unless a test or a measurement says otherwise. */
import { Effect } from "effect"
import type { Served } from "../../src/cli/serve/server.ts"

/** A free port of the loopback, no token, all may be written, and no page. */
export const SERVED: Served = {
  host: "127.0.0.1",
  port: 0,
  grace: "5 seconds",
  version: "0.0.0",
  token: null,
  isWritable: true,
  isLoopback: true,
  contextLength: 4_000,
  bodyLimit: 100_000,
  page: new Map(),
  diagnose: Effect.succeed({
    application: "throughline",
    schemaVersion: null,
    sessions: 0,
    messages: 0,
    findings: []
  })
}
