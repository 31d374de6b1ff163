/** Databases that cannot be written: commands that only read work on a copy. */
import { assert, describe, it, layer } from "@effect/vitest"
import Database from "better-sqlite3"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import * as Cli from "../support/cli.ts"
import { importHistory, OFFLINE_CONFIG } from "../support/cliWorkplace.ts"
import * as Hermes from "../support/hermes.ts"
import { takeBackSchema } from "../support/olderSchema.ts"

const NOBODY = 65_534
const isRoot = process.geteuid?.() === 0
/** To root no folder is read-only, so that it runs commands as another user: who must be let into this folder. */
const canBecomeOther = (): boolean => {
  if (typeof process.seteuid !== "function") return false
  process.seteuid(NOBODY)
  try {
    readdirSync(join(process.cwd(), "src"))
    return true
  } catch {
    return false
  } finally {
    process.seteuid(0)
  }
}
const canTry = !isRoot || canBecomeOther()
const reason = canTry ? "" : " (left out: root cannot become another user here)"

/** Runs an effect as a user that may not write where root may. */
const asOther = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => isRoot && process.seteuid?.(NOBODY)),
    () => effect,
    () => Effect.sync(() => isRoot && process.seteuid?.(0))
  )

const setMode = (folder: string, files: number, itself: number) => {
  chmodSync(folder, 0o755)
  for (const name of readdirSync(folder)) chmodSync(join(folder, name), files)
  chmodSync(folder, itself)
}

const readFolder = (folder: string) =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "base64")]))

const NOTICE = /^throughline: \S+ cannot be written now; reading a copy of it\n$/

/** A session with one compression behind it, and the calls that read all there is to read of it. */
const makeCompressed = Effect.gen(function* () {
  const { db, folder, write } = yield* importHistory
  const config = write("config.yaml", OFFLINE_CONFIG)
  Cli.assertSuccess(yield* Cli.run(["compress", "chat", "--db", db, "--config", config]))
  const ask = (query: string) => {
    const opened = new Database(db)
    const answer = opened.prepare<[], string>(query).pluck().get() ?? assert.fail("nothing there")
    opened.close()
    return answer
  }
  const calls = [
    ["sessions"],
    ["view", "chat", "--explain"],
    ["log", "chat", "--explain"],
    ["recall", "chat", "part"],
    ["expand", ask("SELECT id FROM segment")],
    ["snapshots", "chat"],
    ["snapshot", ask("SELECT snapshot_id FROM generation")],
    ["receipt", ask("SELECT snapshot_id FROM generation")],
    ["audit"],
    ["stats", "chat"]
  ]
  const readAll = (file: string, chosen = calls) =>
    Effect.forEach(chosen, (call) => Cli.run([...call, "--db", file, "--json"]))
  return { db, folder, calls, readAll }
})

/** What a process that was killed leaves: a log beside the file, with commits that are in it alone. */
const crash = (db: string, script: string) => {
  const open = `new (require("better-sqlite3"))(${JSON.stringify(db)})`
  const { signal, stderr } = spawnSync(
    process.execPath,
    ["-e", `const db = ${open}; ${script}; process.kill(process.pid, "SIGKILL")`],
    { encoding: "utf8" }
  )
  assert.strictEqual(signal, "SIGKILL", stderr)
}

describe("a database in a folder that is read-only", () => {
  const ways: ReadonlyArray<readonly [string, (db: string) => void]> = [
    ["closed well", () => {}],
    ["with a log beside it", (db) => crash(db, `db.exec("UPDATE counter SET value = value + 1")`)],
    [
      "with a log whose index is gone",
      (db) => {
        crash(db, `db.exec("UPDATE counter SET value = value + 1")`)
        rmSync(`${db}-shm`)
      }
    ],
    [
      "of an older schema",
      (db) => {
        const opened = new Database(db)
        takeBackSchema(opened, 4)
        opened.close()
      }
    ]
  ]
  for (const [way, prepare] of ways) {
    it.scopedLive.skipIf(!canTry)(`${way} can be read as if it were not${reason}`, () =>
      Effect.gen(function* () {
        const { db, folder, readAll } = yield* makeCompressed
        prepare(db)
        const locked = join(folder, "locked")
        mkdirSync(locked)
        for (const name of readdirSync(folder))
          if (name.startsWith("sessions.db")) cpSync(join(folder, name), join(locked, name))
        chmodSync(folder, 0o755)
        setMode(locked, 0o444, 0o555)
        const before = readFolder(locked)
        const found = yield* asOther(readAll(join(locked, "sessions.db")))
        assert.deepStrictEqual(readFolder(locked), before)
        const expected = yield* readAll(db)
        assert.deepStrictEqual(
          found.map(({ code, stdout }) => [code, stdout]),
          expected.map(({ stdout }) => [0, stdout])
        )
        for (const { stderr } of found) if (stderr !== "") assert.match(stderr, NOTICE)
        const diagnosed = yield* asOther(Cli.run(["doctor", join(locked, "sessions.db")]))
        assert.include(Cli.assertSuccess(diagnosed), "no damage")
        assert.deepStrictEqual(readFolder(locked), before)
        const target = Hermes.fresh("new")
        chmodSync(target, 0o666)
        chmodSync(dirname(target), 0o777)
        const exported = yield* asOther(Cli.run(["export", "--db", join(locked, "sessions.db"), "--to", target]))
        assert.match(Cli.assertSuccess(exported), /^exported chat: /)
        const { code, stderr } = yield* asOther(
          Cli.run(["deliver", "chat", "--db", join(locked, "sessions.db")], { stdin: "hello" })
        )
        assert.deepStrictEqual([code, stderr.startsWith("throughline: could not ")], [1, true])
        setMode(locked, 0o644, 0o755)
      })
    )
  }

  it.scopedLive.skipIf(!canTry)(`of Hermes can be read, too${reason}`, () =>
    Effect.gen(function* () {
      const db = Hermes.fresh("new")
      Cli.assertSuccess(yield* Cli.run(["deliver", "chat", "--db", db], { stdin: "hello" }))
      setMode(dirname(db), 0o444, 0o555)
      const before = readFolder(dirname(db))
      const { code, stderr, stdout } = yield* asOther(Cli.run(["log", "chat", "--db", db, "--json"]))
      assert.match(stderr, NOTICE)
      assert.deepStrictEqual([code, JSON.parse(stdout)], [0, [{ role: "user", content: "hello" }]])
      assert.deepStrictEqual(readFolder(dirname(db)), before)
      setMode(dirname(db), 0o644, 0o755)
    })
  )
})

const canMount = spawnSync("unshare", ["-rm", "true"]).status === 0

layer(Cli.layerBundle, { excludeTestServices: true })("a database on a disk that is full", (it) => {
  it.scoped.skipIf(!canMount)(`can be read${canMount ? "" : " (left out: no file system can be mounted here)"}`, () =>
    Effect.gen(function* () {
      const { calls, db, folder, readAll } = yield* makeCompressed
      const chosen = calls.filter(([name]) => name === "view" || name === "recall")
      const bundle = yield* Cli.CliBundle
      const disk = join(folder, "disk")
      mkdirSync(disk)
      const quote = (word: string) => `'${word}'`
      const commands = chosen.map((call) =>
        [process.execPath, bundle, ...call, "--db", join(disk, "sessions.db"), "--json"].map(quote).join(" ")
      )
      const script = join(folder, "fill.sh")
      writeFileSync(
        script,
        [
          "set -e",
          `mount -t tmpfs -o size=4m tmpfs ${quote(disk)}`,
          `cp ${quote(db)} ${quote(disk)}`,
          `dd if=/dev/zero of=${quote(join(disk, "rest"))} bs=4k 2>/dev/null || true`,
          ...commands.map((command) => `${command}; echo`)
        ].join("\n")
      )
      const { status, stderr, stdout } = spawnSync("unshare", ["-rm", "sh", script], {
        encoding: "utf8",
        env: { PATH: process.env.PATH }
      })
      assert.strictEqual(status, 0, stderr)
      const expected = yield* readAll(db, chosen)
      assert.deepStrictEqual(
        stdout.split("\n").filter((line) => line !== ""),
        expected.map(({ stdout }) => stdout.trim())
      )
    })
  )
})
