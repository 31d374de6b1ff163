/**
 * Chooses the proxy of a server by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, as curl and Go do. undici's own agent for
 * this is marked experimental, warns of itself, and knows no address ranges.
 */
import { BlockList, isIP } from "node:net"
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
    const host = toHost(hostname)
    const name = protocol === "https:" ? "https_proxy" : "http_proxy"
    const proxy = yield* readVariable(name)
    const exceptions = yield* readVariable("no_proxy")
    if (proxy === "" || isOfThisMachine(host)) return Option.none()
    if (isExcepted(exceptions, host, port || (protocol === "https:" ? "443" : "80"))) return Option.none()
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

/** Removes what addresses and names only have in a URL: brackets, and the dot at the end of a full name. */
const toHost = (hostname: string): string => hostname.replace(/^\[|\]$/g, "").replace(/(?<!\.)\.+$/, "")

/** A proxy cannot reach what only this machine can. */
const isOfThisMachine = (host: string): boolean =>
  /^(?:.*\.)?localhost$/.test(host) || ["127.0.0.0/8", "0.0.0.0", "::1", "::"].some((entry) => isWithin(entry, host))

/** A host, an address or a range of addresses, with or without a port. Only an address in brackets has a port. */
const ENTRY = /^(?:\*?\.)?(?:\[([^\]]+)\]|([^/:]+|[^/:]*:[^/:]*:[^/]*))(\/\d+)?(?::(\d+))?$/

/** An entry is a host and all below it, or addresses, with or without a port; a star is every host. */
const isExcepted = (exceptions: string, host: string, port: string): boolean =>
  exceptions
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      const [, bracketed, bare, range = "", onlyPort = port] = ENTRY.exec(entry) ?? []
      const named = toHost(bracketed ?? bare ?? "")
      const isBelow = named !== "" && range === "" && isIP(host) === 0 && `.${host}`.endsWith(`.${named}`)
      return entry === "*" || (onlyPort === port && (isBelow || isWithin(named + range, host)))
    })

/** Returns whether the host is the address, or one of the range of addresses, that the entry writes in any way. */
const isWithin = (entry: string, host: string): boolean => {
  const [address = "", bits] = entry.split("/")
  const isAddress = isIP(address) > 0 && isIP(host) > 0
  if (!isAddress || Number(bits ?? 0) > (isIP(address) === 4 ? 32 : 128)) return false
  const block = new BlockList()
  if (bits === undefined) block.addAddress(address, familyOf(address))
  else block.addSubnet(address, Number(bits), familyOf(address))
  return block.check(host, familyOf(host))
}

const familyOf = (address: string): "ipv4" | "ipv6" => (isIP(address) === 4 ? "ipv4" : "ipv6")
