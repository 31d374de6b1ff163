/**
 * Words by which people set rules, express preferences and decide, by language. To mend a language, add a line, or a word
 * between two `|`.
 *
 * Each text is a part of a regular expression (flag `u`) and is matched against text in lower case. In languages that
 * put spaces between words it matches whole words only.
 */

/** The end of a word, if it has more letters. */
const ENDING = "\\p{L}*"
const WORD = "\\p{L}+"
const NUMBER = "\\p{N}+"
/** A few words within one sentence. */
const SOMETHING = "[^.!?]{1,60}"

interface Language {
  readonly name: string
  readonly hasSpaces: boolean
  /** Something must be so, or must not be. */
  readonly rules: ReadonlyArray<string>
  /** Something would be better. */
  readonly preferences: ReadonlyArray<string>
  readonly decisions: ReadonlyArray<string>
  /** Words of a rule in sentences that set none, such as those about what somebody does not know. */
  readonly idle?: ReadonlyArray<string>
}

const LANGUAGES: ReadonlyArray<Language> = [
  {
    name: "English",
    hasSpaces: true,
    rules: [
      "must(?:n['’]?t)?|never|always|do not|don['’]?t|shall not|should(?:n['’]t| not)|may not|cannot",
      "forbidden|prohibited|not (?:be )?(?:allowed|permitted)|off[- ]limits|hands off",
      "under no circumstances|at all costs|required? to|make sure|ensure",
      `stop (?!at\\b|it\\b)${WORD}ing`,
      "(?:nobody|no one) (?:may|should|can|is)|refrain from|stay away from",
      `(?:leave|keep) ${SOMETHING} (?:alone|untouched|unchanged|intact|as (?:it|they) (?:is|are)|as is)`,
      "ask (?:me|us) (?:first|before)",
      `(?:keep|use|allow|write|take|wait|send|have|with|for|than) (?:at least|at most) ${NUMBER}`,
      `(?:keep|use|allow|write|take|wait|send|have|with|for|than) (?:no (?:more|fewer|less) than|not more than) ${NUMBER}`
    ],
    preferences: [
      "(?<!(?:there(?:['’]s| is| are)|['’]s|\\b(?:if|and|which|that|it|has|had|was|were)) )only(?! (?:an?|one|two|\\d))",
      "prefer(?:s|red|ably|ence)?|avoid|rather than|no need (?:for|to)|i['’]d rather"
    ],
    decisions: [
      "decided|decision|agreed|settled on|opted|(?:i|we) ch(?:o|oo)se",
      "we(?:['’]ll| will) (?:use|go with|keep)|let['’]?s (?:use|go with|keep|stick)|go(?:ing)? with"
    ],
    idle: [
      "(?:i|we|you|they|it) (?:do not|don['’]?t|cannot|can['’]?t) (?:know|t?h?ink|tink|understand|see|remember|recall)",
      "(?:i|we|you|they|it) (?:do not|don['’]?t|cannot|can['’]?t) (?:get|have|mind|care|believe)",
      "must have \\w+(?:ed|en|t)|not sure"
    ]
  },
  {
    name: "German",
    hasSpaces: true,
    rules: [
      "muss|müssen|musst|niemals|nie|immer|auf keinen fall|darf(?:st)?|dürfen|unbedingt",
      "verboten|tabu|untersagt|nicht (?:erlaubt|gestattet|zulässig)",
      `(?:bitte|verwende|nutze|benutze|schreibe?|mache?) (?:${WORD} )?(?:nicht|keine?n?)`,
      `nicht (?:${WORD}en|an|ab|auf|aus|ein|um|mit|vor|zu|weg)(?=[.!]|$)`,
      `lass(?:t|en sie)? ${SOMETHING} (?:in ruhe|unverändert|wie (?:es|sie|er) (?:ist|sind))`,
      "frage?t? (?:mich|uns) (?:zuerst|vorher|erst|bevor)",
      `(?:mindestens|höchstens) ${NUMBER}`
    ],
    preferences: [`nur|bevorzug${ENDING}|lieber|vermeide${ENDING}|stattdessen`],
    decisions: ["entschieden|beschlossen|wir (?:nehmen|verwenden|bleiben)"],
    idle: ["ich weiß nicht"]
  },
  {
    name: "French",
    hasSpaces: true,
    rules: [
      "doi(?:s|t|vent|vez)|devez|il faut|jamais|toujours|obligatoire(?:ment)?",
      "interdite?|interdiction|défense de|défendu",
      `n['’]${WORD} (?:pas|rien|plus)|ne ${WORD} (?:pas|jamais|rien|plus)`,
      `laisse[zr]? ${SOMETHING} (?:tel(?:le)?s? quel(?:le)?s?|comme c['’]est|tranquille|intacte?s?)`,
      "demande[rz]?[- ](?:moi|nous) (?:d['’]abord|avant)",
      `au (?:moins|plus) ${NUMBER}`
    ],
    preferences: [`uniquement|seulement|préf[éè]r${ENDING}|évite[rz]?`],
    decisions: ["décidé|on garde|choisi|nous allons utiliser"],
    idle: ["je ne sais pas"]
  },
  {
    name: "Spanish",
    hasSpaces: true,
    rules: [
      "debe[ns]?|hay que|nunca|siempre|jamás|prohibido|obligatorio",
      "no (?:uses?|hagas?|cambies?|toques?|borres?|escribas?|modifiques?|olvides?|envíes?|ejecutes?|añadas?|pongas?)",
      "no (?:puede[ns]?|se (?:puede|debe|permite)n?|está permitido)",
      `deja(?:d|r|lo)? ${SOMETHING} (?:como está[ns]?|en paz|intact[oa]s?)`,
      "pregúnta(?:me|nos) (?:antes|primero)",
      `(?:al menos|como (?:mínimo|máximo)) ${NUMBER}`
    ],
    preferences: [`s[oó]lo|solamente|únicamente|prefier${ENDING}|evita${ENDING}`],
    decisions: [`decid(?:ido|imos|ió|í)|elegi${ENDING}|usaremos|vamos a usar`],
    idle: ["no sé"]
  },
  {
    name: "Portuguese",
    hasSpaces: true,
    rules: [
      "deve[mr]?|devem|tem que|nunca|sempre|jamais|proibid[oa]|é (?:preciso|necessário|obrigatório)",
      "não (?:use[mn]?|faça|mude|toque|mexa|apague|remova|altere|modifique|escreva|envie|execute|crie)",
      "não (?:pode|é permitido)",
      `deixe?m? ${SOMETHING} como (?:está|estão)`,
      "pergunte(?:-me)? (?:antes|primeiro)",
      `(?:pelo menos|no (?:mínimo|máximo)) ${NUMBER}`
    ],
    preferences: [`apenas|somente|prefir${ENDING}|evite${ENDING}`],
    decisions: [`decidi(?:mos|u|do)?|escolh${ENDING}|vamos usar`],
    idle: ["não sei"]
  },
  {
    name: "Italian",
    hasSpaces: true,
    rules: [
      "dev[eio]|devono|bisogna|mai|vietato|proibito",
      `non (?:${WORD}[aei]re|${WORD}[aei]te|devi|deve|puoi|si (?:può|deve))`,
      `lascia(?:te|re)? ${SOMETHING} (?:com['’](?:è|era)|così|stare|intatt[oaie])`,
      "chied(?:i|ete|ere|imi) prima",
      `(?:almeno|al massimo) ${NUMBER}`
    ],
    preferences: [`soltanto|preferi${ENDING}`],
    decisions: ["deciso|scelto|useremo"],
    idle: ["non so"]
  },
  {
    name: "Russian",
    hasSpaces: true,
    rules: [
      `должн[аоы]?|должен|нельзя|никогда|всегда|обязательно|запрещ${WORD}`,
      `не (?:надо|нужно|${WORD}(?:й|йте|и|ите|ь|ьте))`,
      `остав${WORD} ${SOMETHING} как есть`,
      `спрос${WORD} (?:меня|нас|сначала|прежде)`,
      `не (?:меньше|менее|больше|более) ${NUMBER}`
    ],
    preferences: [`только|предпочит${ENDING}|избега${ENDING}|лучше`],
    decisions: ["решил[аи]?|выбрал[аи]?|будем использовать"]
  },
  {
    name: "Chinese",
    hasSpaces: false,
    rules: [
      "必须|必須|不得|不要|不能|不可|不许|不准|不允许|禁止|严禁|嚴禁|务必|務必|绝不|絕不",
      "永远|永遠|始终|总是|總是|一定要|请勿|請勿|别(?:动|碰|改|删|用|再|把)|先问|先問",
      "(?:至少|最多|不超过)[^。]{0,6}\\p{N}"
    ],
    preferences: ["只能|只用|只需|优先|優先|避免|尽量|盡量|最好"],
    decisions: ["决定|決定|选择了|採用|采用"]
  },
  {
    name: "Japanese",
    hasSpaces: false,
    rules: [
      "必ず|絶対|なければならな|なければいけな|ないで(?:ください|くれ|[。！!]|$)|しないで|ないこと|ておくこと",
      "てはいけ|てはなら|てはだめ|常に|いつも|決して|前に(?:必ず)?(?:確認|相談|聞い)",
      `(?<!\\p{N})${NUMBER}[^。]{0,4}(?:以上|以下|以内)`
    ],
    preferences: ["のみ|だけ|優先|避け|ほうがいい|方がいい"],
    decisions: ["决意|にします|決めました"]
  },
  {
    name: "Korean",
    hasSpaces: false,
    rules: [
      "반드시|절대|항상|언제나|지 ?마|지 ?말|면 안 ?[되돼됩]|금지|해야|야 (?:합니다|한다|해)",
      "그대로 (?:두|유지|놔)|기 전에 (?:꼭 )?(?:먼저 )?(?:물어|확인)",
      "(?:최소|최대) \\p{N}"
    ],
    preferences: ["만 사용|오직|선호|피해|않도록"],
    decisions: ["결정|선택했|사용하기로"]
  }
]

/** Matches the alternatives as whole words. `\b` would know Latin letters only. */
const matchWords = (alternatives: ReadonlyArray<string>): string =>
  `(?<![\\p{L}\\p{N}_])(?:${alternatives.join("|")})(?![\\p{L}\\p{N}_])`

const matchAnyOf = (
  field: "rules" | "preferences" | "decisions" | "idle",
  flags: string,
  others: ReadonlyArray<string> = []
): RegExp => {
  const wordsOf = (hasSpaces: boolean) =>
    LANGUAGES.filter((language) => language.hasSpaces === hasSpaces).flatMap((language) => language[field] ?? [])
  return new RegExp([...others, matchWords(wordsOf(true)), ...wordsOf(false)].join("|"), flags)
}

/** "No new dependencies!", but not "no problem!". */
const NO_SUCH_THING =
  "(?:^|[,;:–—] ?)no (?!one|need|problem|worries|idea|thanks?|luck|way|matter|more|longer)\\p{L}+(?: \\p{L}+){0,5}!"

/** Matches sentences that set a rule. */
export const RULE = matchAnyOf("rules", "mu", [NO_SUCH_THING])

/** Matches sentences that express a preference. */
export const PREFERENCE = matchAnyOf("preferences", "u")

/** Matches sentences that say what was decided. */
export const DECISION = matchAnyOf("decisions", "u")

/** Matches sentences that have the words of a rule and set none. */
export const IDLE = matchAnyOf("idle", "iu", ["^(?:don['’]t worry|never ?mind|of course not|why (?:not|don['’]t))"])
