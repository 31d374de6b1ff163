/** The door without Effect: what is thrown, what stops a call, and what is seen. */
import { assert, describe, it } from "@effect/vitest"
import { getEventListeners } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, vi } from "vitest"
import * as Sessions from "../../src/promise/Promise.ts"
import { startAgentServer } from "../support/agentServer.ts"

const { open } = Sessions
const folder = mkdtempSync(join(tmpdir(), "throughline-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const user = (content: string) => ({ role: "user", content }) as const
const reply = (content: string) => ({ role: "assistant", content }) as const
const WINDOW = { contextLength: 8_000 }
const LONG = "this and that about the invoices of the year. ".repeat(150)

/** What the promise throws; a value is a failure of the test. */
const thrownBy = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => assert.fail(`expected a rejection, got ${JSON.stringify(value)}`),
    (error) => error
  )

/** Waits until the agent has told that it runs. */
const latch = () => {
  let release = () => {}
  const opened = new Promise<void>((done) => void (release = done))
  return { release, opened }
}

const fill = async (sessions: Sessions.Sessions, chat: string, turns: number) => {
  for (let n = 0; n < turns; n++) {
    await sessions.deliver(chat, user(`${n}: ${LONG}`))
    await sessions.turn(chat, async (turn) => {
      await turn.step(() => "an answer")
      await turn.append(reply(`answer ${n}`))
    })
  }
}

describe("forget", () => {
  it("deletes a session, but not while it is answered", async () => {
    await using sessions = await open(WINDOW)
    await fill(sessions, "chat-1", 2)
    const busy = await sessions.turn("chat-1", () => thrownBy(sessions.forget("chat-1")))
    assert.instanceOf(busy, Sessions.SessionBusy)
    assert.deepStrictEqual(await sessions.forget("chat-1"), { messages: 4, waiting: 0, lastArrival: 2 })
    assert.instanceOf(await thrownBy(sessions.view("chat-1")), Sessions.UnknownSession)
    await sessions.deliver("chat-1", user("hello"))
    assert.deepStrictEqual(await sessions.turn("chat-1", async (turn) => (await turn.view()).messages), [user("hello")])
  })
})

describe("open", () => {
  it("keeps sessions in a file, under the ids that were given", async () => {
    const filename = join(folder, "kept.db")
    {
      await using sessions = await open({ ...WINDOW, filename })
      assert.deepStrictEqual(await sessions.deliver("chat-1", user("hello"), { key: "a" }), {
        sessionId: "chat-1",
        arrival: 1,
        duplicate: false
      })
    }
    await using sessions = await open({ ...WINDOW, filename })
    assert.include(await sessions.deliver("chat-1", user("hello"), { key: "a" }), { duplicate: true })
    const seen = await sessions.turn("chat-1", (turn) => turn.view())
    assert.deepStrictEqual(seen.messages, [user("hello")])
  })

  it("throws a typed error for a setting, a file and a missing key", async () => {
    const setting = await thrownBy(open({ contextLength: 7 }))
    assert.instanceOf(setting, Sessions.InvalidPolicy)
    assert.include(setting, { _tag: "InvalidPolicy", field: "contextLength", isRetryable: false })
    const file = await thrownBy(open({ ...WINDOW, filename: join(folder, "nowhere", "x.db") }))
    assert.instanceOf(file, Sessions.StoreError)
    vi.stubEnv("OPENAI_API_KEY", undefined)
    vi.stubEnv("OPENAI_BASE_URL", undefined)
    const key = await thrownBy(open({ ...WINDOW, model: "m" }))
    vi.unstubAllEnvs()
    assert.include(key, { _tag: "InvalidPolicy", field: "apiKey" })
  })

  it("gives the key of the environment to no server but its own", async () => {
    const server = await startAgentServer(8_000)
    vi.stubEnv("OPENAI_API_KEY", "sk-of-the-environment")
    await using sessions = await open({ ...WINDOW, model: "m", baseUrl: server.url })
    await fill(sessions, "chat-1", 16)
    await sessions.compress("chat-1")
    vi.unstubAllEnvs()
    assert.isAtLeast(server.counts.summaries, 1)
    assert.notInclude(server.keys.join(), "sk-of-the-environment")
    await server.close()
  })

  it("asks a fallback when the model fails, and logs what an audit reads", async () => {
    const server = await startAgentServer(8_000)
    const lines: Array<string> = []
    const broken = { model: "m", apiKey: "k", baseUrl: "http://127.0.0.1:1/v1" }
    const fallbacks = [{ model: "second", apiKey: "k", baseUrl: server.url }]
    const log = (line: string) => {
      lines.push(line)
      throw new Error("no log takes this")
    }
    await using sessions = await open({ ...WINDOW, ...broken, fallbacks, log, mode: "manual" })
    await fill(sessions, "chat-1", 16)
    assert.include(await sessions.compress("chat-1"), { outcome: "committed" })
    assert.isTrue(lines.some((line) => line.includes("chat-1") && line.includes("committed")))
    await server.close()
  })
})

describe("turn", () => {
  it("returns what the agent returns and throws what it throws", async () => {
    await using sessions = await open(WINDOW)
    await sessions.deliver("chat-1", user("hello"))
    assert.strictEqual(await sessions.turn("chat-1", () => 42), 42)
    const own = new RangeError("mine")
    const throwOwn = () => {
      throw own
    }
    assert.strictEqual(await thrownBy(sessions.turn("chat-1", throwOwn)), own)
    assert.strictEqual(await thrownBy(sessions.turn("chat-1", (turn) => turn.step(throwOwn))), own)
    const unknown = await thrownBy(sessions.turn("chat-2", () => 1))
    assert.instanceOf(unknown, Sessions.UnknownSession)
    assert.instanceOf(unknown, Error)
  })

  it("makes a smaller view when the server refuses one as too long, whichever package threw", async () => {
    await using sessions = await open({ ...WINDOW, contextLength: 32_000 })
    await fill(sessions, "chat-1", 6)
    await sessions.deliver("chat-1", user("go on"))
    const sizes: Array<number> = []
    const answer = await sessions.turn("chat-1", (turn) =>
      turn.step((view) => {
        sizes.push(view.tokens)
        if (view.tokens <= 4_000) return "fits"
        throw Object.assign(new Error("prompt is too long: 9000 tokens > 4000 maximum"), { statusCode: 400 })
      })
    )
    assert.strictEqual(answer, "fits")
    assert.isAbove(sizes[0] ?? 0, 4_000)
    const tooSmall = await thrownBy(
      sessions.turn("chat-1", (turn) =>
        turn.step(() => {
          throw Object.assign(new Error("the input exceeds the context window"), { status: 400 })
        })
      )
    )
    assert.instanceOf(tooSmall, Sessions.WindowExceeded)
  })

  it("is stopped by interrupt, and its signal tells what it began", async () => {
    await using sessions = await open(WINDOW)
    await sessions.deliver("chat-1", user("hello"))
    const running = latch()
    const stopped = latch()
    const turn = sessions.turn("chat-1", (turn) =>
      turn.step((_, signal) => {
        signal.addEventListener("abort", stopped.release)
        running.release()
        return new Promise(() => {})
      })
    )
    await running.opened
    assert.isTrue(await sessions.interrupt("chat-1"))
    assert.include(await thrownBy(turn), { _tag: "TurnInterrupted", isRetryable: false })
    await stopped.opened
    assert.isFalse(await sessions.interrupt("chat-1"))
    assert.strictEqual(await sessions.turn("chat-1", () => "the next turn"), "the next turn")
  })

  it("is stopped by the caller's signal, which leaves nothing behind", async () => {
    await using sessions = await open(WINDOW)
    await sessions.deliver("chat-1", user("hello"))
    const controller = new AbortController()
    const running = latch()
    const never = (turn: Sessions.Turn) => {
      running.release()
      return new Promise((_, fail) => turn.signal.addEventListener("abort", () => fail(new Error("stopped"))))
    }
    const turn = sessions.turn("chat-1", never, { signal: controller.signal })
    await running.opened
    const reason = new Error("the client is gone")
    controller.abort(reason)
    assert.strictEqual(await thrownBy(turn), reason)
    assert.strictEqual(await thrownBy(sessions.turn("chat-1", () => 1, { signal: controller.signal })), reason)
    assert.lengthOf(getEventListeners(controller.signal, "abort"), 0)
    assert.strictEqual(await sessions.turn("chat-1", () => "the next turn"), "the next turn")
  })

  it("does not wait for another turn for longer than it is told", async () => {
    await using sessions = await open(WINDOW)
    await sessions.deliver("chat-1", user("hello"))
    const running = latch()
    const done = latch()
    const first = sessions.turn("chat-1", async () => {
      running.release()
      await done.opened
    })
    await running.opened
    assert.include(await thrownBy(sessions.turn("chat-1", () => 1, { wait: 0 })), {
      _tag: "SessionBusy",
      isRetryable: true
    })
    done.release()
    await first
  })

  it("refuses a turn within its own turn, which would wait for ever", async () => {
    await using sessions = await open(WINDOW)
    for (const chat of ["chat-1", "chat-2"]) await sessions.deliver(chat, user("hello"))
    const inner = () => sessions.turn("chat-1", () => "inner")
    const nested = await sessions.turn("chat-1", async () => [
      await thrownBy(inner()),
      await sessions.turn("chat-2", () => thrownBy(inner())),
      await sessions.turn("chat-2", () => "another session")
    ])
    assert.instanceOf(nested[0], Sessions.NestedTurn)
    assert.instanceOf(nested[1], Sessions.NestedTurn)
    assert.strictEqual(nested[2], "another session")
    assert.strictEqual(await inner(), "inner")
  })

  it("appends nothing after its end", async () => {
    await using sessions = await open(WINDOW)
    await sessions.deliver("chat-1", user("hello"))
    const ended = await sessions.turn("chat-1", async (turn) => {
      await turn.view()
      return turn
    })
    assert.include(await thrownBy(ended.append(reply("too late"))), { _tag: "TurnLost" })
    assert.deepStrictEqual((await sessions.view("chat-1")).messages, [user("hello")])
  })

  it("answers the calls of its tools, and leaves those of others", async () => {
    await using sessions = await open(WINDOW)
    await sessions.deliver("chat-1", user("the teapot is green"))
    const call = (name: string, input: object) =>
      ({ id: name, type: "function", function: { name, arguments: JSON.stringify(input) } }) as const
    const answers = await sessions.turn("chat-1", async (turn) => {
      await turn.view()
      return [
        await turn.answer(call("recall", { query: "teapot", where: "everywhere" })),
        await turn.answer(call("pin", { text: "the teapot is green", as: "tea" })),
        await turn.answer(call("context_budget", {})),
        await turn.answer(call("request_compaction", { focus: "tea" })),
        await turn.answer(call("read_file", { path: "x" }))
      ]
    })
    assert.include(answers[0]?.content, "the teapot is green")
    assert.deepStrictEqual(
      (await sessions.pins("chat-1")).map(({ name }) => name),
      ["tea"]
    )
    assert.match(String(answers[2]?.content), /^About [\d,]+ tokens of/)
    assert.match(String(answers[3]?.content), /^nothing-to-compress: /)
    assert.isUndefined(answers[4])
    assert.isTrue(await sessions.unpin("chat-1", "tea"))
  })
})

describe("sessions", () => {
  it("tell of compressions while they are asked", async () => {
    await using sessions = await open({ ...WINDOW, mode: "manual" })
    await fill(sessions, "chat-1", 16)
    const events = sessions.events[Symbol.asyncIterator]()
    const first = events.next()
    const result = await sessions.compress("chat-1", { focus: "invoices" })
    assert.strictEqual(result.outcome, "committed")
    assert.include((await first).value, { _tag: "Started", sessionId: "chat-1" })
    await events.return?.()
    assert.strictEqual((await sessions.recall("chat-1", "invoices", { limit: 1 }))[0]?.sessionId, "chat-1")
  })

  it("end their events, and refuse all else, once they are closed", async () => {
    const sessions = await open(WINDOW)
    await sessions.deliver("chat-1", user("hello"))
    const next = sessions.events[Symbol.asyncIterator]().next()
    await Promise.all([sessions.close(), sessions.close()])
    assert.strictEqual((await next).done, true)
    assert.instanceOf(await thrownBy(sessions.view("chat-1")), Sessions.Closed)
    assert.instanceOf(await thrownBy(sessions.deliver("chat-1", user("x"))), Sessions.Closed)
  })

  it("refuse what is no message, no id, no list of another API", async () => {
    await using sessions = await open(WINDOW)
    const odd = JSON.parse(`{"role":"robot"}`)
    assert.instanceOf(await thrownBy(sessions.deliver("chat-1", odd)), Sessions.InvalidMessage)
    assert.instanceOf(await thrownBy(sessions.deliver("", user("x"))), Sessions.StoreError)
    assert.instanceOf(await thrownBy(sessions.view("")), Sessions.UnknownSession)
    assert.throws(() => Sessions.decode("responses", [{ type: 1 }]), /responses/)
  })

  it("read the end of their log, back to a reset and without what was taken back", async () => {
    await using sessions = await open({ ...WINDOW, mode: "manual" })
    await fill(sessions, "chat-1", 60)
    const seqs = async (count: number) => (await sessions.latest("chat-1", count)).map(({ seq }) => seq)
    assert.deepStrictEqual(await seqs(2), [119, 120])
    assert.lengthOf(await seqs(1_000), 120)
    assert.deepStrictEqual(await seqs(0), [])
    await sessions.rewind("chat-1", 118)
    assert.deepStrictEqual(await seqs(1), [118])
    await sessions.reset("chat-1")
    assert.deepStrictEqual(await seqs(1), [])
    assert.instanceOf(await thrownBy(sessions.latest("chat-2", 1)), Sessions.UnknownSession)
  })

  it("rewind, reset, and read a segment", async () => {
    await using sessions = await open({ ...WINDOW, mode: "manual" })
    await fill(sessions, "chat-1", 16)
    await sessions.compress("chat-1")
    const found = await sessions.recall("chat-1", "invoices", { where: "out-of-view", limit: 99 })
    const segment = found.find(({ segment }) => segment !== null)?.segment
    const { entries } = await sessions.expand(segment ?? "none")
    assert.isNotEmpty(entries)
    await sessions.rewind("chat-1", 2)
    assert.lengthOf((await sessions.view("chat-1")).messages, 2)
    await sessions.reset("chat-1")
    assert.lengthOf((await sessions.view("chat-1")).messages, 0)
  })
})
