/** The model of the promises: what the processes were told, against what the store holds. */
import type { Event } from "./telling.ts"

/** A message of a log or inbox. `seq` is null in the inbox. */
export interface Entry {
  readonly tag: string
  readonly seq: number | null
  readonly arrival: number | null
}

/** By session; null if the store could not be read, which is broken enough. */
export type Logs = ReadonlyMap<string, ReadonlyArray<Entry>> | null

export interface Broken {
  readonly promise: string
  readonly text: string
}

/** What is known of one message: a deliverer that was not sure may have tried again. */
interface Known {
  readonly session: string
  readonly isAppended: boolean
  readonly triedAt: number
  storedAt: number
  arrival: number | null
  /** Tries that nothing or `Unknown` is known of. */
  unsure: number
  /** The highest arrival that anybody in the session was told before this was tried. */
  readonly after: number
}

/** Remembers what was told so far, over all rounds on one store. */
export interface Memory {
  readonly known: Map<string, Known>
  /** Messages that were appended together. */
  readonly batches: Array<ReadonlyArray<string>>
  readonly newestArrival: Map<string, number>
  readonly generations: Map<string, number>
}

export const makeMemory = (): Memory => ({
  known: new Map(),
  batches: [],
  newestArrival: new Map(),
  generations: new Map()
})

/** Adds what the processes were told, in the order it happened. */
export const remember = (memory: Memory, events: ReadonlyArray<Event>): void => {
  const { batches, generations, known, newestArrival } = memory
  for (const event of events) {
    if (event._tag === "Committed") {
      generations.set(event.session, Math.max(event.generation, generations.get(event.session) ?? 0))
    }
    if (!("tags" in event)) continue
    const { at, session, tags } = event
    if (event._tag === "Tried" && tags.length > 1) batches.push(tags)
    for (const tag of tags) {
      const message = known.get(tag)
      if (event._tag === "Tried") {
        const after = newestArrival.get(session) ?? 0
        const isAppended = isAppendedTag(tag)
        if (message !== undefined) message.unsure += 1
        else known.set(tag, { session, isAppended, triedAt: at, storedAt: Infinity, arrival: null, unsure: 1, after })
      } else if (message !== undefined && event._tag === "Refused") message.unsure -= 1
      else if (message !== undefined && event._tag === "Stored") {
        message.storedAt = Math.min(message.storedAt, at)
        message.arrival ??= event.arrival
        newestArrival.set(session, Math.max(event.arrival ?? 0, newestArrival.get(session) ?? 0))
      }
    }
  }
}

/** Tags of appended messages end with the tag of their turn: `name.n.name.n.t`. */
const isAppendedTag = (tag: string): boolean => tag.endsWith(".t")
const turnOf = (tag: string): string => tag.split(".").slice(2).join(".")

/** Everything in the logs that contradicts what was told. */
export const judge = ({ batches, known }: Memory, logs: Logs): ReadonlyArray<Broken> => {
  if (logs === null) return []
  const broken: Array<Broken> = []
  const say = (promise: string, text: string) => broken.push({ promise, text })

  const there = new Map<string, Entry>()
  for (const [session, log] of logs) {
    for (const entry of log) {
      const message = known.get(entry.tag)
      if (message === undefined) say("from nowhere", `${session} has ${entry.tag}, which nobody sent`)
      else if (message.session !== session) say("session id", `${entry.tag} of ${message.session} is in ${session}`)
      if (there.has(entry.tag)) say("doubled", `${session} has ${entry.tag} twice`)
      there.set(entry.tag, entry)
    }
    for (const text of findDisorder(log)) say("order", `${session}: ${text}`)
  }

  for (const [tag, { after, arrival, session, storedAt, unsure }] of known) {
    const entry = there.get(tag)
    const isStored = storedAt < Infinity
    if (isStored && entry === undefined) say("lost", `${session} has lost ${tag}`)
    if (!isStored && unsure === 0 && entry !== undefined) {
      say("told not written", `${session} has ${tag}, which was told not to be written`)
    }
    if (entry === undefined || entry.arrival === null) continue
    if (arrival !== null && entry.arrival !== arrival)
      say("order", `${tag} arrived as ${arrival}, not ${entry.arrival}`)
    if (entry.arrival <= after) say("order", `${tag} came after arrival ${after} and is ${entry.arrival}`)
  }

  for (const tags of batches) {
    const seqs = tags.flatMap((tag) => there.get(tag)?.seq ?? [])
    const isWhole = seqs.length === tags.length && seqs.every((seq, i) => i === 0 || seq === (seqs[i - 1] ?? 0) + 1)
    if (seqs.length > 0 && !isWhole) say("all or nothing", `of ${tags.join(" ")} there is ${seqs.join(" ")}`)
  }
  return broken
}

/** The log has no gap, arrivals rise, and turns do not mingle: what another turn appended ends the one before it. */
function* findDisorder(log: ReadonlyArray<Entry>): Iterable<string> {
  let lastSeq = 0
  let turn = ""
  let lastOfTurn = 0
  const ended = new Set<string>()
  const lastArrival = { log: 0, inbox: 0 }
  for (const { arrival, seq, tag } of log) {
    if (seq !== null && seq !== lastSeq + 1) yield `#${seq} follows #${lastSeq}`
    lastSeq = seq ?? lastSeq
    const part = seq === null ? "inbox" : "log"
    if (arrival !== null && arrival <= lastArrival[part]) yield `arrival ${arrival} follows ${lastArrival[part]}`
    lastArrival[part] = arrival ?? lastArrival[part]
    if (!isAppendedTag(tag)) continue
    const number = Number(tag.split(".")[1])
    if (turnOf(tag) === turn) {
      if (number <= lastOfTurn) yield `${tag} follows ${lastOfTurn}`
    } else {
      if (ended.has(turnOf(tag))) yield `turns mingle: ${tag} was appended after another turn had begun to`
      ended.add(turn)
      turn = turnOf(tag)
    }
    lastOfTurn = number
  }
}
