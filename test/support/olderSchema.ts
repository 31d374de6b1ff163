import type Database from "better-sqlite3"

/** Takes back what each migration did to the schema, by its number. What nobody has needed is not here. */
const UNDO: ReadonlyMap<number, ReadonlyArray<string>> = new Map([
  [11, ["DROP TABLE imported"]],
  [10, ["segment", "generation", "ledger"].map((table) => `ALTER TABLE ${table} DROP COLUMN checksum`)],
  [9, ["DROP TABLE undone"]],
  [8, ["recall_posting", "recall_stem", "recall_stem_session"].map((table) => `DROP TABLE ${table}`)],
  [7, ["message", "inbox"].map((table) => `ALTER TABLE ${table} DROP COLUMN checksum`)],
  [6, ["ALTER TABLE lease DROP COLUMN ttl"]],
  [5, ["ALTER TABLE session DROP COLUMN windows"]],
  [4, []],
  [3, ["DROP TABLE counter"]],
  [
    2,
    [
      "ALTER TABLE generation ADD COLUMN ledger TEXT NOT NULL DEFAULT ''",
      "UPDATE generation SET ledger = (SELECT body FROM ledger)",
      "DROP TABLE ledger",
      "DROP TABLE recall",
      "DROP TABLE recall_session",
      "DROP INDEX segment_session",
      "ALTER TABLE segment DROP COLUMN children"
    ]
  ]
])

/** Makes a file look as if an earlier version had written it. */
export const takeBackSchema = (db: Database.Database, version: number): void => {
  const done = db.prepare<[], number>("SELECT migration_id FROM effect_sql_migrations ORDER BY 1 DESC").pluck().all()
  for (const migration of done.filter((id) => id > version)) {
    const statements = UNDO.get(migration)
    if (statements === undefined) throw new Error(`how migration ${migration} is taken back is not written yet`)
    for (const statement of statements) db.exec(statement)
    db.prepare("DELETE FROM effect_sql_migrations WHERE migration_id = ?").run(migration)
  }
}
