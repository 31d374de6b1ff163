/** What is counted: who says what, which calls it makes, and which call it answers. */

export interface Said {
  readonly role: string
  readonly text: string
  readonly calls: ReadonlyArray<string>
  /** The id of the call that it answers. */
  readonly answers: string | null
}

export interface Conversation {
  /** Null if the file names none, or if its name is not counted. */
  readonly id: string | null
  readonly said: ReadonlyArray<Said>
}

export const say = (role: string, text: string, calls: ReadonlyArray<string> = []): Said => ({
  role,
  text,
  calls,
  answers: null
})
export const answer = (call: string, text: string): Said => ({ role: "tool", text, calls: [], answers: call })

/** Leaves out replies that say nothing and call nothing. */
export const withoutEmpty = (said: ReadonlyArray<Said>): ReadonlyArray<Said> =>
  said.filter(({ calls, role, text }) => role !== "assistant" || text !== "" || calls.length > 0)

/** Numbers calls that have no ids of their own; the newest one without an answer is the one that is answered. */
export const numberCalls = () => {
  let count = 0
  const open: Array<string> = []
  const make = (): string => {
    open.push(`call ${++count}`)
    return `call ${count}`
  }
  return { make, answered: (): string => open.shift() ?? make(), hasOpen: () => open.length > 0 }
}
