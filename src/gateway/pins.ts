/**
 * Pins: texts that stay in every view word for word until they are unpinned. They are part of the ledger, and change with
 * a generation of their own, under the lease that a compression takes.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import * as LogLines from "../audit/logLines.ts"
import * as CompressionPolicy from "../compression/CompressionPolicy.ts"
import * as SegmentTree from "../handoff/segmentTree.ts"
import * as Ledger from "../ledger/Ledger.ts"
import * as Message from "../message/Message.ts"
import { redact } from "../message/Redaction.ts"
import { safeLine, splitLines } from "../message/text.ts"
import type { Counter } from "../message/Tokens.ts"
import { looksRecalled } from "../message/whoseWords.ts"
import { findLearnedWindow, type Logged, type SessionId, type State } from "../session/Session.ts"
import { InvalidPin, PinTooLarge, type StoreError, type UnknownSession } from "../session/SessionError.ts"
import type { Leases } from "../store/holdLease.ts"
import { splitQueryWords } from "../store/searchQuery.ts"
import { LeaseLost, type SessionStore } from "../store/SessionStore.ts"
import * as View from "../view/View.ts"

const name = Schema.optional(Schema.String)
const seq = Schema.Int.pipe(Schema.positive())

/**
 * What to pin: the messages `fromSeq` to `toSeq`, by default one message, or a text, such as a rule or a plan. `as` names
 * the pin: the newest of a name replaces the older one, so that `plan` or `todo` is a place for what changes.
 *
 * @since 0.1.0
 * @category models
 */
export const PinRequest = Schema.Union(
  Schema.Struct({ text: Schema.String, as: name }),
  Schema.Struct({ fromSeq: seq, toSeq: Schema.optional(seq), as: name })
)
/**
 * @since 0.1.0
 * @category models
 */
export type PinRequest = typeof PinRequest.Type

/**
 * A pinned text, redacted. `fromSeq` and `toSeq` are null if it is no message's.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pin {
  readonly name: string
  readonly text: string
  readonly fromSeq: number | null
  readonly toSeq: number | null
}

export interface PinEnvironment {
  readonly store: SessionStore["Type"]
  readonly counter: Counter
  readonly leases: Leases
  readonly policy: CompressionPolicy.CompressionPolicy
  /** Names a holder of the lease that none had before it. */
  readonly makeHolder: () => string
}

type Failure = UnknownSession | StoreError
type Item = Ledger.Ledger["pins"][number]

export const pinWords = (
  env: PinEnvironment,
  sessionId: SessionId,
  request: unknown
): Effect.Effect<Pin, InvalidPin | PinTooLarge | Failure> => {
  const asked = Either.try(() => Schema.decodeUnknownSync(PinRequest)(request))
  return changePins(env, sessionId, (state, ledger) =>
    Effect.gen(function* () {
      if (Either.isLeft(asked)) return yield* new InvalidPin({ sessionId, reason: "malformed", lastSeq: null })
      const room = limitPins(env, state)
      const { item, words } = yield* readRequested(env.store, state, asked.right, room)
      const next = Ledger.putPin(ledger, item)
      const tokens = Ledger.countPins(next, env.counter)
      if (!(tokens <= room)) {
        const others = Ledger.countPins(Ledger.removePin(next, item.name), env.counter)
        return yield* new PinTooLarge({ sessionId, tokens: tokens - others, room: Math.max(0, room - others) })
      }
      return { ledger: next, result: describePin(item), words }
    })
  )
}

/** Returns whether there was such a pin. It leaves the view at the next compression. */
export const unpinWords = (env: PinEnvironment, sessionId: SessionId, name: string): Effect.Effect<boolean, Failure> =>
  changePins(env, sessionId, (_, ledger) => {
    const isThere = ledger.pins.some((pin) => pin.name === name)
    return Effect.succeed({ ledger: isThere ? Ledger.removePin(ledger, name) : null, result: isThere, words: [] })
  })

export const listPins = (
  store: SessionStore["Type"],
  sessionId: SessionId
): Effect.Effect<ReadonlyArray<Pin>, Failure> =>
  Effect.map(Effect.flatMap(store.ledger(sessionId), Ledger.decode), ({ pins }) => pins.map(describePin))

const describePin = ({ fromSeq, name, seq, text }: Item): Pin => ({
  name,
  text,
  fromSeq,
  toSeq: fromSeq === null ? null : seq
})

/** Half of the ledger's room, so that its other lines have some whatever is pinned. */
const limitPins = ({ policy }: PinEnvironment, { windows }: State): number => {
  const shares = CompressionPolicy.shares(CompressionPolicy.narrow(policy, findLearnedWindow(windows)), 0)
  return shares === undefined ? 0 : Math.floor(SegmentTree.ledgerTokens(shares) / 2)
}

// ── what is pinned ──

/** The pin, and its words as its messages have them. */
interface Requested {
  readonly item: Item
  readonly words: ReadonlyArray<string>
}

const readRequested = (
  store: SessionStore["Type"],
  { lastSeq, sessionId }: State,
  request: PinRequest,
  room: number
): Effect.Effect<Requested, InvalidPin | PinTooLarge | Failure> =>
  Effect.gen(function* () {
    const reject = (reason: InvalidPin["reason"]) => new InvalidPin({ sessionId, reason, lastSeq })
    const as = safeLine((request.as ?? "").toWellFormed(), LONGEST_NAME)
    if ("text" in request) {
      const text = cleanText(request.text)
      if (text === "") return yield* reject("empty")
      const name = as || `text-${hashText(text)}`
      return { item: { name, text, fromSeq: null, seq: lastSeq }, words: [text] }
    }
    const { fromSeq, toSeq = fromSeq } = request
    if (toSeq < fromSeq || toSeq > lastSeq) return yield* reject("no-such-message")
    const least = toSeq - fromSeq + 1
    if (least > room) return yield* new PinTooLarge({ sessionId, tokens: least, room })
    const entries = yield* store.range(sessionId, fromSeq, toSeq)
    if (entries.length === 0) return yield* reject("no-such-message")
    const spoken = entries.flatMap(readWords)
    if (spoken.length === 0) return yield* reject("empty")
    const [only, ...others] = spoken
    const isBare = only !== undefined && others.length === 0 && only.role !== "tool"
    const text = isBare ? only.words : spoken.map(({ role, seq, words }) => `#${seq} ${role}: ${words}`).join("\n")
    const name = as || (fromSeq === toSeq ? `${fromSeq}` : `${fromSeq}-${toSeq}`)
    return { item: { name, text, fromSeq, seq: toSeq }, words: spoken.map(({ words }) => words) }
  })

/** Leaves out what recall gave back: it repeats other messages, and may be cut within a secret. */
const readWords = ({ message, seq }: Logged) => {
  const words = looksRecalled(message) ? "" : cleanText(splitQueryWords(message))
  return words === "" ? [] : [{ role: message.role, seq, words }]
}

const cleanText = (text: string): string =>
  splitLines(redact(text).toWellFormed().replaceAll("\0", "")).join("\n").trim()

const hashText = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8)

const LONGEST_NAME = 64

// ── the commit ──

/** The new ledger, null if nothing changes, and the words that the next view must show. */
interface Change<A> {
  readonly ledger: Ledger.Ledger | null
  readonly result: A
  readonly words: ReadonlyArray<string>
}

/** Waits for a compression under way. Plans anew if a reset or rewind came between. */
const changePins = <A, E>(
  env: PinEnvironment,
  sessionId: SessionId,
  plan: (state: State, ledger: Ledger.Ledger) => Effect.Effect<Change<A>, E>
): Effect.Effect<A, E | Failure> => {
  const { leases, store } = env
  const attempt = Effect.suspend(() => {
    const holder = env.makeHolder()
    return leases.usingOperation(sessionId, holder, ({ ledger: before, lease, state }) =>
      Effect.gen(function* () {
        const { ledger, result, words } = yield* plan(state, yield* Ledger.decode(before))
        if (ledger === null) return { result }
        const manifest = { ...state.manifest, ledger: renderPinned(env, state, ledger, words) }
        const commit = {
          operationId: holder,
          base: state.generation,
          manifest,
          segments: [],
          ledger: Ledger.encode(ledger)
        }
        yield* Effect.flatMap(store.commit(lease, commit), ({ generation }) =>
          LogLines.logPins(sessionId, ledger.pins.length, generation)
        ).pipe(Effect.uninterruptible)
        return { result }
      })
    )
  })
  return Effect.flatMap(
    Effect.catchIf(attempt, isLeaseLost, () => Effect.succeed(null)),
    (made) => (made === null ? changePins(env, sessionId, plan) : Effect.succeed(made.result))
  )
}

const isLeaseLost = (error: unknown): error is LeaseLost => error instanceof LeaseLost

/**
 * Returns the ledger for the view. It stays as it is if the view shows the words already: then the next compression shows
 * the pin, and until then the provider's prompt cache holds.
 */
const renderPinned = (
  { counter }: PinEnvironment,
  state: State,
  ledger: Ledger.Ledger,
  words: ReadonlyArray<string>
): string => {
  const { ledger: text, live } = state.manifest
  const { messages } = View.assemble(state, counter)
  if (words.every((some) => messages.some((message) => showsWords(message, some)))) return text
  const room = counter.text(text) + Ledger.countPins(ledger, counter)
  return Ledger.render(Ledger.withoutLive(ledger, live), counter, room)
}

/** Looks into calls as well: an agent that pins its plan by a tool has it in the call. */
const showsWords = (message: Message.Message, words: string): boolean =>
  splitQueryWords(message).includes(words) ||
  Message.toolCalls(message).some((call) => Message.callInput(call).includes(JSON.stringify(words).slice(1, -1)))
