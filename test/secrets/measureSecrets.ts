/**
 * Measures which share of the corpus the redaction keeps back, and which of the look-alikes it changes.
 * Run: `npx tsx test/secrets/measureSecrets.ts [--misses] [--third] [--fourth] [--fifth] [--sixth]`, where
 * `--misses` lists what is not held out, and the others measure a later corpus.
 */
import { fileURLToPath } from "node:url"
import { redact } from "../../src/message/Redaction.ts"
import { CARRIED, CARRIED_INNOCENTS } from "./carriers.ts"
import { INNOCENTS, isLeaked, SECRETS } from "./corpus.ts"
import { FROM_MANUALS, MANUAL_INNOCENTS } from "./manuals.ts"
import { PUBLISHED, PUBLISHED_INNOCENTS } from "./published.ts"
import { STRANGE, STRANGE_INNOCENTS } from "./strangers.ts"

/** What is kept back of one group, or of all. */
export interface Share {
  readonly name: string
  readonly total: number
  readonly kept: number
}

/** Measures by group; `isHeldOut` chooses the kinds. */
export const measureGroups = (isHeldOut: boolean): ReadonlyArray<Share> => {
  const shares = new Map<string, { total: number; kept: number }>()
  for (const { group, secret, text, ...kind } of SECRETS) {
    if (kind.isHeldOut !== isHeldOut) continue
    const share = shares.get(group) ?? { total: 0, kept: 0 }
    shares.set(group, { total: share.total + 1, kept: share.kept + (isLeaked(redact(text), secret) ? 0 : 1) })
  }
  return Array.from(shares, ([name, share]) => ({ name, ...share }))
}

interface GroupedSecret {
  readonly group: string
  readonly text: string
  readonly secret: string
}

const measureCorpus = (corpus: ReadonlyArray<GroupedSecret>): ReadonlyArray<Share> =>
  Array.from(new Set(corpus.map(({ group }) => group)), (name) => {
    const cases = corpus.filter(({ group }) => group === name)
    return { name, total: cases.length, kept: cases.filter((one) => !isLeaked(redact(one.text), one.secret)).length }
  })

const isChanged = (text: string): boolean => redact(text) !== text

/** Measures the third corpus by group. */
export const measureCarried = (): ReadonlyArray<Share> => measureCorpus(CARRIED)

/** Measures the fourth corpus by group. */
export const measurePublished = (): ReadonlyArray<Share> => measureCorpus(PUBLISHED)

/** Measures the fifth corpus by group. */
export const measureManuals = (): ReadonlyArray<Share> => measureCorpus(FROM_MANUALS)

/** Measures the sixth corpus by group. */
export const measureStrangers = (): ReadonlyArray<Share> => measureCorpus(STRANGE)

/** The look-alikes of the later corpora that the redaction changes. */
export const listChangedLater = (): ReadonlyArray<string> =>
  [...CARRIED_INNOCENTS, ...PUBLISHED_INNOCENTS, ...MANUAL_INNOCENTS, ...STRANGE_INNOCENTS].filter(isChanged)

export const addShares = (name: string, shares: ReadonlyArray<Share>): Share => ({
  name,
  total: shares.reduce((sum, { total }) => sum + total, 0),
  kept: shares.reduce((sum, { kept }) => sum + kept, 0)
})

/** The look-alikes that the redaction changes. */
export const listChangedInnocents = (isHeldOut: boolean) =>
  INNOCENTS.filter((innocent) => innocent.isHeldOut === isHeldOut && redact(innocent.text) !== innocent.text)

const formatShare = ({ kept, total }: Share): string => `${kept} of ${total} (${((kept / total) * 100).toFixed(1)} %)`

const printTable = (): void => {
  const seen = measureGroups(false)
  const held = measureGroups(true)
  console.log("| group | seen kinds | held out |\n| --- | --- | --- |")
  for (const [i, share] of [...seen, addShares("**all**", seen)].entries())
    console.log(`| ${share.name} | ${formatShare(share)} | ${formatShare(held[i] ?? addShares("all", held))} |`)
  const count = (isHeldOut: boolean) =>
    `${listChangedInnocents(isHeldOut).length} of ${INNOCENTS.filter((innocent) => innocent.isHeldOut === isHeldOut).length}`
  console.log(`| look-alikes changed | ${count(false)} | ${count(true)} |`)
}

const printCorpus = (name: string, corpus: ReadonlyArray<GroupedSecret>, innocents: ReadonlyArray<string>): void => {
  const shares = measureCorpus(corpus)
  console.log(`| group | ${name} corpus |\n| --- | --- |`)
  for (const share of [...shares, addShares("**all**", shares)])
    console.log(`| ${share.name} | ${formatShare(share)} |`)
  console.log(`| look-alikes changed | ${innocents.filter(isChanged).length} of ${innocents.length} |`)
}

const printMisses = (): void => {
  for (const { group, isHeldOut, kind, secret, text } of SECRETS)
    if (!isHeldOut && isLeaked(redact(text), secret)) console.log(`${group} | ${kind} | ${JSON.stringify(text)}`)
  for (const { kind, text } of listChangedInnocents(false)) console.log(`changed | ${kind} | ${text} | ${redact(text)}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--third")) printCorpus("third", CARRIED, CARRIED_INNOCENTS)
  else if (process.argv.includes("--fourth")) printCorpus("fourth", PUBLISHED, PUBLISHED_INNOCENTS)
  else if (process.argv.includes("--fifth")) printCorpus("fifth", FROM_MANUALS, MANUAL_INNOCENTS)
  else if (process.argv.includes("--sixth")) printCorpus("sixth", STRANGE, STRANGE_INNOCENTS)
  else printTable()
  if (process.argv.includes("--misses")) printMisses()
}
