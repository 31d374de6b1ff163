/** What changes a session. Each action is asked for twice, and says what came of it. */
import { useState } from "preact/hooks"
import { compressSession, healSession, resetSession } from "../client.ts"
import { countThings, Failure, Words } from "../text.tsx"

export const Action = ({
  label,
  question,
  run
}: {
  readonly label: string
  readonly question: string
  readonly run: () => Promise<string>
}) => {
  const [state, setState] = useState<"ready" | "asked" | "running">("ready")
  const [said, setSaid] = useState<string | null>(null)
  const [error, setError] = useState<Error | null>(null)
  const begin = async () => {
    setState("running")
    setError(null)
    try {
      setSaid(await run())
    } catch (cause) {
      setError(cause instanceof Error ? cause : new Error(String(cause)))
    }
    setState("ready")
  }
  return (
    <span class="action">
      {state !== "asked" && (
        <button type="button" disabled={state === "running"} onClick={() => setState("asked")}>
          {state === "running" ? `${label} …` : label}
        </button>
      )}
      {state === "asked" && (
        <>
          <span>{question}</span>
          <button type="button" class="strong" onClick={() => void begin()}>
            Yes, {label.toLowerCase()}
          </button>
          <button type="button" class="quiet" onClick={() => setState("ready")}>
            No
          </button>
        </>
      )}
      {said !== null && (
        <span role="status">
          <Words text={said} />
        </span>
      )}
      <Failure error={error} />
    </span>
  )
}

export const SessionActions = ({ session }: { readonly session: string }) => (
  <div class="actions" role="group" aria-label="Change the session">
    <Action
      label="Compress"
      question="Compress the session now?"
      run={async () => {
        const { outcome, tokensAfter, tokensBefore } = await compressSession(session, "")
        return `${outcome}: ${tokensBefore} → ${tokensAfter} tokens`
      }}
    />
    <Action
      label="Heal"
      question="Summarize again what no model could summarize?"
      run={async () => `${countThings((await healSession(session)).segments.length, "segment")} replaced`}
    />
    <Action
      label="Reset"
      question="Begin an empty view? The log stays."
      run={async () => `generation ${(await resetSession(session)).generation} begins`}
    />
  </div>
)
