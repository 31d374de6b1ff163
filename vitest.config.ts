import { defineConfig } from "vitest/config"

/** `vitest run --mode thorough` repeats in full what chance decides; see `test/support/repetitions.ts`. */
export default defineConfig(({ mode }) => ({
  test: {
    // What one runs by hand is tested in a thorough run only: the evaluation alone takes twenty seconds. The soak is
    // the exception, since it checks the promises.
    include: ["test/**/*.test.ts", mode === "thorough" ? "scratch/**/*.test.ts" : "scratch/soak/*.test.ts"],
    // What runs in full also runs on busy machines. A hook that bundles or starts a server waits as long as a test.
    // It ends what hangs, and says nothing of speed: no test sets a shorter one.
    testTimeout: mode === "thorough" ? 600_000 : 180_000,
    hookTimeout: mode === "thorough" ? 600_000 : 180_000,
    // @effect/vitest brings its own clock: faking the platform's timers would stall sockets and SQLite retries.
    fakeTimers: { toFake: [] },
    // The modules of Effect take longer to load than most files take to run: the files of a worker share them.
    isolate: false,
    maxWorkers: "100%",
    globalSetup: "test/support/ownFolder.ts",
    setupFiles: ["test/support/restoreIt.ts", "test/support/hearRunner.ts", "test/support/boundShrinking.ts"],
    // Log lines are shown for tests that fail.
    silent: "passed-only",
    slowTestThreshold: 5_000,
    env: mode === "thorough" ? { TEST_THOROUGH: "1" } : {}
  }
}))
