/** Looks for damage in the database, on request: it reads all of it. */
import { useState } from "preact/hooks"
import { type Diagnosis, readDoctor } from "../client.ts"
import { linkTo } from "../route.ts"
import { countThings, Failure, Note, Words } from "../text.tsx"

const APPLICATIONS = { throughline: "throughline", hermes: "Hermes" } as const

export const DoctorPage = () => {
  const [diagnosis, setDiagnosis] = useState<Diagnosis | null>(null)
  const [error, setError] = useState<Error | null>(null)
  const [isRunning, setRunning] = useState(false)
  const look = async () => {
    setRunning(true)
    setError(null)
    try {
      setDiagnosis(await readDoctor())
    } catch (cause) {
      setError(cause instanceof Error ? cause : new Error(String(cause)))
    }
    setRunning(false)
  }
  return (
    <>
      <h1 tabIndex={-1}>Doctor</h1>
      <p>
        Looks for damage in the database that is served, also in one of Hermes. It reads all of it and changes nothing;{" "}
        <code>throughline doctor FILE --repair</code> mends it.
      </p>
      <button type="button" class="strong" disabled={isRunning} onClick={() => void look()}>
        {isRunning ? "Looking …" : "Look now"}
      </button>
      <Failure error={error} />
      {diagnosis !== null && <Findings diagnosis={diagnosis} />}
    </>
  )
}

const Findings = ({
  diagnosis: { application, findings, messages, schemaVersion, sessions }
}: {
  readonly diagnosis: Diagnosis
}) => (
  <>
    <p role="status">
      A database of {APPLICATIONS[application]}
      {schemaVersion === null ? "" : `, schema ${schemaVersion}`}: {countThings(sessions, "session")},{" "}
      {countThings(messages, "message")}.{" "}
      <b>{findings.length === 0 ? "No damage." : countThings(findings.length, "finding")}</b>
    </p>
    {findings.map(({ damage, detail, noticed, repair, sessionIds }, index) => (
      <article key={index} class="message">
        <header>
          <span class="tag tag-busy">
            <Words text={damage} />
          </span>
        </header>
        <p>
          <Words text={detail} />
        </p>
        <dl class="facts">
          {noticed !== null && (
            <>
              <dt>You may have noticed</dt>
              <dd>
                <Words text={noticed} />
              </dd>
            </>
          )}
          {repair !== null && (
            <>
              <dt>A repair would</dt>
              <dd>
                <Words text={repair} />
              </dd>
            </>
          )}
          {sessionIds.length > 0 && (
            <>
              <dt>Sessions</dt>
              <dd>
                {sessionIds.slice(0, 20).map((id) => (
                  <a key={id} class="listed" href={linkTo(id, "view")}>
                    <Words text={id} />
                  </a>
                ))}
              </dd>
            </>
          )}
        </dl>
      </article>
    ))}
    {findings.length === 0 && <Note>Every row that was read is as it should be.</Note>}
  </>
)
