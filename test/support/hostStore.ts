/** The store that hosts share. */
import * as Postgres from "../../src/postgres/Postgres.ts"

export const storeAt = (url: string) => Postgres.layer({ url, connections: 6 })
