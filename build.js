// Builds the package: the library with tsc, the command line as one bundled file.
import { execFileSync } from "node:child_process"
import { chmodSync, rmSync } from "node:fs"
import { build } from "esbuild"

// Runtime dependencies stay imports; what only the command line needs is bundled, so that it is none.
const dependencies = ["better-sqlite3", "openai", "undici", "gpt-tokenizer"]

// @effect/platform-node loads these only if they are there.
const optional = ["@parcel/watcher", "msgpackr-extract"]

rmSync("dist", { recursive: true, force: true })
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" })
await build({
  entryPoints: ["src/cli/main.ts"],
  outfile: "dist/cli/main.js",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  external: dependencies.concat(optional).flatMap((name) => [name, `${name}/*`]),
  // Some bundled packages are CommonJS and require Node's own modules.
  banner: {
    js: '#!/usr/bin/env node\nimport { createRequire as makeRequire } from "node:module"\nconst require = makeRequire(import.meta.url)'
  },
  legalComments: "none",
  logLevel: "warning"
})
chmodSync("dist/cli/main.js", 0o755)
