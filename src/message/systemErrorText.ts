/** The message alone of an operating system's error such as `ENOENT: no such file or directory, open 'x'`. */
export const systemErrorText = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).replace(/^[A-Z]+: ([^,]+), .*$/, "$1")
