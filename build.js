// Builds the package: the library with tsc, the command line as one bundled file.
// `node build.js FILE` bundles the command line alone, into that file.
import { execFileSync } from "node:child_process"
import { chmodSync, readFileSync, rmSync } from "node:fs"
import { resolve } from "node:path"
import { build } from "esbuild"

// Run-time dependencies stay imports. Packages that only the command line needs are bundled: the library does not depend
// on them.
const dependencies = ["@orama/stemmers", "better-sqlite3", "openai", "undici", "gpt-tokenizer"]

// @effect/platform-node loads the first two only if they are there, and a database of PostgreSQL needs `pg`.
const optional = ["@parcel/watcher", "msgpackr-extract", "pg"]

const manifest = resolve("package.json")
const versionOnly = {
  name: "version-only",
  setup: ({ onLoad }) =>
    onLoad({ filter: /package\.json$/ }, ({ path }) => {
      if (path !== manifest) return undefined
      const { version } = JSON.parse(readFileSync(path, "utf8"))
      return { contents: JSON.stringify({ version }), loader: "json" }
    })
}

const bundle = async (outfile) => {
  await build({
    entryPoints: ["src/cli/main.ts"],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: dependencies.concat(optional).flatMap((name) => [name, `${name}/*`]),
    plugins: [versionOnly],
    // Some bundled packages are CommonJS and require Node's own modules.
    banner: {
      js: '#!/usr/bin/env node\nimport { createRequire as makeRequire } from "node:module"\nconst require = makeRequire(import.meta.url)'
    },
    legalComments: "none",
    logLevel: "warning"
  })
  chmodSync(outfile, 0o755)
}

const [only] = process.argv.slice(2)
if (only === undefined) {
  rmSync("dist", { recursive: true, force: true })
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" })
}
await bundle(only ?? "dist/cli/main.js")
