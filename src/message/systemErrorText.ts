/** What the operating system says is wrong, without its code and the call: `ENOENT: no such file or directory, open 'x'`. */
export const systemErrorText = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).replace(/^[A-Z]+: ([^,]+), .*$/, "$1")
