/** Debian's Chromium, and the inspector as it is built. Tests that need them are skipped where Chromium is not there. */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { Effect } from "effect"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import type { PageFile } from "../../src/server/settings.ts"
import { makeTemporaryFolder } from "./temporaryFolder.ts"

const CHROMIUM = "/usr/bin/chromium"

export const hasChromium = existsSync(CHROMIUM)

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** A browser with a profile of its own, closed with its scope. */
export const launchBrowser = Effect.acquireRelease(
  Effect.promise(() => chromium.launch({ executablePath: CHROMIUM, args: FLAGS })),
  (browser) => Effect.promise(() => browser.close())
)

/** Builds the page, and returns its files as a service takes them. */
export const buildPage = Effect.map(makeTemporaryFolder(), (folder): ReadonlyMap<string, PageFile> => {
  execFileSync(process.execPath, ["build.js", "--page", folder], { stdio: ["ignore", "ignore", "inherit"] })
  const read = (name: string, contentType: string) => ({ contentType, body: readFileSync(join(folder, name)) })
  return new Map([
    ["/", read("index.html", "text/html; charset=utf-8")],
    ["/inspector.js", read("inspector.js", "text/javascript; charset=utf-8")],
    ["/inspector.css", read("inspector.css", "text/css; charset=utf-8")]
  ])
})

const PICTURES = "test/inspector/out"

/** Keeps a picture of a page, under the name of what it shows. */
export const keepPicture = (page: Page, name: string) =>
  Effect.promise(() => page.screenshot({ path: join(PICTURES, `${name}.png`) }))

/** What a page did that it should not: errors, dialogs, and what its policy has refused. */
export interface Watched {
  readonly page: Page
  readonly faults: ReadonlyArray<string>
}

/** Opens a page, and notes whatever goes wrong in it. */
export const openPage = (browser: Browser, options: BrowserContextOptions = {}) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => browser.newContext({ viewport: { width: 1_200, height: 850 }, ...options })),
      (context) => Effect.promise(() => context.close())
    ).pipe(Effect.flatMap((context) => Effect.promise(() => context.newPage()))),
    (page): Watched => {
      const faults: Array<string> = []
      page.on("pageerror", (error) => faults.push(`error: ${error.message}`))
      page.on("console", (message) => {
        // What the server refuses is told by the page itself.
        if (message.type() === "error" && !message.text().includes("Failed to load resource")) {
          faults.push(`console: ${message.text()}`)
        }
      })
      page.on("dialog", (dialog) => {
        faults.push(`dialog: ${dialog.message()}`)
        void dialog.dismiss()
      })
      return { page, faults }
    }
  )
