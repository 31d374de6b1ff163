/**
 * Ids as one segment of the path of a URL. `encodeURIComponent` leaves `.` and `..` as they are, and whatever reads a URL
 * takes such segments out of it, percent-encoded ones too. So these two get a `~` before them, and so does what looks like
 * one of them with tildes before it: no two ids are the same segment.
 */
const DOTS = /^~*\.{1,2}$/
const MARKED_DOTS = /^~+\.{1,2}$/

/** Writes an id for a path. */
export const writeSegment = (id: string): string => (DOTS.test(id) ? `~${id}` : encodeURIComponent(id))

/** Reads an id from a segment that is percent-decoded already. */
export const readSegment = (segment: string): string => (MARKED_DOTS.test(segment) ? segment.slice(1) : segment)
