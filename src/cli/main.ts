/** Runs the command line as a process, which SIGINT and SIGTERM interrupt. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import process from "node:process"
import { exitCodeOf, runCommandLine } from "./commandLine.ts"
import { ignoreWriteErrors } from "./terminal/terminal.ts"

ignoreWriteErrors()

NodeRuntime.runMain(runCommandLine(process.argv), {
  disableErrorReporting: true,
  disablePrettyLogger: true,
  teardown: (exit, end) => end(exitCodeOf(exit))
})
