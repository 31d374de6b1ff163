/** Formats `--help`: each command with its description and its options, one line each. */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Descriptor from "@effect/cli/CommandDescriptor"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Usage from "@effect/cli/Usage"
import type * as ValidationError from "@effect/cli/ValidationError"
import { stripVTControlCharacters } from "node:util"
import { alignColumns } from "./terminal.ts"

/** The help of one command. */
export interface Page {
  readonly name: string
  readonly usage: string
  readonly description: string
  readonly rows: ReadonlyArray<Row>
}

type Row = readonly [name: string, description: string]

const FOOTER = "throughline COMMAND --help says more about a command; --log-level info logs what happens inside."

const config = CliConfig.make({ showBuiltIns: false })

export const makePage = ({ descriptor }: { readonly descriptor: Descriptor.Command<unknown> }): Page => {
  const [name = ""] = Descriptor.getNames(descriptor)
  const blocks = listBlocks(Descriptor.getHelp(descriptor, config))
  return {
    name,
    usage: plainText(Usage.getHelp(Descriptor.getUsage(descriptor))),
    description: blocks.filter(HelpDoc.isParagraph).map(plainText).join(" "),
    rows: blocks
      .filter(HelpDoc.isDescriptionList)
      .flatMap(({ definitions }) =>
        definitions.map(([name, about]) => [plainText(HelpDoc.p(name)), describeOption(about)])
      )
  }
}

/** True for a call that asks for help on a command that exists, or on all of them. */
export const isHelpWanted = (pages: ReadonlyArray<Page>, args: ReadonlyArray<string>): boolean => {
  const [name = "--help"] = args
  const isKnown = name.startsWith("-") || pages.some((page) => page.name === name)
  return args.length === 0 || (isKnown && args.some(isHelpOption))
}

export const isHelpOption = (arg: string): boolean => arg === "--help" || arg === "-h"

/** Explains in one line what is wrong with a call of `args`, which begin with a command unless that is what is wrong. */
export const explainUsageError = (
  error: ValidationError.ValidationError,
  pages: ReadonlyArray<Page>,
  args: ReadonlyArray<string>
): string => {
  const [name] = args
  const page = pages.find((page) => page.name === name)
  if (page === undefined) return `there is no command ${name ?? ""}; throughline --help lists them`
  if (page.usage === page.name) return `not a call of ${page.name}. ${page.description}`
  const issue = plainText(error.error).replaceAll(/\s+/g, " ") || "the arguments are not understood"
  const hint = args.some(isNegativeId) ? `; an id that begins with a dash goes to the end, after --` : ""
  return `${issue}; usage: throughline ${page.usage}${hint}`
}

/** True for an argument that the parser takes for an option although no option is called so. */
const isNegativeId = (arg: string): boolean => /^-(?:\d|[^-].)/.test(arg)

/** The help of the command that `args` begin with, or of all commands. */
export const formatHelp = (
  pages: ReadonlyArray<Page>,
  title: string,
  [name]: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const page = pages.find((page) => page.name === name)
  if (page !== undefined) {
    return [`throughline ${page.usage}`, "", page.description, "", ...indentTable(page.rows)]
  }
  const commands = indentTable(pages.map(({ description, name }) => [name, description]))
  return [title, "", ...commands, "", FOOTER]
}

const listBlocks = (doc: HelpDoc.HelpDoc): ReadonlyArray<HelpDoc.HelpDoc> =>
  HelpDoc.isSequence(doc) ? [...listBlocks(doc.left), ...listBlocks(doc.right)] : [doc]

/**
 * The paragraphs of an option without those that the usage line already says: its type, that it is optional, and that
 * it can be repeated.
 */
const describeOption = (about: HelpDoc.HelpDoc): string =>
  listBlocks(about)
    .slice(1)
    .map(plainText)
    .map((paragraph) => paragraph.replace(/^This setting is optional\.\s*(?:Defaults to: (.+))?$/, "$1"))
    .map((paragraph) => paragraph.replace(/^This argument (?:must|may) be repeated .*$/, ""))
    .flatMap((paragraph, index) => (paragraph === "" ? [] : [index === 0 ? paragraph : `(default ${paragraph})`]))
    .join(" ")

const plainText = (doc: HelpDoc.HelpDoc): string => stripVTControlCharacters(HelpDoc.toAnsiText(doc)).trim()

const indentTable = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => alignColumns(rows).map((line) => `  ${line}`)
