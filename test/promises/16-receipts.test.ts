/** Promise 16: a commit leaves a receipt, and what was used of the messages that left is in the view or one recall away. */
import { assert, describe, it } from "@effect/vitest"
import Database from "better-sqlite3"
import { Effect, FastCheck, Fiber, TestClock } from "effect"
import { checkSession, type ReceiptFault } from "../../src/compression/ReceiptAudit.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import * as Message from "../../src/message/Message.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { Recall } from "../../src/recall/Recall.ts"
import * as Receipt from "../../src/session/Receipt.ts"
import { messageOfBody } from "../../src/store/rows.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { indexText, searchableText } from "../../src/store/searchQuery.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { temporaryDatabase } from "../support/temporaryFolder.ts"
import {
  awaitRequests,
  compressSession,
  conversation,
  id,
  importMessages,
  manual,
  readMessages,
  runTurn,
  scripted,
  summary
} from "../support/world.ts"

const answer = { text: summary("the report"), delay: "1 second" } as const

/** A call and its result, as an agent stores them in a step. */
const round = (name: string, command: string, output: string): ReadonlyArray<Message.Message> => [
  {
    role: "assistant",
    content: null,
    tool_calls: [{ id: name, type: "function", function: { name: "bash", arguments: JSON.stringify({ command }) } }]
  },
  { role: "tool", tool_call_id: name, content: output }
]

/** Compresses while a turn goes on: `steps` are stored before the model has answered. */
const compressDuring = (model: Scripted.Scripted, steps: ReadonlyArray<Message.Message>) =>
  Effect.gen(function* () {
    const asked = model.requests.length
    const compressing = yield* Effect.fork(compressSession())
    yield* awaitRequests(model, asked + 1)
    if (steps.length > 0) yield* runTurn(({ append }) => append(...steps))
    yield* TestClock.adjust("1 second")
    return yield* Fiber.join(compressing)
  })

const readReceipt = (snapshotId: string | null) =>
  Effect.flatMap(SessionStore, (store) => store.receipt(snapshotId ?? "")).pipe(
    Effect.flatMap((text) => Receipt.decode(text ?? "none"))
  )

const viewText = Effect.map(
  Effect.flatMap(Gateway, ({ view }) => view(id)),
  ({ messages }) => messages.map((message) => Message.text(message)).join("\n")
)

/** So many rounds stand before the first name: the head, which does not leave. */
const HEAD = 2

/** Names that occur once in a long conversation, each in another place of it. */
const planted = (names: ReadonlyArray<string>, places: ReadonlyArray<"user" | "tool" | "call">) =>
  conversation(60).flatMap((message, i): ReadonlyArray<Message.Message> => {
    const n = Math.floor(i / 4) - HEAD
    const [name, place] = [names[n], places[n]]
    if (name === undefined || message.role !== "user") return [message]
    if (place === "user") return [{ ...message, content: `Please look at ${name}, part ${n}.` }]
    return [
      message,
      ...round(`planted_${n}`, place === "call" ? `cat ${name}` : "ls", place === "tool" ? `a ${name} b` : "")
    ]
  })

const names = FastCheck.uniqueArray(
  FastCheck.oneof(
    FastCheck.stringMatching(/^src\/[a-z]{3,8}\/[a-z]{3,8}\.ts$/),
    FastCheck.stringMatching(/^[a-z]{3,6}[A-Z][a-z]{3,6}$/),
    FastCheck.stringMatching(/^[a-z]{3,5}_[a-z]{3,5}$/),
    FastCheck.stringMatching(/^[A-Z]{2,4}-[1-9][0-9]{2,4}$/)
  ),
  { minLength: 4, maxLength: 8 }
).filter((all) => all.every((name) => all.every((other) => other === name || !other.includes(name))))

describe("the receipt of a compression", () => {
  it.scoped.prop(
    "whatever steps use meanwhile of the messages that leave is in the view or found by one recall",
    [
      names,
      FastCheck.array(FastCheck.constantFrom("user" as const, "tool" as const, "call" as const), {
        minLength: 8,
        maxLength: 8
      })
    ],
    ([used, places]) => {
      const model = Scripted.make([answer])
      return Effect.gen(function* () {
        yield* importMessages(planted(used, places))
        const steps = used.flatMap((name, i) => round(`later_${i}`, `grep -rn ${name} .`, "nothing"))
        const { outcome, snapshotId } = yield* compressDuring(model, steps)
        assert.strictEqual(outcome, "committed")
        const receipt = yield* readReceipt(snapshotId)
        const covered = receipt.left.reduce((sum, { messages }) => sum + messages, 0)
        assert.isAbove(covered, 20)
        const view = yield* viewText
        const messages = yield* readMessages()
        for (const name of used) {
          const seq = messages.findIndex((message) => JSON.stringify(message).includes(name)) + 1
          assert.isBelow(seq, receipt.stays.tailFrom)
          const listed = receipt.used.find(({ text }) => text === name)
          assert.isDefined(listed, name)
          if (listed?.query === null) assert.include(view, name)
          const found = yield* (yield* Recall).recall(id, listed?.query ?? `"${name}"`, { where: "out-of-view" })
          assert.include(
            found.map((one) => one.seq),
            seq,
            `${name} by ${listed?.query}`
          )
        }
        const { findings, receipts } = yield* checkSession(id)
        assert.deepStrictEqual({ findings, receipts }, { findings: [], receipts: 1 })
      }).pipe(
        Effect.provide(scripted(model.layer, { policy: { ...manual, contextLength: 16_000 } }, Sqlite.layerTemporary))
      )
    },
    propertyRuns(8, 100)
  )

  it.effect("lists no secret, and asks for none", () => {
    const model = Scripted.make([answer])
    const key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
    return Effect.gen(function* () {
      yield* importMessages([
        ...conversation(6),
        ...round("env", "cat .env", `OPENAI_API_KEY=${key}\nDB_URL=postgres://admin:Tr0ub4dor@db.internal/app_main`),
        ...conversation(30, 6)
      ])
      const steps = round("use", `OPENAI_API_KEY=${key} psql postgres://admin:Tr0ub4dor@db.internal/app_main`, "ok")
      const { snapshotId } = yield* compressDuring(model, steps)
      const text = (yield* (yield* SessionStore).receipt(snapshotId ?? "")) ?? ""
      assert.include(text, "db.internal")
      assert.notInclude(text, key)
      assert.notInclude(text, "Tr0ub4dor")
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  it.effect("puts into the ledger first what recall leaves out", () => {
    const model = Scripted.make([answer])
    const asked: Message.Message = {
      role: "assistant",
      content: null,
      tool_calls: [
        { id: "asked", type: "function", function: { name: "recall", arguments: '{"query":"order ORD-77123"}' } }
      ]
    }
    return Effect.gen(function* () {
      yield* importMessages([
        ...conversation(6),
        asked,
        { role: "tool", tool_call_id: "asked", content: "Nothing found." },
        ...conversation(30, 6)
      ])
      const { snapshotId } = yield* compressDuring(model, round("use", "grep ORD-77123 orders.csv", "nothing"))
      const { carried, used } = yield* readReceipt(snapshotId)
      assert.deepStrictEqual(carried, ["ORD-77123"])
      assert.deepInclude(used, { kind: "identifier", text: "ORD-77123", seq: 25, usedAt: 147, query: null })
      assert.match(yield* viewText, /in use: ORD-77123 \(#25\)/)
      assert.deepStrictEqual((yield* checkSession(id)).findings, [])
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  it.effect("finds the call whose result came late by what it was asked", () => {
    const model = Scripted.make([answer])
    const [call, result] = round("call_late", "npm run deploy -- --region eu-west-3", "deployed")
    return Effect.gen(function* () {
      if (call === undefined || result === undefined) return
      yield* importMessages([...conversation(6), call, ...conversation(30, 6)])
      const { snapshotId } = yield* compressDuring(model, [result])
      const { used } = yield* readReceipt(snapshotId)
      const open = used.find(({ kind }) => kind === "call")
      assert.deepInclude(open, { text: "call_late", seq: 25 })
      const found = yield* (yield* Recall).recall(id, open?.query ?? "")
      assert.include(
        found.map(({ seq }) => seq),
        25
      )
    }).pipe(Effect.provide(scripted(model.layer, { policy: manual })))
  })

  it.effect("stays small, whatever is used of however much", () => {
    const model = Scripted.make([answer])
    const many = Array.from({ length: 600 }, (_, n) => `packages/some/long/name/of/a/folder/${n}/file_${n}.ts`)
    return Effect.gen(function* () {
      yield* importMessages([...conversation(3), ...round("all", "ls", many.join("\n")), ...conversation(60, 3)])
      const { snapshotId } = yield* compressDuring(model, round("use", `cat ${many.join(" ")}`, "ok"))
      const text = (yield* (yield* SessionStore).receipt(snapshotId ?? "")) ?? ""
      const { unlisted, used } = yield* Receipt.decode(text)
      assert.isAbove(unlisted, 500)
      assert.isAbove(used.length, 20)
      assert.isBelow(text.length, 32_000)
    }).pipe(Effect.provide(scripted(model.layer, { policy: { ...manual, contextLength: 32_000 } })))
  })
})

const append = (messages: ReadonlyArray<Message.Message>) => runTurn((turn) => turn.append(...messages))

/** Two compressions. The receipt of the second asks recall for `ORD-77123`. */
const makeSession = Effect.gen(function* () {
  yield* importMessages(conversation(14))
  yield* compressSession()
  yield* append(round("list", "psql -c 'select * from orders'", "id | state\nORD-77123 | paid"))
  yield* append(conversation(14, 14))
  yield* append(round("use", "refund ORD-77123", "done"))
  yield* compressSession()
})

/** What is done to the file, and the loss that a check finds. */
const losses: ReadonlyArray<readonly [what: string, loss: (db: Database.Database) => void, fault: ReceiptFault]> = [
  ["a message that is gone", (db) => db.exec("DELETE FROM message WHERE seq = 30"), "lost-message"],
  ["a message with other words", (db) => changeBody(db, "paid", "open"), "lost-message"],
  ["a message that recall does not find", removeFromIndex, "lost-reference"],
  [
    "a receipt that is gone",
    (db) => changeManifest(db, (whole) => ({ ...whole, receipt: undefined })),
    "missing-receipt"
  ],
  ["a receipt that is none", (db) => changeManifest(db, (whole) => ({ ...whole, receipt: "{}" })), "changed-receipt"],
  [
    "a receipt that lists less",
    (db) =>
      changeManifest(db, (whole) => ({
        ...whole,
        receipt: JSON.stringify({ ...JSON.parse(String(whole.receipt)), used: [] })
      })),
    "changed-receipt"
  ],
  [
    "a handoff with other words",
    (db) => db.exec("UPDATE segment SET body = replace(body, 'port 8123', 'port 9999'), checksum = NULL"),
    "changed-view"
  ],
  ["a view with another tail", (db) => changeManifest(db, (whole) => ({ ...whole, tailFrom: 60 })), "changed-view"]
]

const changeBody = (db: Database.Database, from: string, to: string) =>
  db.prepare("UPDATE message SET body = replace(body, ?, ?), checksum = NULL").run(from, to)

const changeManifest = (
  db: Database.Database,
  change: (manifest: Record<string, unknown>) => Record<string, unknown>
) => {
  const text = db.prepare<[], string>("SELECT manifest FROM generation WHERE generation = 2").pluck().get() ?? ""
  const manifest = JSON.stringify(change(JSON.parse(text)))
  db.prepare("UPDATE generation SET manifest = ?, checksum = NULL WHERE generation = 2").run(manifest)
}

/** Takes the message out of both indexes, whose rows are found by what they hold. */
function removeFromIndex(db: Database.Database) {
  const [seq, body] = db
    .prepare<[], [number, string]>("SELECT seq, body FROM message WHERE body LIKE '%ORD-77123 | paid%'")
    .raw()
    .get() ?? [0, ""]
  const number = db.prepare<[], number>("SELECT number FROM recall_session").pluck().get() ?? 0
  const text = indexText(searchableText(messageOfBody(body)))
  db.prepare("INSERT INTO recall (recall, rowid, body) VALUES ('delete', ?, ?)").run(number * 2 ** 28 + seq, text)
  db.exec("INSERT INTO recall_stem (recall_stem) VALUES ('delete-all')")
}

describe("a check of receipts", () => {
  it.scopedLive("finds no loss where there is none, and what it lists is what was used", () =>
    Effect.gen(function* () {
      yield* makeSession
      const { references, ...report } = yield* checkSession(id)
      assert.deepStrictEqual(report, { receipts: 2, without: 0, findings: [] })
      assert.isAbove(references, 0)
    }).pipe(
      Effect.provide(scripted(Scripted.layer([() => summary("the report")]), { policy: manual }, Sqlite.layerTemporary))
    )
  )

  for (const [what, loss, fault] of losses) {
    it.scopedLive(`finds ${what}`, () =>
      Effect.gen(function* () {
        const filename = yield* temporaryDatabase
        const store = Sqlite.layer({ filename, durability: "process" })
        const layer = scripted(Scripted.layer([() => summary("the report")]), { policy: manual }, store)
        const before = yield* Effect.provide(Effect.zipRight(makeSession, checkSession(id)), layer)
        assert.deepStrictEqual(before.findings, [])
        yield* Effect.acquireUseRelease(
          Effect.sync(() => new Database(filename)),
          (db) => Effect.sync(() => loss(db)),
          (db) => Effect.sync(() => db.close())
        )
        const { findings } = yield* Effect.provide(checkSession(id), layer)
        assert.include(
          findings.map((finding) => finding.fault),
          fault,
          JSON.stringify(findings)
        )
      })
    )
  }
})
