/** Reads the page that the package brings, from where the command line is. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { PageFile } from "../../server/settings.ts"

/** Beside the bundled command line, and seen from this file in the sources. */
const FOLDERS = ["../inspector/", "../../../dist/inspector/"]

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml"
}

/** The files of the page by their paths; `index.html` is at `/`. Empty if the package was not built. */
export const readPage = (): ReadonlyMap<string, PageFile> => {
  const folder = FOLDERS.map((path) => fileURLToPath(new URL(path, import.meta.url))).find((path) =>
    existsSync(join(path, "index.html"))
  )
  if (folder === undefined) return new Map()
  return new Map(
    readdirSync(folder).flatMap((name) => {
      const contentType = TYPES[name.split(".").at(-1) ?? ""]
      if (contentType === undefined) return []
      const path = name === "index.html" ? "/" : `/${name}`
      return [[path, { contentType, body: readFileSync(join(folder, name)) }] as const]
    })
  )
}
