/** The settings that make Claude Code call the hook. */

interface SettingsOptions {
  /** Whether the package is installed in the project, or for the user. */
  readonly place: "project" | "user"
  readonly db: string | null
  readonly shorten: number | null
}

/** The `hooks` of a settings file of Claude Code. */
export const makeSettings = ({ db, place, shorten }: SettingsOptions) => {
  const program = place === "project" ? '"$CLAUDE_PROJECT_DIR"/node_modules/.bin/throughline' : "throughline"
  const call = `${program} hook${db === null ? "" : ` --db ${quoteWord(db)}`}`
  const run = (command: string) => ({ hooks: [{ type: "command", command, timeout: TIMEOUT }] })
  return {
    hooks: {
      SessionStart: [{ matcher: "compact", ...run(call) }],
      PreCompact: [run(call)],
      PostCompact: [run(call)],
      ...(shorten === null ? {} : { PostToolUse: [{ matcher: LONG_OUTPUTS, ...run(`${call} --shorten ${shorten}`) }] })
    }
  }
}

/** In seconds, more than the hook gives itself. */
const TIMEOUT = 30

/** The tools whose outputs are long and not read for every character, as files are. */
const LONG_OUTPUTS = "^(Bash|Grep|WebFetch|mcp__.*)$"

/** Quotes a word for the shell. */
const quoteWord = (word: string): string => (/^[\w./~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
