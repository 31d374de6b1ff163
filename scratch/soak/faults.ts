/** What happens to the processes of a round from outside. */
import { Effect } from "effect"
import { existsSync, linkSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import type { Random } from "../../src/cli/random.ts"
import { sideFile } from "../../src/hermes/Hermes.ts"
import type { Child } from "./children.ts"
import * as Disk from "./disk.ts"
import type { Place } from "./telling.ts"

/**
 * - `none`: only models, agents and callers fail
 * - `kill`, `term`: processes are killed or asked to end, at any moment, and others start
 * - `die`: processes kill themselves as soon as they have written down what they were told, and others start
 * - `stop`: processes are stopped for longer than a lease, and continued
 * - `commit`: a process is killed within a write to the database
 * - `full`, `eio`: the disks of all processes are full, or fail to write and to flush, now and then
 * - `clock`: processes start with a clock that is wrong by up to days, and it jumps while they work
 * - `gone`: the file is deleted, moved or replaced while a process has it open
 */
export const kinds = ["none", "kill", "die", "term", "stop", "commit", "full", "eio", "clock", "gone"] as const
export type Kind = (typeof kinds)[number]

export const isOfDisk = (kind: Kind): boolean => kind === "commit" || kind === "full" || kind === "eio"

export interface Scene {
  readonly random: Random
  /** The process that works through the whole run. It may be stopped, and its disk and clock may fail, nothing else. */
  readonly steady: Child
  /** Those that come and go. */
  readonly mortals: Array<Child>
  /** Starts another mortal in place of one that has ended. */
  readonly replace: (index: number, place: Partial<Place>) => Effect.Effect<void>
  /** Counts what was done. */
  readonly note: () => void
}

type Act = (scene: Scene) => Effect.Effect<void>

const after = (random: Random, low: number, high: number) =>
  Effect.suspend(() => Effect.sleep(random.between(low, high)))

const pickMortal = ({ mortals, random }: Scene) => random.between(0, mortals.length - 1)

/** Ends a mortal, and replaces it once it has ended. */
const end = (signal: "SIGKILL" | "SIGTERM", shiftOf: (random: Random) => number): Act =>
  Effect.fnUntraced(function* (scene) {
    yield* after(scene.random, 200, 2_500)
    const index = pickMortal(scene)
    const child = scene.mortals[index]
    if (child === undefined) return
    child.signal(signal)
    scene.note()
    yield* child.exited
    yield* scene.replace(index, { shift: shiftOf(scene.random) })
  })

const stop: Act = Effect.fnUntraced(function* ({ mortals, note, random, steady }) {
  yield* after(random, 100, 1_500)
  const child = random.pick([steady, ...mortals])
  child.signal("SIGSTOP")
  note()
  yield* Effect.ensuring(
    after(random, 100, 4_000),
    Effect.sync(() => child.signal("SIGCONT"))
  )
})

const failDisks = (how: "full" | "eio"): Act =>
  Effect.fnUntraced(function* ({ mortals, note, random, steady }) {
    yield* after(random, 100, 1_000)
    const all = [steady, ...mortals]
    const oneIn = how === "full" ? random.pick([1, 1, 3]) : random.pick([2, 6, 20])
    for (const { control } of all) Disk.fail(control, how, oneIn)
    note()
    const healed = Effect.sync(() => all.forEach(({ control }) => Disk.heal(control)))
    yield* Effect.ensuring(after(random, 100, 1_500), healed)
  })

const killInCommit: Act = Effect.fnUntraced(function* (scene) {
  yield* after(scene.random, 100, 1_500)
  const index = pickMortal(scene)
  const child = scene.mortals[index]
  if (child === undefined) return
  Disk.fail(child.control, "kill", scene.random.pick([1, 2, 5, 30]))
  // It may be at nothing that writes.
  yield* Effect.timeoutOption(child.exited, "3 seconds")
  Disk.heal(child.control)
  if (child.isAlive()) return
  scene.note()
  yield* scene.replace(index, {})
})

/** The line of its journal at which a process that starts with the round kills itself, and one that starts later. */
export const EARLY_DEATH = [20, 100] as const
const LATE_DEATH = [50, 2_000] as const

const awaitDeath: Act = Effect.fnUntraced(function* (scene) {
  const { mortals, note, random, replace } = scene
  const deaths = mortals.map((child, index) => Effect.as(child.exited, index))
  const index = yield* Effect.raceAll(deaths)
  note()
  yield* replace(index, { diesAt: random.between(...LATE_DEATH) })
})

const HOUR = 3_600_000

const wrongClock = (random: Random): number => random.pick([0, -24 * HOUR, -HOUR, -10_000, 10_000, HOUR, 24 * HOUR])

const jump: Act = Effect.fnUntraced(function* (scene) {
  const { mortals, note, random, steady } = scene
  if (random.chance(0.4)) return yield* end("SIGKILL", wrongClock)(scene)
  yield* after(random, 200, 1_500)
  const child = random.pick([steady, ...mortals])
  child.tell({ _tag: "Jump", shift: wrongClock(random) })
  note()
})

export const acts: Readonly<Record<Exclude<Kind, "none" | "gone">, Act>> = {
  die: awaitDeath,
  kill: end("SIGKILL", () => 0),
  term: end("SIGTERM", () => 0),
  stop,
  commit: killInCommit,
  full: failDisks("full"),
  eio: failDisks("eio"),
  clock: jump
}

/** Not a rollback journal: kept beside a commit that goes on, it would undo it. */
const ENDS = ["", "-wal", "-shm"]

const filesOf = ({ filename, store }: Place): ReadonlyArray<string> =>
  (store === "native" ? [filename] : [filename, sideFile(filename)]).flatMap((file) =>
    ENDS.map((end) => file + end).filter((file) => existsSync(file))
  )

/**
 * Deletes or moves the database under its process, or puts `backup` in its place. What the process goes on writing into is
 * kept under other names: returns the database among them.
 */
export const takeAway = (place: Place, how: "deleted" | "moved" | "replaced", backup: string): string => {
  const kept = join(dirname(place.filename), "kept")
  mkdirSync(kept)
  for (const file of filesOf(place)) {
    const other = join(kept, basename(file))
    if (how === "moved") renameSync(file, other)
    else linkSync(file, other)
    if (how === "deleted" || file !== place.filename) rmSync(file, { force: true })
  }
  if (how === "replaced") renameSync(backup, place.filename)
  return join(kept, basename(place.filename))
}
