/** Compares the store at the end with what was acknowledged. */
import * as Diary from "./diary.ts"
import type { Entry, Story } from "./story.ts"

export interface Difference {
  readonly lost: number
  readonly doubled: number
  /** Sessions whose messages are all there, but not in the order of arrival and of appending. */
  readonly disordered: number
}

export const compare = ({ diary, logs, sessions }: Story): Difference => {
  const delivered = byAgent(Diary.ofKind(diary, "Delivered"))
  const appended = byAgent(Diary.ofKind(diary, "Appended"))
  const differences = sessions.map((session) =>
    differenceOf(delivered.get(session) ?? [], appended.get(session) ?? [], logs.get(session) ?? [])
  )
  const sum = (of: keyof Difference) => differences.reduce((total, difference) => total + difference[of], 0)
  return { lost: sum("lost"), doubled: sum("doubled"), disordered: sum("disordered") }
}

const byAgent = (events: ReadonlyArray<{ readonly agent: string; readonly digest: string }>) => {
  const digests = new Map<string, Array<string>>()
  for (const { agent, digest } of events) {
    const known = digests.get(agent)
    if (known === undefined) digests.set(agent, [digest])
    else known.push(digest)
  }
  return digests
}

const differenceOf = (
  delivered: ReadonlyArray<string>,
  appended: ReadonlyArray<string>,
  log: ReadonlyArray<Entry>
): Difference => {
  const there = new Map<string, number>()
  for (const { digest } of log) there.set(digest, (there.get(digest) ?? 0) + 1)
  const acknowledged = [...delivered, ...appended]
  const lost = acknowledged.filter((digest) => !there.has(digest)).length
  const doubled = log.length - (acknowledged.length - lost)
  const arrivals = log.flatMap(({ arrival }) => arrival ?? [])
  const steps = log.flatMap(({ arrival, digest }) => (arrival === null ? [digest] : []))
  const isInOrder =
    arrivals.every((arrival, i) => i === 0 || arrival > (arrivals[i - 1] ?? 0)) &&
    steps.every((digest, i) => digest === appended[i])
  return { lost, doubled, disordered: lost === 0 && doubled === 0 && !isInOrder ? 1 : 0 }
}
