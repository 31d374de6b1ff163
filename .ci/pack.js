// The package as its user gets it: packed, installed in an empty folder, imported, and its command run.
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = mkdtempSync(join(tmpdir(), "throughline-pack-"))
const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })

try {
  const [packed] = JSON.parse(
    run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], process.cwd())
  )
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  run("npm", ["install", "--no-audit", "--no-fund", join(folder, packed.filename)], folder)
  writeFileSync(
    join(folder, "check.js"),
    `import { Effect } from "effect"
     import { Gateway, Session, Tokens } from "throughline"
     import * as Sqlite from "throughline/SessionStore/Sqlite"
     import * as Scripted from "throughline/Provider/Scripted"
     import { Layer } from "effect"
     const id = Session.SessionId.make("packed")
     const live = Gateway.layer({ policy: { contextLength: 8000 }, routes: [] }).pipe(
       Layer.provide(Sqlite.layerTemporary), Layer.provide(Scripted.layer([])))
     const view = await Effect.runPromise(Effect.gen(function* () {
       const gateway = yield* Gateway.Gateway
       yield* gateway.deliver(id, { role: "user", content: "hello" })
       return yield* gateway.turn(id, (turn) => turn.view())
     }).pipe(Effect.provide(live)))
     if (view.messages.length !== 1 || Tokens.estimate.text("abcd") !== 1) throw new Error("the packed library does not work")
     console.log("imported and used: one message in view")`
  )
  process.stdout.write(run("node", ["check.js"], folder))
  if (existsSync(join(folder, "node_modules/@effect/cli"))) throw new Error("the library depends on the command line")
  const { checks } = JSON.parse(run("npx", ["--no-install", "throughline", "demo", "--json"], folder))
  if (!checks.every(({ holds }) => holds)) throw new Error("the packed command line does not work")
  console.log(`packed ${packed.filename}: ${packed.entryCount} files, ${packed.unpackedSize} bytes`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
