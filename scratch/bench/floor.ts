/**
 * The floor: bare better-sqlite3 with the store's pragmas, prepared statements and bodies already encoded, in three
 * commits a turn and one a compression; the index is filled at the end, as the store fills it.
 */
import Database from "better-sqlite3"
import type { Compression, Row, Script } from "./script.ts"

const TABLES = `
  CREATE TABLE inbox (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, kind TEXT, tokens INTEGER, body TEXT, at INTEGER
  ) STRICT;
  CREATE TABLE message (
    session_id TEXT, seq INTEGER, arrival INTEGER, kind TEXT, tokens INTEGER, total INTEGER, body TEXT, at INTEGER,
    PRIMARY KEY (session_id, seq)
  ) STRICT;
  CREATE TABLE segment (
    id TEXT PRIMARY KEY, session_id TEXT, from_seq INTEGER, to_seq INTEGER, tokens INTEGER, body TEXT
  ) STRICT;
  CREATE TABLE generation (
    session_id TEXT, generation INTEGER, manifest TEXT, left_seq INTEGER, at INTEGER,
    PRIMARY KEY (session_id, generation)
  ) STRICT;
  CREATE VIRTUAL TABLE recall USING fts5 (body, content = '', tokenize = 'unicode61 remove_diacritics 2');
  INSERT INTO recall (recall, rank) VALUES ('automerge', 16);
  INSERT INTO recall (recall, rank) VALUES ('crisismerge', 32)`

const INDEXED_AT_ONCE = 200

export type Floor = ReturnType<typeof open>

export const open = (file: string) => {
  const db = new Database(file)
  for (const pragma of ["journal_mode = WAL", "synchronous = FULL", "busy_timeout = 0"]) db.pragma(pragma)
  db.exec(TABLES)
  const begin = db.prepare("BEGIN IMMEDIATE")
  const commit = db.prepare("COMMIT")
  const delivery = db.prepare("INSERT INTO inbox (session_id, kind, tokens, body, at) VALUES (?, ?, ?, ?, ?)")
  const insert = db.prepare("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
  const clear = db.prepare("DELETE FROM inbox WHERE arrival <= ?")
  const segment = db.prepare("INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?)")
  const generation = db.prepare("INSERT INTO generation VALUES (?, ?, ?, ?, ?)")
  const index = db.prepare("INSERT INTO recall (rowid, body) VALUES (?, ?)")
  const matches = db.prepare("SELECT rowid FROM recall WHERE recall MATCH ? ORDER BY rank LIMIT 10").pluck()

  const write = ({ arrival, at, body, kind, seq, tokens, total }: Row, sessionId: string) =>
    insert.run(sessionId, seq, arrival, kind, tokens, total, body, at)
  const atomic = (work: () => unknown) => {
    begin.run()
    work()
    commit.run()
  }

  /** The commits of a turn: its delivery, its promotion, and what was appended. */
  const commits = (sessionId: string, [request, ...replies]: ReadonlyArray<Row>): ReadonlyArray<() => void> => {
    if (request === undefined) return []
    const { at, body, kind, tokens } = request
    let arrival: number | bigint = 0
    return [
      () => atomic(() => (arrival = delivery.run(sessionId, kind, tokens, body, at).lastInsertRowid)),
      () =>
        atomic(() => {
          write(request, sessionId)
          clear.run(arrival)
        }),
      () => atomic(() => replies.forEach((row) => write(row, sessionId)))
    ]
  }

  const turn = (sessionId: string, rows: ReadonlyArray<Row>) => commits(sessionId, rows).forEach((commit) => commit())

  const compress = (sessionId: string, made: Compression) =>
    atomic(() => {
      for (const { body, from_seq, id, to_seq, tokens } of made.segments) {
        segment.run(id, sessionId, from_seq, to_seq, tokens, body)
      }
      generation.run(sessionId, made.generation, made.manifest, made.left_seq, made.at)
    })

  const fill = (words: ReadonlyArray<string>) => {
    for (let from = 0; from < words.length; from += INDEXED_AT_ONCE) {
      atomic(() => words.slice(from, from + INDEXED_AT_ONCE).forEach((text, n) => index.run(from + n + 1, text)))
    }
  }

  return { commits, turn, compress, fill, search: (match: string) => matches.all(match), close: () => db.close() }
}

/** A whole session, searchable at the end: the time of each turn, and of all. */
export const replay = (file: string, { turns, words }: Script, query: string) => {
  const floor = open(file)
  const begin = performance.now()
  const times = turns.map(({ compressions, rows }) => {
    const from = performance.now()
    floor.turn("s", rows)
    for (const compression of compressions) floor.compress("s", compression)
    return performance.now() - from
  })
  floor.fill(words)
  floor.search(query)
  const total = performance.now() - begin
  floor.close()
  return { total, times }
}
