/** Runs once before all tests: what they put into the folder for temporary files is removed when the last one ends. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export default () => {
  const folder = mkdtempSync(join(tmpdir(), "throughline-tests-"))
  // A server that may not run as root reaches its own folder through this one.
  chmodSync(folder, 0o711)
  process.env["TMPDIR"] = folder
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}
