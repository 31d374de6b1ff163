/** Numbers texts by what they say, in at most 40 bytes for each, outside of the heap. A `Map` would take three times as much. */
import { createHash } from "node:crypto"

/** Four words of a digest of 128 bits, and the number behind it, counted from 1. An empty place has 0. */
const WORDS = 5

export class DigestNumbers {
  #table = new Uint32Array(WORDS * 1_024)
  #size = 0

  /** Returns the number of a text, which is `next` if none equal to it has one. */
  number(text: string, next: number): number {
    if (this.#size * WORDS * 2 >= this.#table.length) this.#grow()
    const bytes = createHash("sha256").update(text, "utf16le").digest()
    const digest = Uint32Array.from([0, 4, 8, 12], (at) => bytes.readUInt32LE(at))
    const at = findPlace(this.#table, digest)
    const known = this.#table[at + WORDS - 1] ?? 0
    if (known > 0) return known - 1
    this.#table.set(digest, at)
    this.#table[at + WORDS - 1] = next + 1
    this.#size += 1
    return next
  }

  #grow(): void {
    const larger = new Uint32Array(this.#table.length * 2)
    for (let at = 0; at < this.#table.length; at += WORDS) {
      const entry = this.#table.subarray(at, at + WORDS)
      if (entry[WORDS - 1] !== 0) larger.set(entry, findPlace(larger, entry))
    }
    this.#table = larger
  }
}

/** The place of a digest in a table, or the empty one where it belongs. A table is at most half full. */
const findPlace = (table: Uint32Array, digest: Uint32Array): number => {
  const places = table.length / WORDS
  for (let place = (digest[0] ?? 0) % places; ; place = (place + 1) % places) {
    const at = place * WORDS
    if (table[at + WORDS - 1] === 0) return at
    if ([0, 1, 2, 3].every((word) => table[at + word] === digest[word])) return at
  }
}
