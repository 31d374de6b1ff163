/** Measures names and comments of source folders, so that ours can be held against Effect's own packages. */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"

/** The figures of one folder. Shares are parts of one. */
export interface Measures {
  readonly files: number
  readonly lines: number
  readonly functions: number
  readonly oneWord: number
  readonly participles: number
  readonly comments: number
  readonly riddles: number
}

/** Names of named functions and the texts of comments in one source file. */
interface Findings {
  readonly names: ReadonlyArray<string>
  readonly comments: ReadonlyArray<string>
}

const RIDDLE_START =
  /^(what|whatever|whether|how|where|wherever|who|whom|whose|whoever|of|by which|from which|in which|until when|since when|nobody|somebody|anybody|the same|those|as)\b/i

const RIDDLE_ANYWHERE = /\b(whoever|is none|are none|how manieth)\b/i

/** Past participles that do not end in `ed`. */
const IRREGULAR = new Set(
  "begun taken told held kept known left made put read said seen sent set shown spent stood written given gone grown hidden broken brought built caught chosen cut done drawn driven felt found forgotten got heard laid led lost met paid run sold split thrown understood won worn bound meant thought".split(
    " "
  )
)

/** Words that end in `ed` or stand in the list above and yet are verbs or nouns in use. */
const NO_PARTICIPLE = new Set([
  "embed",
  "feed",
  "need",
  "seed",
  "speed",
  "exceed",
  "proceed",
  "run",
  "read",
  "put",
  "set",
  "cut",
  "split",
  "found"
])

const isParticiple = (word: string): boolean =>
  !NO_PARTICIPLE.has(word) && (IRREGULAR.has(word) || /[a-z]{2}ed$/.test(word))

export const splitName = (name: string): ReadonlyArray<string> =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2")
    .split(/[ _$]+/)
    .filter((word) => word !== "")
    .map((word) => word.toLowerCase())

/** `makeX = Effect.fn("…")(function* …)`, `x = () => …`, `x = dual(2, () => …)`: anything a caller can call. */
const isFunction = (node: ts.Expression | undefined): boolean => {
  if (node === undefined) return false
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) return true
  if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node) || ts.isSatisfiesExpression(node))
    return isFunction(node.expression)
  if (!ts.isCallExpression(node)) return false
  return (
    /(^|\.)(fn|fnUntraced|dual|withSpanIfTraced|cached|memoize)\b/.test(calleeText(node)) &&
    callArguments(node).some(isFunction)
  )
}

const calleeText = (call: ts.CallExpression): string => {
  let callee: ts.Expression = call.expression
  while (ts.isCallExpression(callee)) callee = callee.expression
  return callee.getText()
}

const callArguments = (call: ts.CallExpression): ReadonlyArray<ts.Expression> =>
  ts.isCallExpression(call.expression) ? [...call.arguments, ...callArguments(call.expression)] : call.arguments

export const readFindings = (file: string): Findings => {
  const text = readFileSync(file, "utf8")
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const names: Array<string> = []
  const visit = (node: ts.Node): void => {
    if (
      (ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) &&
      node.name !== undefined &&
      ts.isIdentifier(node.name)
    ) {
      if (ts.isMethodDeclaration(node) || node.body !== undefined) names.push(node.name.text)
    } else if (
      (ts.isVariableDeclaration(node) || ts.isPropertyAssignment(node)) &&
      ts.isIdentifier(node.name) &&
      isFunction(node.initializer)
    ) {
      names.push(node.name.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { names, comments: readComments(text) }
}

/** Comments as they stand on lines of their own; lines that follow each other are one comment. Tags are left out. */
const readComments = (text: string): ReadonlyArray<string> => {
  const blocks = Array.from(text.matchAll(/^[ \t]*\/\*\*?([\s\S]*?)\*\//gm), ([, body = ""]) =>
    body.replaceAll(/^[ \t]*\*[ \t]?/gm, "")
  )
  const lines = Array.from(text.matchAll(/(?:^[ \t]*\/\/.*\n)+/gm), ([body]) =>
    body.replaceAll(/^[ \t]*\/\/[ \t]?/gm, "")
  )
  return [...blocks, ...lines]
    .map((comment) => comment.replace(/@\w[\s\S]*$/, "").trim())
    .filter((comment) => comment !== "")
}

export const isRiddle = (comment: string): boolean => RIDDLE_START.test(comment) || RIDDLE_ANYWHERE.test(comment)

export const measureFolder = (folder: string): Measures => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
    .map((file) => join(folder, file))
    .filter((file) => statSync(file).isFile())
  const found = files.map(readFindings)
  const names = found.flatMap(({ names }) => names)
  const comments = found.flatMap(({ comments }) => comments)
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)
  return {
    files: files.length,
    lines: files.reduce((sum, file) => sum + readFileSync(file, "utf8").split("\n").length - 1, 0),
    functions: names.length,
    oneWord: share(names.filter((name) => splitName(name).length === 1).length, names.length),
    participles: share(
      names.filter((name) => splitName(name).length === 1 && isParticiple(splitName(name)[0] ?? "")).length,
      names.length
    ),
    comments: comments.length,
    riddles: share(comments.filter(isRiddle).length, comments.length)
  }
}
