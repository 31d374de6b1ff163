/**
 * Runs before each test file. `layer` of `@effect/vitest` replaces the testers of `it` itself, which the files of a worker
 * share: without this, a file after one that uses `layer` would run without a test clock.
 */
import { it } from "@effect/vitest"

const KEY = Symbol.for("throughline/test/it")
const saved: object | undefined = Reflect.get(globalThis, KEY)
if (saved === undefined) Reflect.set(globalThis, KEY, { ...it })
else Object.assign(it, saved)
