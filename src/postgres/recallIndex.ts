/**
 * The index of words: its statements, and how texts become what it holds. A word begins with the number of its session. The
 * server's own parser is not asked: it cuts paths, addresses and hyphens.
 */
import { indexText, WORD } from "../store/searchQuery.ts"
import { weighKeys } from "../store/wordKeys.ts"
import { prepare } from "./link.ts"

/** A message of the log, as its text is there. */
export interface Body {
  readonly seq: number
  readonly body: string
}

export type RangeParameters = readonly [
  id: string,
  fromSeq: number,
  toSeq: number,
  except: ReadonlyArray<number>,
  also: ReadonlyArray<number>,
  undoneFrom: ReadonlyArray<number>,
  undoneTo: ReadonlyArray<number>
]

const IS_WITHIN = `r.session_id = $1 AND (r.seq BETWEEN $2 AND $3 AND r.seq <> ALL ($4::int[]) OR r.seq = ANY ($5::int[]))
  AND NOT EXISTS (SELECT FROM unnest($6::int[], $7::int[]) AS u(f, t) WHERE r.seq BETWEEN u.f AND u.t)`

const find = (name: string, where: string, order: string) =>
  prepare<[...RangeParameters, match: string, limit: number], { readonly seq: number }>(
    name,
    `SELECT r.seq FROM throughline.recall r WHERE ${where} AND ${IS_WITHIN} ORDER BY ${order} LIMIT $9`
  )

export const sql = {
  mark: prepare<[string], { readonly number: number; readonly seq: number }>(
    "read the index",
    "SELECT number, seq FROM throughline.recall_session WHERE session_id = $1"
  ),
  open: prepare<[string], unknown>(
    "open the index",
    "INSERT INTO throughline.recall_session (session_id, seq) VALUES ($1, 0) ON CONFLICT DO NOTHING"
  ),
  bodies: prepare<[string, after: number, limit: number], Body>(
    "read bodies",
    "SELECT seq, body FROM throughline.message WHERE session_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"
  ),
  before: prepare<[string, seq: number], Body>(
    "read bodies before",
    "SELECT seq, body FROM throughline.message WHERE session_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT 200"
  ),
  named: prepare<[string, seqs: ReadonlyArray<number>], Body>(
    "read named bodies",
    "SELECT seq, body FROM throughline.message WHERE session_id = $1 AND seq = ANY ($2::int[]) ORDER BY seq DESC"
  ),
  /** Whoever was here meanwhile has moved the mark: then nothing of this is written. */
  fill: prepare<
    [
      string,
      from: number,
      to: number,
      seqs: ReadonlyArray<number>,
      words: ReadonlyArray<string>,
      stems: ReadonlyArray<string>
    ],
    unknown
  >(
    "fill the index",
    `WITH moved AS (
       UPDATE throughline.recall_session SET seq = $3 WHERE session_id = $1 AND seq = $2 RETURNING 1)
     INSERT INTO throughline.recall (session_id, seq, words, stems)
       SELECT $1, u.seq, u.words::tsvector, u.stems::tsvector
       FROM moved, unnest($4::int[], $5::text[], $6::text[]) AS u(seq, words, stems) ON CONFLICT DO NOTHING`
  ),
  count: prepare<[match: string, limit: number], { readonly count: number }>(
    "count messages",
    `SELECT count(*)::int AS count FROM (
       SELECT FROM throughline.recall WHERE words @@ $1::tsquery LIMIT $2) AS found`
  ),
  best: find("find the best", "r.words @@ $8::tsquery", "ts_rank(r.words, $8::tsquery, 1) DESC, r.seq DESC"),
  newest: find("find the newest", "r.words @@ $8::tsquery", "r.seq DESC"),
  holding: find("find by stems", "r.stems @@ $8::tsquery", "r.seq DESC"),
  /** Each message with one of the keys, and the level of its weight, which stands in place of the key's position. */
  postings: prepare<
    [keys: ReadonlyArray<string>, queries: ReadonlyArray<string>, limit: number],
    { readonly place: number; readonly seq: number; readonly level: number }
  >(
    "read postings",
    `SELECT k.place::int AS place, r.seq, l.positions[1] - 1 AS level
     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k(key, query, place),
       LATERAL (SELECT seq, stems FROM throughline.recall WHERE stems @@ k.query::tsquery LIMIT $3) r,
       LATERAL unnest(r.stems) AS l WHERE l.lexeme = k.key`
  ),
  scan: prepare<[...RangeParameters, least: number, most: number, pattern: string], Body>(
    "scan the log",
    `SELECT r.seq, r.body FROM throughline.message r WHERE ${IS_WITHIN} AND r.seq BETWEEN $8 AND $9 AND r.body ILIKE $10
     ORDER BY r.seq DESC`
  )
}

// ── words of the index ──

/** The server takes positions up to this one, so many of a word, and words of so many bytes. */
const MOST_POSITIONS = 16_383
const MOST_OF_A_WORD = 255
const LONGEST_WORD = 500

/** Two letters may take six bytes. The longest text of words the server takes is a megabyte. */
const LONGEST_VECTOR = 250_000

/** As the index of the native store folds words: in lower case, without accents. */
const foldWord = (word: string): string => {
  const folded = /^[\0-\u007f]*$/.test(word) ? word : word.normalize("NFD").replaceAll(/\p{M}/gu, "")
  return Array.from(folded.toLowerCase()).slice(0, LONGEST_WORD).join("")
}

export const nameKey = (number: number, key: string): string => `${number}·${key}`

export const quoteKey = (number: number, key: string): string =>
  `'${nameKey(number, key).replaceAll("\\", "\\\\").replaceAll("'", "''")}'`

export const vectorOfWords = (number: number, text: string): string => {
  const places = new Map<string, Array<number>>()
  let [place, room] = [0, LONGEST_VECTOR]
  for (const [word] of indexText(text).matchAll(WORD)) {
    const folded = foldWord(word)
    if (folded === "") continue
    if (++place > MOST_POSITIONS || room < 0) break
    const known = places.get(folded)
    if (known === undefined) {
      places.set(folded, [place])
      room -= folded.length + 10
    } else if (known.length < MOST_OF_A_WORD) known.push(place)
  }
  return Array.from(places, ([word, at]) => `${quoteKey(number, word)}:${at.join(",")}`).join(" ")
}

export const vectorOfStems = (number: number, text: string): string => {
  let room = LONGEST_VECTOR
  const keys = Array.from(weighKeys(text), ([key, level]) => {
    room -= key.length + 10
    return room < 0 ? "" : `${quoteKey(number, key)}:${level + 1}`
  })
  return keys.filter((key) => key !== "").join(" ")
}

/** A phrase of the index's syntax, such as `"a b" *`, as the server asks for it. None if it has no words. */
export const queryOf = (number: number, phrase: string): string | undefined => {
  const words = (phrase.match(WORD) ?? []).map(foldWord).filter((word) => word !== "")
  if (words.length === 0) return undefined
  const quoted = words.map((word) => quoteKey(number, word))
  return `(${quoted.join(" <-> ")}${phrase.endsWith(" *") ? ":*" : ""})`
}
