/** Lines as Claude Code, Codex and pi write them into their session files. */

const line = (row: unknown): string => `${JSON.stringify(row)}\n`
const time = (n: number): string => new Date(1_767_225_600_000 + n).toISOString()

/** The n-th line of a session of Claude Code: what the user says at even places, what the model says at odd ones. */
export const claudeLine = (sessionId: string, n: number, text: string): string => {
  const role = n % 2 === 0 ? "user" : "assistant"
  const content = role === "user" ? text : [{ type: "text", text }]
  const parentUuid = n === 0 ? null : `${sessionId}-${n - 1}`
  const message = role === "user" ? { role, content } : { id: `msg-${n}`, role, content }
  return line({
    parentUuid,
    isSidechain: false,
    sessionId,
    type: role,
    message,
    uuid: `${sessionId}-${n}`,
    timestamp: time(n)
  })
}

export const codexHeader = (id: string): string =>
  line({ timestamp: time(0), type: "session_meta", payload: { id, cwd: "/work" } })

export const codexLine = (n: number, text: string): string => {
  const role = n % 2 === 0 ? "user" : "assistant"
  const content = [{ type: role === "user" ? "input_text" : "output_text", text }]
  return line({ timestamp: time(n + 1), type: "response_item", payload: { type: "message", role, content } })
}

export const piHeader = (id: string): string =>
  line({ type: "session", version: 3, id, timestamp: time(0), cwd: "/work" })

export const piLine = (n: number, text: string): string => {
  const role = n % 2 === 0 ? "user" : "assistant"
  const parentId = n === 0 ? null : `e${n - 1}`
  const message = { role, content: [{ type: "text", text }] }
  return line({ type: "message", id: `e${n}`, parentId, timestamp: time(n + 1), message })
}
