/** What every backend finds, and what it does not. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Stream } from "effect"
import type { Message } from "../../src/message/Message.ts"
import { type SessionId, wholeLog } from "../../src/session/Session.ts"
import { type SearchScope, SessionIndex, SessionStore } from "../../src/store/SessionStore.ts"
import { syntax, text } from "../support/histories.ts"
import { propertyRuns } from "../support/repetitions.ts"
import { assistant, backends, freshSession, acquireLease, segment, user } from "../support/stores.ts"

const conversation = (sessionId: SessionId, messages: ReadonlyArray<Message>) =>
  Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId, messages }]))

const call = {
  id: "c1",
  type: "function",
  function: { name: "run", arguments: `{"command":"npm ci && npm test"}` }
} as const
const searched: ReadonlyArray<Message> = [
  user("The Billing service listens on port 8123."),
  { role: "assistant", content: null, tool_calls: [call] },
  { role: "tool", tool_call_id: "c1", content: "src/billing/report.ts:42 ERR_CONN_42 at 10.0.0.7:8080" },
  assistant("Fixed in 9f86d081884c7d65; getUserName is written in C++ now, if (a != b)."),
  user("我们决定用新的数据库来保存会话。ポート番号は八千です。데이터베이스"),
  assistant([`Café "quoted" 100%_sure \\ backslash`, "the next line"].join("\n")),
  user("the billing of the report: never mind the port")
]

/** A query, and the messages it finds, best first. */
const searches: ReadonlyArray<readonly [string, ...ReadonlyArray<number>]> = [
  [""],
  [" \n"],
  ["absent"],
  ["listens", 1],
  ["LISTENS Billing", 1, 2, 3, 4, 7, 6, 5],
  ["8123", 1],
  ["src/billing/report.ts", 3],
  ["report.ts", 3],
  ["ERR_CONN_42", 3],
  ["10.0.0.7:8080", 3],
  ["9f86d081", 4],
  ["86d081884c", 4],
  ["&&", 2],
  ["npm test", 2, 3, 1, 4, 5],
  ["tests", 2],
  ["listened", 1],
  ["user-name", 4],
  ["8080 10.0.0.7", 3, 4, 2, 5, 1, 6],
  ["ｐｏｒｔ", 1, 7],
  ["!=", 4],
  ["C++", 4],
  ["UserName", 4],
  ["数据库", 5],
  ["新数据库吗", 5],
  ["番号", 5],
  ["이터베", 5],
  ["cafe", 6],
  ['"the next line"', 6],
  ['"next the"'],
  ["100%_sure", 6],
  ["00%_s", 6],
  ["\\ backslash", 6],
  ['"quoted"', 6],
  ["%", 6],
  ["%%"],
  ["where does the billing service listen?", 1, 2, 3, 4, 7, 6, 5]
]

/** A word, and a message that has it in another form or spelling. */
const forms: ReadonlyArray<readonly [word: string, said: string]> = [
  ["painted", "She paints every evening."],
  ["company", "The companies have merged."],
  ["Rechnung", "Die Rechnungen sind bezahlt und liegen im Ordner."],
  ["Haus", "Wir haben die Häuser verkauft."],
  ["Goethestrasse", "Er wohnt in der Goethestraße."],
  ["Schroeder", "Frag bitte Schröder."],
  ["Schröder", "Ask Schroeder please."],
  ["facture", "La facturation est en retard pour le client."],
  ["oeuvre", "Les œuvres de la ville sont au musée."],
  ["decisión", "Las decisiones de la empresa son buenas."],
  ["decisioni", "La decisione del direttore è giusta."],
  ["hus", "Husen på gatan är gamla."],
  ["talo", "Hän on talossa nyt."],
  ["kitap", "Bu kitaplar çok iyi."],
  ["isik", "Odada ışık yok."],
  ["Lodz", "Mieszkam w Łodzi."],
  ["серверы", "Сервер упал ночью."],
  ["память", "Не хватает памяти."],
  ["памяти", "Кончилась память."],
  ["кошка", "Мы видели кошек и кошку."],
  ["كتاب", "قرأت الكتاب أمس"],
  ["والكتاب", "عندي كتاب جديد"],
  ["مدرسة", "ذهب إلى المَدْرَسَة"],
  ["サーバー", "ｻｰﾊﾞｰが落ちました"],
  ["ｓｅｒｖｅｒ１２", "It runs on server12."],
  ["session manager", "Look at sessionManager.ts first."],
  ["sessionManager", "the session manager of the gateway"],
  ["user account service", "class UserAccountService {}"],
  ["UserAccountService", "the user account service is down"],
  ["getUserAccountById", "def get_user_account_by_id(id):"],
  ["get_user_account_by_id", "It calls getUserAccountById."],
  ["maxRetryCount", "MAX_RETRY_COUNT = 3"],
  ["MAX_RETRY_COUNT", "const maxRetryCount = 3"],
  ["10.0.0.7:5433", "host 10.0.0.7, port 5433"]
]

const everywhere: SearchScope = { fromSeq: 1, toSeq: 1_000, except: [], also: [] }
const found = (sessionId: SessionId, query: string, { limit = 1_000, scope = everywhere } = {}) =>
  Effect.flatMap(SessionIndex, (index) => index.search(sessionId, query, { limit, scope })).pipe(
    Effect.map((entries) => entries.map(({ seq }) => seq))
  )

for (const [name, backend] of backends) {
  describe(`SessionStore.search on ${name}`, () => {
    it.layer(backend)((it) => {
      it.effect("search finds a message by what stands in it, each once", () =>
        Effect.gen(function* () {
          const id = freshSession()
          yield* conversation(id, searched)
          yield* conversation(freshSession(), searched)
          for (const [query, ...expected] of searches) assert.deepStrictEqual(yield* found(id, query), expected, query)
        })
      )

      it.effect("a word is found in its other forms and spellings, and a part of an identifier as a word", () =>
        Effect.gen(function* () {
          const id = freshSession()
          const others = Array.from({ length: 5 }, (_, n) => assistant(`nothing to see here ${n}`))
          yield* conversation(
            id,
            forms.flatMap(([, said]) => [user(said), ...others])
          )
          const missed = yield* Effect.filter(Array.from(forms.entries()), ([i, [word]]) =>
            Effect.map(found(id, word, { limit: 3 }), (seqs) => !seqs.includes(i * (others.length + 1) + 1))
          )
          assert.deepStrictEqual(
            missed.map(([, [word]]) => word),
            []
          )
        })
      )

      it.effect("a question is answered by the message beside its words, and its function words find nothing", () =>
        Effect.gen(function* () {
          const id = freshSession()
          const others = Array.from({ length: 20 }, (_, n) => assistant(`What was it that she did when ${n} came?`))
          const talk = [user("And how did the pottery workshop go?"), assistant("Terrible: every bowl cracked.")]
          yield* conversation(id, [...others, ...talk, ...others])
          assert.deepStrictEqual(yield* found(id, "What was it with the pottery?", { limit: 2 }), [21, 22])
          assert.deepStrictEqual(yield* found(id, "pottery"), [21])
        })
      )

      it.effect("of messages that hold the same rare word, the one with more words of the question comes first", () =>
        Effect.gen(function* () {
          const id = freshSession()
          const others = Array.from({ length: 20 }, (_, n) => assistant(`What was it that she did when ${n} came?`))
          const told = user("They moved the regatta to Tampere.")
          const idle = [user("Found an old photo with a regatta."), user("My cousin likes a regatta too.")]
          yield* conversation(id, [...others, told, ...others, ...idle.flatMap((message) => [message, ...others])])
          assert.deepStrictEqual(yield* found(id, "Where is the regatta going to be held?", { limit: 1 }), [21])
          assert.deepStrictEqual(yield* found(id, "regatta held", { limit: 1 }), [63])
        })
      )

      it.effect("what a rewind took back is not found, and lends its words to no message", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, [user("one"), assistant("two"), user("the rare needle"), assistant("four")])
          assert.deepStrictEqual(yield* found(id, "rare needles"), [3, 4, 2, 1])
          const { manifest } = yield* store.state(id)
          yield* store.rewind(id, { base: 0, seq: 2, manifest, ledger: null })
          for (const query of ["rare needles", "needles", "needle", "eedle"]) {
            assert.deepStrictEqual(yield* found(id, query), [], query)
          }
        })
      )

      it.effect("search looks only where it is told, and finds at most what was asked for", () =>
        Effect.gen(function* () {
          const id = freshSession()
          yield* conversation(
            id,
            Array.from({ length: 9 }, (_, n) => user(`apple ${n} x+y`))
          )
          const scope: SearchScope = { fromSeq: 3, toSeq: 6, except: [4], also: [8] }
          for (const query of ["apple", "x+y", "pple"]) {
            assert.deepStrictEqual((yield* found(id, query, { scope })).toSorted(), [3, 5, 6, 8], query)
            assert.lengthOf(yield* found(id, query, { scope, limit: 2 }), 2)
          }
          const nowhere: SearchScope = { fromSeq: 1, toSeq: 0, except: [], also: [] }
          assert.deepStrictEqual(yield* found(id, "apple", { scope: nowhere }), [])
        })
      )

      it.effect("messages of other sessions neither appear nor take anybody's place", () =>
        Effect.gen(function* () {
          const [before, id, after] = [freshSession(), freshSession(), freshSession()]
          const apples = (n: number) => Array.from({ length: n }, () => user("apple x+y"))
          for (const [session, n] of [
            [before, 60],
            [id, 3],
            [after, 60]
          ] as const) {
            yield* conversation(session, apples(n))
            yield* found(session, "apple")
          }
          for (const query of ["apple", "x+y", "pple"]) {
            assert.sameMembers([...(yield* found(id, query, { limit: 5 }))], [1, 2, 3], query)
          }
        })
      )

      it.effect("search has everything that was appended before it, each once, whatever it searched before", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(
            id,
            Array.from({ length: 250 }, (_, n) => user(`old ${n}`))
          )
          const lease = yield* acquireLease(id)
          for (const round of [1, 2, 3]) {
            yield* store.append(lease, [assistant(`fresh number${round}`)])
            yield* store.deliver(id, user(`fresh number${round}`), { kind: "request" })
            assert.deepStrictEqual(yield* found(id, `number${round}`), [249 + 2 * round])
            yield* store.promote(lease)
            assert.deepStrictEqual(
              (yield* found(id, `number${round}`)).toSorted((a, b) => a - b),
              [249 + 2 * round, 250 + 2 * round]
            )
          }
          assert.lengthOf(yield* found(id, "old"), 250)
          assert.lengthOf(yield* found(id, "fresh"), 6)
        })
      )

      it.effect("a search changes nothing that can be read", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const id = freshSession()
          yield* conversation(id, searched)
          const lease = yield* acquireLease(id, "operation")
          const manifest = { ...wholeLog, tailFrom: 4, segments: [`${id}/s`] }
          const segments = [segment(`${id}/s`, 1, 3)]
          yield* store.commit(lease, { operationId: "op", base: 0, manifest, segments, ledger: null })
          const everything = Effect.all([store.state(id), store.snapshots(id), Stream.runCollect(store.log(id))])
          const before = yield* everything
          yield* found(id, "port")
          assert.deepStrictEqual(yield* everything, before)
        })
      )

      it.effect.prop(
        "no query is syntax: whatever is asked, a message that holds it letter for letter is found",
        [fc.array(fc.oneof(text, syntax), { minLength: 1, maxLength: 6 }), fc.nat(), fc.nat(40), syntax],
        ([texts, start, length, noise]) =>
          Effect.gen(function* () {
            const id = freshSession()
            yield* conversation(id, texts.map(user))
            const chosen = start % texts.length
            const characters = Array.from(texts[chosen] ?? "")
            const query = characters
              .slice(start % (characters.length + 1))
              .slice(0, length)
              .join("")
            const seqs = yield* found(id, query)
            assert.deepStrictEqual(seqs, [...new Set(seqs)])
            if (query.trim() !== "") assert.include(seqs, chosen + 1)
            yield* found(id, `${query}${noise}`)
            yield* found(id, `"${query}`)
          }),
        propertyRuns(38, 150)
      )

      it.effect("a message is covered by its finest segment, a healed one before a degraded one", () =>
        Effect.gen(function* () {
          const store = yield* SessionStore
          const index = yield* SessionIndex
          const id = freshSession()
          yield* conversation(id, ["a", "b", "c", "d", "e"].map(user))
          const lease = yield* acquireLease(id, "operation")
          const named = (name: string) => `${id}/${name}`
          const coarse = { ...segment(named("coarse"), 2, 4), level: 1, children: [named("healed")] }
          const segments = [
            segment(named("healed"), 2, 3),
            { ...segment(named("degraded"), 2, 3), degraded: "no model" },
            coarse
          ]
          const manifest = { ...wholeLog, tailFrom: 5, segments: [named("coarse")] }
          yield* store.commit(lease, { operationId: "op", base: 0, manifest, segments, ledger: null })
          const over = yield* Effect.forEach([1, 2, 3, 4, 5], (seq) => index.segmentOver(id, seq))
          assert.deepStrictEqual(over, [null, named("healed"), named("healed"), named("coarse"), null])
          assert.deepStrictEqual(yield* index.segment(named("coarse")), { sessionId: id, segment: coarse })
        })
      )
    })
  })
}
