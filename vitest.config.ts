import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "scratch/**/*.test.ts"],
    testTimeout: 60_000,
    // @effect/vitest brings its own clock: faking the platform's timers would stall sockets and SQLite retries.
    fakeTimers: { toFake: [] }
  }
})
