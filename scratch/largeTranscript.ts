/**
 * Writes a transcript of a size in MB, as an agent that worked for weeks would leave it: `npx tsx scratch/largeTranscript.ts
 * 1000 claude-code /tmp/large.jsonl`. Half of the lines are short; results of tools are some kB, a few 200 kB. With `short`
 * behind it they are short, too: such a file has many lines.
 */
import { closeSync, openSync, writeSync } from "node:fs"
import process from "node:process"

const [size = "30", format = "claude-code", file = "/tmp/large.jsonl", results] = process.argv.slice(2)
const WORDS = "the order was paid in two parts and the second one is late since the bank asks for a form ".split(" ")

let seed = 1
const random = (below: number): number => {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
  return seed % below
}
const say = (length: number): string => {
  const words: Array<string> = []
  for (let left = length; left > 0; left -= 5) words.push(`${WORDS[random(WORDS.length)]}${random(1_000)}`)
  return words.join(" ")
}

const descriptor = openSync(file, "w")
let bytes = 0
let lines = 0
let parent: string | null = null
const write = (value: unknown): void => {
  bytes += writeSync(descriptor, `${JSON.stringify(value)}\n`)
  lines += 1
}

const writeClaude = (type: string, content: unknown, more: object = {}): void => {
  const uuid = `00000000-0000-4000-8000-${String(lines).padStart(12, "0")}`
  const message = type === "assistant" ? { id: `msg_${lines}`, role: type, content } : { role: type, content }
  const common = {
    isSidechain: false,
    userType: "external",
    cwd: "/home/user/project",
    version: "2.0.1",
    gitBranch: "main"
  }
  const sessionId = "11111111-1111-4111-8111-111111111111"
  write({
    parentUuid: parent,
    ...common,
    sessionId,
    type,
    message,
    uuid,
    timestamp: "2026-01-01T00:00:00.000Z",
    ...more
  })
  parent = uuid
}

const resultSize = (turn: number): number => {
  if (results === "short") return 300
  return turn % 50 === 0 ? 200_000 : 2_000 + random(8_000)
}

const turns: { readonly [format: string]: (turn: number) => void } = {
  "claude-code": (turn) => {
    const id = `toolu_${turn}`
    const result = say(resultSize(turn))
    if (turn % 5 === 0) writeClaude("user", say(300))
    writeClaude("assistant", [{ type: "text", text: say(400) }])
    writeClaude("assistant", [{ type: "tool_use", id, name: "Read", input: { file_path: `/src/${turn}.ts` } }])
    writeClaude("user", [{ type: "tool_result", tool_use_id: id, content: result }], {
      toolUseResult: { stdout: result }
    })
  },
  codex: (turn) => {
    const item = (payload: object) => write({ timestamp: "2026-01-01T00:00:00.000Z", type: "response_item", payload })
    const call_id = `call_${turn}`
    const say1 = (role: string, type: string, text: string) =>
      item({ type: "message", role, content: [{ type, text }] })
    if (turn % 5 === 0) say1("user", "input_text", say(300))
    item({ type: "reasoning", summary: [], encrypted_content: say(1_500) })
    say1("assistant", "output_text", say(400))
    item({ type: "function_call", call_id, name: "shell", arguments: JSON.stringify({ command: ["cat", `${turn}`] }) })
    item({ type: "function_call_output", call_id, output: say(resultSize(turn)) })
    write({ type: "event_msg", payload: { type: "token_count", info: say(400) } })
  },
  pi: (turn) => {
    const entry = (message: object): void => {
      const id = lines.toString(16).padStart(8, "0")
      write({ type: "message", id, parentId: parent, timestamp: "2026-01-01T00:00:00.000Z", message })
      parent = id
    }
    if (turn % 5 === 0) entry({ role: "user", content: [{ type: "text", text: say(300) }] })
    const call = { type: "toolCall", id: `call_${turn}`, name: "read", arguments: { path: `/src/${turn}.ts` } }
    entry({ role: "assistant", content: [{ type: "text", text: say(400) }, call], usage: { input: 1, output: 2 } })
    entry({ role: "toolResult", toolCallId: `call_${turn}`, content: [{ type: "text", text: say(resultSize(turn)) }] })
  },
  jsonl: (turn) => {
    if (turn % 5 === 0) write({ role: "user", content: say(300) })
    const call = {
      id: `call_${turn}`,
      type: "function",
      function: { name: "read", arguments: `{"path":"/src/${turn}.ts"}` }
    }
    write({ role: "assistant", content: say(400), tool_calls: [call] })
    write({ role: "tool", tool_call_id: `call_${turn}`, content: say(resultSize(turn)) })
  }
}

const writeTurn = turns[format]
if (writeTurn === undefined) throw new Error(`expected one of ${Object.keys(turns).join(", ")}`)
if (format === "pi") write({ type: "session", id: "large", version: 3 })
for (let turn = 0; bytes < Number(size) * 1e6; turn++) writeTurn(turn)
closeSync(descriptor)
process.stdout.write(`${file}: ${bytes} bytes, ${lines} lines\n`)
