/** Looks for damage in the database that is served, whosever it is. */
import * as Effect from "effect/Effect"
import * as Doctor from "../../hermes/Doctor.ts"
import type { Diagnosis } from "../../server/endpoints/answers.ts"
import type { StoreError } from "../../session/SessionError.ts"
import * as NativeDoctor from "../../sqlite/doctor.ts"
import { inspectFile } from "../../sqlite/file.ts"

export const diagnoseFile = (file: string): Effect.Effect<Diagnosis, StoreError> =>
  Effect.flatMap(Effect.isSuccess(inspectFile(file, false)), (isOurs) =>
    isOurs ? diagnoseOurs(file) : diagnoseHermes(file)
  )

const diagnoseOurs = (file: string): Effect.Effect<Diagnosis, StoreError> =>
  Effect.map(NativeDoctor.diagnoseFile(file), ({ findings, messages, schemaVersion, sessions }) => ({
    application: "throughline",
    schemaVersion,
    sessions,
    messages,
    findings: findings.map(({ damage, detail, sessionId }) => ({
      damage,
      sessionIds: sessionId === null ? [] : [sessionId],
      detail,
      noticed: null,
      repair: null
    }))
  }))

const diagnoseHermes = (file: string): Effect.Effect<Diagnosis, StoreError> =>
  Effect.map(Doctor.diagnose(file), ({ findings, messages, schemaVersion, sessions }) => ({
    application: "hermes",
    schemaVersion,
    sessions,
    messages,
    findings: findings.map(({ damage, detail, noticed, repair, sessionIds }) => ({
      damage,
      sessionIds,
      detail,
      noticed,
      repair
    }))
  }))
