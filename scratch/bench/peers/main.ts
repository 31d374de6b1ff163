/** Other agents' compression and ours on one session. Run: `npm install && npm run bench` */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { quantile } from "../paired.ts"
import * as Session from "../session.ts"
import { summary } from "../world.ts"
import { planted } from "./facts.ts"
import { inMemory, onSqlite, untrimmed } from "./langchain.ts"
import type { Peer, Summarizer } from "./peer.ts"
import { pi } from "./pi.ts"
import { throughline } from "./throughline.ts"

const peers: ReadonlyArray<Peer> = [throughline, pi, inMemory, untrimmed, onSqlite]
const [mode, ...rest] = process.argv.slice(2)
const TURNS = 100
const { facts, turns } = planted(Session.make(TURNS))

const answering = (answer: () => string = () => summary): Summarizer => ({ prompts: [], answer })

const bytes = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0)

const inFolder = async <A>(use: (folder: string) => Promise<A>): Promise<A> => {
  const folder = mkdtempSync(join(tmpdir(), "peers-"))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Time and bytes of a replay, what its summarizer was shown, and whether the session is still called the same. */
const replayed = (peer: Peer) =>
  inFolder(async (folder) => {
    const summarizer = answering()
    const session = await peer.open(folder, summarizer)
    const before = session.id()
    const times: Array<number> = []
    const cpu = process.cpuUsage()
    for (const turn of turns) {
      const begin = performance.now()
      await session.turn(turn)
      times.push(performance.now() - begin)
    }
    const { system, user } = process.cpuUsage(cpu)
    const id = session.id() === before ? "stays" : "changes"
    const shown = [...summarizer.prompts, ...(await session.view())].join("\n")
    await session.close()
    const seen = Object.entries(facts).map(
      ([place, values]) => `${place} ${values.filter((value) => shown.includes(value)).length}/${values.length}`
    )
    return {
      "ms a turn": (times.reduce((sum, time) => sum + time, 0) / TURNS).toFixed(2),
      "ms of the processor a turn": ((system + user) / TURNS / 1_000).toFixed(2),
      p50: quantile(times, 0.5).toFixed(2),
      p99: quantile(times, 0.99).toFixed(2),
      "kB a turn": (bytes(folder) / TURNS / 1_000).toFixed(1),
      summaries: summarizer.prompts.length,
      "facts the summarizer saw, or still in view": seen.join(", "),
      id
    }
  })

/** The model refuses the first summary: what is shown then, and is it still the conversation? */
const refused = (peer: Peer) =>
  inFolder(async (folder) => {
    const summarizer = answering(() => {
      throw new Error("the model is down")
    })
    const session = await peer.open(folder, summarizer)
    let error = "none"
    for (const turn of turns) {
      await session.turn(turn).catch((cause: unknown) => (error = String(cause)))
      if (summarizer.prompts.length > 0) break
    }
    const view = await session.view()
    await session.close()
    const text = view.join("\n")
    const kept = facts.user.filter((value) => text.includes(value)).length
    const asSummary = text.includes("the model is down") ? ", the error's text among them" : ""
    return `${view.length} messages shown${asSummary}; ${kept} of ${facts.user.length} requests' facts in them; turn's error: ${error}`
  })

/** A process that kills itself in the middle of the first summary, and what the next one finds. */
const crashed = (peer: Peer) =>
  inFolder(async (folder) => {
    const data = join(folder, "data")
    mkdirSync(data)
    const acknowledged = join(folder, "acknowledged")
    try {
      const child = ["--import", "tsx", fileURLToPath(import.meta.url), "crash", peer.name, data, acknowledged]
      execFileSync(process.execPath, child, { stdio: "ignore" })
    } catch {
      // As it should.
    }
    const told = Number(readFileSync(acknowledged, "utf8"))
    const session = await peer.open(data, answering())
    const text = (await session.view()).join("\n")
    await session.close()
    const found = turns.slice(0, told).filter(({ request }) => text.includes(String(request.content).slice(0, 40)))
    return `${found.length} of ${told} answered requests found again`
  })

const crash = async (name: string, folder: string, acknowledged: string) => {
  const peer = peers.find((peer) => peer.name === name)
  const session = await peer?.open(
    folder,
    answering(() => {
      process.kill(process.pid, "SIGKILL")
      return summary
    })
  )
  for (const [n, turn] of turns.entries()) {
    writeFileSync(acknowledged, String(n))
    await session?.turn(turn)
  }
}

if (mode === "crash") {
  const [name = "", folder = "", acknowledged = ""] = rest
  await crash(name, folder, acknowledged)
} else {
  for (const peer of peers) {
    // The first time warms up.
    await replayed(peer)
    const results = {
      ...(await replayed(peer)),
      "a summary refused": await refused(peer),
      "killed during a summary": await crashed(peer)
    }
    console.log(peer.name, results)
  }
}
