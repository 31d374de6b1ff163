// The extension of pi in a real pi: a process of its own that asks a loopback model. Its session is compacted twice by
// throughline, and recall finds what left.
import { execFileSync, spawn } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The package of pi. By default the last one that runs on Node.js 20. */
const [PI = "@mariozechner/pi-coding-agent@0.73.1"] = process.argv.slice(2)
const checkout = process.cwd()
const folder = mkdtempSync(join(tmpdir(), "throughline-pi-"))

const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })

const check = (holds, problem) => {
  if (!holds) throw new Error(problem)
}

/** Installs pi and the packed throughline, with the binary of better-sqlite3 of this checkout. */
const install = () => {
  const [packed] = JSON.parse(
    run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], checkout)
  )
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  const tarball = join(folder, packed.filename)
  run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", PI, tarball], folder)
  const [from, to] = [checkout, folder].map((place) => join(place, "node_modules/better-sqlite3"))
  const [has, wants] = [from, to].map((place) => JSON.parse(readFileSync(join(place, "package.json"))).version)
  if (has === wants) cpSync(join(from, "build"), join(to, "build"), { recursive: true })
  else run("npm", ["rebuild", "better-sqlite3"], folder)
}

// ── the model ──

const SUMMARY = `## Goal
The user asks for a report about the harbour.
## Progress
The pages were read.
## Decisions
None.
## Errors and fixes
None.
## Files
None.
## Open work
The report.
## Critical facts
The harbour is written about on every page.
## Constraints and preferences
None.`

const textOf = (content) =>
  typeof content === "string" ? content : (content ?? []).map(({ text }) => text ?? "").join("")

/** Calls recall when the user asks for what was said, says what recall found, and else answers in a sentence. */
const answer = ({ messages }) => {
  const last = messages.at(-1)
  if (last.role === "tool") return { content: `Found: ${textOf(last.content)}` }
  const asked = /^Recall (\w+)/.exec(textOf(last.content))
  if (asked === null) return { content: "I have read it." }
  const call = { name: "recall", arguments: JSON.stringify({ query: asked[1], where: null }) }
  return { tool_calls: [{ index: 0, id: `call_${messages.length}`, type: "function", function: call }] }
}

const requests = []

/** Speaks Chat Completions, as a stream. */
const server = createServer((request, response) => {
  let body = ""
  request.setEncoding("utf8").on("data", (text) => (body += text))
  request.on("end", () => {
    const asked = JSON.parse(body)
    const hasTools = (asked.tools ?? []).length > 0
    requests.push({ asked, hasTools })
    const delta = hasTools ? answer(asked) : { content: SUMMARY }
    const chunk = (choice, more = {}) =>
      `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "harbour", choices: choice, ...more })}\n\n`
    const usage = {
      prompt_tokens: Math.ceil(body.length / 4),
      completion_tokens: 20,
      total_tokens: Math.ceil(body.length / 4) + 20
    }
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.write(chunk([{ index: 0, delta: { role: "assistant", ...delta }, finish_reason: null }]))
    response.write(
      chunk([{ index: 0, delta: {}, finish_reason: delta.tool_calls === undefined ? "stop" : "tool_calls" }])
    )
    response.write(chunk([], { usage }))
    response.end("data: [DONE]\n\n")
  })
})

// ── pi ──

/** Starts pi, and returns how to ask it over its stdin. */
const startPi = (port) => {
  const agent = join(folder, "agent")
  mkdirSync(agent)
  const provider = {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    api: "openai-completions",
    apiKey: "unused",
    models: [{ id: "harbour", contextWindow: 40_000, maxTokens: 1_000 }]
  }
  writeFileSync(join(agent, "models.json"), JSON.stringify({ providers: { loopback: provider } }))
  writeFileSync(
    join(agent, "settings.json"),
    JSON.stringify({ compaction: { enabled: false, keepRecentTokens: 2_000 } })
  )
  const extension = join(folder, "node_modules/throughline")
  const args = [
    "--mode",
    "rpc",
    "--provider",
    "loopback",
    "--model",
    "harbour",
    "--session-dir",
    join(folder, "sessions")
  ]
  const child = spawn(
    process.execPath,
    [join(folder, "node_modules/.bin/pi"), ...args, "--extension", extension, "--offline"],
    {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, PI_CODING_AGENT_DIR: agent, PI_OFFLINE: "1" },
      stdio: ["pipe", "pipe", "inherit"]
    }
  )
  child.setMaxListeners(0)
  const waiting = new Set()
  let rest = ""
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop()
    for (const line of lines.filter((line) => line.startsWith("{"))) {
      const event = JSON.parse(line)
      waiting.forEach((listen) => listen(event))
    }
  })
  const next = (isIt) =>
    new Promise((resolve, reject) => {
      const listen = (event) => {
        if (event.type === "extension_error" || (event.type === "response" && event.success === false))
          reject(new Error(JSON.stringify(event)))
        if (!isIt(event)) return
        waiting.delete(listen)
        resolve(event)
      }
      waiting.add(listen)
      child.once("exit", (code) => reject(new Error(`pi ended with ${code}`)))
    })
  const send = (command) => child.stdin.write(`${JSON.stringify(command)}\n`)
  return {
    prompt: (message) => {
      const ended = next(({ type }) => type === "agent_end")
      send({ type: "prompt", message })
      return ended
    },
    compact: () => {
      const ended = next(({ command, type }) => type === "response" && command === "compact")
      send({ type: "compact" })
      return ended
    },
    end: () => child.kill()
  }
}

const FILLER = "The harbour was full that day, and ships of all lands lay there. ".repeat(30)
const page = (name, fact = "") => `Read page ${name}. ${FILLER}${fact} ${FILLER}`

/** The extension fits the types of pi. */
const checkTypes = () => {
  const program = `import type { ExtensionFactory } from "${PI.slice(0, PI.lastIndexOf("@"))}"
    import extension, { makeExtension } from "throughline/pi"
    export const factories: ReadonlyArray<ExtensionFactory> = [extension, makeExtension({ route: null })]`
  writeFileSync(join(folder, "types.ts"), program)
  const compilerOptions = { strict: true, target: "ES2022", module: "NodeNext", skipLibCheck: true, noEmit: true }
  const types = { types: ["node"], typeRoots: [join(checkout, "node_modules/@types")] }
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...compilerOptions, ...types }, files: ["types.ts"] })
  )
  run("node", [join(checkout, "node_modules/typescript/bin/tsc"), "--project", "."], folder)
}

try {
  install()
  checkTypes()
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
  const pi = startPi(server.address().port)
  const read = async (names) => {
    for (const name of names) await pi.prompt(page(name))
  }
  const pages = (from) => Array.from({ length: 12 }, (_, n) => `${from + n}`)
  await pi.prompt(page("0", "The lighthouse keeper is called Marguerite."))
  await read(pages(1))
  await pi.compact()
  await pi.prompt(page("13", "The pilot boat is named Seemöwe."))
  await read(pages(14))
  await pi.compact()
  await pi.prompt("Recall lighthouse for me.")
  await pi.prompt("Recall pilot for me.")
  pi.end()
  const [file] = readdirSync(join(folder, "sessions"), { recursive: true }).filter((name) => name.endsWith(".jsonl"))
  const entries = readFileSync(join(folder, "sessions", file), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  const compactions = entries.filter(({ type }) => type === "compaction")
  check(compactions.length === 2, `expected 2 compactions, found ${compactions.length}`)
  for (const { details, firstKeptEntryId, fromHook, summary } of compactions) {
    check(fromHook === true && details?.by === "throughline", "a compaction is not throughline's")
    check(
      details.model.startsWith("harbour@") && summary.includes("report about the harbour"),
      "its summary is not of pi's model"
    )
    check(
      entries.some(({ id }) => id === firstKeptEntryId),
      "a compaction keeps from an entry on that is not there"
    )
  }
  check(
    !/Marguerite|Seem/.test(compactions.map(({ summary }) => summary).join()),
    "the handoff has what recall is to find"
  )
  check(
    requests.every(
      ({ asked, hasTools }) => hasTools || textOf(asked.messages[0].content).startsWith("You write the handoff")
    ),
    "pi asked for a summary of its own"
  )
  const results = entries.flatMap(({ message }) => (message?.role === "toolResult" ? [textOf(message.content)] : []))
  check(results.length === 2, `expected 2 answers of recall, found ${results.length}`)
  check(results[0].includes("Marguerite"), `recall did not find what the first compaction dropped: ${results[0]}`)
  check(results[1].includes("Seemöwe"), `recall did not find what the second compaction dropped: ${results[1]}`)
  const after = requests.filter(({ hasTools }) => hasTools).at(-1).asked.messages
  check(JSON.stringify(after).includes("[throughline handoff]"), "the model does not see the handoff")
  check(JSON.stringify(after).length < 100_000, "the session was not made smaller")
  check(existsSync(join(folder, "agent/throughline.db")), "the sessions are not where they should be")
  console.log(
    `pi: ${compactions.length} compactions by throughline, recall found what left, ${requests.length} requests`
  )
} finally {
  server.close()
  rmSync(folder, { recursive: true, force: true })
}
