/**
 * The view of a session that grows. What was looked at for one step is not looked at for the next: as long as the base
 * is the same, only what came after it is mended. The result is `View.assemble`'s.
 */
import type { Logged, Manifest, State } from "../session/Session.ts"
import type { Counter, Fixed } from "../message/Tokens.ts"
import * as View from "./View.ts"
import { runAtOnce } from "../concurrency/eventLoopBudget.ts"
import * as Repairs from "./repairs.ts"
import { makeBaseRows, listExcerpts, makeTailRows, makeView } from "./rows.ts"

/** How far a base and the beginning of its tail were mended: the first `taken` messages of the tail, `last` at the end. */
interface Memory {
  readonly head: State["head"]
  readonly live: State["live"]
  readonly segments: State["segments"]
  readonly instructions: number
  readonly counter: Counter
  readonly system: Fixed["system"]
  readonly mending: Repairs.Mending
  hasBase: boolean
  taken: number
  last: Logged | undefined
}

/**
 * A manifest is one object for as long as its session stays in memory. Two are kept of each: a step may give a system
 * prompt of its own, and a compression looks at the same session without it.
 */
const memories = new WeakMap<Manifest, ReadonlyArray<Memory>>()
const KEPT = 2

/** What is looked at in one step, in messages: some milliseconds. */
const SLICE = 500

export const assembleView = (state: State, counter: Counter, options: Fixed = {}): View.View =>
  runAtOnce(assembleInSlices(state, counter, options))

/** The same in steps, of which there is more than one only where much was never looked at. */
export function* assembleInSlices(
  state: State,
  counter: Counter,
  options: Fixed = {},
  slice: number = SLICE
): Generator<void, View.View> {
  // Where an excerpt leaves a message out, a later result may find a call that a shown one had answered.
  if (state.manifest.excerpts.some(({ tokens }) => tokens === 0)) return View.assemble(state, counter, options)
  let upTo = 0
  for (;;) {
    // Others may have gone on with it in between, further than this state does.
    const memory = memoryOf(state, counter, options.system)
    upTo = Math.min(Math.max(upTo, memory.taken) + slice, state.tail.length)
    const open = goOn(memory, state, upTo, options.system)
    if (upTo === state.tail.length) return shown(memory, open, state, options)
    yield
  }
}

/** Mends the tail up to there, and what is before it. What nothing may follow yet is given back, to be mended later. */
const goOn = (memory: Memory, state: State, upTo: number, system: Fixed["system"]): ReadonlyArray<Repairs.Row> => {
  const base = memory.hasBase ? [] : makeBaseRows(state, memory.counter, system)
  const rows = [...base, ...makeTailRows(state.tail.slice(memory.taken, upTo))]
  if (!Repairs.isClosed(rows)) return rows
  Repairs.addRepairs(memory.mending, rows)
  memory.hasBase = true
  memory.taken = upTo
  memory.last = state.tail[upTo - 1]
  return []
}

const shown = ({ counter, mending }: Memory, open: ReadonlyArray<Repairs.Row>, state: State, options: Fixed) => {
  if (open.length === 0) return makeView(state, Repairs.mendRows(mending), counter, options)
  const more = Repairs.forkRepairs(mending)
  Repairs.addRepairs(more, open)
  return makeView(state, Repairs.mendRows(more), counter, options)
}

const memoryOf = (state: State, counter: Counter, system: Fixed["system"]): Memory => {
  const kept = memories.get(state.manifest) ?? []
  const known = kept.find((memory) => goesOn(memory, state, counter, system))
  if (known !== undefined) return known
  const made = begun(state, counter, system)
  memories.set(state.manifest, [made, ...kept.filter((memory) => memory.system !== system)].slice(0, KEPT))
  return made
}

const begun = (state: State, counter: Counter, system: Fixed["system"]): Memory => ({
  head: state.head,
  live: state.live,
  segments: state.segments,
  instructions: state.system.length,
  counter,
  system,
  mending: Repairs.beginRepairs(listExcerpts(state), counter),
  hasBase: false,
  taken: 0,
  last: undefined
})

const goesOn = (known: Memory, state: State, counter: Counter, system: Fixed["system"]): boolean =>
  known.counter === counter &&
  known.system === system &&
  known.head === state.head &&
  known.segments === state.segments &&
  known.live === state.live &&
  known.instructions === state.system.length &&
  (known.taken === 0 || state.tail[known.taken - 1] === known.last)
