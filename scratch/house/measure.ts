/**
 * Prints names and comments of source folders as figures, ours beside those of Effect's own packages.
 * Run: `npx tsx scratch/house/measure.ts [FOLDER…]`, and with `--list FOLDER` for what is counted against a folder.
 */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { isRiddle, measureFolder, readFindings, splitName } from "../../test/support/measureCode.ts"

const DEFAULT_FOLDERS = [
  "src",
  "node_modules/@effect/cluster/src",
  "node_modules/@effect/workflow/src",
  "node_modules/@effect/sql/src",
  "node_modules/@effect/experimental/src"
]

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

const main = (args: ReadonlyArray<string>): void => {
  const listed = args.filter((arg) => !arg.startsWith("--"))
  if (args.includes("--list")) return listOffenders(listed)
  for (const folder of listed.length === 0 ? DEFAULT_FOLDERS : listed) {
    const { comments, files, functions, lines, oneWord, participles, riddles } = measureFolder(folder)
    console.log(
      `${folder}: ${files} files, ${lines} lines, ${functions} functions: ${percent(oneWord)} one word, ${percent(participles)} participles; ${comments} comments: ${percent(riddles)} riddles`
    )
  }
}

/** Prints what is counted against a folder, to mend it. */
const listOffenders = (folders: ReadonlyArray<string>): void => {
  for (const folder of folders) {
    for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".ts")
    )) {
      const { comments, names } = readFindings(join(folder, file))
      const words = names.filter((name) => splitName(name).length === 1)
      console.log(`${file}\n  one word: ${words.join(" ")}`)
      for (const comment of comments.filter(isRiddle)) console.log(`  ? ${comment.split("\n")[0]}`)
    }
  }
}

main(process.argv.slice(2))
