/** Finds every regular expression of `src`: literals in its text, built ones when its modules load. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as ts from "typescript"

const SRC = join(import.meta.dirname, "../../src")

/** An expression and the file that holds it. */
export interface Expression {
  readonly file: string
  readonly pattern: RegExp
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))

const listLiterals = (file: string): ReadonlyArray<Expression> => {
  const found: Array<Expression> = []
  const source = ts.createSourceFile(file, readFileSync(join(SRC, file), "utf8"), ts.ScriptTarget.Latest)
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf("/")
      found.push({ file, pattern: new RegExp(node.text.slice(1, end), node.text.slice(end + 1)) })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** The constants that files of `src` build with `new RegExp`; whatever loads while `load` runs. */
const recordBuilt = async (load: () => Promise<void>): Promise<ReadonlyArray<Expression>> => {
  const found: Array<Expression> = []
  const original = globalThis.RegExp
  globalThis.RegExp = new Proxy(original, {
    construct: (target, [source, flags]: [string | RegExp, string?]) => {
      const pattern = new target(source, flags)
      const [, file] = /\/src\/([^:?]+\.ts)/.exec(new Error().stack ?? "") ?? []
      if (file !== undefined && files.includes(file)) found.push({ file, pattern })
      return pattern
    }
  })
  try {
    await load()
  } finally {
    globalThis.RegExp = original
  }
  return found
}

/** Lists each expression once. The modules of `src` must not have been loaded before. */
export const listExpressions = async (): Promise<ReadonlyArray<Expression>> => {
  const built = await recordBuilt(async () => {
    for (const file of files) if (file !== "cli/main.ts") await import(/* @vite-ignore */ join(SRC, file))
  })
  const all = [...files.flatMap(listLiterals), ...built]
  return Array.from(new Map(all.map((expression) => [String(expression.pattern), expression])).values())
}
