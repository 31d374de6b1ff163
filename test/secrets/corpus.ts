/**
 * A corpus of synthetic secrets and of look-alikes, drawn anew from seeds. Its kinds come from what vendors and programs
 * document, not from the rules of the redaction. Of each group every third kind is held out: whoever writes rules does not
 * look at what they miss there, so that the share they keep back tells about secrets nobody thought of.
 */
import { makeDraw } from "./draw.ts"
import { LOOK_ALIKES } from "./lookAlikes.ts"
import { KEYS, PASSWORDS, type Write } from "./places.ts"
import { AROUND, SHAPES } from "./shapes.ts"
import { COMMANDS, FORMS, PROSE, TOKEN_FORMS } from "./words.ts"

/** A text with the secret in it that must not leave the process. */
export interface SecretCase {
  readonly group: string
  readonly kind: string
  readonly isHeldOut: boolean
  readonly text: string
  readonly secret: string
}

/** A text that has to stay as it is. */
export interface InnocentCase {
  readonly kind: string
  readonly isHeldOut: boolean
  readonly text: string
}

const DRAWS = 3

/** Draws each kind of a group several times. */
const drawGroup = <A>(
  group: string,
  kinds: Readonly<Record<string, A>>,
  draw: (kind: A, seed: string, nth: number) => readonly [secret: string, text: string]
): ReadonlyArray<SecretCase> =>
  Object.entries(kinds).flatMap(([kind, made], i) =>
    Array.from({ length: DRAWS }, (_, nth) => {
      const [secret, text] = draw(made, `${group} ${kind} ${nth}`, nth)
      return { group, kind, isHeldOut: i % 3 === 2, text, secret }
    })
  )

const drawPassword = (write: Write, seed: string): readonly [string, string] => {
  const draw = makeDraw(seed)
  const password = draw.password()
  return [password, write(password, draw)]
}

const drawToken = (write: Write, seed: string): readonly [string, string] => {
  const draw = makeDraw(seed)
  const token = draw.pick([`ghp_${draw.alnum(36)}`, `sk-ant-api03-${draw.url64(60)}`, `glpat-${draw.alnum(40)}`])
  return [token, write(token, draw)]
}

export const SECRETS: ReadonlyArray<SecretCase> = [
  ...drawGroup("tokens, unnamed", SHAPES, (make, seed, nth) => {
    const token = make(makeDraw(seed))
    return [token, AROUND[nth]?.(token) ?? token]
  }),
  ...drawGroup("passwords at a place", PASSWORDS, drawPassword),
  ...drawGroup("keys at a place", KEYS, (make, seed) => make(makeDraw(seed))),
  ...drawGroup("command lines", COMMANDS, drawPassword),
  ...drawGroup("prose", PROSE, drawPassword),
  ...drawGroup("odd forms", FORMS, drawPassword),
  ...drawGroup("odd forms of tokens", TOKEN_FORMS, drawToken)
]

export const INNOCENTS: ReadonlyArray<InnocentCase> = Object.entries(LOOK_ALIKES).map(([kind, make], i) => ({
  kind,
  isHeldOut: i % 3 === 2,
  text: make(makeDraw(kind))
}))

/** True if the secret, or a third of it that is long enough to help, stands in the text. */
export const isLeaked = (text: string, secret: string): boolean =>
  [secret, encodeURIComponent(secret)].some((form) => {
    if (text.includes(form)) return true
    const length = Math.max(8, Math.ceil(form.length * 0.34))
    for (let i = 0; i + length <= form.length; i++) if (text.includes(form.slice(i, i + length))) return true
    return false
  })
