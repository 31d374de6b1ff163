/** Hermes databases with a history: sessions that were split, compressed in place, forked and damaged on the way. */
import Database from "better-sqlite3"
import { FastCheck } from "effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export type Age = "old" | "new"

/** Epoch seconds, later than anything a history does. */
export const NOW = 1_800_000_000
const BEGINNING = NOW - 1_000_000

const onlyNew = (age: Age, columns: string) => (age === "new" ? columns : "")

const schema = (age: Age): string => `
  CREATE TABLE schema_version (version INTEGER NOT NULL);
  INSERT INTO schema_version VALUES (${age === "new" ? 26 : 11});
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, model_config TEXT, parent_session_id TEXT REFERENCES sessions(id),
    started_at REAL NOT NULL, ended_at REAL, end_reason TEXT, message_count INTEGER DEFAULT 0,
    tool_call_count INTEGER DEFAULT 0, title TEXT
    ${onlyNew(age, ", compression_failure_cooldown_until REAL, compression_failure_error TEXT")}
  );
  CREATE UNIQUE INDEX titles ON sessions(title) WHERE title IS NOT NULL;
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions(id), role TEXT NOT NULL,
    content TEXT, tool_call_id TEXT, tool_calls TEXT, tool_name TEXT, timestamp REAL NOT NULL
    ${onlyNew(age, ", active INTEGER NOT NULL DEFAULT 1, compacted INTEGER NOT NULL DEFAULT 0")}
  );
  CREATE TABLE gateway_routing (
    scope TEXT NOT NULL DEFAULT '', session_key TEXT NOT NULL, entry_json TEXT NOT NULL, updated_at REAL NOT NULL,
    PRIMARY KEY (scope, session_key)
  );
  CREATE TABLE compression_locks (
    session_id TEXT PRIMARY KEY, holder TEXT NOT NULL, acquired_at REAL NOT NULL, expires_at REAL NOT NULL
  );
  CREATE VIRTUAL TABLE messages_fts USING fts5(content, content='messages', content_rowid='id');
  CREATE TRIGGER messages_fts_insert AFTER INSERT ON messages BEGIN
    INSERT INTO messages_fts(rowid, content) VALUES (new.id, new.content);
  END;
  CREATE TRIGGER messages_fts_update AFTER UPDATE OF content ON messages BEGIN
    INSERT INTO messages_fts(messages_fts, rowid, content) VALUES ('delete', old.id, old.content);
    INSERT INTO messages_fts(rowid, content) VALUES (new.id, new.content);
  END;`

export const folder = () => mkdtempSync(join(tmpdir(), "hermes-"))

/** A row as Hermes would store it again: without id, session and time. */
interface Said {
  readonly role: string
  readonly content: string | null
  readonly tool_call_id: string | null
  readonly tool_calls: string | null
}

const text = (role: string, content: string): Said => ({ role, content, tool_call_id: null, tool_calls: null })

export const handoff = (n: number, isDegraded = false): string =>
  `[CONTEXT COMPACTION — REFERENCE ONLY] summary ${n}${isDegraded ? "\nSummary generation was unavailable, so" : ""}`

/** One thing that happens to a history; the numbers choose among what there is. */
export type Event =
  | { readonly type: "turn"; readonly rounds: number }
  | { readonly type: "split"; readonly tail: number; readonly summary: "made" | "degraded" | "none" }
  | { readonly type: "empty split" | "childless split" }
  | { readonly type: "compress in place"; readonly tail: number; readonly summary: "made" | "degraded" }
  | { readonly type: "fork" | "late message" | "late result" | "route" | "lock"; readonly at: number }
  | { readonly type: "double" | "orphan" | "second handoff" | "undo" | "lose the parent" | "cool down" | "leave" }

const among = <A extends string>(...types: ReadonlyArray<A>) => FastCheck.constantFrom(...types)
const small = FastCheck.nat({ max: 5 })
export const event: FastCheck.Arbitrary<Event> = FastCheck.oneof(
  { weight: 6, arbitrary: FastCheck.record({ type: among("turn"), rounds: small }) },
  {
    weight: 3,
    arbitrary: FastCheck.record({
      type: among("split"),
      tail: small,
      summary: among("made", "degraded", "none")
    })
  },
  {
    weight: 2,
    arbitrary: FastCheck.record({
      type: among("compress in place"),
      tail: small,
      summary: among("made", "degraded")
    })
  },
  {
    weight: 1,
    arbitrary: FastCheck.record({ type: among("empty split", "childless split") })
  },
  {
    weight: 4,
    arbitrary: FastCheck.record({
      type: among("fork", "late message", "late result", "route", "lock"),
      at: small
    })
  },
  {
    weight: 3,
    arbitrary: FastCheck.record({
      type: among("double", "orphan", "second handoff", "undo", "lose the parent", "cool down", "leave")
    })
  }
)

/** Makes a database in which all this has happened, in a folder of its own. */
export const build = (age: Age, events: ReadonlyArray<Event>): string => {
  const filename = join(folder(), "state.db")
  const db = new Database(filename)
  db.pragma("synchronous = OFF")
  db.exec(schema(age))
  const history = begin(db, age)
  db.transaction(() => {
    history.turn(1)
    for (const event of events) happen(history, event)
  })()
  db.close()
  return filename
}

type History = ReturnType<typeof begin>

const happen = (history: History, event: Event): void => {
  switch (event.type) {
    case "turn":
      return history.turn(event.rounds)
    case "split":
      return history.split(event.tail, event.summary)
    case "compress in place":
      return history.compress(event.tail, event.summary)
    case "fork":
      return history.fork(event.at)
    case "late message":
      return history.late(event.at, text("user", `late ${history.next()}`))
    case "late result":
      return history.late(event.at, { ...text("tool", `late ${history.next()}`), tool_call_id: "gone" })
    case "route":
      return history.route(event.at)
    case "lock":
      return history.lock(event.at)
    default:
      return history.damage(event.type)
  }
}

const begin = (db: Database.Database, age: Age) => {
  let clock = BEGINNING
  let made = 0
  let current = "s0"
  const sessions: Array<string> = []
  const next = () => ++made
  const tick = () => (clock += 1)

  const open = (parent: string | null): string => {
    const id = `s${sessions.length}`
    sessions.push(id)
    db.prepare("INSERT INTO sessions (id, source, parent_session_id, started_at) VALUES (?, 'telegram', ?, ?)").run(
      id,
      parent,
      tick()
    )
    return id
  }

  const add = (session: string, { content, role, tool_call_id, tool_calls }: Said): void => {
    db.prepare(
      `INSERT INTO messages (session_id, role, content, tool_call_id, tool_calls, timestamp) VALUES (?, ?, ?, ?, ?, ?)`
    ).run(session, role, content, tool_call_id, tool_calls, tick())
  }

  const live = (session: string): ReadonlyArray<Said> =>
    db
      .prepare<[string], Said>(
        `SELECT role, content, tool_call_id, tool_calls FROM messages
         WHERE session_id = ? ${age === "new" ? "AND active = 1" : ""} ORDER BY id`
      )
      .all(session)

  const pick = (at: number, among: ReadonlyArray<string>): string => among[at % among.length] ?? current

  const findClosedSessions = () =>
    db.prepare<[], string>("SELECT id FROM sessions WHERE end_reason = 'compression' ORDER BY id").pluck().all()

  /** The end of a context, from the beginning of a turn. */
  const tailOf = (rows: ReadonlyArray<Said>, tail: number): ReadonlyArray<Said> => {
    const start = rows.findIndex(({ role }, index) => role === "user" && index >= Math.max(2, rows.length - 4 * tail))
    return start === -1 || tail === 0 ? [] : rows.slice(start)
  }

  const close = (reason: string) =>
    db.prepare("UPDATE sessions SET ended_at = ?, end_reason = ? WHERE id = ?").run(tick(), reason, current)

  const history = {
    next,
    turn: (rounds: number) => {
      add(current, text("user", `request ${next()}`))
      for (let round = 0; round < rounds; round++) {
        const id = `call_${next()}`
        const calls = [{ id, type: "function", function: { name: "terminal", arguments: "{}" } }]
        add(current, { ...text("assistant", ""), tool_calls: JSON.stringify(calls) })
        add(current, { ...text("tool", `output of ${id}`), tool_call_id: id })
      }
      add(current, text("assistant", `answer ${next()}`))
    },
    split: (tail: number, summary: "made" | "degraded" | "none") => {
      const rows = live(current)
      const carried = tailOf(rows, tail)
      close("compression")
      current = open(current)
      if (summary !== "none") {
        for (const row of rows.slice(0, 1)) add(current, row)
        add(current, text("assistant", handoff(next(), summary === "degraded")))
        for (const row of carried) add(current, row)
      }
      history.turn(0)
    },
    compress: (tail: number, summary: "made" | "degraded") => {
      if (age === "old") return history.turn(1)
      const rows = live(current)
      const carried = tailOf(rows, tail)
      db.prepare("UPDATE messages SET active = 0, compacted = 1 WHERE session_id = ? AND active = 1").run(current)
      for (const row of rows.slice(0, 1)) add(current, row)
      add(current, text("assistant", handoff(next(), summary === "degraded")))
      for (const row of carried) add(current, row)
      history.turn(0)
    },
    fork: (at: number) => {
      if (findClosedSessions().length === 0) return
      const before = current
      current = open(pick(at, findClosedSessions()))
      add(current, text("assistant", handoff(next())))
      history.turn(at)
      if (at % 2 === 0) current = before
    },
    late: (at: number, row: Said) => {
      const left = findClosedSessions().filter((id) => id !== current)
      if (left.length > 0) add(pick(at, left), row)
    },
    route: (at: number) => {
      const entry = JSON.stringify({ session_key: `chat:${at}`, session_id: pick(at, sessions) })
      db.prepare("INSERT OR REPLACE INTO gateway_routing (session_key, entry_json, updated_at) VALUES (?, ?, ?)").run(
        `chat:${at}`,
        entry,
        tick()
      )
    },
    lock: (at: number) => {
      db.prepare("INSERT OR REPLACE INTO compression_locks VALUES (?, 'pid=1:tid=1:agent=a:nonce=n', ?, ?)").run(
        pick(at, sessions),
        tick(),
        clock
      )
    },
    damage: (type: Event["type"]) => {
      if (type === "empty split" || type === "childless split") close("compression")
      if (type === "empty split") open(current)
      if (type === "leave") close("user_exit")
      if (type === "double") for (const row of live(current)) add(current, row)
      if (type === "orphan") add(current, { ...text("tool", `orphan ${next()}`), tool_call_id: `lost_${next()}` })
      if (type === "second handoff") for (const n of [next(), next()]) add(current, text("assistant", handoff(n)))
      if (type === "undo" && age === "new") {
        const last = "SELECT max(id) FROM messages WHERE session_id = ?"
        db.prepare(`UPDATE messages SET active = 0 WHERE id = (${last})`).run(current)
      }
      if (type === "cool down" && age === "new") {
        db.prepare("UPDATE sessions SET compression_failure_cooldown_until = ? WHERE id = ?").run(NOW + 600, current)
      }
      if (type === "lose the parent") {
        db.prepare("UPDATE sessions SET parent_session_id = 'nowhere' WHERE id = 's0'").run()
      }
    }
  }
  // As Hermes' own connections are, to which a parent may get lost.
  db.pragma("foreign_keys = OFF")
  open(null)
  return history
}

/** All rows of all tables, those of the indexes included. */
export const dump = (filename: string): string => {
  const db = new Database(filename)
  try {
    const tables = db.prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").pluck()
    return JSON.stringify(tables.all().map((name) => [name, db.prepare(`SELECT * FROM "${name}"`).all()]))
  } finally {
    db.close()
  }
}

/** The contents of the messages, each as often as it occurs. */
export const contents = (filename: string): ReadonlyMap<string, number> => {
  const db = new Database(filename)
  const said = new Map<string, number>()
  for (const row of db.prepare("SELECT role, content, tool_call_id, tool_calls FROM messages").all()) {
    const key = JSON.stringify(row)
    said.set(key, (said.get(key) ?? 0) + 1)
  }
  db.close()
  return said
}

/** Returns the messages in use: the live messages of the sessions that no split and no repair has closed, handoffs left out. */
export const inUse = (filename: string): ReadonlyArray<{ readonly session: string; readonly said: string }> => {
  const db = new Database(filename)
  const isNew = db.prepare("SELECT 1 FROM pragma_table_info('messages') WHERE name = 'active'").get() !== undefined
  const found = db
    .prepare<[], { readonly session: string; readonly said: string }>(
      `SELECT session_id AS session, role || ' ' || content || ' ' || coalesce(tool_calls, '') AS said
       FROM messages JOIN sessions ON sessions.id = session_id
       WHERE coalesce(end_reason, '') NOT IN ('compression', 'merged') AND content NOT LIKE '[CONTEXT%'
       ${isNew ? "AND active = 1" : ""} ORDER BY messages.id`
    )
    .all()
  db.close()
  return found
}

/** The sessions that chats are routed to. */
export const readRoutedSessions = (filename: string): ReadonlyArray<unknown> =>
  query(
    filename,
    `SELECT end_reason FROM gateway_routing LEFT JOIN sessions ON id = json_extract(entry_json, '$.session_id')`
  )

/** Runs queries on a database and closes it. */
export const query = (filename: string, sql: string): ReadonlyArray<unknown> => {
  const db = new Database(filename)
  try {
    const statement = db.prepare(sql)
    return statement.reader ? statement.all() : [statement.run()]
  } finally {
    db.close()
  }
}
