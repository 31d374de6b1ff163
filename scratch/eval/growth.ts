/** A session that grows through many compressions: what the store takes for them, and what stays the same size. */
import { join } from "node:path"
import Database from "better-sqlite3"
import { Effect } from "effect"
import * as CompressionPolicy from "../../src/compression/CompressionPolicy.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Recall from "../../src/recall/Recall.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { type Measure, countFaults } from "./measure.ts"
import * as Oracle from "./oracle.ts"
import { id, messagesOf, world } from "./replay.ts"
import * as Session from "./session.ts"
import { makeTemporaryFolder } from "../../test/support/temporaryFolder.ts"

export interface Growth {
  readonly measures: ReadonlyArray<Measure>
  /** After each compression: tokens of the handoff, and bytes that are stored beside the messages. */
  readonly sizes: ReadonlyArray<{ readonly handoff: number; readonly bytes: number }>
}

const contextLength = 32_000

export const measure = Effect.fnUntraced(function* (seed: number, compressions: number) {
  const size = { turnsPerRound: 4, linesPerResult: 40, factsPerRound: 4, constraints: 40, overrides: 10 }
  const session = Session.make(seed, { ...size, rounds: compressions })
  const folder = yield* makeTemporaryFolder()
  const filename = join(folder, "sessions.db")
  const { layer } = world({ contextLength, write: Oracle.make(session), filename })
  const { doubled, sizes } = yield* Effect.provide(run(session, filename), layer)
  const policy = yield* CompressionPolicy.make({ contextLength })
  const share = CompressionPolicy.shares(policy, 0)?.handoff ?? 0
  const late = sizes.slice(-Math.floor(compressions / 2)).map(({ handoff }) => handoff)
  const quarter = Math.floor(compressions / 4)
  const measureGrowth = (from: number) => (sizes[from + quarter - 1]?.bytes ?? 0) - (sizes[from]?.bytes ?? 0)
  const [third, last] = [measureGrowth(2 * quarter), measureGrowth(compressions - quarter)]
  return {
    sizes,
    measures: [
      {
        name: `stored beside the messages, last ${quarter} compressions of ${compressions} against those before`,
        value: last / third,
        unit: "×",
        gate: { most: 1.1 },
        detail: `${Math.round(last / (quarter - 1))} bytes a compression`
      },
      {
        name: `largest handoff in the second half of ${compressions} compressions`,
        value: Math.max(...late),
        unit: "tokens",
        gate: { most: share },
        detail: `smallest ${Math.min(...late)}; its share is ${share}`
      },
      countFaults(
        `messages recalled twice after ${compressions} compressions`,
        doubled,
        "every message of the log asked for"
      )
    ]
  } satisfies Growth
}, Effect.scoped)

const run = Effect.fnUntraced(function* (session: Session.Session, filename: string) {
  const gateway = yield* Gateway.Gateway
  const { recall } = yield* Recall.Recall
  const sizes: Array<{ readonly handoff: number; readonly bytes: number }> = []
  for (const turns of session.rounds) {
    for (const [request, ...replies] of turns.map((turn) => messagesOf([turn]))) {
      if (request !== undefined) yield* gateway.deliver(id, request)
      yield* gateway.turn(id, ({ append, view }) => Effect.zipRight(view(), append(...replies)))
    }
    yield* gateway.compress(id)
    const { parts } = yield* gateway.view(id)
    sizes.push({ handoff: parts.handoff.tokens, bytes: countBytesBesides(filename) })
  }
  const { lastSeq } = yield* Effect.flatMap(SessionStore, (store) => store.state(id))
  // A word that each request has, and more room than there are messages.
  const seqs = (yield* recall(id, "review", { limit: lastSeq })).map(({ seq }) => `#${seq}`)
  return { sizes, doubled: seqs.length === 0 ? ["nothing found"] : seqs.filter((seq, i) => seqs.indexOf(seq) !== i) }
})

/** The bytes of what compressions write: generations, the ledger, segments, and how operations ended. */
const countBytesBesides = (filename: string): number => {
  const db = new Database(filename, { readonly: true })
  const bytes = db
    .prepare<[], number>(
      `SELECT (SELECT ifnull(sum(length(manifest)), 0) FROM generation)
        + (SELECT ifnull(sum(length(body)), 0) FROM ledger)
        + (SELECT ifnull(sum(length(body) + length(children)), 0) FROM segment)
        + (SELECT ifnull(sum(length(result)), 0) FROM operation)`
    )
    .pluck()
    .get()
  db.close()
  return bytes ?? 0
}
