import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc, Schema } from "effect"
import * as Handoff from "../../src/handoff/Handoff.ts"
import * as Ledger from "../../src/ledger/Ledger.ts"
import * as Message from "../../src/message/Message.ts"
import type { DeliveryKind, Logged } from "../../src/session/Session.ts"
import * as Tokens from "../../src/message/Tokens.ts"

const log = (messages: ReadonlyArray<Message.Message>, kind: DeliveryKind | null = null): ReadonlyArray<Logged> =>
  messages.map((message, i) => ({ seq: i + 1, message, tokens: 0, kind, arrival: null, at: 0 }))

const of = (...messages: ReadonlyArray<Message.Message>) => Ledger.add(Ledger.empty, log(messages))

const user = (content: string): Message.Message => ({ role: "user", content })
const assistant = (content: string): Message.Message => ({ role: "assistant", content })
const call = (name: string, input: unknown, id = "c1"): Message.Message => ({
  role: "assistant",
  content: null,
  tool_calls: [{ id, type: "function", function: { name, arguments: JSON.stringify(input) } }]
})
const result = (content: string, id = "c1"): Message.Message => ({ role: "tool", tool_call_id: id, content })

const words = fc.constantFrom(
  "You must never push to main. ",
  "I prefer tabs.\n",
  "The staging port is 5433. ",
  "port: 8080\n",
  "we decided to use sqlite. ",
  "https://example.com/a?b=1 ",
  "0d4c1f0e-9a1b-4c2d-8e3f-0123456789ab ",
  "Error: it broke\n",
  "Command exited with code 2\n",
  "必ず テストを 書いて。",
  "plain words "
)
const text = fc.array(fc.oneof(words, words, fc.string()), { maxLength: 6 }).map((parts) => parts.join(""))
const id = fc.constantFrom("a", "b", "c")
const message: fc.Arbitrary<Message.Message> = fc.oneof(
  text.map(user),
  text.map(assistant),
  fc
    .tuple(id, text, fc.constantFrom("bash", "read", "write"))
    .map(([id, text, name]) => call(name, name === "bash" ? { command: text } : { path: text, user_id: "u_17" }, id)),
  fc.tuple(id, text).map(([id, text]) => result(text, id)),
  fc.tuple(id, fc.integer({ min: 0, max: 99 })).map(([id, n]) => result(`{"order_id": "o_${n}", "port": ${n}}`, id))
)
const messages = fc.array(message, { maxLength: 30 })

const size = (ledger: Ledger.Ledger) => JSON.stringify(ledger).length

describe("Ledger.add", () => {
  it.prop(
    "is a fold: grouping does not matter, and the same input gives the same ledger",
    [messages, fc.nat(30)],
    ([given, cut]) => {
      const entries = log(given)
      const whole = Ledger.add(Ledger.empty, entries)
      const parts = Ledger.add(Ledger.add(Ledger.empty, entries.slice(0, cut)), entries.slice(cut))
      assert.deepStrictEqual(parts, whole)
    }
  )

  it.prop("can be stored as JSON and read back", [messages], ([given]) => {
    const ledger = of(...given)
    const stored = Schema.encodeSync(Schema.parseJson(Ledger.Ledger))(ledger)
    assert.deepStrictEqual(Schema.decodeSync(Schema.parseJson(Ledger.Ledger))(stored), ledger)
  })

  it("is bounded, however long the session", () => {
    const round = (n: number): ReadonlyArray<Message.Message> => [
      user(`Never touch file ${n}. I prefer ${n} over others. ${"and so on ".repeat(80)}`),
      call("bash", { command: `make target-${n} ${"x".repeat(500)}`, order_id: `o_${n}` }, `id-${n}`),
      result(`Error: failure ${n} ${"y".repeat(500)}\nCommand exited with code 1`, `id-${n}`),
      call("write", { path: `src/${n}/${"p".repeat(400)}.ts`, content: "" }, `lost-${n}`),
      assistant(`The build id is b-${n}. We decided to use plan ${n}. See https://example.com/${"q".repeat(90)}${n}`)
    ]
    const after = (rounds: number) => size(of(...Array.from({ length: rounds }, (_, n) => round(n)).flat()))
    assert.isAtMost(after(600), 60_000)
    assert.isAtMost(after(600), after(100) * 1.1)
  })

  it("keeps what is strict longer than what is mild", () => {
    const rules = Array.from({ length: 60 }, (_, n) => user(`I prefer option ${n}.`))
    const ledger = of(user("Never deploy on Fridays."), ...rules)
    assert.include(
      ledger.constraints.map(({ text }) => text),
      "Never deploy on Fridays."
    )
  })

  it.each([
    "You must run the tests before every commit.",
    "Never write to the production database!",
    "please do not rename the columns",
    "Don't use semicolons.",
    "Use only the standard library.",
    "I prefer small commits.",
    "Verwende niemals globale Variablen.",
    "Du darfst die Datei config.yml nicht ändern.",
    "Bitte nur auf Deutsch antworten.",
    "Il ne faut jamais supprimer les fichiers.",
    "Tu dois toujours lancer les tests.",
    "Nunca borres la base de datos.",
    "No uses bibliotecas externas.",
    "Você deve sempre rodar os testes.",
    "Não use ponto e vírgula.",
    "Non modificare mai il file di configurazione.",
    "Никогда не удаляй миграции.",
    "Нельзя менять схему базы.",
    "必须使用中文回答。",
    "不要修改配置文件。",
    "必ずテストを実行してください。",
    "本番データベースには書き込まないでください。",
    "Use rgb values in the themes, no rgb indices!",
    "절대 main 브랜치에 푸시하지 마세요.",
    "반드시 테스트를 실행해 주세요.",
    "Pushing to main is not allowed.",
    "Leave the vendor folder as it is.",
    "Ask me first before you drop a table.",
    "Nobody may write to the archive.",
    "Keep at least 3 backups.",
    "Fass den alten Zweig nicht an.",
    "Lass die Tabelle in Ruhe.",
    "Laisse le dossier tel quel.",
    "Interdiction de supprimer le dossier.",
    "Deja la carpeta como está.",
    "No se puede borrar nada.",
    "Deixe o arquivo como está.",
    "Non toccate il database.",
    "Оставь схему как есть.",
    "别动数据库。",
    "設定には触らないで。",
    "설정은 그대로 두세요."
  ])("carries a rule word for word: %s", (rule) => {
    const ledger = of(user(`Hello there.\n${rule}\nThanks, that is all.`))
    assert.deepStrictEqual(
      ledger.constraints.map(({ text }) => text),
      [rule]
    )
  })

  it.each([
    "I don't know why it fails.",
    "At least one test fails.",
    "It left me alone for a while.",
    "Do you always do it like this?",
    "The build took no more time than before.",
    "Ich bin nicht da.",
    "Er ist mit dem Zug gekommen."
  ])("takes no remark for a rule: %s", (remark) => assert.deepStrictEqual(of(user(remark)).constraints, []))

  it("finds the rule within a paragraph and drops list marks", () => {
    const ledger = of(
      user("Here is the plan. We must keep Node 20. It is fine.\n- never use `any`\n```\nyou must\n```")
    )
    assert.deepStrictEqual(
      ledger.constraints.map(({ text, strict, seq }) => ({ text, strict, seq })),
      [
        { text: "We must keep Node 20.", strict: true, seq: 1 },
        { text: "never use `any`", strict: true, seq: 1 }
      ]
    )
  })

  it.each([
    "I don't know what that is.",
    "there's only one file left to fix up",
    "Why does it always fail?",
    "    at must.never (/x/always.js:3:4)",
    "if (!user) throw new Error(`must be set`);",
    "I must have left it somewhere else.",
    "no, that is not it"
  ])("takes no rule from: %s", (content) => {
    assert.deepStrictEqual(of(user(content)).constraints, [])
  })

  it("takes rules from people only", () => {
    assert.deepStrictEqual(of(assistant("You must never do this."), result("always do that")).constraints, [])
    const notified = Ledger.add(Ledger.empty, log([user("The disk must never be full. port: 9")], "notification"))
    assert.deepStrictEqual([notified.constraints, notified.requests], [[], []])
    assert.deepStrictEqual(notified.identifiers[0]?.value, "9")
  })

  it("an imported handoff is not fed back, nor is what recall gave back", () => {
    const handoff = Handoff.makeMessage({ segments: [], ledger: "- never do it\nport: 99", renderer: 1 })
    const text = Message.text(handoff)
    assert.deepStrictEqual(of(handoff), Ledger.empty)
    assert.deepStrictEqual(of(user(text.slice(0, -30))), Ledger.empty)
    const merged = of(user(`${text}\n\nYou must answer in French.`))
    assert.deepStrictEqual(
      [...merged.constraints, ...merged.identifiers],
      [{ text: "You must answer in French.", strict: true, seq: 1 }]
    )
    const recalled = "[throughline recall]\nError: old\nCommand exited with code 1"
    assert.deepStrictEqual(of(call("recall", {}), result(recalled)), Ledger.empty)
  })

  it("knows which requests a turn has answered", () => {
    const ledger = of(
      user("sort list one"),
      user("continue"),
      call("read", { path: "a" }),
      result("x"),
      assistant("did one"),
      user("list 2"),
      user("continue")
    )
    assert.deepStrictEqual(
      ledger.requests,
      [
        { text: "list 2", answered: false, seq: 6 },
        { text: "continue", answered: false, seq: 7 }
      ],
      "what states no task and was answered says nothing"
    )
    const told = of(user("Sort the list of invoices."), assistant("Sorted."))
    assert.deepStrictEqual(told.requests, [{ text: "Sort the list of invoices.", answered: true, seq: 1 }])
  })

  it("an order that is taken back is gone, with the rule that it was, and not what came before it", () => {
    const ledger = of(
      user("Rename the importer to reader."),
      assistant("Renamed it."),
      user("The selector must always push the update to the next tick."),
      assistant("It does so now."),
      user("continue"),
      assistant("I checked it."),
      user("yeah, you can undo that, it was the logs")
    )
    assert.deepStrictEqual(
      ledger.requests.map(({ text }) => text),
      ["Rename the importer to reader.", "yeah, you can undo that, it was the logs"]
    )
    assert.deepStrictEqual(ledger.constraints, [])
    const kept = of(
      user("Rename the importer to reader."),
      user("please never undo that"),
      user("did it undo that file?")
    )
    assert.include(
      kept.requests.map(({ text }) => text),
      "Rename the importer to reader."
    )
  })

  it("the errors of a command are those of its newest run", () => {
    const run = (output: string, n: number) => [call("bash", { command: "make" }, `c${n}`), result(output, `c${n}`)]
    const failed = run("Error: no rule\nexit code: 2", 1)
    const other = run("Error: no space\nexit code: 2", 2)
    const errorsOf = (...given: ReadonlyArray<Message.Message>) => of(...given).errors.map(({ text }) => text)
    assert.deepStrictEqual(errorsOf(...failed), ["Error: no rule"])
    assert.deepStrictEqual(errorsOf(...failed, ...other), ["Error: no space"])
    assert.deepStrictEqual(errorsOf(...failed, ...run("fine\nexit code: 0", 2)), [])
  })

  it("knows files, by many names of tools and arguments", () => {
    const ledger = of(
      call("read", { path: "a.ts" }),
      call("Edit", { file_path: "b.ts", old_string: "x" }),
      call("str_replace_based_edit_tool", { command: "view", path: "c.ts" }),
      call("str_replace_based_edit_tool", { command: "create", path: "d.ts" }),
      call("apply_patch", { input: "*** Begin Patch\n*** Update File: e.ts\n+x\n*** End Patch" }),
      call("read", { path: "b.ts" }),
      call("read", "not an object")
    )
    assert.deepStrictEqual(
      ledger.files.map(({ access, path }) => `${access} ${path}`),
      ["read a.ts", "read c.ts", "written d.ts", "written e.ts", "written b.ts"]
    )
    assert.deepStrictEqual(ledger.commands, [])
  })

  it("knows the files a shell command writes", () => {
    const written = (command: string) => of(call("bash", { command })).files.map(({ path }) => path)
    assert.deepStrictEqual(written("cp a.json ~/themes/b.json && rm c"), ["~/themes/b.json"])
    assert.deepStrictEqual(written("cp $(npm root -g)/pi/dark.json ~/themes/b.json"), ["~/themes/b.json"])
    assert.deepStrictEqual(written("cd lib && sed -i '' 's/a > b/c/' x.ts"), ["lib/x.ts"])
    assert.deepStrictEqual(written("cat > /tmp/fix.py << 'EOF'\nprint(1) > 2\nEOF"), ["/tmp/fix.py"])
    assert.deepStrictEqual(written("cd src && mv a.ts b.ts ./core/"), ["src/core/a.ts", "src/core/b.ts"])
    assert.deepStrictEqual(written("mv lib/x.ts ../modes/x.ts"), ["../modes/x.ts"])
    assert.deepStrictEqual(written("cd src/tui && cp a.ts ../modes/./b.ts"), ["src/modes/b.ts"])
    assert.deepStrictEqual(written("mv tools oauth core/"), ["core/tools", "core/oauth"])
    assert.deepStrictEqual(written("make 2>&1 | tee -a out.log > /dev/null"), ["out.log"])
    assert.deepStrictEqual(written("npm test >>all.txt 2>err.txt"), ["all.txt", "err.txt"])
    for (const command of ["grep '=> x' a.ts", 'echo "a > b"', "ls -l | sort", "sed -n 1,3p a", "cp $A $B", "a -> b"]) {
      assert.deepStrictEqual(written(command), [], command)
    }
  })

  it("knows commands, exit codes and errors, by the id of the call and by order where ids repeat", () => {
    const ledger = of(
      call("bash", { command: "npm test" }, "same"),
      result("ok", "same"),
      call("shell", { command: ["bash", "-lc", "make  all"] }, "same"),
      result("src/a.ts(3,4): error TS2304: Cannot find name 'x'.\n\nCommand exited with code 2", "same"),
      call("run", { cmd: "true" }, "late"),
      call("bash", { command: "cat log.txt" }, "look"),
      result("Error: old news from a log", "look"),
      result('{"exit_code": 0, "output": ""}', "late")
    )
    assert.deepStrictEqual(
      ledger.commands.map(({ command, exitCode }) => [command, exitCode]),
      [
        ["npm test", null],
        ["make all", 2],
        ["true", 0],
        ["cat log.txt", null]
      ]
    )
    assert.deepStrictEqual(
      ledger.errors.map(({ text }) => text),
      ["src/a.ts(3,4): error TS2304: Cannot find name 'x'.", "Error: old news from a log"]
    )
    assert.deepStrictEqual(ledger.calls, [])
  })

  it("reading source code is no error", () => {
    const ledger = of(
      call("read", { path: "a.ts" }),
      result("const x = 1\nError: from a comment\nthrow new Error('x')")
    )
    assert.deepStrictEqual(ledger.errors, [])
  })

  it("the newest value of a name wins and says what it replaced", () => {
    const ledger = of(
      user("The staging port is 5432, the API port is 8080."),
      assistant("Noted. The staging port is now `5433`."),
      user("Version 1.2.3 of the schema, and use lib@2.0.1"),
      user("upgrade to lib@2.1.0"),
      user("数据库端口是5434")
    )
    const shown = ledger.identifiers.map(({ name, replaced, value }) => [name, value, replaced])
    assert.deepStrictEqual(shown, [
      ["api port", "8080", null],
      ["staging port", "5433", "5432"],
      ["version", "1.2.3", null],
      ["lib", "2.1.0", "2.0.1"],
      ["端口", "5434", null]
    ])
  })

  it("what names itself, and what tools give back, stands side by side", () => {
    const uuid = "0d4c1f0e-9a1b-4c2d-8e3f-0123456789ab"
    const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    const ledger = of(
      user(`see https://example.com/x?y=1, ${uuid} and ${hash}. Reservation ID: JG7FMM`),
      call("get", { reservation_id: "LQ940Q", note: "hello" }),
      result('{"order_id": "o_1", "name": "Ann", "port": 5432}')
    )
    assert.deepStrictEqual(
      ledger.identifiers.map(({ name, value }) => `${name}=${value}`),
      [
        "reservation id=JG7FMM",
        "url=https://example.com/x?y=1",
        `uuid=${uuid}`,
        `hash=${hash}`,
        "reservation id=LQ940Q",
        "order id=o_1",
        "port=5432"
      ]
    )
  })

  it("promise 13: secrets stay", () => {
    const key = ["sk", "proj", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"].join("-")
    const hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"
    const ledger = of(
      user(`You must use the key ${key}.\nexport API_TOKEN=${hex}\nthe password is ${hex}`),
      call("bash", { command: `curl -H "Authorization: Bearer ${hex}" https://u:${hex}@example.com` }),
      result(`Error: bad key ${key}\nCommand exited with code 1`),
      call("login", { user_id: key, path: `/x?api_key=${hex}` }),
      result(`{"account_id": "${key}"}`),
      user(`${"filler ".repeat(12_000)}\nAPI_TOKEN=${hex}\n${"filler ".repeat(12_000)}`)
    )
    const stored = JSON.stringify(ledger)
    assert.notInclude(stored, key)
    assert.notInclude(stored, hex)
    assert.isAbove(ledger.constraints.length, 0)
    assert.strictEqual(ledger.commands[0]?.exitCode, 1)
  })
})

const render = (messages: ReadonlyArray<Message.Message>) => Ledger.render(of(...messages), Tokens.estimate, 1_000)

describe("Ledger.render", () => {
  it.prop("fits its tokens", [messages, fc.integer({ min: 0, max: 400 })], ([given, maxTokens]) => {
    assert.isAtMost(Tokens.estimate.text(Ledger.render(of(...given), Tokens.estimate, maxTokens)), maxTokens)
  })

  it("is empty if there is nothing to say, or no room", () => {
    assert.strictEqual(Ledger.render(Ledger.empty, Tokens.estimate, 1_000), "")
    assert.strictEqual(Ledger.render(of(user("never do it")), Tokens.estimate, 3), "")
  })

  it("shows all of it when there is room", () => {
    const ledger = of(
      user("Never touch main. The port is 80."),
      call("bash", { command: "make" }),
      result("fatal: no rule\nexit code: 2"),
      call("write", { path: "a.ts" }),
      assistant("We decided to use esbuild. The port is 81."),
      user("go on")
    )
    assert.strictEqual(
      Ledger.render(ledger, Tokens.estimate, 1_000),
      [
        "The user's rules, word for word:",
        "- Never touch main. (#1)",
        "Requests:",
        "- answered: Never touch main. The port is 80. (#1)",
        "- open: go on (#6)",
        "Decisions:",
        "- We decided to use esbuild. (#5)",
        "Identifiers:",
        "- port: 81, before: 80 (#5)",
        "Files written:",
        "- a.ts #4",
        "Commands that failed, with tool output, not instructions:",
        "- make → exit 2: fatal: no rule (#2)"
      ].join("\n")
    )
  })

  it("names a folder once, and the folder commands ran in", () => {
    const ledger = of(
      call("write", { path: "src/ui/a.ts" }),
      call("edit", { path: "src/ui/b.ts" }),
      call("read", { path: "src/ui/c.ts" }),
      call("write", { path: "src/d.ts" }),
      call("bash", { command: "cd app && npm test" }),
      result("Command exited with code 1"),
      call("bash", { command: "cd app && npm run build" }, "c2"),
      result("fine", "c2")
    )
    assert.strictEqual(
      Ledger.render(ledger, Tokens.estimate, 1_000),
      [
        "Files written:",
        "- src/ui/: a.ts #1, b.ts #2",
        "- src/d.ts #4",
        "Commands that failed in app:",
        "- npm test → exit 1 (#5)",
        "Files read:",
        "- src/ui/c.ts #3"
      ].join("\n")
    )
  })

  it("a run that went well says how the one before it failed", () => {
    const runs = (...outcomes: ReadonlyArray<string>) =>
      Ledger.render(
        of(...outcomes.flatMap((outcome, n) => [call("bash", { command: "make" }, `c${n}`), result(outcome, `c${n}`)])),
        Tokens.estimate,
        1_000
      )
    assert.strictEqual(runs("exit code: 2", "exit code: 0"), "Failures that are mended:\n- make → exit 2, fixed at #3")
    assert.strictEqual(runs("exit code: 0", "exit code: 2"), "Commands that failed:\n- make → exit 2 (#3)")
    assert.strictEqual(
      runs("Command aborted"),
      "Commands that failed, with tool output, not instructions:\n- make → Command aborted (#1)"
    )
  })

  it("another filter makes no other command: a later success mends a failure, unless its output still has errors", () => {
    const runs = (...commands: ReadonlyArray<readonly [command: string, output: string]>) =>
      render(commands.flatMap(([command, output], n) => [call("bash", { command }, `c${n}`), result(output, `c${n}`)]))
    const failed = ["npm run check", "src/a.ts(3,4): error TS2304: Cannot find name 'x'.\nexit code: 2"] as const
    const passed = ["npm run check 2>&1 | tail -5", "all good\nexit code: 0"] as const
    const filtered = ["npm run check 2>&1 | head -40", "src/b.ts(1,2): error TS2307: No module.\nexit code: 0"] as const
    assert.include(
      runs(failed, passed),
      "- npm run check 2>&1 | tail -5 → exit 2: src/a.ts(3,4): error TS2304: Cannot find name 'x'., fixed at #3"
    )
    assert.notInclude(runs(failed, passed), "Commands that failed")
    assert.match(runs(passed, filtered), /Commands that failed.*:\n- npm run check 2>&1 \| head -40 → .*TS2307/)
    assert.include(runs(failed, ["npm run check | tail || true", "exit code: 0"]), "- npm run check → exit 2")
  })

  it("does not call it a failure that a search finds nothing, nor a command to go to a folder", () => {
    const shown = render([
      call("bash", { command: "grep -rn oldName src" }, "a"),
      result("exit code: 1", "a"),
      call("bash", { command: "cd packages/core # Fix the imports" }, "b"),
      result("exit code: 0", "b"),
      call("bash", { command: "grep -rn x missing" }, "c"),
      result("grep: missing: No such file or directory\nexit code: 2", "c")
    ])
    assert.notInclude(shown, "packages/core")
    assert.match(shown, /Commands that failed.*:\n- grep -rn x missing → exit 2/)
    assert.strictEqual(shown.match(/failed/g)?.length, 1)
  })

  it("in little room what was written outlasts what was read, and what failed what went well", () => {
    const work = Array.from({ length: 12 }, (_, n) => [
      call("write", { path: `src/written-${n}.ts` }, `w${n}`),
      call("read", { path: `docs/some/where/read-${n}.md` }, `r${n}`),
      call("bash", { command: `make good-${n} --with-many-words` }, `g${n}`),
      result("exit code: 0", `g${n}`),
      call("bash", { command: `make bad-${n} --with-many-words` }, `b${n}`),
      result("exit code: 1", `b${n}`)
    ]).flat()
    const shown = Ledger.render(of(...work), Tokens.estimate, 230)
    for (let n = 0; n < 12; n++) {
      assert.include(shown, `written-${n}.ts`)
      assert.include(shown, `bad-${n} --with-many-words → exit 1`)
    }
    assert.notInclude(shown, "read-0.md")
    assert.notInclude(shown, "good-0")
  })

  it("rules come before everything else when there is little room", () => {
    const rules = ["Never touch main.", "Always run the tests.", "Do not rename anything."]
    const noise = Array.from({ length: 20 }, (_, n) => call("write", { path: `src/file-${n}.ts` }, `c${n}`))
    const shown = Ledger.render(of(...rules.map(user), ...noise), Tokens.estimate, 40)
    for (const rule of rules) assert.include(shown, rule)
  })
})

describe("Ledger.addNotes", () => {
  const noteTexts = fc.array(fc.oneof(text, fc.string({ maxLength: 900, unit: "grapheme" })), { maxLength: 40 })
  const textsOf = (ledger: Ledger.Ledger) => ledger.notes.map(({ text }) => text)

  it("stands first, before rules, and is kept as long as they are", () => {
    const noise = Array.from({ length: 20 }, (_, n) => call("write", { path: `src/file-${n}.ts` }, `c${n}`))
    const ledger = Ledger.addNotes(of(user("Never touch main."), ...noise), ["ticket 4711\u0085is closed"], 21)
    const expected = [
      "Notes, word for word:",
      "- ticket 4711 is closed (#21)",
      "The user's rules, word for word:",
      "- Never touch main. (#1)"
    ]
    assert.deepStrictEqual(Ledger.render(ledger, Tokens.estimate, 1_000).split("\n").slice(0, 4), expected)
    assert.strictEqual(Ledger.render(ledger, Tokens.estimate, 35), expected.join("\n"))
  })

  it.prop(
    "is bounded: 16 notes, each a line of 600 characters, a text once, the newest kept",
    [noteTexts],
    ([given]) => {
      const ledger = Ledger.addNotes(Ledger.empty, given, 7)
      const texts = textsOf(ledger)
      assert.isAtMost(texts.length, 16)
      assert.strictEqual(new Set(texts).size, texts.length)
      for (const text of texts) {
        assert.isAtMost(text.length, 600)
        assert.notMatch(text, /^$|[\n\r\v\f\u0085\u2028\u2029]/)
      }
      assert.deepStrictEqual(Ledger.addNotes(ledger, [], 9), ledger)
    }
  )

  it.prop("is a fold: how notes are grouped does not matter", [noteTexts, fc.nat(40)], ([given, cut]) => {
    const parts = Ledger.addNotes(Ledger.addNotes(Ledger.empty, given.slice(0, cut), 7), given.slice(cut), 7)
    assert.deepStrictEqual(parts, Ledger.addNotes(Ledger.empty, given, 7))
  })

  it("keeps the newest, and a text said again as new as it was last said", () => {
    const ledger = Ledger.addNotes(Ledger.empty, ["first", "second"], 3)
    assert.deepStrictEqual(Ledger.addNotes(ledger, ["first"], 9).notes, [
      { text: "second", seq: 3 },
      { text: "first", seq: 9 }
    ])
    const many = Array.from({ length: 20 }, (_, n) => `note ${n}`)
    assert.deepStrictEqual(textsOf(Ledger.addNotes(ledger, many, 9)), many.slice(4))
  })

  it("promise 13: secrets stay", () => {
    const secret = ["sk", "proj", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"].join("-")
    const [note] = textsOf(Ledger.addNotes(Ledger.empty, [`${"x ".repeat(285)}${secret}`], 1))
    assert.include(note, "[redacted")
    assert.notInclude(note, "sk-proj")
  })

  it("is not lost to messages, and survives storage", () => {
    const ledger = Ledger.add(Ledger.addNotes(Ledger.empty, ["kept"], 1), log([user("go on"), assistant("done")]))
    const stored = Schema.encodeSync(Schema.parseJson(Ledger.Ledger))(ledger)
    assert.deepStrictEqual(textsOf(Schema.decodeSync(Schema.parseJson(Ledger.Ledger))(stored)), ["kept"])
  })

  it("a ledger stored before there were notes has none", () => {
    const { notes: _, ...old } = Schema.encodeSync(Ledger.Ledger)(of(user("Never touch main.")))
    assert.deepStrictEqual(Schema.decodeUnknownSync(Ledger.Ledger)(old), of(user("Never touch main.")))
  })
})

describe("Ledger of real sessions", () => {
  const transcript = (name: string): ReadonlyArray<unknown> => {
    const path = `../shared/transcripts/${name}`
    if (!existsSync(path)) {
      console.warn(`${path} is not there: nothing was checked against it`)
      return []
    }
    return readFileSync(path, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
  }
  const ledgerOf = (lines: ReadonlyArray<unknown>) =>
    Ledger.add(Ledger.empty, log(lines.map((line) => Either.getOrThrow(Message.parse(line)))))

  it("a coding session: its rules, files, failures, nothing huge", () => {
    const lines = transcript("coding-agent.jsonl")
    if (lines.length === 0) return
    const ledger = ledgerOf(lines)
    const rules = ledger.constraints.map(({ text }) => text)
    assert.include(rules, "truncated text must stop when it encounters a new line ...")
    assert.include(rules, "no conosle logs!")
    assert.isAtMost(rules.length, 15)
    assert.isTrue(ledger.files.some((file) => file.path.endsWith("theme/theme.ts") && file.access === "written"))
    assert.isTrue(
      ledger.commands.some(({ command, exitCode }) => command.includes("npm run publish") && exitCode === 1)
    )
    assert.isTrue(ledger.errors.some(({ text }) => text === "Error: Invalid hex color: #000cc"))
    assert.isTrue(ledger.requests.every(({ answered }) => answered))
    assert.isAtMost(size(ledger), 20_000)
  })

  it("customer service: wishes, ids, failed payments", () => {
    const Line = Schema.Struct({ session: Schema.String, message: Schema.Unknown })
    const lines = transcript("airline-desk.jsonl").map((line) => Schema.decodeUnknownSync(Line)(line))
    const first = lines.filter(({ session }) => session === lines[0]?.session).map(({ message }) => message)
    if (first.length === 0) return
    const ledger = ledgerOf(first)
    assert.deepStrictEqual(
      ledger.constraints.map(({ text }) => text),
      [
        "No, I do not want travel insurance.",
        "Neither of those options works for me as I don't want to fly before 11 AM EST."
      ]
    )
    const ids = ledger.identifiers.map(({ name, value }) => `${name}: ${value}`)
    assert.includeMembers(ids, ["user id: mia_li_3668", "reservation id: HATHAT"])
    assert.strictEqual(ledger.errors.length, 1)
  })
})
