/**
 * A summarizer without fault: it writes down everything planted that stands in its prompt, and nothing else. It knows
 * what to look for, not where it is: what the prompt does not show, it cannot tell.
 */
import * as Handoff from "../../src/handoff/Handoff.ts"
import { renderSummary } from "../../test/support/summaryText.ts"
import { estimate } from "../../src/message/Tokens.ts"
import type { ModelRequest } from "../../src/model/Provider.ts"
import * as Facts from "./facts.ts"
import * as Overrides from "./overrides.ts"
import { type Prompt, read } from "./prompts.ts"
import type { Session } from "./session.ts"

export type Write = (request: Pick<ModelRequest, "messages">) => string

export interface Known {
  readonly value: string
  readonly line: string
}

export const listKnown = ({ facts, overrides }: Session): ReadonlyArray<Known> => [
  ...facts.map((fact) => ({ value: fact.value, line: Facts.line(fact) })),
  ...overrides.flatMap(({ after, before, name }) =>
    [before, after].map((value) => ({ value, line: Overrides.line(name, value) }))
  )
]

/** `keeps` may drop what was found; an oracle keeps all. */
export const make =
  (session: Session, keeps: (line: string) => boolean = () => true): Write =>
  (request) => {
    const prompt = read(request)
    const facts = listKnown(session).flatMap(({ line, value }) =>
      prompt.material.includes(value) ? [{ at: prompt.material.indexOf(value), line }] : []
    )
    const sections: Handoff.Sections = {
      ...Handoff.empty,
      goal: ["go through the reviews one by one"],
      ...progress(prompt, session),
      facts: facts
        .toSorted((a, b) => a.at - b.at)
        .map(({ line }) => line)
        .filter(keeps)
    }
    return renderSummary(Handoff.fit(sections, estimate, prompt.maxTokens))
  }

/** A review is done if somebody says so, open if it was asked for and not. */
const progress = (
  { blocks, isSettled, material }: Prompt,
  { rounds }: Session
): Pick<Handoff.Sections, "done" | "openWork"> => {
  const seen = rounds
    .flat()
    .map(({ title }) => title)
    .filter((title) => material.includes(title))
  const reports = blocks.filter(({ what }) => what === "assistant").map(({ text }) => text)
  const earlier = blocks.filter(({ what }) => what === "summary").flatMap(({ text }) => Handoff.parse(text).done)
  const isDone = (title: string) => [...reports, ...earlier].some((text) => text.includes(title))
  const isAsked = (title: string) =>
    blocks.some(({ text, what }) => (what === "user" || what === "summary") && text.includes(title))
  return {
    done: seen.filter((title) => isDone(title)).map((title) => `went through the ${title}`),
    openWork: isSettled ? [] : seen.filter((title) => isAsked(title) && !isDone(title)).map((title) => `the ${title}`)
  }
}
