/** What a service is started with. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import type { StoreError } from "../session/SessionError.ts"
import type { Diagnosis } from "./endpoints/answers.ts"

/** A file of the page, ready to be sent. */
export interface PageFile {
  readonly contentType: string
  readonly body: Uint8Array
}

/**
 * - `token`: what each request must have; null if none is needed
 * - `isLoopback`: the service is reached from this machine alone, under the names of the loopback
 * - `contextLength`: the window of the sessions' model
 * - `bodyLimit`: the most bytes of a body
 * - `page`: the files of the page, by their paths
 * - `drop`: closes the connection of a request at once, whatever was still to be sent
 */
export class Settings extends Context.Tag("throughline/server/Settings")<
  Settings,
  {
    readonly version: string
    readonly token: Redacted.Redacted<string> | null
    readonly isWritable: boolean
    readonly isLoopback: boolean
    readonly contextLength: number
    readonly bodyLimit: number
    readonly page: ReadonlyMap<string, PageFile>
    readonly diagnose: Effect.Effect<Diagnosis, StoreError>
    readonly drop: (request: HttpServerRequest) => Effect.Effect<void>
  }
>() {}
