/** What this process holds at the moment. */
import { readdirSync } from "node:fs"
import type { Usage } from "./telling.ts"

/** Collects garbage first, if node was started with `--expose-gc`. */
export const measureUsage = (clients: number): Usage => {
  globalThis.gc?.()
  const resources = process.getActiveResourcesInfo()
  return {
    heap: process.memoryUsage().heapUsed,
    descriptors: readdirSync("/proc/self/fd").length,
    timers: resources.filter((resource) => resource === "Timeout").length,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    clients
  }
}
