/** Logs of sessions that did everything right, and what can be wrong with one. */
import { FastCheck as fc } from "effect"

const compression = "agent.conversation_compression: context compression"

/** One session that mutates its id, and one that compresses the history of another. */
export const SIX = [
  `2026-05-28 16:12:31 INFO [20260528_155201_68dc5996] ${compression} started: session=20260528_155201_68dc5996 messages=156 tokens=~145,003 model=claude-opus-4.7`,
  `2026-05-28 16:13:18 INFO [20260528_155201_68dc5996] ${compression} done:    session=20260528_155201_68dc5996 messages=156->8 tokens=~29,548`,
  `2026-05-28 16:14:01 INFO [20260528_093510_66bfaec7] ${compression} started: session=20260528_155201_68dc5996 messages=39 tokens=~143,661 model=claude-opus-4.7`,
  `2026-05-28 16:14:29 INFO [20260528_093510_66bfaec7] ${compression} done:    session=20260528_155201_68dc5996 messages=39->13 tokens=~9,501`,
  `2026-05-28 16:15:40 INFO [20260528_093510_66bfaec7] ${compression} started: session=20260528_093510_66bfaec7 messages=194 tokens=~145,948 model=claude-opus-4.7`,
  `2026-05-28 16:16:35 INFO [20260528_093510_66bfaec7] ${compression} done:    session=20260528_161635_bb86b1 messages=194->26 tokens=~41,442`
]

/** A line of a session; those of one session keep their order. */
export interface Said {
  readonly by: "hermes" | "throughline"
  readonly session: string
  readonly what: "started" | "done" | "buffered" | "promoted"
  readonly says: string
}

const id = (n: number) => `20260528_${String(150_000 + n)}_68dc5996`

/** Compressions one after the other; `from` keeps their sizes apart from those of other sessions. */
const hermes = (n: number, operations: number): ReadonlyArray<Said> =>
  Array.from({ length: operations }, (_, k) => {
    const session = id(n)
    const size = 100 * n + k + 10
    const about = { by: "hermes", session } as const
    return [
      { ...about, what: "started", says: `started: session=${session} messages=${size} tokens=~145,003 model=m` },
      { ...about, what: "done", says: `done:    session=${session} messages=${size}->8 tokens=~29,548` }
    ] satisfies ReadonlyArray<Said>
  }).flat()

/** Rounds of two messages that arrive, are taken up together, and a compression meanwhile. */
const throughline = (n: number, rounds: number): ReadonlyArray<Said> =>
  Array.from({ length: rounds }, (_, k) => {
    const session = `chat ${n}`
    const about = { by: "throughline", session } as const
    const [first, second] = [1_000 * n + 2 * k + 1, 1_000 * n + 2 * k + 2]
    const named = `session="${session}" operation=op_${n}_${k}`
    const nameMessage = (arrival: number) => `session="${session}" arrival=${arrival}`
    return [
      { ...about, what: "buffered", says: `message buffered: ${nameMessage(first)} kind=request` },
      { ...about, what: "started", says: `compression started: ${named} generation=${k} messages=40 tokens=~9000` },
      { ...about, what: "buffered", says: `message buffered: ${nameMessage(second)} kind=notification` },
      { ...about, what: "promoted", says: `message promoted: ${nameMessage(first)} seq=${2 * k + 1}` },
      { ...about, what: "promoted", says: `message promoted: ${nameMessage(second)} seq=${2 * k + 2}` },
      { ...about, what: "done", says: `compression done: ${named} outcome=committed messages=40->8 tokens=~900` }
    ] satisfies ReadonlyArray<Said>
  }).flat()

/** Any interleaving of some sessions. */
export const correct: fc.Arbitrary<ReadonlyArray<Said>> = fc
  .array(fc.record({ isHermes: fc.boolean(), rounds: fc.integer({ min: 1, max: 3 }) }), { minLength: 2, maxLength: 5 })
  .map((sessions) => sessions.map(({ isHermes, rounds }, i) => (isHermes ? hermes : throughline)(i + 1, rounds)))
  .chain((sessions) =>
    fc
      .array(fc.nat(), { minLength: sessions.flat().length, maxLength: sessions.flat().length })
      .map((picks) => interleaveSessions(sessions, picks))
  )

const interleaveSessions = (
  sessions: ReadonlyArray<ReadonlyArray<Said>>,
  picks: ReadonlyArray<number>
): ReadonlyArray<Said> => {
  const left = sessions.map((said) => [...said])
  return picks.flatMap((pick) => {
    const open = left.filter(({ length }) => length > 0)
    return open[pick % open.length]?.shift() ?? []
  })
}

/** Minutes apart, as each writes it: throughline's as logfmt and as JSON in turn. */
export const writeLog = (log: ReadonlyArray<Said>): ReadonlyArray<string> =>
  log.map(({ by, says, session }, i) => {
    const at = new Date(Date.UTC(2026, 4, 28) + i * 60_000).toISOString()
    if (by === "hermes") {
      return `${at.slice(0, 19).replace("T", " ")} INFO [${session}] ${compression} ${says}`
    }
    if (i % 2 === 0) return `timestamp=${at} level=INFO fiber=#1 message=${JSON.stringify(says)}`
    return JSON.stringify({ message: says, logLevel: "INFO", timestamp: at, annotations: {}, spans: {}, fiberId: "#1" })
  })

/** Spoils a correct log at its line `i`. Returns undefined if the line is of another kind. */
export const faults: Readonly<
  Record<string, (log: ReadonlyArray<Said>, i: number) => ReadonlyArray<Said> | undefined>
> = {
  "a line is missing": (log, i) => log.toSpliced(i, 1),
  "a line is there twice": (log, i) => log.flatMap((said, k) => (k === i ? [said, said] : [said])),
  "an operation ends in a session of which nobody heard": (log, i) => {
    const said = log[i]
    if (said?.what !== "done") return undefined
    return log.with(i, { ...said, says: said.says.replaceAll(said.session, "20260528_235959_bb86b1") })
  },
  "an operation is that of another session": (log, i) => {
    const said = log[i]
    if (said?.by !== "hermes" || said.what !== "started") return undefined
    const end = log.findIndex(({ session, what }, k) => k > i && session === said.session && what === "done")
    const other = { ...said, session: "20260528_093510_66bfaec7" }
    return log.map((line, k) => (k === i || k === end ? { ...line, session: other.session } : line))
  },
  "an operation starts before the one before it ended": (log, i) => {
    const said = log[i]
    if (said?.what !== "done") return undefined
    const next = log.findIndex(({ session, what }, k) => k > i && session === said.session && what === "started")
    const start = log[next]
    return start && log.toSpliced(next, 1).toSpliced(i, 0, start)
  },
  "a message is taken up before the one before it": (log, i) => {
    const said = log[i]
    const next = log.findIndex(({ session, what }, k) => k > i && session === said?.session && what === "promoted")
    const later = log[next]
    // The two of a round, both of which wait.
    if (said?.what !== "promoted" || later === undefined || !said.says.match(/seq=\d*[13579]$/)) return undefined
    return log.with(i, later).with(next, said)
  }
}
