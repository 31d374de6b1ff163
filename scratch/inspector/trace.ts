/** The tasks of a page's main thread, as the browser's own trace tells them. */
import type { Browser, Page } from "playwright-core"

/** Times in milliseconds. On a busy machine a task that waits for a core takes long without working: `cpu` leaves that out. */
export interface Task {
  readonly cpu: number
  readonly wall: number
}

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  readonly dur?: number
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

const CATEGORIES = ["toplevel", "devtools.timeline", "__metadata"]

/** Runs something in a page, and returns the tasks of the page meanwhile. */
export const traceTasks = async (browser: Browser, page: Page, run: () => Promise<void>) => {
  await browser.startTracing(page, { categories: CATEGORIES })
  await run()
  const text = (await browser.stopTracing()).toString("utf8")
  const { traceEvents }: { readonly traceEvents: ReadonlyArray<TraceEvent> } = JSON.parse(text)
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`
  const mainThreads = new Set(
    traceEvents.filter(({ args, name }) => name === "thread_name" && args?.name === "CrRendererMain").map(threadOf)
  )
  // A task within another is counted with it: only the longest of them matter here.
  return traceEvents
    .filter((event) => event.ph === "X" && event.name.includes("RunTask") && mainThreads.has(threadOf(event)))
    .map(({ dur = 0, tdur = 0 }): Task => ({ cpu: tdur / 1_000, wall: dur / 1_000 }))
}
