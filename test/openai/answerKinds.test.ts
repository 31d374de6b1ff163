/** Streams and whole answers, told apart by what comes and not by what the header says. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import type { ModelError } from "../../src/model/ModelError.ts"
import type { ResolvedRoute } from "../../src/model/Provider.ts"
import { makeAnswerDecoder } from "../../src/openai/answerDecoder.ts"
import { APIS, addUp, collectEvents, expectSignOfLife } from "../support/openAiCalls.ts"
import * as ModelServer from "../support/ModelServer.ts"
import { propertyRuns, sampleCases } from "../support/repetitions.ts"

const { raw } = ModelServer

/** What servers and the proxies before them call an answer, whatever it is. */
const CONTENT_TYPES = [
  "text/event-stream",
  "text/event-stream; charset=utf-8",
  "application/json, text/event-stream; charset=utf-8",
  "application/json",
  "application/octet-stream",
  "application/x-ndjson",
  "text/plain",
  "text/html",
  "*/*",
  null
]

const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`

const STREAM: Readonly<Record<ResolvedRoute["api"], string>> = {
  chat: data({ choices: [{ delta: { content: "yes" } }] }) + data({ choices: [{ delta: {}, finish_reason: "stop" }] }),
  responses:
    data({ type: "response.output_text.delta", delta: "yes" }) +
    data({ type: "response.completed", response: { status: "completed" } })
}

const MESSAGE = { type: "message", content: [{ type: "output_text", text: "yes" }] }
const WHOLE: Readonly<Record<ResolvedRoute["api"], object>> = {
  chat: { object: "chat.completion", choices: [{ message: { content: "yes" }, finish_reason: "stop" }] },
  responses: { object: "response", status: "completed", error: null, output: [MESSAGE] }
}

const YES: ReturnType<typeof addUp> = {
  text: "yes",
  reasoning: "",
  finished: [{ _tag: "Finished", reason: "stop", usage: null }]
}

/** How servers dress an answer, both kinds in the same way. */
const DRESSES: ReadonlyArray<readonly [string, (body: string) => string]> = [
  ["as it is", (body) => body],
  ["after blank lines", (body) => `\r\n\n  \n${body}`],
  ["after a byte order mark", (body) => `\ufeff${body}`],
  ["after a byte order mark and a blank line", (body) => `\ufeff\n${body}`]
]

const WHOLE_DRESSES: typeof DRESSES = [
  ["over several lines", (body) => JSON.stringify(JSON.parse(body), undefined, 2)],
  ["before the end mark of a stream", (body) => `${body}data: [DONE]\n\n`],
  ["over several lines, before an end mark", (body) => `${JSON.stringify(JSON.parse(body), null, 1)}\n\ndata: [DONE]`]
]

/** Bodies that are no answer, whatever they are called. */
const NO_ANSWERS: ReadonlyArray<readonly [string, string, ModelError["_tag"]]> = [
  ["an error page", "<html><body>502 Bad Gateway</body></html>", "ProviderError"],
  ["an error page after a blank line", "\n<!DOCTYPE html><title>login</title>", "ProviderError"],
  ["half a JSON answer", `{"choices":[{"message":{"content":"yes"`, "ProviderError"],
  ["another JSON object", `{"object":"list","data":[]}`, "ProviderError"],
  ["an empty JSON list", "[]", "ProviderError"],
  ["an error object", `{"error":{"message":"slow down","code":429}}`, "RateLimited"],
  ["a list with an error", `[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]`, "RateLimited"],
  ["nothing", "", "ConnectionError"],
  ["blank lines", "\n \n", "ConnectionError"],
  ["plain words", "upstream connect error", "ConnectionError"]
]

const decodeAll = (pieces: ReadonlyArray<Uint8Array>) => {
  const decoder = makeAnswerDecoder()
  return [...pieces.flatMap(decoder.decode), ...decoder.flush()]
}

describe("the kind of an answer is what comes", () => {
  for (const api of APIS)
    for (const [n, contentType] of CONTENT_TYPES.entries()) {
      const name = `sent as ${contentType ?? "nothing"}, ${api}`
      const whole = JSON.stringify(WHOLE[api])
      const answers = sampleCases(
        [
          ...DRESSES.map(([dress, wear]) => [`a stream ${dress}`, wear(STREAM[api])] as const),
          ...[...DRESSES, ...WHOLE_DRESSES].map(([dress, wear]) => [`a whole answer ${dress}`, wear(whole)] as const)
        ],
        n,
        3
      )
      const noAnswers = sampleCases(NO_ANSWERS, n, 3)

      it.scopedLive(`reads a stream and a whole answer, ${name}`, () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make(answers.map(([, body]) => raw(200, contentType, body)))
          for (const [what] of answers)
            assert.deepStrictEqual(addUp(yield* collectEvents(server.route({ api }))), YES, what)
        })
      )

      it.scopedLive(`fault: a body that is no answer, ${name}`, () =>
        Effect.gen(function* () {
          const server = yield* ModelServer.make(noAnswers.map(([, body]) => raw(200, contentType, body)))
          for (const [what, , _tag] of noAnswers) {
            const error = yield* Effect.flip(collectEvents(server.route({ api })))
            assert.strictEqual(error._tag, _tag, what)
            assert.notInclude(JSON.stringify(error), "yes")
          }
        })
      )
    }

  it.prop(
    "however its bytes are parted",
    [
      fc.constantFrom(...Object.values(STREAM), ...Object.values(WHOLE).map((body) => JSON.stringify(body))),
      fc.constantFrom(...DRESSES.map(([, wear]) => wear)),
      fc.array(fc.nat(1_000))
    ],
    ([body, wear, cuts]) => {
      const bytes = new TextEncoder().encode(wear(body.replace("yes", "да, ja 🏷")))
      const ends = [...new Set([0, bytes.length, ...cuts.map((cut) => cut % bytes.length)])].toSorted((a, b) => a - b)
      const pieces = ends.map((end, i) => bytes.slice(ends[i - 1] ?? 0, end))
      assert.deepStrictEqual(decodeAll(pieces), decodeAll([bytes]))
    },
    propertyRuns(100, 2_000)
  )

  for (const api of APIS)
    for (const piece of ["\n", " ", `{"choices": [`])
      it.scopedLive(`takes ${JSON.stringify(piece)} of an answer that comes whole for a sign of life, ${api}`, () =>
        expectSignOfLife(piece, api)
      )
})
