/** What a run shows: figures, and everything that is not as promised. */
import type { Outcome } from "../../src/session/CompressionResult.ts"
import { findContradictions } from "../../test/support/auditTrail.ts"
import * as Diary from "./diary.ts"
import type { Story } from "./story.ts"
import * as Stored from "./stored.ts"
import * as Words from "./words.ts"

export interface Findings {
  readonly figures: Figures
  readonly faults: Faults
}

export interface Figures {
  /** Turns that waited for a view, in seconds. */
  readonly waits: { readonly count: number; readonly longest: number; readonly total: number }
  readonly messages: number
  readonly turns: number
  /** Seconds from the first session's first compression to the last one's. */
  readonly herd: number
  readonly compressions: Partial<Record<Outcome, number>>
  /** The fewest and the most of any session. */
  readonly generations: readonly [number, number]
  readonly notes: number
  readonly acknowledgements: number
  /** Questions about a note, by where the answer was found. */
  readonly questions: { readonly view: number; readonly recall: number }
}

/** All 0, if everything is as it should be. */
export interface Faults {
  readonly lost: number
  readonly doubled: number
  readonly disordered: number
  /** Answers that there is no record of a note, or that say something else than it did. */
  readonly phantomIdle: number
  readonly wrongAnswers: number
  readonly unanswered: number
  readonly answeredTwice: number
  /** Acknowledgements of acknowledgements. */
  readonly ackLoops: number
  /** Receipts, views, results, log lines and stored sessions that name another id than was given. */
  readonly idChanges: number
  /** Lists what the log lines alone contradict. */
  readonly contradictions: number
  readonly failures: number
  /** Sessions that were never compressed: nothing would be shown about them. */
  readonly uncompressed: number
}

/** On a virtual clock all time that passes is a wait; on a real one, the time of who waits for a compression. */
export const of = (story: Story, clock: "virtual" | "real" = "virtual"): Findings => ({
  figures: figuresOf(story, clock),
  faults: faultsOf(story)
})

const figuresOf = ({ diary, sessions }: Story, clock: "virtual" | "real"): Figures => {
  const delivered = Diary.ofKind(diary, "Delivered")
  const ended = Diary.ofKind(diary, "Ended")
  const waited = clock === "virtual" ? delays(diary) : listWaits(diary)
  const generations = sessions.map((session) =>
    Math.max(0, ...ended.filter(({ named }) => named === session).map(({ generation }) => generation))
  )
  const replied = Diary.ofKind(diary, "Replied")
  const ofKind = (kind: Words.Word["kind"]) => delivered.filter(({ word }) => word.kind === kind).length
  return {
    waits: {
      count: waited.length,
      longest: Math.max(0, ...waited) / 1_000,
      total: waited.reduce((sum, wait) => sum + wait, 0) / 1_000
    },
    messages: delivered.length + Diary.ofKind(diary, "Appended").length,
    turns: Diary.ofKind(diary, "Appended").filter(({ answers }) => answers.length > 0).length,
    herd: herdOf(diary, sessions),
    compressions: ended.reduce<Partial<Record<Outcome, number>>>(
      (counts, { outcome }) => ({ ...counts, [outcome]: (counts[outcome] ?? 0) + 1 }),
      {}
    ),
    generations: [Math.min(...generations), Math.max(...generations)],
    notes: ofKind("note"),
    acknowledgements: ofKind("ack"),
    questions: {
      view: replied.filter(({ source }) => source === "view").length,
      recall: replied.filter(({ source }) => source === "recall").length
    }
  }
}

const delays = (diary: Story["diary"]): ReadonlyArray<number> =>
  [...Diary.ofKind(diary, "Delivered"), ...Diary.ofKind(diary, "Viewed")].flatMap(({ waited }) =>
    waited > 0 ? [waited] : []
  )

/** Lists the waits of the views that an agent got after it had to wait. */
const listWaits = (diary: Story["diary"]): ReadonlyArray<number> => {
  const waiting = new Set<string>()
  return diary.flatMap((event) => {
    if (event._tag === "Awaited") waiting.add(event.agent)
    return event._tag === "Viewed" && waiting.delete(event.agent) ? [event.waited] : []
  })
}

const herdOf = (diary: Story["diary"], sessions: Story["sessions"]): number => {
  const started = Diary.ofKind(diary, "Started")
  const first = sessions.flatMap((session) => started.find(({ named }) => named === session)?.at ?? [])
  return first.length === 0 ? 0 : (Math.max(...first) - Math.min(...first)) / 1_000
}

const faultsOf = (story: Story): Faults => {
  const { diary, lines, sessions } = story
  const words = Diary.ofKind(diary, "Delivered").map(({ word }) => word)
  const replied = Diary.ofKind(diary, "Replied")
  const texts = new Map(words.map(({ id, text }) => [id, text]))
  const answers = countsOf(Diary.ofKind(diary, "Appended").flatMap(({ answers }) => answers))
  const compressed = new Set(Diary.ofKind(diary, "Ended").map(({ named }) => named))
  return {
    ...Stored.compare(story),
    phantomIdle: replied.filter(({ source }) => source === "nowhere").length,
    wrongAnswers: replied.filter(({ about, source, told }) => source !== "nowhere" && texts.get(about) !== told).length,
    unanswered: words.filter(({ id, kind }) => kind !== "ack" && !answers.has(id)).length,
    answeredTwice: Array.from(answers.values()).filter((times) => times > 1).length,
    ackLoops: words.filter(Words.isAckOfAck).length,
    idChanges: idChanges(story),
    contradictions: findContradictions(lines).length,
    failures: Diary.ofKind(diary, "Failed").length,
    uncompressed: sessions.filter((session) => !compressed.has(session)).length
  }
}

const idChanges = ({ diary, lines, sessions, stored }: Story): number => {
  const given = new Set<string>(sessions)
  const inLines = lines.flatMap((line) => /(?:^| )session=(\S+)/.exec(line)?.[1] ?? [])
  const answered = [...Diary.ofKind(diary, "Delivered"), ...Diary.ofKind(diary, "Viewed")]
  const unasked = [...Diary.ofKind(diary, "Started"), ...Diary.ofKind(diary, "Ended")].map(({ named }) => named)
  return (
    answered.filter(({ agent, named }) => named !== agent).length +
    [...unasked, ...inLines, ...stored].filter((id) => !given.has(id)).length
  )
}

const countsOf = (items: ReadonlyArray<string>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1)
  return counts
}
