/**
 * Chooses the proxy of a server by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, as curl and Go do. undici's own agent for
 * this is marked experimental, and warns of itself.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/**
 * Reads the proxy through which `baseUrl` is reached, if there is one. Its URL may hold a password. A proxy of another kind
 * than HTTP is a defect, which fails the calls of the route and says so.
 */
export const readProxy = (baseUrl: string): Effect.Effect<Option.Option<Redacted.Redacted>> =>
  Effect.gen(function* () {
    if (!URL.canParse(baseUrl)) return Option.none()
    const { hostname, port, protocol } = new URL(baseUrl)
    const name = protocol === "https:" ? "https_proxy" : "http_proxy"
    const proxy = yield* readVariable(name)
    const exceptions = yield* readVariable("no_proxy")
    if (proxy === "" || isLoopback(hostname)) return Option.none()
    if (isExcepted(exceptions, hostname, port || (protocol === "https:" ? "443" : "80"))) return Option.none()
    const url = /^[a-z][a-z\d+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`
    if (!/^https?:/i.test(url) || !URL.canParse(url))
      return yield* Effect.dieMessage(`${name}: not the URL of an HTTP proxy`)
    return Option.some(Redacted.make(url))
  })

/** The name in lower case goes before the one in capitals, as everywhere. */
const readVariable = (name: string): Effect.Effect<string> =>
  Config.string(name).pipe(
    Config.orElse(() => Config.string(name.toUpperCase())),
    Config.withDefault(""),
    Config.map((value) => value.trim()),
    Effect.orDie
  )

/** A proxy cannot reach what only this machine can. */
const isLoopback = (hostname: string): boolean => /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)

/** An entry is a host and all below it, with or without a port; a star is every host. */
const isExcepted = (exceptions: string, hostname: string, port: string): boolean =>
  exceptions
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      const [, host = "", onlyPort] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry) ?? []
      const isAtHost = host !== "" && (hostname === host || hostname.endsWith(`.${host}`))
      return entry === "*" || (isAtHost && (onlyPort === undefined || onlyPort === port))
    })
