/** Starts the examples of `scratch/examples` as programs of their own. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"

/** Asks the agent of an example, and returns what it says. */
export type Ask = (chat: string, text: string, signal?: AbortSignal) => Promise<unknown>

/** The examples of a test, which keep their sessions in a folder of its own. Each start is a new one, on the same file. */
export const makeExamples = (folder: string, window: number) => {
  const start = async (name: string, run: number): Promise<Ask> => {
    const code = readFileSync(`scratch/examples/${name}.ts`, "utf8")
      .replaceAll(/"\.\.\/\.\.\/(src\/.*?)"/g, (_, file) => `"${pathToFileURL(file).href}"`)
      .replace("sessions.db", fileOf(name))
      .replace("272_000", String(window))
    const file = join(folder, `${name}-${run}.ts`)
    writeFileSync(file, code)
    const { ask } = await import(pathToFileURL(file).href)
    return ask
  }
  const fileOf = (name: string) => join(folder, `${name}.db`)
  const remove = () => rmSync(folder, { recursive: true, force: true })
  remove()
  mkdirSync(folder, { recursive: true })
  return { start, fileOf, remove }
}

/** The lines of an example as a document shows them: without its first comment, its exports, and paths of the source. */
export const showExample = (name: string): ReadonlyArray<string> => {
  const [, ...code] = readFileSync(`scratch/examples/${name}.ts`, "utf8")
    .replaceAll(/"\.\.\/\.\.\/src\/\w+\/(\w+)\.ts"/g, `"throughline/$1"`)
    .replaceAll(/^export /gm, "")
    .trimEnd()
    .split("\n")
  return code
}
