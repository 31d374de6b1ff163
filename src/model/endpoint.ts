/** Where routes lead. */
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"
import type { Route } from "./Provider.ts"

/** Its base URL, normalised, and a hash of its credential. */
export const endpointKey = (route: Route): string => {
  if (route.provider === "embedded") return "embedded"
  const ofKey = places.get(route.apiKey) ?? new Map<string, string>()
  const known = ofKey.get(route.baseUrl) ?? `${normalised(route.baseUrl)}#${fingerprint(route.apiKey)}`
  places.set(route.apiKey, ofKey.set(route.baseUrl, known))
  return known
}

/** A key may be a text of any length, and each call asks several times. */
const places = new WeakMap<Route["apiKey"], Map<string, string>>()

/** A URL that cannot be read is left as it is: the call will say so. User info is no part of a place. */
const normalised = (baseUrl: string): string => {
  if (!URL.canParse(baseUrl)) return baseUrl
  const { origin, pathname, search } = new URL(baseUrl)
  return `${origin}${pathname.replace(/\/+$/, "")}${search}`
}

const fingerprint = (apiKey: Route["apiKey"]): string =>
  Redacted.isRedacted(apiKey)
    ? createHash("sha256").update(Redacted.value(apiKey)).digest("hex").slice(0, 16)
    : `named ${apiKey.name}`
