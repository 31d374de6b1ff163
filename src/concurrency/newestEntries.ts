/** Maps in memory that hold no more than so many entries. */

/** Sets an entry as the newest, and forgets the oldest ones beyond `most`. */
export const setNewest = <K, A>(entries: Map<K, A>, key: K, value: A, most: number): void => {
  entries.delete(key)
  entries.set(key, value)
  for (const oldest of entries.keys()) {
    if (entries.size <= most) return
    entries.delete(oldest)
  }
}
