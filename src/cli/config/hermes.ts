/** What a Hermes Agent's `config.yaml` says in other words than ours. */

/** The keys of a section, and the paths of those that mean nothing here. */
export interface Translated {
  readonly fields: Fields
  readonly ignored: ReadonlyArray<string>
}

type Fields = { readonly [key: string]: unknown }

const OURS: ReadonlyArray<unknown> = ["main", "openai", "openai-codex", "embedded"]

const isSet = (value: unknown) => value !== undefined && value !== null && value !== ""

/** The section `model`: may be the model's name alone, or have it as `model`. A name with a URL speaks OpenAI's API. */
export const translateModel = (section: unknown): unknown => {
  if (typeof section === "string") return { default: section }
  if (!isFields(section)) return section
  const { model, ...rest } = section
  const named = isSet(section.default) || !isSet(model) ? rest : { ...rest, default: model }
  const isForeign = isSet(section.provider) && !OURS.includes(section.provider)
  return isForeign && (section.provider === "auto" || isSet(section.base_url))
    ? { ...named, provider: "openai" }
    : named
}

/**
 * A section of `auxiliary`. `auto` is the main model, as Hermes' own search for one ends there. So is a provider of which
 * nothing but the name is known, and then its model's name means nothing either.
 */
export const translateTask = (section: Fields, path: string): Translated => {
  const { model, provider, ...rest } = section
  if (!isSet(provider) || OURS.includes(provider)) return { fields: section, ignored: [] }
  if (isSet(section.base_url)) return { fields: { ...section, provider: "openai" }, ignored: [] }
  if (provider === "auto") return { fields: { ...section, provider: "main" }, ignored: [] }
  const ignored = ["provider", ...(isSet(model) ? ["model"] : [])].map((key) => `${path}.${key}`)
  return { fields: { ...rest, provider: "main" }, ignored }
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)
