/** Everything a host does with its sessions, each verb with what it was told written into the journal. */
import { Cause, Effect, Exit, Option } from "effect"
import type { Random } from "../../src/cli/random.ts"
import { Gateway } from "../../src/gateway/Gateway.ts"
import type { Turn } from "../../src/gateway/Turn.ts"
import type { Message } from "../../src/message/Message.ts"
import { ContextOverflow } from "../../src/model/ModelError.ts"
import { Recall } from "../../src/recall/Recall.ts"
import type { Receipt, SessionId } from "../../src/session/Session.ts"
import { StoreError } from "../../src/session/SessionError.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import type { View } from "../../src/view/View.ts"
import { problems } from "../../test/support/providerShapes.ts"
import { type Event, monotonic } from "./telling.ts"
import { passForMessage } from "../../test/support/untyped.ts"

export interface Host {
  /** Unlike that of any other process of the run. */
  readonly name: string
  readonly random: Random
  readonly tell: (event: Event) => void
}

/** How often, its name, and what it does. */
type Verb = readonly [
  weight: number,
  name: string,
  perform: (session: SessionId) => Effect.Effect<unknown, unknown, Gateway | Recall | SessionStore>
]

interface Keyed {
  readonly session: SessionId
  readonly key: string
  readonly message: Message
  readonly tag: string
  receipt: Receipt | undefined
}

export const make = ({ name, random, tell }: Host) => {
  let count = 0
  const newTag = (of: string) => `${name}.${++count}.${of}`
  const words = (most: number) => "lorem ipsum dolor ".repeat(random.between(0, Math.ceil(most / 18)))

  const broke = (promise: string, text: string) => tell({ _tag: "Broke", at: monotonic(), promise, text })
  const requireSame = (session: SessionId, named: string, where: string) => {
    if (named !== session) broke("session id", `${where} of ${session} names ${named}`)
  }

  /** Writes down what is tried and what its caller is told. */
  const recorded = <A, E, R>(
    session: SessionId,
    tags: ReadonlyArray<string>,
    write: Effect.Effect<A, E, R>,
    arrivalOf: (stored: A) => number | null = () => null
  ) =>
    Effect.suspend(() => {
      tell({ _tag: "Tried", at: monotonic(), session, tags })
      return Effect.onExit(write, (exit) =>
        Effect.sync(() => {
          const at = monotonic()
          if (Exit.isSuccess(exit)) tell({ _tag: "Stored", at, session, tags, arrival: arrivalOf(exit.value) })
          const failure = Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : Option.none()
          if (Option.isNone(failure)) return
          if (isUnknown(failure.value)) tell({ _tag: "Unknown", at, session, tags })
          else tell({ _tag: "Refused", at, session, tags, reason: nameOf(failure.value) })
        })
      )
    })

  const keyed: Array<Keyed> = []

  const deliver = (session: SessionId) =>
    Effect.gen(function* () {
      const gateway = yield* Gateway
      const tag = newTag("d")
      const message: Message = { role: "user", content: `${tag} ${words(600)}` }
      const key = random.chance(0.3) ? tag : undefined
      const known: Keyed | undefined = key === undefined ? key : { session, key, message, tag, receipt: undefined }
      if (known !== undefined) keyed.push(known)
      keyed.splice(0, keyed.length - MOST_KEYED)
      const kind = random.chance(0.1) ? "notification" : "request"
      const receipt = yield* recorded(
        session,
        [tag],
        gateway.deliver(session, message, { kind, key }),
        ({ arrival }) => arrival
      )
      requireSame(session, receipt.sessionId, "a receipt")
      if (known !== undefined) known.receipt = receipt
    })

  /** A host that was told nothing, or that is not sure, delivers again. */
  const deliverAgain = () =>
    Effect.gen(function* () {
      const gateway = yield* Gateway
      const [first, ...others] = keyed
      if (first === undefined) return
      const known = random.pick([first, ...others])
      const { key, message, receipt, session, tag } = known
      if (receipt !== undefined && random.chance(0.2)) {
        const other = newTag("x")
        const conflicting = gateway.deliver(session, { role: "user", content: other }, { key })
        const exit = yield* Effect.exit(recorded(session, [other], conflicting))
        if (Exit.isSuccess(exit)) broke("doubled", `${other} was taken under the key of ${tag}`)
        return
      }
      const delivered = gateway.deliver(session, message, { key })
      const again = yield* recorded(session, [tag], delivered, ({ arrival }) => arrival)
      requireSame(session, again.sessionId, "a receipt")
      const isSame = receipt === undefined || (again.duplicate && again.arrival === receipt.arrival)
      if (!isSame) broke("doubled", `${tag} was taken again under its key`)
      known.receipt = again
    })

  const deliverGarbage = (session: SessionId) =>
    Effect.gen(function* () {
      const gateway = yield* Gateway
      const garbage = random.pick<unknown>([{ role: 7 }, null, { role: "user", content: { deep: 1n } }])
      const exit = yield* Effect.exit(gateway.deliver(session, passForMessage(garbage)))
      if (Exit.isSuccess(exit)) broke("from nowhere", `what is no message was taken by ${session}`)
    })

  const inTurn = new Map<SessionId, number>()

  const look = (session: SessionId, { messages, sessionId }: View) => {
    requireSame(session, sessionId, "a view")
    const [problem] = messages.length === 0 ? [] : problems(messages)
    if (problem !== undefined) broke("view", `${session}: ${problem}`)
  }

  const append = (turn: Turn, id: string, ...messages: ReadonlyArray<(tag: string) => Message>) => {
    const tags = messages.map(() => newTag(id))
    const batch = messages.flatMap((make, i) => make(tags[i] ?? ""))
    return recorded(turn.sessionId, tags, turn.append(...batch))
  }

  /** Works as agents do, and as they should not. */
  const answer = Effect.fnUntraced(function* (turn: Turn, id: string) {
    const steps = random.between(1, 3)
    for (let step = 0; step < steps; step++) {
      const view = random.chance(0.05) ? yield* overflowOnce(turn) : yield* turn.view()
      look(turn.sessionId, view)
      if (random.chance(0.02)) return yield* Effect.die("an agent that dies")
      if (random.chance(0.02)) return yield* Effect.fail("an agent that fails" as const)
      if (random.chance(0.02)) yield* Effect.sleep(400)
      if (random.chance(0.4)) yield* useTool(turn, id)
      if (random.chance(0.1)) yield* turn.report({ inputTokens: random.between(100, 20_000) })
    }
    yield* append(turn, id, (tag) => ({ role: "assistant", content: `${tag} ${words(400)}` }))
  })

  /** The call and its result come together, or one by one, with what may happen in between. */
  const useTool = (turn: Turn, id: string) => {
    const call = newTag("call").replaceAll(/\W/g, "_").slice(-40)
    const ask = (tag: string): Message => ({
      role: "assistant",
      content: tag,
      tool_calls: [{ id: call, type: "function", function: { name: "read_file", arguments: "{}" } }]
    })
    const result = (tag: string): Message => ({ role: "tool", tool_call_id: call, content: `${tag} ${words(4_000)}` })
    if (random.chance(0.5)) return append(turn, id, ask, result)
    const sudden = random.chance(0.1) ? Effect.die("an agent that dies within a call") : Effect.void
    return Effect.zipRight(Effect.zipRight(append(turn, id, ask), sudden), append(turn, id, result))
  }

  /** The agent's own model refuses the first view. */
  const overflowOnce = (turn: Turn) => {
    let isFirst = true
    return turn.step((view) => {
      const isRefused = isFirst && view.messages.length > 4
      isFirst = false
      return isRefused ? Effect.fail(new ContextOverflow({ route: "agent", detail: "" })) : Effect.succeed(view)
    })
  }

  const turn = (session: SessionId) =>
    Effect.gen(function* () {
      const gateway = yield* Gateway
      const id = newTag("t")
      const began = Effect.sync(() => {
        const now = (inTurn.get(session) ?? 0) + 1
        inTurn.set(session, now)
        if (now > 1) broke("one turn at a time", `${session} has ${now} turns in one process`)
      })
      const ended = Effect.sync(() => inTurn.set(session, (inTurn.get(session) ?? 0) - 1))
      const options = random.chance(0.5) ? ({ wait: "1 second" } as const) : {}
      yield* gateway.turn(
        session,
        (turn) =>
          Effect.acquireUseRelease(
            began,
            () => answer(turn, id),
            () => ended
          ),
        options
      )
    })

  const compress = (session: SessionId) =>
    Effect.gen(function* () {
      const gateway = yield* Gateway
      const focus = random.chance(0.3) ? { focus: `batch ${random.between(1, 3)}` } : {}
      const { generation, outcome, sessionId } = yield* gateway.compress(session, focus)
      requireSame(session, sessionId, "a result")
      if (outcome === "committed") tell({ _tag: "Committed", at: monotonic(), session, generation })
    })

  const rewind = (session: SessionId) =>
    Effect.gen(function* () {
      const [gateway, store] = [yield* Gateway, yield* SessionStore]
      const { lastSeq } = yield* store.state(session)
      yield* gateway.rewind(session, Math.max(0, lastSeq - random.between(0, 8)))
    })

  const snapshots = (session: SessionId) =>
    Effect.gen(function* () {
      const store = yield* SessionStore
      const left = yield* store.snapshots(session)
      const last = left.at(-1)
      if (last === undefined) return
      requireSame(session, (yield* store.snapshot(last.snapshotId)).sessionId, "a snapshot")
    })

  const recall = (session: SessionId) =>
    Effect.gen(function* () {
      const found = yield* (yield* Recall).recall(session, `lorem ${random.between(1, 9)}`)
      for (const { sessionId } of found) requireSame(session, sessionId, "what recall found")
    })

  const request = {
    task: "flush",
    messages: [{ role: "user", content: "Which memories are to be kept?" }],
    maxOutputTokens: 50
  } as const

  const verbs: readonly [Verb, ...ReadonlyArray<Verb>] = [
    [30, "deliver", deliver],
    [3, "deliver again", deliverAgain],
    [1, "deliver garbage", deliverGarbage],
    [30, "turn", turn],
    [8, "compress", compress],
    [3, "interrupt", (session: SessionId) => Effect.flatMap(Gateway, ({ interrupt }) => interrupt(session))],
    [2, "rewind", rewind],
    [1, "reset", (session: SessionId) => Effect.flatMap(Gateway, ({ reset }) => reset(session))],
    [2, "heal", (session: SessionId) => Effect.flatMap(Gateway, ({ heal }) => heal(session))],
    [
      8,
      "view",
      (session: SessionId) =>
        Effect.flatMap(Gateway, ({ view }) => view(session)).pipe(Effect.map((view) => look(session, view)))
    ],
    [3, "recall", recall],
    [2, "auxiliary", (session: SessionId) => Effect.flatMap(Gateway, ({ auxiliary }) => auxiliary(session, request))],
    [2, "snapshots", snapshots],
    [1, "stats", (session: SessionId) => Effect.flatMap(Gateway, ({ stats }) => stats(session))]
  ]
  const weights = verbs.reduce((sum, [weight]) => sum + weight, 0)

  /** Performs any verb on the session; three times of ten its caller gives up at a random moment. */
  return Effect.fnUntraced(function* (session: SessionId) {
    let left = random.between(1, weights)
    const [, verb, perform] = verbs.find(([weight]) => (left -= weight) <= 0) ?? verbs[0]
    const isCutOff = random.chance(0.3)
    const patience = isCutOff ? random.between(0, 80) : STUCK
    const exit = yield* Effect.exit(Effect.timeoutOption(perform(session), patience))
    const outcome = outcomeOf(exit)
    if (outcome === "given up" && !isCutOff) broke("answers", `${verb} of ${session} is stuck`)
    if (outcome.startsWith("defect")) broke("typed errors", `${verb} of ${session}: ${outcome}`)
    tell({ _tag: "Did", at: monotonic(), verb, outcome })
  })
}

/** Deliveries with a key that a process remembers. */
const MOST_KEYED = 20

/** No verb takes so long while nothing is stopped for longer than some seconds. */
const STUCK = 45_000

const isUnknown = (error: unknown): boolean => error instanceof StoreError && error.reason === "unknown"

const nameOf = (error: unknown): string => {
  if (error instanceof StoreError) return `StoreError ${error.reason}`
  return typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : String(error)
}

const outcomeOf = (exit: Exit.Exit<Option.Option<unknown>, unknown>): string => {
  if (Exit.isSuccess(exit)) return Option.isSome(exit.value) ? "ok" : "given up"
  const failure = Cause.failureOption(exit.cause)
  if (Option.isSome(failure)) return nameOf(failure.value)
  if (Cause.isInterruptedOnly(exit.cause)) return "interrupted"
  const defect = String(Cause.squash(exit.cause))
  return defect.startsWith("an agent that dies") ? "the agent dies" : `defect: ${defect.slice(0, 200)}`
}
