/** Counts the `state.db` of a Hermes Agent by its tables. */
import Database from "better-sqlite3"
import { type Count, countSession } from "./count.ts"
import { get, list, string } from "./json.ts"
import { answer, say } from "./conversation.ts"

interface Row {
  readonly session_id: string
  readonly role: string
  readonly content: string | null
  readonly tool_call_id: string | null
  readonly tool_calls: string | null
  readonly active?: number
}

/**
 * The messages of each session as they were before they were compacted in place: the archived rows, and what was said after
 * them. Hermes copies the rows that it keeps behind the handoff.
 */
export const countDatabase = (filename: string): Count => {
  const db = new Database(filename, { readonly: true })
  try {
    const rows = db.prepare<[], Row>("SELECT * FROM messages NOT INDEXED ORDER BY id").all()
    const keyOf = ({ content, role, session_id, tool_calls }: Row) =>
      JSON.stringify([session_id, role, content, tool_calls])
    const archived = rows.filter(({ active }) => active === 0).map(keyOf)
    const shown = rows.filter((row) => {
      if (row.active === 0) return true
      if (archived.length > 0 && row.content?.startsWith("[CONTEXT COMPACTION") === true) return false
      const at = archived.indexOf(keyOf(row))
      if (at >= 0) archived.splice(at, 1)
      return at < 0
    })
    const sessions = Array.from(new Set(shown.map(({ session_id }) => session_id)), (id) =>
      countSession(
        id,
        shown.flatMap(({ content, role, session_id, tool_call_id, tool_calls }) => {
          if (session_id !== id) return []
          const calls = list(JSON.parse(tool_calls ?? "[]")).map((call) => string(get(call, "id")))
          return [role === "tool" ? answer(tool_call_id ?? "", content ?? "") : say(role, content ?? "", calls)]
        })
      )
    )
    return { kind: "hermes", sessions }
  } finally {
    db.close()
  }
}
