/** The pages of the service: the inspector, and the documentation of its endpoints. No script of another origin runs there. */
import type * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as OpenApi from "@effect/platform/OpenApi"
import { Router } from "@effect/platform/HttpApiBuilder"
import * as Effect from "effect/Effect"
import { Api } from "./Api.ts"
import { Settings } from "./settings.ts"

/** Allows a page what it brings itself, and calls of this service. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

const HEADERS = { "content-security-policy": POLICY, "x-frame-options": "DENY" }

export const layer = Router.use((router) =>
  Effect.gen(function* () {
    const { page } = yield* Settings
    const document = OpenApi.fromApi(Api)
    const documentation = writeDocumentation(document)
    yield* router.get("/openapi.json", HttpServerResponse.json(document).pipe(Effect.orDie))
    yield* router.get(
      "/docs",
      Effect.succeed(HttpServerResponse.html(documentation).pipe(HttpServerResponse.setHeaders(HEADERS)))
    )
    if (!page.has("/")) {
      yield* router.get("/", Effect.succeed(HttpServerResponse.redirect("/docs", { status: 302 })))
    }
    for (const [path, { body, contentType }] of page) {
      if (!isPath(path)) continue
      const answer = HttpServerResponse.uint8Array(body, { contentType, headers: HEADERS })
      yield* router.get(path, Effect.succeed(answer))
    }
  })
)

const isPath = (path: string): path is HttpRouter.PathInput => path.startsWith("/")

// ── documentation ──

/** Writes the OpenAPI document as one page of HTML, without a script. */
const writeDocumentation = ({ info, paths, tags = [] }: OpenApi.OpenAPISpec): string => {
  const endpoints = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation }))
  )
  const sections = tags.map(({ description = "", name }) => {
    const own = endpoints.filter(({ operation }) => operation.tags.includes(name))
    return `<h2>${escape(description === "" ? name : description)}</h2>\n${own.map(writeEndpoint).join("\n")}`
  })
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(info.title)}: endpoints</title>
</head>
<body>
<h1>${escape(info.title)}</h1>
<p>${escape(info.description ?? "")}. <a href="/openapi.json">The same as an OpenAPI document</a>.</p>
${sections.join("\n")}
</body>
</html>
`
}

interface Endpoint {
  readonly path: string
  readonly method: string
  readonly operation: OpenApi.OpenAPISpecOperation
}

const writeEndpoint = ({ method, operation, path }: Endpoint): string => {
  const queries = operation.parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name)
  const body = Object.values(operation.requestBody?.content ?? {}).map(({ schema }) => schema)
  const fields = body.flatMap((schema) => ("properties" in schema ? Object.keys(schema.properties) : []))
  const statuses = Object.keys(operation.responses)
  return [
    `<h3><code>${escape(method.toUpperCase())} ${escape(path)}</code></h3>`,
    `<p>${escape(operation.description ?? "").replaceAll(/`([^`]*)`/g, "<code>$1</code>")}</p>`,
    ...(queries.length === 0 ? [] : [`<p>Query: ${queries.map(code).join(", ")}</p>`]),
    ...(fields.length === 0 ? [] : [`<p>Body: ${fields.map(code).join(", ")}</p>`]),
    `<p>Answers with: ${statuses.map(code).join(", ")}</p>`
  ].join("\n")
}

const code = (text: string): string => `<code>${escape(text)}</code>`

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
