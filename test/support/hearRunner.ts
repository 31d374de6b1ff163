/**
 * Runs before each test file. Tests that wait for nothing follow each other without a turn of the event loop. Between two
 * of them the process hears its runner here, whose answers it has to take within a minute.
 */
import { afterEach } from "vitest"

afterEach(() => new Promise<void>((resolve) => setImmediate(resolve)))
