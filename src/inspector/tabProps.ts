import type { SessionDetail } from "./client.ts"

/** The properties of every tab. */
export interface TabProps {
  readonly session: string
  readonly detail: SessionDetail
  readonly revision: number
  readonly at: string | null
  readonly isWritable: boolean
}
