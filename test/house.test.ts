/** The house: a folder imports from folders below it and from itself, and nothing is private to a folder that stands above. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize, relative } from "node:path"

/** From the ground up; folders of one line know nothing of each other. */
const floors = [
  ["concurrency", "message"],
  ["model"],
  ["session", "openai"],
  ["audit", "ledger"],
  ["handoff"],
  ["store", "view"],
  ["sqlite", "summary", "recall"],
  ["compression", "hermes"],
  ["gateway", "transcripts"],
  ["index.ts", "cli"]
]

const src = join(import.meta.dirname, "../src")
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
const folderOf = (file: string): string => file.split("/")[0] ?? file
const floorOf = (file: string): number => floors.findIndex((floor) => floor.includes(folderOf(file)))
const importsOf = (file: string): ReadonlyArray<string> =>
  Array.from(readFileSync(join(src, file), "utf8").matchAll(/\bfrom "(\.[^"]+)"/g)).map(([, specifier = ""]) =>
    relative(src, normalize(join(src, dirname(file), specifier)))
  )

describe("the house", () => {
  it("has a floor for every folder", () => {
    assert.deepStrictEqual(
      files.filter((file) => floorOf(file) < 0),
      []
    )
  })

  it("imports only downwards", () => {
    const upwards = files.flatMap((file) =>
      importsOf(file)
        .filter(
          (imported) =>
            !imported.startsWith("..") && folderOf(imported) !== folderOf(file) && floorOf(imported) >= floorOf(file)
        )
        .map((imported) => `${file} -> ${imported}`)
    )
    assert.deepStrictEqual(upwards, [])
  })
})
