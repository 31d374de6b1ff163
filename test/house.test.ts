/** The house: what may import what, and how large a folder or a file may be. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { measureFolder } from "./support/measureCode.ts"

const ROOT = join(import.meta.dirname, "..")

/** From the ground up; folders of one floor know nothing of each other. */
const FLOORS = [
  ["concurrency", "message", "picture"],
  ["model", "format"],
  ["session", "openai", "cost"],
  ["audit", "ledger"],
  ["handoff"],
  ["store", "view"],
  ["sqlite", "postgres", "summary", "recall"],
  ["compression", "hermes"],
  ["gateway", "transcripts"],
  ["promise", "effectAi", "pi", "cluster"],
  ["aiSdk", "langChain", "openAiAgents"],
  ["server"],
  ["index.ts", "cli", "inspector"]
]

/** Folders that can each become a package by moving: who may import them, beside the edges above. */
const LEAVES: Readonly<Record<string, ReadonlyArray<string>>> = {
  sqlite: ["hermes", "transcripts"],
  hermes: ["transcripts"],
  openai: [],
  postgres: []
}
/** Doors into other frameworks, and the optional peers that nothing else imports. */
const PEERS: Readonly<Record<string, string>> = {
  ai: "aiSdk",
  "@openai/agents-core": "openAiAgents",
  "@effect/ai": "effectAi",
  "@effect/cluster": "cluster",
  "@effect/rpc": "cluster",
  pg: "postgres"
}
/** Private modules that stand for a concept of their own, beside the public ones. All other private ones are in camelCase. */
const PRIVATE_CONCEPTS = [
  "compression/Plan",
  "handoff/Handoff",
  "ledger/Ledger",
  "ledger/languages/Language",
  "model/InvalidSetting",
  "server/Api",
  "server/Server",
  "summary/Extractive",
  "summary/Gate",
  "summary/RoutePauses",
  "summary/Summarizer"
]
const EDGES = ["promise", "effectAi", "pi", "cli", "index.ts"]

const MOST_FILES_OF_A_FOLDER = 20
const LARGEST_SHARE = 0.15
const MOST_LINES_OF_A_FILE = 400
const MOST_FILES_OF_A_COMPRESSION = 45

/** Paths from the root of the project, of the TypeScript files in one of its folders. */
const listFiles = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.tsx?$/.test(file) && !file.includes("node_modules"))
    .map((file) => join(folder, file))

const readFile = (file: string): string => readFileSync(join(ROOT, file), "utf8")
const countLines = (file: string): number => readFile(file).split("\n").length - 1

/** Imports of types and exports from elsewhere count as imports. */
const importsOf = (file: string): ReadonlyArray<string> =>
  Array.from(readFile(file).matchAll(/\b(?:from|import) ?\(?"(\.[^"]+)"/g)).map(([, specifier = ""]) =>
    relative(ROOT, join(ROOT, dirname(file), specifier))
  )

/** The first folder within `src`, or the file that stands there by itself. */
const folderOf = (file: string): string => file.split("/")[1] ?? file
const floorOf = (file: string): number => FLOORS.findIndex((floor) => floor.includes(folderOf(file)))

const files = listFiles("src")
const imports = new Map(files.map((file) => [file, importsOf(file).filter((imported) => files.includes(imported))]))
const importsBetweenFolders = files.flatMap((file) =>
  (imports.get(file) ?? [])
    .filter((imported) => folderOf(imported) !== folderOf(file))
    .map((imported) => ({ file, imported, text: `${file} -> ${imported}` }))
)

/** Groups of nodes that reach each other; without circles there are none. */
const findCircles = (graph: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlyArray<ReadonlyArray<string>> => {
  const reach = new Map<string, ReadonlySet<string>>()
  const reachableFrom = (start: string): ReadonlySet<string> => {
    const found = new Set<string>()
    const waiting = [...(graph.get(start) ?? [])]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (found.has(next)) continue
      found.add(next)
      waiting.push(...(graph.get(next) ?? []))
    }
    return found
  }
  for (const node of graph.keys()) reach.set(node, reachableFrom(node))
  const circles = Array.from(reach, ([node, reachable]) =>
    [node, ...reachable].filter((other) => reachable.has(other) && reach.get(other)?.has(node) === true)
  ).filter((circle) => circle.length > 0)
  return Array.from(new Set(circles.map((circle) => Array.from(new Set(circle)).toSorted().join(" <-> "))), (text) =>
    text.split(" <-> ")
  )
}

describe("the house", () => {
  it("has a floor for every folder", () => {
    assert.deepStrictEqual(
      files.filter((file) => floorOf(file) < 0),
      []
    )
  })

  it("imports only downwards", () => {
    const upwards = importsBetweenFolders.filter(({ file, imported }) => floorOf(imported) >= floorOf(file))
    assert.deepStrictEqual(
      upwards.map(({ text }) => text),
      []
    )
  })

  it("has no circle between folders, and none between files", () => {
    const between = new Map(files.map((file) => [folderOf(file), new Array<string>()]))
    for (const { file, imported } of importsBetweenFolders) between.get(folderOf(file))?.push(folderOf(imported))
    assert.deepStrictEqual(findCircles(between), [])
    assert.deepStrictEqual(findCircles(imports), [])
  })

  it("keeps every backend a leaf", () => {
    const wrong = importsBetweenFolders.filter(({ file, imported }) => {
      const importers = LEAVES[folderOf(imported)]
      return importers !== undefined && ![...EDGES, ...importers].includes(folderOf(file))
    })
    assert.deepStrictEqual(
      wrong.map(({ text }) => text),
      []
    )
  })

  it("imports the package of another framework in its door only", () => {
    const wrong = files.flatMap((file) =>
      Array.from(readFile(file).matchAll(/\b(?:from|import) ?\(?"([^".]+)"/g), ([, name = ""]) => name)
        .map((name) => name.split("/", name.startsWith("@") ? 2 : 1).join("/"))
        .filter((name) => PEERS[name] !== undefined && PEERS[name] !== folderOf(file))
        .map((name) => `${file} -> ${name}`)
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("writes public modules in PascalCase, and private ones in camelCase", () => {
    const manifest: { readonly exports: Readonly<Record<string, { readonly default: string } | string>> } = JSON.parse(
      readFile("package.json")
    )
    const listed = Object.values(manifest.exports)
      .map((entry) => (typeof entry === "string" ? entry : entry.default))
      .flatMap((path) => path.match(/^\.\/dist\/(.+)\.js$/)?.slice(1) ?? [])
      .filter((module) => module !== "index")
    const inPascalCase = files
      .filter((file) => /\/[A-Z][^/]*$/.test(file))
      .map((file) => file.replace(/^src\/|\.tsx?$/g, ""))
    assert.sameMembers(inPascalCase, [...new Set([...listed, ...PRIVATE_CONCEPTS])])
  })

  it("keeps folders and files to a size one can survey", () => {
    const countsOf = (keyOf: (file: string) => string, amountOf: (file: string) => number) => {
      const counts = new Map<string, number>()
      for (const file of files) counts.set(keyOf(file), (counts.get(keyOf(file)) ?? 0) + amountOf(file))
      return Array.from(counts)
    }
    const lines = files.reduce((sum, file) => sum + countLines(file), 0)
    assert.deepStrictEqual(
      {
        crowded: countsOf(dirname, () => 1).filter(([, count]) => count > MOST_FILES_OF_A_FOLDER),
        large: countsOf(folderOf, countLines).filter(([, count]) => count > LARGEST_SHARE * lines),
        long: files.filter((file) => countLines(file) > MOST_LINES_OF_A_FILE)
      },
      { crowded: [], large: [], long: [] }
    )
  })

  // In a process of its own: Vitest wraps each module in functions that coverage would count as entered.
  it("leads one compression through few files", () => {
    const walk = ["--import", "tsx", "test/support/walkCompression.ts"]
    const entered = execFileSync(process.execPath, walk, { cwd: ROOT, encoding: "utf8" }).trim().split("\n")
    assert.include(entered, "compression/Compressor.ts")
    assert.isAtMost(entered.length, MOST_FILES_OF_A_COMPRESSION, entered.join("\n"))
  })

  it("names functions by what they do, and says so without riddles", () => {
    const { oneWord, participles, riddles } = measureFolder(join(ROOT, "src"))
    assert.isBelow(oneWord, 0.4, "share of names of one word")
    assert.isBelow(participles, 0.02, "share of names that are a participle")
    assert.isBelow(riddles, 0.05, "share of comments that begin as a riddle")
  })

  it("tests import nothing from scratch, and scratch only the support of the tests", () => {
    const wrong = [...listFiles("test"), ...listFiles("scratch")].flatMap((file) =>
      importsOf(file)
        .filter((imported) =>
          file.startsWith("test/")
            ? imported.startsWith("scratch/")
            : imported.startsWith("test/") && !imported.startsWith("test/support/")
        )
        .map((imported) => `${file} -> ${imported}`)
    )
    assert.deepStrictEqual(wrong, [])
  })
})
