// The package as its user gets it: packed, installed in an empty folder, imported, and its command run.
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = mkdtempSync(join(tmpdir(), "throughline-pack-"))
const run = (command, args, cwd) => execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })

try {
  const [packed] = JSON.parse(run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], process.cwd()))
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
  const help = run("npx", ["--no-install", "throughline", "--help"], folder)
  if (!help.includes("compress")) throw new Error("the packed command line does not start")
  console.log(`packed ${packed.filename}: ${packed.entryCount} files, ${packed.unpackedSize} bytes`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
