// The package as its users get it: packed, then installed, imported, type-checked and run in projects of their own.
// `--reuse-binding` takes the binary of better-sqlite3 from this checkout, where the versions agree, and builds none.
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const PNPM = "pnpm@10.34.8"
const checkout = process.cwd()
const folder = mkdtempSync(join(tmpdir(), "throughline-pack-"))
const reusesBinding = process.argv.includes("--reuse-binding")

const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })

const check = (holds, problem) => {
  if (!holds) throw new Error(problem)
}

const readJson = (file) => JSON.parse(readFileSync(file, "utf8"))

const [packed] = JSON.parse(run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], checkout))
const tarball = join(folder, packed.filename)

/** Makes a project that has the given `effect` and `openai`, as README's programs need, or neither; says where it is. */
const makeProject = (name, effect) => {
  const project = join(folder, name)
  mkdirSync(project)
  const { openai } = readJson("package.json").dependencies
  const dependencies = effect === undefined ? {} : { effect, openai }
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module", dependencies }))
  return project
}

/** Where a project has a package that throughline depends on. With pnpm that is beside throughline only. */
const folderOf = (project, name) => {
  const { resolve } = createRequire(createRequire(join(project, "index.js")).resolve("throughline/package.json"))
  return join(resolve(`${name}/package.json`), "..")
}

/** Gives a project that was installed without scripts the binary of a folder that was built. */
const copyBinding = (from, project) => {
  const target = folderOf(project, "better-sqlite3")
  const [has, wants] = [from, target].map((place) => readJson(join(place, "package.json")).version)
  if (has !== wants) return false
  cpSync(join(from, "build"), join(target, "build"), { recursive: true })
  return true
}

const npmInstall = (project, ...flags) => run("npm", ["install", "--no-audit", "--no-fund", ...flags, tarball], project)

const installers = {
  npm: (project) => npmInstall(project, "--ignore-scripts", "--prefer-offline"),
  pnpm: (project) =>
    run(
      "npx",
      ["--yes", PNPM, "add", "--ignore-scripts", "--reporter=silent", "--store-dir", join(folder, "store"), tarball],
      project
    )
}

const checkLibrary = (project) => {
  writeFileSync(
    join(project, "check.js"),
    `import { Effect, Layer } from "effect"
     import { Gateway, Session, Tokens } from "throughline"
     import * as Sqlite from "throughline/SessionStore/Sqlite"
     import * as Scripted from "throughline/Provider/Scripted"
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
  process.stdout.write(run("node", ["check.js"], project))
  check(!existsSync(join(project, "node_modules/@effect/cli")), "the library depends on the command line")
  for (const peer of Object.keys(readJson("package.json").peerDependenciesMeta)) {
    check(!existsSync(join(project, "node_modules", peer)), `${peer} is in a default install`)
  }
  const { packages } = readJson(join(project, "package-lock.json"))
  console.log(`a default install has ${Object.keys(packages).length - 1} packages`)
  if (process.features.require_module) {
    run("node", ["--eval", `if (!require("throughline").Gateway) throw new Error("require gives no Gateway")`], project)
    console.log("required from CommonJS")
  }
}

/** Modules that need an optional peer. */
const WITH_PEER = [
  "./AiSdk",
  "./EffectAi",
  "./LangChain",
  "./OpenAiAgents",
  "./SessionCluster",
  "./Tokens/GptTokenizer"
]

/** Every public module is in the tarball with its types, and can be imported if it needs no optional peer. */
const checkModules = (project) => {
  const files = new Set(packed.files.map(({ path }) => `./${path}`))
  const modules = Object.entries(readJson("package.json").exports).filter(([, target]) => typeof target === "object")
  for (const [path, target] of modules) {
    check(
      Object.values(target).every((file) => files.has(file)),
      `exports: ${path} leads to a file that is not there`
    )
  }
  for (const name of ["index.html", "inspector.css", "inspector.js"]) {
    check(files.has(`./dist/inspector/${name}`), `the page lacks ${name}`)
  }
  const paths = modules.map(([path]) => path).filter((path) => !WITH_PEER.includes(path))
  const specifiers = paths.map((path) => `throughline${path.slice(1)}`)
  run(
    "node",
    ["--input-type=module", "--eval", `for (const path of ${JSON.stringify(specifiers)}) await import(path)`],
    project
  )
  console.log(`${modules.length} public modules, each with its types`)
}

const checkCommand = (project) => {
  const { checks } = JSON.parse(run("npx", ["--no-install", "throughline", "demo", "--json"], project))
  check(
    checks.every(({ holds }) => holds),
    "the packed command line does not work"
  )
  const url = "postgres://127.0.0.1/sessions"
  const refused = spawnSync("npx", ["--no-install", "throughline", "sessions", "--db", url], {
    cwd: project,
    encoding: "utf8"
  })
  check(
    /^throughline: .*run npm install pg\n$/.test(refused.stderr),
    `without the package pg the command line says: ${refused.stderr}`
  )
}

/** Every relative link of the documents leads to a file of the tarball. */
const checkLinks = () => {
  const files = new Set(packed.files.map(({ path }) => path))
  const documents = [...files].filter((path) => path.endsWith(".md"))
  for (const document of documents) {
    for (const [, link] of readFileSync(document, "utf8").matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)) {
      const target = resolve("/", document, "..", link).slice(1)
      check(
        files.has(target) || [...files].some((file) => file.startsWith(`${target}/`)),
        `${document}: ${link} is not in the package`
      )
    }
  }
  console.log(`${documents.length} documents: every relative link leads into the package`)
}

const programs = Array.from(readFileSync("README.md", "utf8").matchAll(/^```ts\n(.*?)^```/gms), ([, code]) => code)

const tsconfig = {
  compilerOptions: {
    strict: true,
    target: "ES2022",
    module: "NodeNext",
    skipLibCheck: true,
    types: ["node"],
    typeRoots: [join(checkout, "node_modules/@types")],
    outDir: "out"
  },
  include: ["*.ts"]
}

/** The programs of README, compiled and run in a project that has an Effect of its own. */
const checkPrograms = (project) => {
  programs.forEach((code, index) => writeFileSync(join(project, `readme${index + 1}.ts`), code))
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(tsconfig))
  run("node", [join(checkout, "node_modules/typescript/bin/tsc"), "--project", "."], project)
  for (const index of programs.keys()) {
    const { status, stderr, stdout } = spawnSync("node", [`out/readme${index + 1}.js`], {
      cwd: project,
      encoding: "utf8",
      // The client of `openai` wants a key as soon as it is made. None of these programs asks a server when it is loaded.
      env: { ...process.env, OPENAI_API_KEY: "unused" }
    })
    check(status === 0, `program ${index + 1} of README fails:\n${stderr}`)
    const warnings = `${stdout}${stderr}`
      .split("\n")
      .filter((line) => /\bWARN|Executing an Effect versioned/.test(line))
    check(warnings.length === 0, `program ${index + 1} of README warns ${warnings.length} times: ${warnings[0]}`)
  }
}

/** The versions of Effect that are installed somewhere in the project. */
const effectsIn = (project) => {
  const places = [join(project, "node_modules"), join(project, "node_modules/throughline/node_modules")]
  const virtual = join(project, "node_modules/.pnpm")
  if (existsSync(virtual)) places.push(...readdirSync(virtual).map((name) => join(virtual, name, "node_modules")))
  const versions = places
    .filter((place) => existsSync(join(place, "effect/package.json")))
    .map((place) => readJson(join(place, "effect/package.json")).version)
  return [...new Set(versions)]
}

const checkOwnEffect = (manager, effect, binding) => {
  const project = makeProject(`${manager}-effect-${effect.replaceAll(/\W/g, "_")}`, effect)
  installers[manager](project)
  check(copyBinding(binding, project), "two installations gave two versions of better-sqlite3")
  const effects = effectsIn(project)
  check(effects.length === 1, `${manager}, effect ${effect}: expected one copy of effect, found ${effects.join(", ")}`)
  checkPrograms(project)
  console.log(
    `${manager}, effect ${effect}: one copy (${effects[0]}), ${programs.length} programs of README, no warning`
  )
}

const checkLaterEffect = () => {
  const project = makeProject("effect-4", "4")
  const { status, stderr } = spawnSync("npm", ["install", "--package-lock-only", "--ignore-scripts", tarball], {
    cwd: project,
    encoding: "utf8"
  })
  check(status !== 0 && stderr.includes("ERESOLVE"), "npm installs throughline beside Effect 4")
  console.log("npm, effect 4: ERESOLVE")
}

try {
  const project = makeProject("empty")
  if (reusesBinding) {
    npmInstall(project, "--ignore-scripts")
    if (!copyBinding(join(checkout, "node_modules/better-sqlite3"), project)) {
      run("npm", ["rebuild", "better-sqlite3"], project)
    }
  } else {
    npmInstall(project)
  }
  checkLibrary(project)
  checkModules(project)
  checkCommand(project)
  checkLinks()
  const binding = folderOf(project, "better-sqlite3")
  for (const manager of Object.keys(installers)) {
    for (const effect of ["3.22.2", "^3.22"]) checkOwnEffect(manager, effect, binding)
  }
  checkLaterEffect()
  console.log(`packed ${packed.filename}: ${packed.entryCount} files, ${packed.unpackedSize} bytes`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
