/** Remembers what the server of a session takes in bytes and pictures, where it has refused more. Forgotten with the process. */
import { setNewest } from "../concurrency/newestEntries.ts"
import { readSizeRefusal, type SizeRefusal } from "../model/overflowText.ts"
import type { SessionId } from "../session/Session.ts"
import * as RequestSize from "../view/requestSize.ts"
import type { View } from "../view/View.ts"
import type { Limits } from "../view/WireLimits.ts"

export interface LearnedLimits {
  /** The limits of a step, none larger than the server takes. */
  readonly narrow: (sessionId: SessionId, limits: Limits) => Limits
  /** Believes the text of a refusal of a view with its tools; returns null if it is about tokens. */
  readonly learn: (sessionId: SessionId, view: View, tools: unknown, text: string) => Lesson | null
  readonly forget: (sessionId: SessionId) => void
}

/** The new limit: that which the server named, or one below what it refused. */
export interface Lesson {
  readonly limit: keyof Learned
  readonly refused: number
  readonly most: number
  /** Too many bytes remain without all pictures. */
  readonly hasTooManyWords: boolean
}

type Learned = Pick<Limits, "maxRequestBytes" | "maxImages" | "maxImageBytes">

/** Forgets the session that was refused longest ago if there are more than `mostSessions`, which then learns again. */
export const makeLearnedLimits = (mostSessions = 10_000): LearnedLimits => {
  const learned = new Map<SessionId, Learned>()
  return {
    narrow: (sessionId, limits) => {
      const known = learned.get(sessionId)
      return known === undefined ? limits : { ...limits, ...minimum(limits, known) }
    },
    learn: (sessionId, { messages }, tools, text) => {
      const refusal = readSizeRefusal(text)
      if (refusal === null) return null
      const lesson = learnFrom(RequestSize.measure(messages, tools), refusal)
      const known = learned.get(sessionId) ?? NONE
      setNewest(learned, sessionId, minimum(known, { ...NONE, [lesson.limit]: lesson.most }), mostSessions)
      return lesson
    },
    forget: (sessionId) => {
      learned.delete(sessionId)
    }
  }
}

const NONE: Learned = { maxRequestBytes: Infinity, maxImages: Infinity, maxImageBytes: Infinity }

const minimum = (a: Learned, b: Learned): Learned => ({
  maxRequestBytes: Math.min(a.maxRequestBytes, b.maxRequestBytes),
  maxImages: Math.min(a.maxImages, b.maxImages),
  maxImageBytes: Math.min(a.maxImageBytes, b.maxImageBytes)
})

const learnFrom = ({ bytes, images, largestImage, words }: RequestSize.Measured, refusal: SizeRefusal): Lesson => {
  const { of } = refusal
  const choose = (refused: number, unnamed: number, share = 1): Pick<Lesson, "refused" | "most"> => ({
    refused,
    most: refusal.limit !== null && refusal.limit < refused ? Math.floor(refusal.limit * share) : unnamed
  })
  if (of === "image" && largestImage > 0)
    return { limit: "maxImageBytes", ...choose(largestImage, largestImage - 1), hasTooManyWords: false }
  if (of !== "request" && images > 0) {
    const count = of === "images" ? choose(images, Math.floor(images / 2)) : halve(images)
    return { limit: "maxImages", ...count, hasTooManyWords: false }
  }
  // Half of the pictures leave at a time. Words leave by a compression, which goes far below its window.
  const isMostlyWords = words * 2 >= bytes
  const request = choose(bytes, isMostlyWords ? bytes - 1 : Math.floor(bytes / 2), NAMED_SHARE)
  return { limit: "maxRequestBytes", ...request, hasTooManyWords: isMostlyWords || words > request.most }
}

const halve = (refused: number) => ({ refused, most: Math.floor(refused / 2) })

/** An agent's own shape of the same messages takes a little more. */
const NAMED_SHARE = 0.98

/** A view, and its tokens as the provider counts them. */
interface Sized {
  readonly view: View
  readonly tokens: number
}

/** Returns whether sending this view in place of a refused one can gain anything. */
export const isSmaller = ({ tokens, view }: Sized, refused: Sized): boolean => {
  if (view.generation !== refused.view.generation || tokens < refused.tokens) return true
  const now = RequestSize.measure(view.messages, undefined)
  const before = RequestSize.measure(refused.view.messages, undefined)
  return now.images < before.images || now.bytes < before.bytes
}

/**
 * Returns the window, in tokens of this view, that the words of `maxRequestBytes` fill, so that a session of words is
 * compressed before it exceeds them. Pictures leave by themselves.
 */
export const findWindowOfBytes = (
  { tokens, view }: Sized,
  tools: ReadonlyArray<unknown> | undefined,
  maxRequestBytes: number
): number =>
  tokens * MOST_BYTES < maxRequestBytes
    ? Infinity
    : Math.floor((tokens * maxRequestBytes) / RequestSize.measure(view.messages, tools).words)

/** Few words have more bytes a token. Most views have so few tokens that they need not be measured. */
const MOST_BYTES = 16
