/**
 * What a language's data file holds: the words by which its speakers set rules, and those by which they only talk. One file
 * a language; a speaker can mend it without reading code.
 *
 * Each field is a list of phrases in lower case, parted by `|` or by a new line. In a phrase, `*` stands for any ending of a
 * word, `…` for a few words, `#` for a number. A phrase begins with a sign of its own, so that few are tried at each place.
 * Phrases match whole words where `hasSpaces`.
 */
export interface RuleWords {
  /** Frequent short words, by which the language of a sentence is told. Not needed without spaces. */
  readonly common: string
  /** Anywhere: nothing in the sentence is a rule. Friends talking, somebody else's words, the past. */
  readonly talk: string
  /** At the start of a clause: skipped, such as "please". */
  readonly lead: string
  /** At the start of a clause: the clause is no rule, though it looks like one, such as "keep in touch". */
  readonly idle: string
  /** At the start of a sentence: what follows is a rule, such as "constraint". */
  readonly labels: string
  /** Anywhere: the sentence is a rule, such as "under no circumstances". */
  readonly always: string
  /** At the start of a clause: the clause is a rule, such as "make sure". */
  readonly orders: string
  /** At the start of a clause: the clause is a wish, which is kept after rules where room is short. */
  readonly wishes: string
  /** At the start of a clause: says that something was wrong, and an order follows, such as "no". */
  readonly corrections: string
  /** At the start of a clause, in front of a verb: it is not to be done, or always. */
  readonly adverbs: string
  /** Verbs as an order has them. */
  readonly verbs: string
  /** Anywhere in a clause that begins with a verb: the order stands for more than once, such as "each time". */
  readonly standing: string
  /** At the start of a clause: says when the order in another clause applies. */
  readonly conditions: string
  /** At the start of a question that is an order. */
  readonly asks: string
  /** Something has to be so. */
  readonly duties: string
  /** The same, so strongly that it is a rule whatever it is about. */
  readonly strongDuties: string
  /** At the start of what has to be so: the sentence only guesses, such as "have been". */
  readonly guesses: string
  /** What an agent works on. That it has to be so is a rule. */
  readonly works: string
  /** Who or what is talked about: that they have to do something is no rule. */
  readonly others: string
  /** At the start of a sentence: it is about each of something. */
  readonly each: string
  /** Verbs of what each of something has. */
  readonly has: string
  /** At the start of a clause without a verb: names what is unwanted or alone wanted. */
  readonly without: string
  /** What may follow those, and is no rule, such as "problem". */
  readonly nothing: string
  /** Anywhere behind those: the clause has a verb after all, and tells how something is. */
  readonly predicates: string
  /** At the start of a clause that follows an order, and says where it must not be done. */
  readonly never: string
  /** At the end of a clause: names what alone is wanted. */
  readonly endings: string
  /** Join two clauses, beside punctuation. */
  readonly joints: string
  /** Anywhere, in front of what it is about: takes a rule back, such as "forget what I said about". */
  readonly takenBack: string
  /** Anywhere: allows what a rule has forbidden, such as "you may … again". */
  readonly allowedAgain: string
  /** At the end of a clause: takes back the order before it, such as "undo that". */
  readonly reverts: string
  /** Anywhere in a rule: it forbids something. */
  readonly forbids: string
  /** Something was decided. */
  readonly decisions: string
}

/** A language, told by its name in English. `hasSpaces` says that spaces part its words. Lists that it lacks are empty. */
export interface Language {
  readonly name: string
  readonly hasSpaces: boolean
  readonly words: Partial<RuleWords>
}
