/** Many small values in little memory: they are packed together as they come, and unpacked again when they are read. */
import { deflateRawSync, inflateRawSync } from "node:zlib"

/** Values that are packed together. */
const IN_BLOCK = 128

/** Readers follow lines in their order, so that few blocks have to be open. */
const MOST_OPEN = 4

export class Packed<A> {
  readonly #blocks: Array<Buffer> = []
  /** The blocks that were read last, newest first. A `Map` of them would lead V8 to keep texts of many more alive. */
  #open: ReadonlyArray<{ readonly number: number; readonly values: ReadonlyArray<A> }> = []
  #last: Array<A> = []

  get length(): number {
    return this.#blocks.length * IN_BLOCK + this.#last.length
  }

  /** Returns the index of the value. */
  push(value: A): number {
    if (this.#last.length === IN_BLOCK) {
      // A copy: the buffer of zlib is larger than what is in it.
      this.#blocks.push(Buffer.from(deflateRawSync(JSON.stringify(this.#last), { level: 1 })))
      this.#last = []
    }
    return this.#blocks.length * IN_BLOCK + this.#last.push(value) - 1
  }

  /** A copy of the value, and perhaps the same one as before. */
  get(index: number): A {
    const value = this.#openBlock(Math.floor(index / IN_BLOCK))[index % IN_BLOCK]
    if (value === undefined) throw new RangeError(`no value ${index}`)
    return value
  }

  #openBlock(number: number): ReadonlyArray<A> {
    const open = this.#open.find((block) => block.number === number)
    if (open !== undefined) return open.values
    const block = this.#blocks[number]
    if (block === undefined) return this.#last
    const values: ReadonlyArray<A> = JSON.parse(inflateRawSync(block).toString("utf8"))
    this.#open = [{ number, values }, ...this.#open.slice(0, MOST_OPEN - 1)]
    return values
  }
}
