import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../support/cli.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

/** Makes a folder with a database that holds the session `chat`. */
const makeWorkplace = Effect.gen(function* () {
  const cwd = yield* makeTemporaryFolder()
  const { code } = yield* Cli.run(["deliver", "chat", "--db", "sessions.db"], { cwd, stdin: "hello" })
  assert.strictEqual(code, 0)
  return cwd
})

describe("what a beginner types", () => {
  describe("is answered in one line", () => {
    const cases: ReadonlyArray<readonly [args: ReadonlyArray<string>, code: number, expected: string]> = [
      [["view", "-chat", "--db", "sessions.db"], 2, "the arguments are not understood; usage: throughline view --db "],
      [
        ["view", "-1001234567890", "--db", "sessions.db"],
        2,
        "the arguments are not understood; usage: throughline view --db "
      ],
      [["help"], 2, "there is no command help; throughline --help lists them"],
      [["config"], 2, "not a call of config. Check a config file: throughline config check FILE [--json]"],
      [["config", "chek", "x"], 2, "not a call of config. Check a config file: throughline config check FILE [--json]"],
      [
        ["rewind", "chat", "first", "--db", "sessions.db"],
        2,
        "'first' is not a integer; usage: throughline rewind --db "
      ],
      [["view", "a\nb\u001B[31m", "--db", "sessions.db"], 1, "there is no session a<U+000A>b<U+001B>[31m"],
      [["view", "chat", "--db", "."], 1, "could not open the database: .: illegal operation on a directory"],
      [["view", "chat", "--db", ""], 1, 'could not open the database: expected the path of a file, not ""'],
      [["audit", "gone.log"], 1, "cannot read gone.log: no such file or directory"],
      [["doctor", "gone.db"], 1, "could not open the database: there is no file gone.db"]
    ]
    it.scopedLive("whatever is wrong", () =>
      Effect.gen(function* () {
        const cwd = yield* makeWorkplace
        for (const [args, expectedCode, expected] of cases) {
          const { code, stderr, stdout } = yield* Cli.run(args, { cwd })
          assert.deepStrictEqual([code, stdout], [expectedCode, ""], args.join(" "))
          assert.match(stderr, /^throughline: .+\n$/)
          assert.strictEqual(stderr.slice("throughline: ".length, -1).slice(0, expected.length), expected)
        }
      })
    )
  })

  it.scopedLive("an id that begins with a dash is taken behind two of them, and an error says so", () =>
    Effect.gen(function* () {
      const cwd = yield* makeWorkplace
      const chat = "-1001234567890"
      Cli.assertSuccess(yield* Cli.run(["deliver", "--db", "sessions.db", "--", chat], { cwd, stdin: "hello" }))
      for (const command of ["view", "log", "snapshots", "stats", "compress", "deliver", "recall"]) {
        const rest = command === "recall" ? ["hello"] : []
        const { code, stderr } = yield* Cli.run([command, chat, ...rest, "--db", "sessions.db"], { cwd })
        assert.strictEqual(code, 2)
        assert.match(stderr, /; an id that begins with a dash goes to the end, after --\n$/)
        if (command === "compress" || command === "deliver") continue
        Cli.assertSuccess(yield* Cli.run([command, "--db", "sessions.db", "--", chat, ...rest], { cwd }))
      }
      const { stderr } = yield* Cli.run(["view", "--dbx", "sessions.db", "chat"], { cwd })
      assert.notInclude(stderr, "begins with a dash")
    })
  )

  it.scopedLive("a key that no header can hold is told before a call is made", () =>
    Effect.gen(function* () {
      const cwd = yield* makeWorkplace
      const env = { OPENAI_API_KEY: "sch\u00FCssel", THROUGHLINE_MODEL: "m" }
      const { code, stderr } = yield* Cli.run(["compress", "chat", "--db", "sessions.db"], { cwd, env })
      assert.strictEqual(code, 1)
      assert.match(stderr, /^throughline: environment: OPENAI_API_KEY: expected a key of plain ASCII .+\n$/)
      assert.notInclude(stderr, "ssel")
    })
  )
})
