/** What anyone may write into a session, an id, a file or a log shows on a terminal as what it is, and steers nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { escapeHidden, makePrintable, showLine } from "../../src/cli/terminal/printable.ts"
import { drawBar } from "../../src/cli/terminal/bars.ts"
import * as Cli from "../support/cli.ts"
import { makeTemporaryFolder } from "../support/temporaryFolder.ts"

/** An escape, C1, a bidi override, separators of lines, zero width, a tag, a filler, and a lone half of a pair. */
const TRICKS = "\u001B[31m\u009B\u202E\u2066\u2028\u2029\u0085\u200B\u2060\uFEFF\u00AD\u{E0041}\u3164\uD800\u007F"
const SHOWN =
  "␛[31m<U+009B><U+202E><U+2066><U+2028><U+2029><U+0085><U+200B><U+2060><U+FEFF><U+00AD><U+E0041><U+3164><U+D800>␡"

/** What no line on a terminal may hold, asked in another way than the source does. */
const STEERS = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]|[\u115F\u1160\u3164\uFFA0]/u

const assertHarmless = (output: string, what: string) => {
  for (const line of output.split("\n")) assert.notMatch(line, STEERS, what)
}

describe("hostile text on a terminal", () => {
  it("is shown, each character by its symbol or its number", () => {
    assert.strictEqual(makePrintable(`a${TRICKS}b\nc`), `a${SHOWN}b␊c`)
    assert.strictEqual(makePrintable("gnp.exe\u202Eexe.png"), "gnp.exe<U+202E>exe.png")
  })

  it("leaves letters, pictures and tabs as they are", () => {
    for (const text of [
      "a\tb  c\u00A0d　e",
      "Grüße, naïve, 日本語, עברית, العربية",
      "می\u200Cخواهم",
      "क्\u200Dष",
      "👨\u200D👩\u200D👧 ❤\uFE0F 1\uFE0F⃣ 👩🏽\u200D💻 🏴\u200D☠\uFE0F"
    ])
      assert.strictEqual(makePrintable(text), text)
  })

  it("shows joiners and styles where no letter and no picture needs them", () => {
    assert.strictEqual(makePrintable("pay\u200Dpal.com"), "pay<U+200D>pal.com")
    assert.strictEqual(makePrintable("а\u200Cб"), "а<U+200C>б")
    assert.strictEqual(makePrintable("x\uFE0F\uFE01"), "x<U+FE0F><U+FE01>")
    assert.strictEqual(makePrintable("❤\uFE0F\uFE0F"), "❤\uFE0F<U+FE0F>")
  })

  it("is the same value in JSON", () => {
    const json = JSON.stringify({ [TRICKS]: [TRICKS, "👨\u200D👩", "a\nb"] })
    const escaped = escapeHidden(json)
    assertHarmless(escaped.replaceAll("\u200D", ""), "json")
    assert.deepStrictEqual(JSON.parse(escaped), JSON.parse(json))
  })

  it.scopedLive("reaches neither stdout nor stderr of any command", () =>
    Effect.gen(function* () {
      const cwd = yield* makeTemporaryFolder()
      const session = `s${TRICKS.replace("\uD800", "")}evil`
      const say = (text: string) => ({ cwd, stdin: text })
      const words = TRICKS.replace("\uD800", "")
      const message = { role: "user", content: `zebra ${words}\r\nsecond\tline`, [words]: words }
      const chat = [message, { role: "assistant", content: words, tool_calls: [] }]
      writeFileSync(join(cwd, "chat.json"), JSON.stringify(chat))
      writeFileSync(join(cwd, "config.yaml"), `"${JSON.stringify(words).slice(1, -1)}": x\nembedded: true\n`)
      writeFileSync(
        join(cwd, "a.log"),
        `2026-01-01T00:00:00Z compression started: session=${words} operation=${words}\n`
      )
      const db = ["--db", "a.db"]
      const calls: ReadonlyArray<readonly [args: ReadonlyArray<string>, stdin?: string]> = [
        [["import", "chat.json", ...db, "--session", session]],
        [["deliver", ...db, "--log-level", "info", session], `more ${words}`],
        [["deliver", ...db, "--json", session], `more ${words}`],
        [["compress", ...db, "--log-level", "info", session]],
        [["compress", ...db, "--config", "config.yaml", session]],
        [["config", "check", "config.yaml"]],
        [["sessions", ...db]],
        [["sessions", ...db, "--json"]],
        [["view", ...db, "--explain", session]],
        [["view", ...db, "--json", session]],
        [["handoff", ...db, session]],
        [["log", ...db, session]],
        [["log", ...db, "--json", session]],
        [["recall", ...db, session, "zebra"]],
        [["stats", ...db, session]],
        [["snapshots", ...db, session]],
        [["pin", ...db, "--text", words, "--as", words, session]],
        [["unpin", ...db, session, words]],
        [["rewind", ...db, session, "1"]],
        [["reset", ...db, session]],
        [["reset", ...db, `no ${words}`]],
        [["snapshot", ...db, words]],
        [["restore", ...db, words]],
        [["receipt", ...db, words]],
        [["audit", ...db]],
        [["expand", ...db, words]],
        [["export", ...db, "--to", "state.db", session]],
        [["audit", "a.log"]],
        [["view", `--${words}`, ...db, session]],
        [["view", "--db", words, session]],
        [[words]]
      ]
      for (const [args, stdin = ""] of calls) {
        const { stderr, stdout } = yield* Cli.run(args, say(stdin))
        assert.isNotEmpty(stdout + stderr)
        assertHarmless((stdout + stderr).replaceAll("\t", ""), args.join(" "))
      }
    })
  )

  it.scopedLive("makes no line of its own, not even by a line break in an id", () =>
    Effect.gen(function* () {
      const cwd = yield* makeTemporaryFolder()
      const session = "s\nreset: session victim, generation 9"
      Cli.assertSuccess(yield* Cli.run(["deliver", "--db", "a.db", session], { cwd, stdin: "hello" }))
      const { stdout } = yield* Cli.run(["reset", "--db", "a.db", session], { cwd })
      assert.match(
        stdout,
        /^reset: session s␊reset: session victim, generation 9, generation \d\nthe view before: .+\n$/
      )
    })
  )

  it("is harmless beside a drawing, whose colors stay", () => {
    const bar = drawBar([{ name: "a", tokens: 1 }], 2, { width: 10, color: true })
    assert.isTrue(bar.startsWith("[\u001B[34m█"))
    assert.strictEqual(showLine(`${bar}${TRICKS}\u001B[34mblue\u001B[0m`, true), `${bar}${SHOWN}␛[34mblue␛[0m`)
    assert.notMatch(showLine(bar, false), STEERS)
  })
})
