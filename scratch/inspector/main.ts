/**
 * Measures the inspector on a log of many messages: `npm run inspector [MESSAGES]`. Prints the first paint, the time until
 * the log is shown, the longest tasks of the page while it loads and while somebody scrolls, beside those of a page with
 * nothing in it, and the most memory that the service ever had, beside that of a service with a small log.
 */
import { Effect, Layer, Schema } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"
import type { Browser, Page } from "playwright-core"
import * as Gateway from "../../src/gateway/Gateway.ts"
import { TABS } from "../../src/inspector/route.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { launchBrowser, openPage } from "../../test/support/browser.ts"
import { makeTemporaryFolder } from "../../test/support/temporaryFolder.ts"
import * as Session from "../bench/session.ts"
import { type Task, traceTasks } from "./trace.ts"

const MESSAGES = Number(process.argv[2] ?? 100_000)
const FEW = 1_000
const ROUNDS = 5
const WINDOW = 128_000
const chat = SessionId.make("long")

/** Writes a database with one session, compressed without a model. */
const writeDatabase = (filename: string, messages: number) =>
  Effect.gen(function* () {
    const store = yield* SessionStore
    const history = Session.make(messages / 10).flatMap(({ replies, request }) => [request, ...replies])
    yield* store.importAll([{ sessionId: chat, messages: history.slice(0, messages) }])
    yield* (yield* Gateway.Gateway).compress(chat)
  }).pipe(
    Effect.provide(
      Gateway.layer({ policy: { contextLength: WINDOW }, routes: [] }).pipe(
        Layer.provideMerge(Sqlite.layer({ filename })),
        Layer.provide(Scripted.layer([]))
      )
    )
  )

const Started = Schema.parseJson(Schema.Struct({ url: Schema.String }))

/** Starts the built command line on a database, in a process of its own. */
const serve = (command: string, db: string) =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [command, "serve", "--db", db, "--port", "0", "--json"], {
          stdio: ["ignore", "pipe", "inherit"]
        })
      ),
      (child) => Effect.sync(() => void child.kill())
    )
    const line = yield* Effect.async<string>((resume) => {
      createInterface({ input: child.stdout }).once("line", (text) => resume(Effect.succeed(text)))
    })
    const { url } = yield* Schema.decode(Started)(line)
    /** In MB, since the process began. */
    const readPeak = (): number => {
      const [, kilobytes = ""] = readFileSync(`/proc/${child.pid}/status`, "utf8").match(/VmHWM:\s+(\d+)/) ?? []
      return Number(kilobytes) / 1_000
    }
    return { url, readPeak }
  })

/** Down to the beginning in jumps, then a stretch as a wheel scrolls it. */
const scroll = async () => {
  const list = document.getElementById("log")
  if (list === null) throw new Error("no list")
  for (let step = 0; step < 300; step++) {
    list.scrollTop = step < 200 ? (list.scrollHeight * (200 - step)) / 200 : list.scrollTop + 120
    await new Promise((resolve) => requestAnimationFrame(resolve))
  }
}

const scrollNothing = (rows: number) => {
  const list = document.createElement("div")
  list.id = "log"
  list.style.cssText = "height: 700px; overflow: auto"
  list.append(document.createElement("div"))
  list.firstElementChild?.setAttribute("style", `height: ${rows * 56}px`)
  document.body.replaceChildren(list)
}

interface Round {
  readonly paint: number
  readonly shown: number
  readonly loading: ReadonlyArray<Task>
  readonly scrolling: ReadonlyArray<Task>
  readonly nothing: ReadonlyArray<Task>
}

const measureRound = async (browser: Browser, tab: Page, url: string): Promise<Round> => {
  await tab.goto("about:blank")
  let shown = 0
  const loading = await traceTasks(browser, tab, async () => {
    const start = performance.now()
    await tab.goto(`${url}/#/sessions/long/log`)
    await tab.getByRole("option").filter({ hasText: "tail" }).first().waitFor()
    shown = performance.now() - start
  })
  const paint = await tab.evaluate(
    () => performance.getEntriesByName("first-contentful-paint").at(0)?.startTime ?? Number.NaN
  )
  const scrolling = await traceTasks(browser, tab, async () => {
    await tab.evaluate(scroll)
    await tab.waitForTimeout(1_000)
  })
  await tab.goto("about:blank")
  await tab.evaluate(scrollNothing, MESSAGES)
  const nothing = await traceTasks(browser, tab, () => tab.evaluate(scroll))
  return { paint, shown, loading, scrolling, nothing }
}

/** Opens every part of the session once, and returns the milliseconds until each is shown. */
const visitAll = async (tab: Page, url: string): Promise<ReadonlyMap<string, number>> => {
  const times = new Map<string, number>()
  for (const part of TABS) {
    const start = performance.now()
    await tab.goto(`${url}/#/sessions/long/${part === "recall" ? "recall/port" : part}`)
    await tab.waitForFunction(
      () =>
        document.querySelector("section.tab") !== null &&
        !Array.from(document.querySelectorAll(".note")).some(({ textContent }) =>
          /^(Read|Search)ing …$/.test(textContent)
        ),
      undefined,
      // The first search of a log that was imported makes its index.
      { timeout: 600_000 }
    )
    times.set(part, performance.now() - start)
  }
  return times
}

const longest = (tasks: ReadonlyArray<Task>, kind: keyof Task): number =>
  Math.max(0, ...tasks.map((task) => task[kind]))

const measure = Effect.gen(function* () {
  // Within the project, where the command line finds its packages, and the page beside it.
  const build = (...args: ReadonlyArray<string>) =>
    execFileSync(process.execPath, ["build.js", ...args], { stdio: ["ignore", "ignore", "inherit"] })
  const built = yield* makeTemporaryFolder("node_modules")
  const command = join(built, "cli/main.js")
  build(command)
  build("--page", join(built, "inspector"))
  const folder = yield* makeTemporaryFolder()
  const browser = yield* launchBrowser
  const peaks = yield* Effect.forEach([FEW, MESSAGES], (messages) =>
    Effect.gen(function* () {
      const db = join(folder, `${messages}.db`)
      yield* writeDatabase(db, messages)
      const { readPeak, url } = yield* serve(command, db)
      const { page: tab } = yield* openPage(browser)
      const rounds: Array<Round> = []
      if (messages === MESSAGES) {
        for (let n = 0; n < ROUNDS; n++) rounds.push(yield* Effect.promise(() => measureRound(browser, tab, url)))
        const least = (read: (round: Round) => number): string => Math.min(...rounds.map(read)).toFixed(0)
        console.log(`${messages} messages, the least of ${ROUNDS} rounds:`)
        console.log(
          `first paint after ${least(({ paint }) => paint)} ms, log shown after ${least(({ shown }) => shown)} ms`
        )
        for (const part of ["loading", "scrolling", "nothing"] as const) {
          const [cpu, wall] = (["cpu", "wall"] as const).map((kind) => least((round) => longest(round[part], kind)))
          const most = Math.max(...rounds.map((round) => longest(round[part], "cpu"))).toFixed(0)
          const name = part === "nothing" ? "scrolling a page with nothing in it" : part
          console.log(
            `longest task while ${name}: ${cpu} ms of CPU time (${most} in the worst round), ${wall} ms by the clock`
          )
        }
      }
      const times = yield* Effect.promise(() => visitAll(tab, url))
      if (messages === MESSAGES) {
        const listed = Array.from(times, ([part, time]) => `${part} ${time.toFixed(0)}`)
        console.log(`each part shown after, in ms: ${listed.join(", ")}`)
      }
      return { messages, peak: readPeak() }
    }).pipe(Effect.scoped)
  )
  for (const { messages, peak } of peaks) {
    console.log(`memory of a service with ${messages} messages: ${peak.toFixed(0)} MB at most`)
  }
})

await Effect.runPromise(Effect.scoped(measure))
