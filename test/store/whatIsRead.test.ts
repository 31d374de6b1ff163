import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck as fc, Stream } from "effect"
import type { Message } from "../../src/message/Message.ts"
import { assemble } from "../../src/view/View.ts"
import { estimate } from "../../src/message/Tokens.ts"
import type { SessionId } from "../../src/session/Session.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { acquireLease, backends, freshSession, user } from "../support/stores.ts"

const nest = (levels: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = [value]
  return value
}

const cycle: { self?: unknown } = {}
cycle.self = cycle

/** Values that are not what their JSON text says. */
const oddities: ReadonlyArray<readonly [string, () => unknown]> = [
  ["a bigint", () => 1n],
  ["a cycle", () => cycle],
  ["5,000 levels", () => nest(5_000)],
  ["100,000 levels", () => nest(100_000)],
  ["150 levels", () => nest(150)],
  ["a date", () => new Date(0)],
  ["undefined", () => undefined],
  ["a function", () => () => 1],
  ["no number", () => [NaN, Infinity, -0]],
  ["a map", () => new Map([[1, 2]])],
  ["a toJSON of another shape", () => ({ a: 1, toJSON: () => ({ b: 2 }) })],
  [
    "a toJSON that throws",
    () => ({
      toJSON: () => {
        throw new Error("secret")
      }
    })
  ],
  [
    "a getter that throws",
    () => ({
      get a() {
        throw new Error("secret")
      }
    })
  ],
  [
    "a proxy that throws",
    () =>
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error("secret")
          }
        }
      )
  ],
  ["a key named __proto__", () => JSON.parse(`{"__proto__":{"a":[1]}}`)]
]

class Getters {
  get role() {
    return "user"
  }
  get content() {
    return "hello"
  }
}

const oddMessages: ReadonlyArray<readonly [string, () => unknown]> = [
  ...oddities.map(([name, make]) => [`${name} in a field`, () => ({ ...user("x"), extra: make() })] as const),
  ...oddities.map(([name, make]) => [`${name} as content`, () => ({ ...user("x"), content: make() })] as const),
  ...oddities.map(([name, make]) => [`${name} itself`, make] as const),
  ["getters of a class", () => new Getters()],
  [
    "own getters",
    () => ({
      role: "user",
      get content() {
        return "hello"
      }
    })
  ],
  ["a toJSON that is a message", () => ({ toJSON: () => user("from toJSON") })],
  ["a message whose toJSON is none", () => ({ ...user("x"), toJSON: () => ({ kind: "user" }) })],
  [
    "a content that changes",
    () => {
      let n = 0
      return {
        role: "user",
        get content() {
          return n++ === 0 ? "text" : 7
        }
      }
    }
  ],
  ["a proxy", () => new Proxy(user("x"), {})]
]

const readLog = (sessionId: SessionId) =>
  Effect.flatMap(SessionStore, (store) => Stream.runCollect(store.log(sessionId))).pipe(
    Effect.map((log) => Chunk.toReadonlyArray(log).map(({ message }) => message))
  )

/** Changes everything that can be changed. */
const scribble = (value: unknown): void => {
  if (typeof value !== "object" || value === null) return
  Object.values(value).forEach(scribble)
  for (const key of Object.keys(value)) Object.assign(value, { [key]: "HACKED" })
  Object.assign(value, { cache_control: { type: "ephemeral" } })
}

/** The compiler would let through none of these. */
const asMessage = (input: unknown): Message => JSON.parse("[null]").concat([input])[1]

for (const [name, backend] of backends) {
  describe(`What is stored is what is read, on ${name}`, () => {
    it.layer(backend)((it) => {
      for (const way of ["deliver", "append", "import"] as const) {
        it.effect(`${way}: an object is taken for what its JSON says, or refused as InvalidMessage`, () =>
          Effect.gen(function* () {
            const store = yield* SessionStore
            for (const [what, make] of oddMessages) {
              const id = freshSession()
              const input = make()
              const put = Effect.gen(function* () {
                if (way === "import") return yield* store.importAll([{ sessionId: id, messages: [asMessage(input)] }])
                if (way === "deliver") return yield* store.deliver(id, input, { kind: "request", key: "k" })
                yield* store.deliver(id, user("first"), { kind: "request" })
                const lease = yield* acquireLease(id)
                yield* store.promote(lease)
                return yield* store.append(lease, [asMessage(input)])
              })
              const result = yield* Effect.either(put)
              if (result._tag === "Left") {
                assert.strictEqual(result.left._tag, "InvalidMessage", what)
                assert.notInclude(result.left.message, "secret", what)
                continue
              }
              if (way === "deliver") yield* store.promote(yield* acquireLease(id))
              const { tail } = yield* store.state(id)
              const read = yield* readLog(id)
              assert.deepStrictEqual(
                tail.map(({ message }) => message),
                read,
                what
              )
              assert.deepStrictEqual(read, JSON.parse(JSON.stringify(read)), what)
            }
          })
        )
      }

      it.effect.prop(
        "what a caller does to its message afterwards, or a reader to a view, changes no later view and no log",
        { extra: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })) },
        ({ extra }) =>
          Effect.gen(function* () {
            const store = yield* SessionStore
            const id = freshSession()
            const given: ReadonlyArray<Message> = [
              Object.assign(user("one"), { metadata: extra }),
              {
                role: "assistant",
                content: null,
                tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }]
              },
              { role: "tool", tool_call_id: "c", content: [{ type: "text", text: "done" }] },
              { role: "assistant", content: "end", native: { format: "anthropic", blocks: [{ a: 1 }] } }
            ]
            const said = JSON.parse(JSON.stringify(given))
            yield* store.deliver(id, given[0], { kind: "request" })
            const lease = yield* acquireLease(id)
            yield* store.promote(lease)
            yield* store.append(lease, given.slice(1))
            given.forEach(scribble)
            const before = assemble(yield* store.state(id), estimate).messages
            const expected = structuredClone(before)
            before.forEach(scribble)
            before.forEach((message) => scribble(Reflect.get(message, Symbol.for("throughline/native"))))
            before.length = 0
            const read = yield* readLog(id)
            assert.deepStrictEqual(read, said)
            read.forEach(scribble)
            const after = assemble(yield* store.state(id), estimate).messages
            assert.deepStrictEqual(structuredClone(after), expected)
            const last: unknown = after.at(-1)
            const native = Object(last)[Symbol.for("throughline/native")]
            assert.deepStrictEqual(native, { format: "anthropic", blocks: [{ a: 1 }] })
            assert.deepStrictEqual(yield* readLog(id), said)
          }),
        propertyRuns(5, 50)
      )
    })
  })
}
