/** Summaries as a model writes them. */
import * as Handoff from "../../src/handoff/Handoff.ts"

/** Renders sections with every heading that the gate asks for, which `parse` reads back to the same sections. */
export const renderSummary = (sections: Handoff.Sections): string => {
  const filled = (items: ReadonlyArray<string>) => (items.length > 0 ? items : ["none"])
  return Handoff.render({
    goal: filled(sections.goal),
    constraints: filled(sections.constraints),
    done: sections.done,
    inProgress: filled(sections.inProgress),
    blocked: sections.blocked,
    decisions: filled(sections.decisions),
    errors: filled(sections.errors),
    files: filled(sections.files),
    openWork: filled(sections.openWork),
    facts: filled(sections.facts),
    said: sections.said
  })
}
