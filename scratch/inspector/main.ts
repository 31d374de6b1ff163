/**
 * Measures the inspector on a log of many messages: `npm run inspector [MESSAGES]`. Prints the first paint, the time until
 * the log is shown, the tasks over 50 ms while somebody scrolls through it, and the memory of the service.
 */
import { Context, Effect, Layer } from "effect"
import process from "node:process"
import * as ServeNode from "../../src/cli/serve/server.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import * as Scripted from "../../src/model/Scripted.ts"
import { SessionId } from "../../src/session/Session.ts"
import * as Sqlite from "../../src/sqlite/Sqlite.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { buildPage, launchBrowser, openPage } from "../../test/support/browser.ts"
import { SERVED } from "../../test/support/served.ts"
import * as Session from "../bench/session.ts"

const messages = Number(process.argv[2] ?? 100_000)
const chat = SessionId.make("long")
const WINDOW = 128_000

/** Notes paints and long tasks from the first moment of the page on. */
const observe = () => {
  const noted: { paint: number; long: Array<number> } = { paint: 0, long: [] }
  Reflect.set(window, "noted", noted)
  new PerformanceObserver((list) => {
    for (const entry of list.getEntriesByName("first-contentful-paint")) noted.paint = entry.startTime
  }).observe({ type: "paint", buffered: true })
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) noted.long.push(Math.round(duration))
  }).observe({ type: "longtask", buffered: true })
}

const readNoted = (): { readonly paint: number; readonly long: ReadonlyArray<number> } => Reflect.get(window, "noted")

const makeHistory = () =>
  Session.make(messages / 10)
    .flatMap(({ replies, request }) => [request, ...replies])
    .slice(0, messages)

const measure = Effect.gen(function* () {
  const page = yield* buildPage
  const browser = yield* launchBrowser
  const sessions = Gateway.layer({ policy: { contextLength: WINDOW }, routes: [] }).pipe(
    Layer.provideMerge(Sqlite.layerTemporary),
    Layer.provide(Scripted.layer([]))
  )
  const context = yield* Layer.build(sessions)
  yield* Effect.flatMap(SessionStore, (store) => store.importAll([{ sessionId: chat, messages: makeHistory() }])).pipe(
    Effect.provide(context)
  )
  yield* Effect.flatMap(Gateway.Gateway, (gateway) => gateway.compress(chat)).pipe(Effect.provide(context))
  const service = ServeNode.layer({ ...SERVED, isWritable: false, contextLength: WINDOW, page })
  const url = yield* Effect.flatMap(Layer.build(Layer.provide(service, Layer.succeedContext(context))), (built) =>
    Effect.provide(ServeNode.readUrl, Context.merge(context, built))
  )
  const { page: tab } = yield* openPage(browser)
  const memoryBefore = process.memoryUsage().rss
  yield* Effect.promise(async () => {
    await tab.addInitScript(observe)
    const start = performance.now()
    await tab.goto(`${url}/#/sessions/long/log`)
    await tab.getByRole("option").filter({ hasText: "tail" }).first().waitFor()
    const shown = performance.now() - start
    const { long: whileLoading, paint } = await tab.evaluate(readNoted)
    await tab.evaluate(async () => {
      const list = document.getElementById("log")
      if (list === null) throw new Error("no list")
      // Down to the beginning in jumps, then a stretch as a wheel scrolls it.
      for (let step = 0; step < 300; step++) {
        list.scrollTop = step < 200 ? (list.scrollHeight * (200 - step)) / 200 : list.scrollTop + 120
        await new Promise((resolve) => requestAnimationFrame(resolve))
      }
    })
    await tab.waitForTimeout(1_000)
    const { long } = await tab.evaluate(readNoted)
    const whileScrolling = long.slice(whileLoading.length)
    console.log(
      `${messages} messages: first paint after ${Math.round(paint)} ms, log shown after ${Math.round(shown)} ms`
    )
    console.log(`tasks over 50 ms while loading: ${whileLoading.join(", ") || "none"}`)
    console.log(`tasks over 50 ms while scrolling: ${whileScrolling.join(", ") || "none"}`)
    const grown = process.memoryUsage().rss - memoryBefore
    console.log(`memory of the service grew by ${Math.round(grown / 1_000_000)} MB`)
  })
})

await Effect.runPromise(Effect.scoped(measure))
