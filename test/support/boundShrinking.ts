/**
 * Runs before each test file. A property that failed is shrunk for as long as there are smaller inputs, which can be longer
 * than a test may take: then the test would end by its time limit, and its failure be lost.
 */
import { FastCheck as fc } from "effect"
import { isThorough } from "./repetitions.ts"

fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  interruptAfterTimeLimit: isThorough ? 400_000 : 120_000,
  markInterruptAsFailure: true
})
