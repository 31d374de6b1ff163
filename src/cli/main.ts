/** Runs the command line as a process, which SIGINT, SIGTERM and SIGHUP interrupt. A second signal ends it at once. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import process from "node:process"
import { exitCodeOf, runCommandLine } from "./commandLine.ts"
import { ignoreWriteErrors } from "./terminal/terminal.ts"

ignoreWriteErrors()

// `runMain` listens to the other two.
process.once("SIGHUP", () => process.emit("SIGTERM"))

NodeRuntime.runMain(runCommandLine(process.argv), {
  disableErrorReporting: true,
  disablePrettyLogger: true,
  teardown: (exit, end) => end(exitCodeOf(exit))
})
