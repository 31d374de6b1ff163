/** The run: round after round, each on one store and with one kind of fault, and after each a look at what it left. */
import Database from "better-sqlite3"
import { Effect, Option, Scope } from "effect"
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as Random from "../../src/cli/random.ts"
import * as HermesFiles from "../../test/support/hermes.ts"
import { audit } from "./audit.ts"
import * as Children from "./children.ts"
import { examine } from "./examine.ts"
import * as Faults from "./faults.ts"
import * as Journal from "./journal.ts"
import * as Models from "./models.ts"
import * as Promises from "./promises.ts"
import { type Event, monotonic, type Place, type Shift, type StoreKind, type Usage } from "./telling.ts"
import { LEASE } from "./worker.ts"

/** What a run is made of. */
export interface Plan {
  readonly seed: number
  /** Made by the run, and left behind. */
  readonly folder: string
  /** The bundled process. */
  readonly script: string
  /** Fails disks; null where there is no compiler. */
  readonly library: string | null
  readonly sessions: number
  /** Processes beside the steady one. */
  readonly mortals: number
  readonly work: Omit<Shift, "_tag">
  /** Models on the loopback, or within the processes. */
  readonly isServed: boolean
}

/** What a round showed. */
export interface Round {
  readonly store: StoreKind
  readonly kind: Faults.Kind
  readonly faults: number
  readonly events: ReadonlyArray<Event>
  readonly isAuditClean: boolean
  readonly broken: ReadonlyArray<Promises.Broken>
  /** Of the steady process. */
  readonly usage: Usage | null
}

/** One store that lives through the whole run, with one process that does. */
interface World {
  readonly store: StoreKind
  readonly filename: string
  readonly folder: string
  readonly steady: Children.Child
  readonly readSteady: () => ReadonlyArray<Event>
  readonly memory: Promises.Memory
  /** What was said to be broken before. */
  readonly said: Set<string>
  readonly port: number
}

/** In milliseconds. A process that is at work for so much longer than it should be will never rest. */
const STUCK = 120_000

const openStore = (folder: string, store: StoreKind): string => {
  mkdirSync(folder, { recursive: true })
  if (store === "native") return join(folder, "sessions.db")
  return HermesFiles.fresh(store === "hermes" ? "new" : "old", join(folder, "state.db"))
}

export const make = Effect.fnUntraced(function* (plan: Plan) {
  const random = Random.make(plan.seed)
  const worlds = new Map<StoreKind, World>()
  let processes = 0

  const start = (place: Pick<Place, "filename" | "store" | "url"> & Partial<Place>, folder: string) => {
    const name = `p${++processes}`
    return Children.start(plan.script, plan.library, {
      name,
      journal: join(folder, `${name}.jsonl`),
      sessions: plan.sessions,
      seed: random.between(0, 1e9),
      shift: 0,
      diesAt: null,
      ...place
    })
  }

  const urlOf = (port: number) => (plan.isServed ? `http://127.0.0.1:${port}/v1` : null)

  /** The port of the model's server is the same in each round. */
  const choosePort = Effect.scoped(Effect.map(Models.serve(random, 0), ({ url }) => Number(new URL(url).port)))

  const scope = yield* Effect.scope
  const worldOf = (store: StoreKind) =>
    Effect.gen(function* () {
      const known = worlds.get(store)
      if (known !== undefined) return known
      const folder = join(plan.folder, store.replace(" ", "-"))
      const filename = openStore(folder, store)
      const port = plan.isServed ? yield* choosePort : 0
      const steady = yield* Scope.extend(start({ filename, store, url: urlOf(port) }, folder), scope)
      yield* steady.ready
      const world: World = {
        store,
        filename,
        folder,
        steady,
        readSteady: Journal.reader(steady.place.journal),
        memory: Promises.makeMemory(),
        said: new Set(),
        port
      }
      worlds.set(store, world)
      return world
    })

  /** Lets all processes work while `act` goes on, and returns their journals and what the steady one holds afterwards. */
  const play = Effect.fnUntraced(function* (world: World, kind: Exclude<Faults.Kind, "gone">) {
    const { filename, folder, steady, store } = world
    if (plan.isServed) yield* Models.serve(random, world.port)
    const journals: Array<string> = []
    const all: Array<Children.Child> = []
    const until = monotonic() + plan.work.milliseconds
    let faults = 0
    const born = () => (kind === "die" ? { diesAt: random.between(...Faults.EARLY_DEATH) } : {})
    const startMortal = Effect.fnUntraced(function* (given: Partial<Place>) {
      const url = random.chance(0.5) ? urlOf(world.port) : null
      const child = yield* start({ filename, store, url, ...given }, folder)
      journals.push(child.place.journal)
      all.push(child)
      yield* child.ready
      child.tell({ ...plan.work, _tag: "Work", milliseconds: Math.max(0, Math.ceil(until - monotonic())) })
      return child
    })
    const mortals = yield* Effect.all(Array.from({ length: plan.mortals }, () => startMortal(born())))
    steady.tell({ _tag: "Work", ...plan.work })
    const roundScope = yield* Effect.scope
    const scene: Faults.Scene = {
      random,
      steady,
      mortals,
      note: () => (faults += 1),
      replace: (index, given) =>
        Scope.extend(startMortal(given), roundScope).pipe(Effect.map((child) => void (mortals[index] = child)))
    }
    const rested = Effect.gen(function* () {
      do yield* Effect.forEach(mortals, ({ rested }) => rested)
      // One that was killed is replaced, and the other one works for the rest of the time.
      while (
        !(yield* Effect.delay(
          Effect.sync(() => mortals.every((child) => child.isAlive())),
          "50 millis"
        ))
      )
      return yield* steady.rested
    })
    const acted = kind === "none" ? Effect.never : Effect.forever(Faults.acts[kind](scene))
    const usage = yield* Effect.timeoutOption(Effect.raceFirst(rested, acted), STUCK + plan.work.milliseconds)
    steady.tell({ _tag: "Jump", shift: 0 })
    const broken = all.flatMap((child): Array<Promises.Broken> =>
      child.hasFailed() ? [{ promise: "answers", text: `process ${child.place.name} ended with an error` }] : []
    )
    if (Option.isNone(usage)) broken.push({ promise: "answers", text: "a process does not rest" })
    if (!steady.isAlive()) broken.push({ promise: "answers", text: "the steady process has ended" })
    return { journals, faults, broken, usage: Option.getOrNull(usage) }
  }, Effect.scoped)

  const eventsOf = (journals: ReadonlyArray<string>) => journals.flatMap((journal) => Journal.reader(journal)())

  const inOrder = (events: ReadonlyArray<Event>) => events.toSorted((a, b) => a.at - b.at)

  let rounds = 0

  /** Plays a round of any kind but `gone`, and looks at what it left. */
  const playRound = Effect.fnUntraced(function* (store: StoreKind, kind: Exclude<Faults.Kind, "gone">) {
    const world = yield* worldOf(store)
    const name = `round${++rounds}`
    const { broken, faults, journals, usage } = yield* play(world, kind)
    const heard = [...eventsOf(journals), ...world.readSteady()]
    const { memory } = world
    const seen: Array<Event> = []
    Promises.remember(memory, inOrder(heard))
    const place = { name, store, filename: world.filename, sessions: plan.sessions }
    const examined = yield* examine(place, memory, (event) => seen.push(event))
    Promises.remember(memory, seen)
    const events = inOrder([...heard, ...seen])
    const audited = audit(kind, events)
    const found = [
      ...broken,
      ...examined.broken,
      ...Promises.judge(memory, examined.logs),
      ...brokenIn(events),
      ...audited.findings.map((text) => ({ promise: "audit", text })),
      ...findDamage(world.filename)
    ].filter(({ promise, text }) => !world.said.has(`${promise} ${text}`))
    for (const { promise, text } of found) world.said.add(`${promise} ${text}`)
    if (found.length === 0) for (const journal of journals) rmSync(journal)
    return { store, kind, faults, events, isAuditClean: audited.isClean, broken: found, usage } satisfies Round
  })

  /** Takes the file away from a process that works on it: what it is told from then on is that the file is gone. */
  const playGone = Effect.fnUntraced(function* (store: StoreKind) {
    const name = `round${++rounds}`
    const folder = join(plan.folder, name)
    const filename = openStore(folder, store)
    const how = random.pick<"deleted" | "moved" | "replaced">(["deleted", "moved", "replaced"])
    const { isResting, journal, kept, takenAt } = yield* Effect.scoped(
      Effect.gen(function* () {
        const child = yield* start({ filename, store, url: null }, folder)
        yield* child.ready
        child.tell({ _tag: "Work", ...plan.work })
        yield* Effect.sleep(plan.work.milliseconds / 2)
        const backup = join(folder, "backup.db")
        if (how === "replaced") vacuumInto(filename, backup)
        const kept = Faults.takeAway(child.place, how, backup)
        const takenAt = monotonic()
        const rested = yield* Effect.timeoutOption(child.rested, STUCK + plan.work.milliseconds)
        return { isResting: Option.isSome(rested), journal: child.place.journal, kept, takenAt }
      })
    )
    const heard = eventsOf([journal])
    const memory = Promises.makeMemory()
    const seen: Array<Event> = []
    Promises.remember(memory, heard)
    const examined = yield* examine({ name, store, filename: kept, sessions: plan.sessions }, memory, (event) =>
      seen.push(event)
    )
    Promises.remember(memory, seen)
    const events = [...heard, ...seen]
    const broken = [
      ...(isResting ? [] : [{ promise: "answers", text: "a process does not rest" }]),
      ...examined.broken,
      ...Promises.judge(memory, examined.logs),
      ...brokenIn(events),
      ...findAcknowledgedIntoNothing(heard, takenAt, how)
    ]
    if (broken.length === 0) rmSync(folder, { recursive: true })
    return { store, kind: "gone", faults: 1, events, isAuditClean: true, broken, usage: null } satisfies Round
  })

  return (store: StoreKind, kind: Faults.Kind): Effect.Effect<Round> =>
    kind === "gone" ? playGone(store) : playRound(store, kind)
})

export const brokenIn = (events: ReadonlyArray<Event>): ReadonlyArray<Promises.Broken> =>
  events.flatMap((event) => (event._tag === "Broke" ? [{ promise: event.promise, text: event.text }] : []))

const vacuumInto = (filename: string, backup: string): void => {
  const db = new Database(filename)
  db.pragma(`busy_timeout = ${LEASE}`)
  db.prepare("VACUUM INTO ?").run(backup)
  db.close()
}

const findDamage = (filename: string): ReadonlyArray<Promises.Broken> => {
  const db = new Database(filename, { readonly: true })
  const found = db.pragma("integrity_check", { simple: true })
  db.close()
  return found === "ok" ? [] : [{ promise: "lost", text: `${filename} is damaged: ${String(found)}` }]
}

/** After the file was taken away nothing that begins is acknowledged, and somebody is told why. */
const findAcknowledgedIntoNothing = (
  events: ReadonlyArray<Event>,
  takenAt: number,
  how: string
): ReadonlyArray<Promises.Broken> => {
  // Who delivers again what was stored before is told so, which writes nothing.
  const early = new Set(events.flatMap((event) => (event._tag === "Tried" && event.at <= takenAt ? event.tags : [])))
  const isLate = (tag: string) => !early.has(tag)
  const stored = events.flatMap((event) => (event._tag === "Stored" ? event.tags.filter(isLate) : []))
  const isTold = events.some((event) => event._tag === "Refused" && event.reason === "StoreError gone")
  return [
    ...stored.map((tag) => ({ promise: "lost", text: `${tag} was acknowledged after its file was ${how}` })),
    ...(isTold ? [] : [{ promise: "typed errors", text: `nobody was told that the file was ${how}` }])
  ]
}
