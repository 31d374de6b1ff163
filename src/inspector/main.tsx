/** The inspector: the page that `throughline serve` brings. It only reads, unless the service says that it may write. */
import { render } from "preact"
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import { useAnswer } from "./answers.ts"
import { type Health, keepToken, readHealth, ServiceError } from "./client.ts"
import { live, useLive } from "./live.ts"
import { DoctorPage } from "./pages/doctorPage.tsx"
import { SessionListPage } from "./pages/sessionListPage.tsx"
import { SessionPage } from "./pages/sessionPage.tsx"
import { type Route, useRoute } from "./route.ts"
import { Failure } from "./text.tsx"

const CONNECTIONS = {
  connecting: "connecting …",
  live: "live",
  lost: "not connected; trying again",
  refused: "a token is needed"
} as const

const App = () => {
  const route = useRoute()
  const { connection, failure } = useLive()
  const { value: health } = useAnswer("health", 0, readHealth)
  useEffect(() => live.start(), [])
  const needsToken = connection === "refused" || (failure instanceof ServiceError && failure.status === 401)
  return (
    <>
      <a class="skip" href="#main" onClick={skipToMain}>
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="#/">
          throughline
        </a>
        <nav aria-label="Pages">
          <a href="#/" aria-current={route.page === "doctor" ? undefined : "page"}>
            Sessions
          </a>
          <a href="#/doctor" aria-current={route.page === "doctor" ? "page" : undefined}>
            Doctor
          </a>
          <a href="/docs">API</a>
        </nav>
        <span class={`connection connection-${connection}`} role="status">
          {CONNECTIONS[connection]}
          {health !== null && !health.isWritable ? ", read-only" : ""}
        </span>
      </header>
      <main id="main" tabIndex={-1}>
        {needsToken ? <TokenForm /> : <Page route={route} health={health} />}
      </main>
    </>
  )
}

/** The address names a place of its own, so the link must not change it. */
const skipToMain = (event: Event): void => {
  event.preventDefault()
  document.getElementById("main")?.focus()
}

const Page = ({ health, route }: { readonly route: Route; readonly health: Health | null }) => {
  const place = route.page === "session" ? `${route.session} ${route.tab}` : route.page
  const isFirst = useRef(true)
  useLayoutEffect(() => {
    document.title =
      route.page === "session" ? `${route.session} · ${route.tab} · throughline` : `${route.page} · throughline`
    // Whoever followed a link reads on there; whoever opened the page begins at its top.
    if (!isFirst.current && route.page !== "session") document.querySelector("h1")?.focus()
    isFirst.current = false
  }, [place])
  if (route.page === "doctor") return <DoctorPage />
  if (route.page === "sessions") return <SessionListPage />
  return (
    <SessionPage
      key={route.session}
      session={route.session}
      tab={route.tab}
      at={route.at}
      isWritable={health?.isWritable === true}
    />
  )
}

const TokenForm = () => {
  const [token, setToken] = useState("")
  const [failure] = useState(live.failure)
  return (
    <form
      class="card narrow"
      onSubmit={(event) => {
        event.preventDefault()
        keepToken(token)
        location.reload()
      }}
    >
      <h1 tabIndex={-1}>A token is needed</h1>
      <p>The service was started with one. This tab keeps it until it is closed.</p>
      <Failure error={failure} />
      <label>
        Token
        <input
          type="password"
          autocomplete="off"
          value={token}
          onInput={({ currentTarget }) => setToken(currentTarget.value)}
        />
      </label>
      <button type="submit">Continue</button>
    </form>
  )
}

const root = document.getElementById("app")
if (root !== null) {
  root.textContent = ""
  render(<App />, root)
}
