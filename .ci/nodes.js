// The packed package and a representative part of the suite on newer versions of Node.js: `node .ci/nodes.js 22 24`.
// Each version comes from npm, with its headers, and gets a copy of this checkout whose better-sqlite3 is built for it.
import { execFileSync } from "node:child_process"
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, delimiter, join, resolve } from "node:path"

// What depends on Node.js itself: the stores and their files, sockets and streams, clocks, processes, the documents.
const SUITE = [
  "test/store",
  "test/sqlite",
  "test/hermes/Hermes.test.ts",
  "test/gateway",
  "test/openai",
  "test/model/ModelClients.http.test.ts",
  "test/promises/02-",
  "test/promises/05-",
  "test/promises/06-",
  "test/cli",
  "test/docs.test.ts"
]

/** A pi that does not run on Node.js 20. */
const PI = "@earendil-works/pi-coding-agent@1.6.0"

// Tests with a limit of their own keep it.
const TEST_TIMEOUT = 180_000

const DATA = "../shared"

const runtime = `node-${process.platform}-${process.arch}`
const majors = process.argv.slice(2)

const checkOn = (major) => {
  const folder = mkdtempSync(join(tmpdir(), `throughline-node-${major}-`))
  // Some tests run as a user who may not write, and who must be let in.
  chmodSync(folder, 0o755)
  try {
    execFileSync(
      "npm",
      ["install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", `${runtime}@${major}`],
      { stdio: ["ignore", "ignore", "inherit"] }
    )
    const node = join(folder, "node_modules", runtime)
    const checkout = join(folder, "checkout")
    cpSync(process.cwd(), checkout, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => basename(source) !== ".git"
    })
    // Data beside the checkout, which some tests use where it is at hand.
    if (existsSync(DATA)) symlinkSync(resolve(DATA), join(folder, basename(DATA)))
    const path = `${join(node, "bin")}${delimiter}${process.env.PATH}`
    const run = (command, ...args) =>
      execFileSync(command, args, {
        cwd: checkout,
        env: { ...process.env, PATH: path, npm_config_nodedir: node },
        stdio: "inherit"
      })
    run("node", "--version")
    run("npm", "rebuild", "better-sqlite3")
    run("node", ".ci/pack.js", "--reuse-binding")
    run("node", ".ci/pi.js", PI)
    run(
      "node",
      "node_modules/vitest/vitest.mjs",
      "run",
      "--silent",
      "--reporter=dot",
      `--testTimeout=${TEST_TIMEOUT}`,
      ...SUITE
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const major of majors) checkOn(major)
