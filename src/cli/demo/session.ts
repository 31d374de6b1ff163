/**
 * Makes up a long, lifelike session of a coding agent for `throughline demo`. The same seed makes the same session.
 */
import type { AssistantMessage, Message, ToolCall, ToolMessage } from "../../message/Message.ts"
import * as Output from "./output.ts"
import * as Random from "../random.ts"
import { type Act, type Chapter, chapters } from "./story.ts"
import * as Workspace from "./workspace.ts"

/** A request and the steps that answer it. The reply of the last step calls no tool and ends the turn. */
export interface DemoTurn {
  readonly request: UserMessage
  readonly steps: ReadonlyArray<DemoStep>
}

/** One model call: its reply, and the results of the tools that the reply calls, in the order of the calls. */
export interface DemoStep {
  readonly reply: AssistantMessage
  readonly results: ReadonlyArray<ToolMessage>
}

type UserMessage = Extract<Message, { readonly role: "user" }>

/** Makes the turns of a session: over 200 messages, about 145,000 tokens at four characters each. */
export const makeSession = (seed: number): ReadonlyArray<DemoTurn> => {
  const random = Random.make(seed)
  const scene: Scene = { random, workspace: Workspace.make(random), failure: null }
  return chapters.map((chapter) => makeTurn(scene, chapter))
}

/** The messages of a session, in order. */
export const listMessages = (turns: ReadonlyArray<DemoTurn>): ReadonlyArray<Message> =>
  turns.flatMap(({ request, steps }) => [request, ...steps.flatMap(({ reply, results }) => [reply, ...results])])

/** State that the steps of a session share. `failure` is the failed test that the next edit has to fix. */
interface Scene {
  readonly random: Random.Random
  readonly workspace: Workspace.Workspace
  failure: Output.Failure | null
}

const makeTurn = (scene: Scene, chapter: Chapter): DemoTurn => ({
  request: { role: "user", content: chapter.request },
  steps: [
    ...chapter.acts.map((act) => makeStep(scene, chapter, act)),
    { reply: { role: "assistant", content: chapter.closing }, results: [] }
  ]
})

const makeStep = (scene: Scene, chapter: Chapter, act: Act): DemoStep => {
  const thought = composeThought(scene, chapter, act)
  const uses = acts[act](scene, chapter).map((use) => ({ call: makeToolCall(scene.random, use), output: use.output }))
  return {
    // Agents often call a tool without saying anything.
    reply: {
      role: "assistant",
      content: scene.random.chance(0.7) ? thought : null,
      tool_calls: uses.map(({ call }) => call)
    },
    results: uses.map(({ call, output }) => ({ role: "tool", tool_call_id: call.id, content: output }))
  }
}

interface Use {
  readonly tool: string
  readonly input: object
  readonly output: string
}

const makeToolCall = (random: Random.Random, { input, tool }: Use): ToolCall => ({
  id: `call_${random.hex(20)}`,
  type: "function",
  function: { name: tool, arguments: JSON.stringify(input) }
})

const acts: { readonly [K in Act]: (scene: Scene, chapter: Chapter) => ReadonlyArray<Use> } = {
  grep: ({ workspace }, { symbol }) => [
    { tool: "grep", input: { pattern: symbol, path: "src" }, output: workspace.grep(symbol, 60) }
  ],
  read: (scene, { near }) => [useReader(scene, scene.random.pick(near))],
  "read both": (scene, { module, test }) => [useReader(scene, module), useReader(scene, test)],
  edit: (scene, { module }) => [useEditor(scene, module)],
  "edit both": (scene, { module, test }) => [useEditor(scene, module), useEditor(scene, test)],
  fail: (scene, chapter) => {
    scene.failure = Output.makeFailure(scene.random, chapter.test)
    return [useTestRunner(scene, chapter)]
  },
  pass: (scene, chapter) => {
    scene.failure = null
    return [useTestRunner(scene, chapter)]
  },
  types: ({ random }, { module, near }) => [
    useBash("npx tsc --noEmit", Output.printTypeErrors(random, [module, ...near], random.between(2, 9)))
  ],
  logs: ({ random }) => [
    useBash("docker compose logs --no-color --tail 60 billing", `${Output.printLogs(random, 60)}\nexit code: 0`)
  ],
  quote: ({ random }) => [
    useBash(
      "curl -s http://localhost:8433/v2/quotes -d @fixtures/invoice.json",
      `${Output.printQuote(random, random.between(24, 36))}\nexit code: 0`
    )
  ],
  differences: ({ random }) => [
    useBash(
      "psql billing_replica -f queries/tax_differences.sql",
      Output.printDifferences(random, random.between(30, 60))
    )
  ]
}

const useBash = (command: string, output: string): Use => ({ tool: "bash", input: { command }, output })

const useReader = ({ random, workspace }: Scene, path: string): Use => {
  const offset = random.chance(0.3) ? random.between(20, 60) : 0
  const limit = random.between(130, 184)
  return { tool: "read_file", input: { path, offset, limit }, output: workspace.read(path, offset, limit) }
}

const useEditor = ({ workspace }: Scene, path: string): Use => {
  const diff = workspace.edit(path)
  return { tool: "edit_file", input: { path, diff }, output: `edited ${path}` }
}

const useTestRunner = ({ failure, random }: Scene, { module, near, test }: Chapter): Use => {
  const others = near.map((path) => path.replace(/^src\//, "test/").replace(/\.ts$/, ".test.ts"))
  return {
    tool: "run_tests",
    input: { paths: [test, ...others] },
    output: Output.printTestRun(random, [test, ...others], module, failure)
  }
}

/** Composes the text before a tool call. It is about the failed test if there is one. */
const composeThought = ({ failure, random }: Scene, { module, near, symbol, test }: Chapter, act: Act): string => {
  const aboutFailure =
    failure === null
      ? []
      : [
          `The test "${failure.name}" got ${failure.received} where it wants ${failure.expected}: ${failure.test}:${failure.line} points at ${module}.`,
          `Off by ${Math.abs(failure.received - failure.expected)} in "${failure.name}". The rounding happens before the sum; I will move it.`
        ]
  const thoughts: { readonly [K in Act]: Random.Choices<string> } = {
    grep: [
      `Where is \`${symbol}\` used?`,
      `First all uses of \`${symbol}\`.`,
      `Let me find what depends on \`${symbol}\`.`
    ],
    read: [
      `${near[0]} is involved as well; reading it.`,
      "I need to see the caller before I change this.",
      ...aboutFailure
    ],
    "read both": [`Reading ${module} and its test side by side.`, `The module and ${test} together.`],
    edit: [
      "Now the change itself.",
      ...aboutFailure,
      `A small change in ${module} first.`,
      "This is the narrowest place to change it."
    ],
    "edit both": [
      "Now the change itself.",
      ...aboutFailure,
      "The test had the old expectation written down; changing both."
    ],
    fail: ["Running the tests of this area.", "Let me see what this breaks."],
    pass: ["Again, with the fix.", "And once more all tests of this area."],
    types: ["The types will show the callers.", "Type check before I go on."],
    logs: ["The logs first.", "What did the service say at that time?"],
    quote: ["A real answer of the sandbox, to see the shape.", "Asking the sandbox for a quote."],
    differences: ["How many invoices does it concern?", "Comparing both sources on the replica."]
  }
  return random.pick(thoughts[act])
}
