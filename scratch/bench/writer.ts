/** A second process at work on the same file: a small transaction every two milliseconds, until it is ended. */
import Database from "better-sqlite3"

const db = new Database(process.argv[2] ?? "")
for (const pragma of ["journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000"]) db.pragma(pragma)
db.exec("CREATE TABLE IF NOT EXISTS elsewhere (body TEXT) STRICT")
const insert = db.prepare("INSERT INTO elsewhere VALUES (?)")
const write = db.transaction(() => {
  insert.run("x".repeat(500))
  insert.run("y".repeat(500))
})
setInterval(() => write.immediate(), 2)
process.send?.("ready")
