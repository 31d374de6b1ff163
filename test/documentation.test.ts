/** What the editor shows of the public modules: each member of a service is documented, and each type has a public name. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import ts from "typescript"

const root = resolve(import.meta.dirname, "..")

/** The source files of the modules that `package.json` exports. */
const publicModules: ReadonlyArray<string> = Object.values<{ readonly default?: string }>(
  JSON.parse(readFileSync(join(root, "package.json"), "utf8")).exports
).flatMap(({ default: file }) =>
  file === undefined ? [] : [join(root, file.replace("./dist/", "src/").replace(/\.js$/, ".ts"))]
)

const parse = (file: string) => ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true)

// ── members of services ──

const hasComment = (node: ts.Node): boolean =>
  ts.getJSDocCommentsAndTags(node).some((doc) => ts.isJSDoc(doc) && ts.getTextOfJSDocComment(doc.comment) !== undefined)

/** The members of `class X extends Context.Tag("…")<X, Members>() {}`; `Members` may be an interface of the same file. */
const membersOfService = (node: ts.ClassDeclaration): ReadonlyArray<ts.TypeElement> => {
  const base = node.heritageClauses?.[0]?.types[0]?.expression
  if (base === undefined || !ts.isCallExpression(base) || !base.expression.getText().startsWith("Context.Tag("))
    return []
  const shape = base.typeArguments?.[1]
  if (shape === undefined) return []
  if (ts.isTypeLiteralNode(shape)) return shape.members
  return membersOfInterface(node.getSourceFile(), shape.getText())
}

const membersOfInterface = (source: ts.SourceFile, name: string): ReadonlyArray<ts.TypeElement> =>
  source.statements.flatMap((statement) =>
    ts.isInterfaceDeclaration(statement) && statement.name.text === name ? [...statement.members] : []
  )

/** Every member of a public service and of `Turn`, as `Gateway.deliver`. */
const members = publicModules.flatMap((file) => {
  const source = parse(file)
  const services = source.statements.filter(ts.isClassDeclaration).map((node) => ({
    name: node.name?.text ?? "",
    members: membersOfService(node)
  }))
  return [...services, { name: "Turn", members: membersOfInterface(source, "Turn") }].flatMap(({ members, name }) =>
    members.map((member) => ({ name: `${name}.${member.name?.getText() ?? ""}`, isDocumented: hasComment(member) }))
  )
})

describe("the public services", () => {
  it("are read from the source", () => {
    const names = members.map(({ name }) => name)
    for (const name of ["Gateway.deliver", "Turn.append", "SessionStore.promote", "Recall.expand", "Provider.open"]) {
      assert.include(names, name)
    }
  })

  it("have a comment on each member", () => {
    assert.deepStrictEqual(
      members.filter(({ isDocumented }) => !isDocumented).map(({ name }) => name),
      []
    )
  })
})

// ── names of types ──

/** A type of the library: the file that declares it, and its name there. */
interface TypeName {
  readonly file: string
  readonly name: string
}

const keyOf = ({ file, name }: TypeName): string => `${relative(root, file)}#${name}`

/** The types that a file imports, by the name they have in it. A namespace, with no name, stands for all of its file. */
const importsOf = (source: ts.SourceFile): ReadonlyMap<string, Imported> => {
  const imports = new Map<string, Imported>()
  for (const { importClause, moduleSpecifier } of source.statements.filter(ts.isImportDeclaration)) {
    const path = ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : ""
    const bindings = importClause?.namedBindings
    if (!path.startsWith(".") || bindings === undefined) continue
    const file = resolve(dirname(source.fileName), path)
    if (ts.isNamespaceImport(bindings)) imports.set(bindings.name.text, { file, name: undefined })
    else {
      for (const { name, propertyName } of bindings.elements) {
        imports.set(name.text, { file, name: (propertyName ?? name).text })
      }
    }
  }
  return imports
}

interface Imported {
  readonly file: string
  readonly name: string | undefined
}

/** The name of a type reference or of a type that an interface extends, split at its dot. */
const referencedName = (node: ts.Node): ReadonlyArray<string> => {
  if (ts.isTypeReferenceNode(node)) return node.typeName.getText().split(".")
  if (ts.isExpressionWithTypeArguments(node) && !ts.isCallExpression(node.expression)) {
    return node.expression.getText().split(".")
  }
  return []
}

/** Every type that a declaration shows. What stands in the body of a function or in a value is not shown. */
const typesShownBy = (declaration: ts.Node): ReadonlyArray<TypeName> => {
  const source = declaration.getSourceFile()
  const imports = importsOf(source)
  const shown: Array<TypeName> = []
  const visit = (node: ts.Node): void => {
    const [first, second] = referencedName(node)
    const imported = first === undefined ? undefined : imports.get(first)
    const name = imported?.name ?? second
    if (imported !== undefined && name !== undefined) shown.push({ file: imported.file, name })
    else if (first !== undefined && declarationOf(source, first) !== undefined) {
      shown.push({ file: source.fileName, name: first })
    }
    ts.forEachChild(node, (child) => {
      const isBody = ts.isFunctionLike(node) && "body" in node && node.body === child
      const isValue = ts.isVariableDeclaration(node) && node.type !== undefined && node.initializer === child
      if (!isBody && !isValue) visit(child)
    })
  }
  visit(declaration)
  return shown
}

const isTypeDeclaration = (
  statement: ts.Statement
): statement is ts.InterfaceDeclaration | ts.TypeAliasDeclaration | ts.ClassDeclaration =>
  ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement) || ts.isClassDeclaration(statement)

const declarationOf = (source: ts.SourceFile, name: string): ts.Statement | undefined =>
  source.statements.find((statement) => isTypeDeclaration(statement) && statement.name?.text === name)

const isExported = (statement: ts.Statement): boolean =>
  ts.canHaveModifiers(statement) &&
  (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)

/** The types that a module exports, and the types of other files that it exports under a name of its own. */
const namesOf = (file: string): ReadonlyArray<TypeName> => {
  const source = parse(file)
  return source.statements.flatMap((statement): ReadonlyArray<TypeName> => {
    if (ts.isExportDeclaration(statement)) return namesOfExport(file, statement)
    if (!isExported(statement) || !isTypeDeclaration(statement)) return []
    const isAlias = ts.isTypeAliasDeclaration(statement) && ts.isTypeReferenceNode(statement.type)
    return [{ file, name: statement.name?.text ?? "" }, ...(isAlias ? typesShownBy(statement) : [])]
  })
}

/** `export { … }`, with or without `from`. */
const namesOfExport = (
  file: string,
  { exportClause, moduleSpecifier }: ts.ExportDeclaration
): ReadonlyArray<TypeName> => {
  if (exportClause === undefined || !ts.isNamedExports(exportClause)) return []
  const imports = importsOf(parse(file))
  return exportClause.elements.flatMap((element) => {
    const name = (element.propertyName ?? element.name).text
    const from = moduleSpecifier !== undefined && ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : undefined
    const original = from === undefined ? imports.get(name) : { file: resolve(dirname(file), from), name }
    const own = { file, name: element.name.text }
    return original === undefined ? [own] : [own, { file: original.file, name: original.name ?? name }]
  })
}

/** Parts of `Audit.State`, which a caller passes on and never reads. */
const opaque: ReadonlyArray<string> = [
  "src/audit/checkMessages.ts#MessageState",
  "src/audit/checkOperations.ts#OperationState"
]

describe("the types of public signatures", () => {
  it("can all be named from a public module", () => {
    const named = new Map(publicModules.flatMap(namesOf).map((type) => [keyOf(type), type]))
    const shownIn = publicModules.flatMap((file) =>
      parse(file)
        .statements.filter(isExported)
        .flatMap((statement) => typesShownBy(statement).map((type) => ({ at: relative(root, file), type })))
    )
    const shownByPrivate = Array.from(named.values()).flatMap((type) => {
      if (publicModules.includes(type.file) || opaque.includes(keyOf(type))) return []
      const declaration = declarationOf(parse(type.file), type.name)
      return declaration === undefined
        ? []
        : typesShownBy(declaration).map((shown) => ({ at: keyOf(type), type: shown }))
    })
    const nameless = [...shownIn, ...shownByPrivate].filter(({ type }) => !named.has(keyOf(type)))
    assert.deepStrictEqual(Array.from(new Set(nameless.map(({ at, type }) => `${at} shows ${keyOf(type)}`))), [])
  })
})
