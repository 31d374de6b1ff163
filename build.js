// Builds the package: the library with tsc, the command line as one bundled file, the inspector as a page beside it.
// `node build.js FILE` bundles the command line alone, into that file; `node build.js --page FOLDER` the page alone.
import { execFileSync } from "node:child_process"
import { chmodSync, cpSync, readFileSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import { gzipSync } from "node:zlib"
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

const MOST_OF_A_PAGE = 200_000

/** The page needs no package at run time. It may not become heavy unseen. */
const bundlePage = async (folder) => {
  await build({
    entryPoints: ["src/inspector/main.tsx", "src/inspector/inspector.css"],
    entryNames: "inspector",
    outdir: folder,
    tsconfig: "src/inspector/tsconfig.json",
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2023",
    legalComments: "none",
    logLevel: "warning"
  })
  cpSync("src/inspector/index.html", join(folder, "index.html"))
  const files = ["index.html", "inspector.css", "inspector.js"].map((name) => readFileSync(join(folder, name)))
  const size = files.reduce((sum, file) => sum + gzipSync(file).length, 0)
  if (size > MOST_OF_A_PAGE) throw new Error(`the page has ${size} bytes, compressed: more than ${MOST_OF_A_PAGE}`)
  console.log(`inspector: ${size} bytes, compressed`)
}

const [only, folder] = process.argv.slice(2)
if (only === "--page") {
  await bundlePage(folder)
  process.exit(0)
}
if (only === undefined) {
  rmSync("dist", { recursive: true, force: true })
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" })
}
if (only === undefined) await bundlePage("dist/inspector")
await bundle(only ?? "dist/cli/main.js")
