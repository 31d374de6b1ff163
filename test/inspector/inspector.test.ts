/** The inspector in a real browser, on a real service. */
import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { readFileSync } from "node:fs"
import type { Browser, Page } from "playwright-core"
import type { PageFile } from "../../src/server/settings.ts"
import { diagnoseFile } from "../../src/cli/serve/diagnose.ts"
import { QuotaExceeded } from "../../src/model/ModelError.ts"
import { SessionId } from "../../src/session/Session.ts"
import { build } from "../support/hermesLineages.ts"
import { route } from "../support/world.ts"
import { buildPage, hasChromium, keepPicture, launchBrowser, openPage } from "../support/browser.ts"
import { repetitions } from "../support/repetitions.ts"
import * as Service from "../support/service.ts"

type Client = Effect.Effect.Success<ReturnType<typeof Service.client>>

const LONG = "this and that about the invoices of the year, and the file src/invoices.ts. ".repeat(12)

const act = <A>(run: () => Promise<A>) => Effect.promise(run)

/** Answers a request in a turn of its own, by a call of a tool. */
const answer = (client: Client, session: SessionId, words: string, tool = "bash", file = "a.txt") =>
  Effect.gen(function* () {
    const path = { session }
    yield* client.operations.deliver({ path, payload: { message: { role: "user", content: words } } })
    const { turn } = yield* client.turns.begin({ path, payload: {} })
    const of = { path: { session, turn } }
    yield* client.turns.step({ ...of, payload: {} })
    const call = { id: "call-1", type: "function", function: { name: tool, arguments: JSON.stringify({ path: file }) } }
    yield* client.turns.append({
      ...of,
      payload: {
        messages: [
          { role: "assistant", content: null, tool_calls: [call] },
          { role: "tool", tool_call_id: "call-1", content: words },
          { role: "assistant", content: "done" }
        ]
      }
    })
    yield* client.turns.end(of)
  })

const work = (client: Client, session: SessionId, turns: number, words = LONG) =>
  Effect.forEach(
    Array.from({ length: turns }, (_, n) => n),
    (n) => answer(client, session, `${n}: ${words}`),
    { discard: true }
  )

/** The built page and a browser, for all tests. */
class Built extends Context.Tag("test/Built")<
  Built,
  { readonly page: ReadonlyMap<string, PageFile>; readonly browser: Browser }
>() {}

const layerBuilt = Layer.scoped(Built, Effect.all({ page: buildPage, browser: launchBrowser }))

/** A service with the page. */
const open = (...[settings, models]: Parameters<typeof Service.layer>) =>
  Effect.map(Built, ({ browser, page }) => ({
    browser,
    layer: Service.layer({ page, ...settings }, models)
  }))

const TABS = [
  "view",
  "log",
  "snapshots",
  "segments",
  "ledger",
  "rules",
  "receipts",
  "recall/invoices",
  "timeline",
  "cost"
]

const linkTo = (url: string, session: string, tab: string) => `${url}/#/sessions/${encodeURIComponent(session)}/${tab}`

/** Opens a part of a session once what it shows has been read. */
const visit = async (page: Page, address: string): Promise<void> => {
  await page.goto(address)
  await page.locator("section.tab").waitFor()
  await page.waitForFunction(() => !document.body.innerText.match(/Reading …|Searching …/))
}

describe.skipIf(!hasChromium)("with Debian's Chromium", () => {
  layer(layerBuilt, { excludeTestServices: true })("the inspector", (it) => {
    it.scoped("shows nine sessions at work, the handoff after a commit, what left, and recalls it", () =>
      Effect.gen(function* () {
        const { browser, layer: live } = yield* open()
        yield* Effect.gen(function* () {
          const client = yield* Service.client()
          const url = yield* Service.Address
          const sessions = Array.from({ length: 9 }, (_, n) => SessionId.make(`agent ${n + 1}`))
          const [first] = sessions
          assert.isDefined(first)
          yield* answer(client, first, `The deploy key is zebra-4711. ${LONG}`)
          const { faults, page } = yield* openPage(browser)
          yield* act(() => page.goto(url))
          yield* act(() => page.getByText("1 session, 4 messages").waitFor())

          // The list moves.
          yield* Effect.forEach(sessions, (session) => work(client, session, 2), { concurrency: 9 })
          yield* act(() => page.getByText("9 sessions, 76 messages").waitFor())
          yield* keepPicture(page, "nine sessions")

          // The handoff is in the view after the commit.
          yield* act(() => visit(page, linkTo(url, first, "view")))
          assert.strictEqual(yield* act(() => page.getByRole("heading", { name: "Handoff" }).count()), 0)
          const words = page.locator(".part").getByText("zebra-4711")
          assert.isAbove(yield* act(() => words.count()), 0)
          yield* Effect.forEach(sessions, (session) => work(client, session, 8), { concurrency: 9 })
          yield* client.operations.compress({ path: { session: first }, payload: {} })
          yield* act(() => page.getByRole("heading", { name: "Handoff" }).waitFor())

          // What left, and where to find it.
          yield* act(() => page.getByRole("link", { name: "Snapshots" }).click())
          const left = page.getByRole("region", { name: "Left" })
          yield* act(() =>
            left
              .getByRole("link", { name: /^#\d+$/ })
              .first()
              .waitFor()
          )
          const came = page.getByRole("region", { name: "Came" })
          yield* act(() =>
            came
              .getByRole("link", { name: /^segment/ })
              .first()
              .waitFor()
          )
          yield* keepPicture(page, "snapshots side by side")
          yield* act(() => page.getByRole("link", { name: "Recall" }).click())
          yield* act(() => page.getByRole("searchbox", { name: "Words to find" }).fill("zebra-4711"))
          yield* act(() => page.getByRole("button", { name: "Recall" }).click())
          yield* act(() => page.getByRole("link", { name: "#1", exact: true }).waitFor())

          // The message, and the segment that stands for it.
          yield* act(() => visit(page, linkTo(url, first, "log/2")))
          const detail = page.getByRole("complementary", { name: "Message 2" })
          yield* act(() => detail.getByText("in the handoff").waitFor())
          yield* act(() => detail.getByRole("link", { name: /^seg/ }).click())
          yield* act(() => page.getByRole("treeitem", { selected: true }).waitFor())
          yield* act(() => page.getByRole("heading", { name: /messages behind it/ }).waitFor())
          assert.deepStrictEqual(faults, [])
        }).pipe(Effect.provide(live))
      })
    )

    it.scoped("runs nothing of what sessions, messages, tools and files are called, and hides nothing of it", () =>
      Effect.gen(function* () {
        const { browser, layer: live } = yield* open()
        yield* Effect.gen(function* () {
          const client = yield* Service.client()
          const url = yield* Service.Address
          const hostile = `<img src=x onerror="window.__pwned=1"><script>window.__pwned=2</script>`
          const session = SessionId.make(`${hostile}\u202e"><svg onload=window.__pwned=3>`)
          for (let n = 0; n < 10; n++) {
            const words = `You must never touch ${hostile}. ${n} javascript:window.__pwned=4 \u202egnp.exe ${LONG}`
            yield* answer(client, session, words, `${hostile}`, `/tmp/${hostile}.txt`)
          }
          yield* client.operations.compress({ path: { session }, payload: { focus: hostile } })
          yield* client.operations.pin({ path: { session }, payload: { text: hostile, as: hostile } })
          const { faults, page } = yield* openPage(browser)
          yield* act(() => page.goto(url))
          yield* act(() => page.getByText(hostile).first().waitFor())
          for (const tab of [...TABS, "log/2"]) yield* act(() => visit(page, linkTo(url, session, tab)))
          yield* act(() => visit(page, linkTo(url, session, "view")))
          const shown = yield* act(() => page.locator("main").innerText())
          assert.include(shown, hostile)
          assert.include(shown, "U+202E")
          assert.notInclude(shown, "\u202e")
          yield* keepPicture(page, "hostile words")
          assert.isUndefined(yield* act(() => page.evaluate(() => Reflect.get(window, "__pwned"))))
          assert.strictEqual(yield* act(() => page.locator("main img, main script").count()), 0)
          assert.deepStrictEqual(faults, [])
        }).pipe(Effect.provide(live))
      })
    )

    it.scoped("tells of compressions, turns, waits, failures and pauses while they happen", () =>
      Effect.gen(function* () {
        const down = new QuotaExceeded({ route: "the only model", detail: "the month is used up" })
        const { browser, layer: live } = yield* open({}, { routes: [route], answers: [down] })
        yield* Effect.gen(function* () {
          const client = yield* Service.client()
          const url = yield* Service.Address
          const { faults, page } = yield* openPage(browser)
          const tells = (words: RegExp) => act(() => page.locator(".happenings").getByText(words).first().waitFor())
          /** Fills a window, and waits for its compression. */
          const overflow = (session: SessionId) =>
            Effect.gen(function* () {
              const path = { session }
              for (let n = 1; n <= 20; n++) {
                yield* client.operations.deliver({ path, payload: { message: { role: "user", content: LONG } } })
              }
              yield* act(() => visit(page, linkTo(url, session, "timeline")))
              const { turn } = yield* client.turns.begin({ path, payload: {} })
              yield* client.turns.step({ path: { session, turn }, payload: {} })
              yield* client.turns.end({ path: { session, turn } })
            })
          yield* overflow(SessionId.make("first"))
          yield* tells(/A turn began/)
          yield* tells(/A compression of \d+ messages began; a step waits/)
          yield* tells(/No model wrote the summary: .*the month is used up/)
          yield* tells(/A step has waited/)
          yield* tells(/A turn ended/)
          yield* tells(/Compression to generation 1/)
          yield* overflow(SessionId.make("second"))
          yield* overflow(SessionId.make("third"))
          yield* tells(/No model wrote the summary: paused after failures/)
          yield* keepPicture(page, "failures and pauses")
          assert.deepStrictEqual(faults, [])
        }).pipe(Effect.provide(live))
      })
    )

    it.scoped(
      "opens a session named as a step in a path, shows what waits there, and what ails a database of Hermes",
      () =>
        Effect.gen(function* () {
          const file = build("new", [
            { type: "split", tail: 2, summary: "degraded" },
            { type: "lock", at: 0 }
          ])
          const { browser, layer: live } = yield* open({ diagnose: diagnoseFile(file) })
          yield* Effect.gen(function* () {
            const client = yield* Service.client()
            const url = yield* Service.Address
            for (const id of [".", ".."]) {
              const session = SessionId.make(id)
              yield* answer(client, session, `said in ${id}`)
              const waiting = { role: "user", content: `waits in ${id}` }
              yield* client.operations.deliver({ path: { session }, payload: { message: waiting } })
            }
            const { faults, page } = yield* openPage(browser)
            yield* act(() => page.goto(url))
            yield* act(() => page.getByRole("option").nth(1).click())
            yield* act(() => page.getByText("said in ..").first().waitFor())
            yield* act(() => page.getByRole("region", { name: "Waiting" }).getByText("waits in ..").waitFor())
            yield* act(() => page.goto(`${url}/#/doctor`))
            yield* act(() => page.getByRole("button", { name: "Look now" }).click())
            yield* act(() => page.getByText(/A database of Hermes, schema \d+/).waitFor())
            const { findings } = yield* diagnoseFile(file)
            assert.isNotEmpty(findings)
            assert.strictEqual(yield* act(() => page.getByText("A repair would").count()), findings.length)
            yield* keepPicture(page, "doctor of Hermes")
            assert.deepStrictEqual(faults, [])
          }).pipe(Effect.provide(live))
        })
    )

    it.scoped("has no serious fault that axe finds, light and dark, and fits 400 pixels", () =>
      Effect.gen(function* () {
        const { browser, layer: live } = yield* open()
        const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8")
        yield* Effect.gen(function* () {
          const client = yield* Service.client()
          const url = yield* Service.Address
          const session = SessionId.make("agent 1")
          yield* work(client, session, 10, `You must never push. The port is 5433. ${LONG}`)
          yield* client.operations.compress({ path: { session }, payload: {} })
          yield* client.operations.pin({ path: { session }, payload: { text: "Ask before a release." } })
          const check = (page: Page, place: string) =>
            Effect.gen(function* () {
              yield* keepPicture(page, place.replaceAll("/", " "))
              const found = yield* act(() => page.evaluate<AxeResult>("axe.run({ resultTypes: ['violations'] })"))
              const serious = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical")
              assert.deepStrictEqual(
                serious.map(({ id, nodes }) => `${place}: ${id} at ${nodes[0]?.html}`),
                []
              )
              const beyond = yield* act(() =>
                page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
              )
              assert.isAtMost(beyond, 0, `${place} is wider than the screen`)
            })
          const all = [
            ["dark", 400],
            ["light", 1_200],
            ["light", 400],
            ["dark", 1_200]
          ] as const
          const looks = all.slice(0, repetitions(1, all.length))
          for (const [colorScheme, width] of looks) {
            const { faults, page } = yield* openPage(browser, { colorScheme, viewport: { width, height: 800 } })
            yield* act(() => page.goto(url))
            yield* act(() => page.getByText("1 session, 40 messages").waitFor())
            // Not by a script element, which the page's policy refuses.
            yield* act(() => page.evaluate(axe))
            yield* check(page, `${colorScheme} ${width} list`)
            for (const tab of [...TABS, "log/2"]) {
              yield* act(() => visit(page, linkTo(url, session, tab)))
              yield* check(page, `${colorScheme} ${width} ${tab}`)
            }
            yield* act(() => page.goto(`${url}/#/doctor`))
            yield* act(() => page.getByRole("button", { name: "Look now" }).click())
            yield* act(() => page.getByText("No damage.").waitFor())
            yield* check(page, `${colorScheme} ${width} doctor`)
            assert.deepStrictEqual(faults, [])
          }
        }).pipe(Effect.provide(live))
      })
    )

    it.scoped("is walked by keys alone, and says where one is", () =>
      Effect.gen(function* () {
        const { browser, layer: live } = yield* open()
        yield* Effect.gen(function* () {
          const client = yield* Service.client()
          const url = yield* Service.Address
          yield* work(client, SessionId.make("a"), 1)
          yield* work(client, SessionId.make("b"), 30)
          const { page } = yield* openPage(browser)
          const press = (...keys: ReadonlyArray<string>) =>
            Effect.forEach(keys, (key) => act(() => page.keyboard.press(key)), { discard: true })
          const focused = act(() =>
            page.evaluate(() => {
              const { activeElement: element } = document
              if (element === null) return null
              const { outlineStyle } = getComputedStyle(element)
              return {
                name: element.id === "" ? (element.textContent ?? "") : element.id,
                isSeen: outlineStyle !== "none"
              }
            })
          )
          yield* act(() => page.goto(url))
          yield* act(() => page.getByText("2 sessions, 124 messages").waitFor())
          yield* press("Tab")
          assert.deepStrictEqual(yield* focused, { name: "Skip to the content", isSeen: true })
          yield* press("Enter")
          assert.strictEqual((yield* focused)?.name, "main")
          yield* press("Tab", "Tab")
          assert.deepStrictEqual(yield* focused, { name: "sessions", isSeen: true })
          yield* press("ArrowDown", "Enter")
          yield* act(() => page.getByRole("heading", { name: "b", exact: true }).waitFor())
          yield* act(() => page.waitForFunction(() => location.hash.endsWith("/b/view")))

          // Each stop of the Tab key is seen, up to the tab of the log.
          for (let stops = 0; ; stops++) {
            yield* press("Tab")
            const at = yield* focused
            assert.isTrue(at?.isSeen, at?.name)
            assert.isBelow(stops, 30)
            if (at?.name === "Log") break
          }
          yield* press("Enter")
          yield* act(() => page.getByRole("listbox").waitFor())
          while ((yield* focused)?.name !== "log") yield* press("Tab")
          // It begins at the newest message.
          yield* press("ArrowUp", "Enter")
          yield* act(() => page.getByRole("complementary", { name: "Message 119" }).waitFor())
          yield* press("Home", "Enter")
          yield* act(() => page.getByRole("complementary", { name: "Message 1", exact: true }).waitFor())

          // Around the page to other parts of it.
          const tabTo = (name: string) =>
            Effect.map(
              Effect.repeat(Effect.zipRight(press("Tab"), focused), { until: (at) => at?.name === name, times: 80 }),
              (at) => assert.deepStrictEqual(at, { name, isSeen: true })
            )
          yield* tabTo("Segments")
          yield* press("Enter")
          yield* act(() => page.getByRole("tree").waitFor())
          yield* tabTo("segments")
          yield* press("Home", "Enter")
          yield* act(() => page.getByRole("treeitem", { selected: true }).waitFor())
          yield* act(() => page.getByRole("complementary", { name: "Segment" }).waitFor())
          yield* tabTo("Doctor")
          yield* press("Enter")
          // A new page takes the focus, and would take it from a button that was reached sooner.
          yield* act(() => page.locator("h1:focus").waitFor())
          yield* tabTo("Look now")
          yield* press("Enter")
          yield* act(() => page.getByText("No damage.").waitFor())
        }).pipe(Effect.provide(live))
      })
    )

    it.scoped("keeps few rows of a long log in the page, and its place while the log grows", () =>
      Effect.gen(function* () {
        const { browser, layer: live } = yield* open()
        yield* Effect.gen(function* () {
          const client = yield* Service.client()
          const url = yield* Service.Address
          const session = SessionId.make("long")
          const more = (from: number, count: number) =>
            Effect.gen(function* () {
              const path = { session }
              yield* client.operations.deliver({ path, payload: { message: { role: "user", content: "go on" } } })
              const { turn } = yield* client.turns.begin({ path, payload: {} })
              const of = { path: { session, turn } }
              yield* client.turns.step({ ...of, payload: {} })
              const messages = Array.from({ length: count }, (_, n) => ({
                role: "assistant",
                content: `line ${from + n}`
              }))
              yield* client.turns.append({ ...of, payload: { messages } })
              yield* client.turns.end(of)
            })
          yield* more(2, 999)
          const { page } = yield* openPage(browser)
          yield* act(() => visit(page, linkTo(url, session, "log/500")))
          const row = page.getByRole("option", { name: /line 500/ })
          yield* act(() => row.waitFor())
          const place = act(() => page.getByRole("listbox").evaluate(({ scrollTop }) => scrollTop))
          const before = yield* place
          assert.isAbove(before, 20_000)
          yield* more(1_002, 200)
          yield* act(() => page.getByText("1,201 messages, the newest below").waitFor())
          assert.strictEqual(yield* place, before)
          yield* act(() => row.waitFor())
          assert.isBelow(yield* act(() => page.getByRole("option").count()), 60)
        }).pipe(Effect.provide(live))
      })
    )

    it.scoped("asks for a token where one is needed, and offers no change where none may be made", () =>
      Effect.gen(function* () {
        const { browser, layer: live } = yield* open({ token: Service.secret, isWritable: false })
        yield* Effect.gen(function* () {
          const url = yield* Service.Address
          const { page } = yield* openPage(browser)
          yield* act(() => page.goto(url))
          yield* act(() => page.getByRole("heading", { name: "A token is needed" }).waitFor())
          yield* act(() => page.getByLabel("Token").fill("another token"))
          yield* act(() => page.getByRole("button", { name: "Continue" }).click())
          yield* act(() => page.getByRole("heading", { name: "A token is needed" }).waitFor())
          yield* act(() => page.getByLabel("Token").fill(Service.TOKEN))
          yield* act(() => page.getByRole("button", { name: "Continue" }).click())
          yield* act(() => page.getByText("No session yet").waitFor())
          yield* act(() => page.getByText("live, read-only").waitFor())
          assert.strictEqual(yield* act(() => page.getByRole("button", { name: "Compress" }).count()), 0)
        }).pipe(Effect.provide(live))
      })
    )
  })
})

interface AxeResult {
  readonly violations: ReadonlyArray<{
    readonly id: string
    readonly impact: string | null
    readonly nodes: ReadonlyArray<{ readonly html: string }>
  }>
}
