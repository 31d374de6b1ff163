/** A script of the tests as one file, which a process starts several times as fast as its sources. */
import { basename, resolve } from "node:path"
import { Effect } from "effect"
import { build } from "esbuild"
import { makeTemporaryFolder } from "./temporaryFolder.ts"

/** Bundles a script within `node_modules`, where the bundle finds what it leaves out. Returns its path. */
export const bundleScript = (entryPoint: string) =>
  Effect.flatMap(makeTemporaryFolder("node_modules"), (folder) => {
    const outfile = resolve(folder, basename(entryPoint).replace(/\.ts$/, ".mjs"))
    return Effect.promise(() =>
      build({
        entryPoints: [entryPoint],
        outfile,
        bundle: true,
        format: "esm",
        platform: "node",
        target: "node20",
        external: [
          "better-sqlite3",
          "msgpackr-extract",
          "pg",
          "openai",
          "openai/*",
          "undici",
          "gpt-tokenizer",
          "gpt-tokenizer/*"
        ],
        // Some bundled packages are CommonJS and require Node's own modules.
        banner: {
          js: 'import { createRequire as makeRequire } from "node:module"\nconst require = makeRequire(import.meta.url)'
        },
        minify: true,
        legalComments: "none",
        logLevel: "warning"
      })
    ).pipe(Effect.as(outfile))
  })
