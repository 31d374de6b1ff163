/** Passes each text once, for log lines that would repeat themselves at every step. */

/** Makes a filter that tells each thing once. It forgets the oldest of very many, and may tell that again. */
export const makeNovelty = (): ((text: string) => boolean) => {
  const known = new Set<string>()
  return (text) => {
    if (known.has(text)) return false
    known.add(text)
    for (const oldest of known) {
      if (known.size <= MOST_KNOWN) break
      known.delete(oldest)
    }
    return true
  }
}

const MOST_KNOWN = 10_000
