/**
 * The words by which people set rules and voice preferences, in ten languages. For text in lower case.
 */

/** Alternatives that stand as words of their own. `\b` knows only Latin letters. */
export const ruleWordsOf = (...alternatives: ReadonlyArray<string>): string =>
  `(?<![\\p{L}\\p{N}_])(?:${alternatives.join("|")})(?![\\p{L}\\p{N}_])`

/** What has to be so, or must not be. */
export const STRICT = new RegExp(
  [
    "(?:^|[,;:–—] ?)no (?!one|need|problem|worries|idea|thanks?|luck|way|matter|more|longer)\\p{L}+(?: \\p{L}+){0,5}!",
    ruleWordsOf(
      "must(?:n['’]?t)?|never|always|do not|don['’]?t|shall not|should(?:n['’]t| not)|may not|cannot|forbidden|under no circumstances|at all costs|required? to|make sure|ensure|stop (?!at\\b|it\\b)\\p{L}+ing",
      "not (?:be )?(?:allowed|permitted)|prohibited|off[- ]limits|hands off|(?:nobody|no one) (?:may|should|can|is)|refrain from|stay away from",
      "(?:leave|keep) [^.!?]{1,60} (?:alone|untouched|unchanged|intact|as (?:it|they) (?:is|are)|as is)|ask (?:me|us) (?:first|before)",
      "(?:keep|use|allow|write|take|wait|send|have|with|for|than) (?:at least|at most|no (?:more|fewer|less) than|not more than) \\p{N}+",
      "muss|müssen|musst|niemals|nie|immer|auf keinen fall|darf(?:st)?|dürfen|unbedingt|verboten|(?:bitte|verwende|nutze|benutze|schreibe?|mache?) (?:\\p{L}+ )?(?:nicht|keine?n?)|nicht (?:\\p{L}+en|an|ab|auf|aus|ein|um|mit|vor|zu|weg)(?=[.!]|$)",
      "tabu|untersagt|nicht (?:erlaubt|gestattet|zulässig)|lass(?:t|en sie)? [^.!?]{1,60} (?:in ruhe|unverändert|wie (?:es|sie|er) (?:ist|sind))|frage?t? (?:mich|uns) (?:zuerst|vorher|erst|bevor)|(?:mindestens|höchstens) \\p{N}+",
      "doi(?:s|t|vent|vez)|devez|il faut|jamais|toujours|interdite?|interdiction|défense de|défendu|obligatoire(?:ment)?|n['’]\\p{L}+ (?:pas|rien|plus)|ne \\p{L}+ (?:pas|jamais|rien|plus)",
      "laisse[zr]? [^.!?]{1,60} (?:tel(?:le)?s? quel(?:le)?s?|comme c['’]est|tranquille|intacte?s?)|demande[rz]?[- ](?:moi|nous) (?:d['’]abord|avant)|au (?:moins|plus) \\p{N}+",
      "debe[ns]?|hay que|nunca|siempre|jamás|prohibido|obligatorio|no (?:uses?|hagas?|cambies?|toques?|borres?|escribas?|modifiques?|olvides?|envíes?|ejecutes?|añadas?|pongas?|puede[ns]?|se (?:puede|debe|permite)n?|está permitido)",
      "deja(?:d|r|lo)? [^.!?]{1,60} (?:como está[ns]?|en paz|intact[oa]s?)|pregúnta(?:me|nos) (?:antes|primero)|(?:al menos|como (?:mínimo|máximo)) \\p{N}+",
      "deve[mr]?|devem|tem que|nunca|sempre|jamais|proibid[oa]|é (?:preciso|necessário|obrigatório)|não (?:use[mn]?|faça|mude|toque|mexa|apague|remova|altere|modifique|escreva|envie|execute|crie|pode|é permitido)",
      "deixe?m? [^.!?]{1,60} como (?:está|estão)|pergunte(?:-me)? (?:antes|primeiro)|(?:pelo menos|no (?:mínimo|máximo)) \\p{N}+",
      "dev[eio]|devono|bisogna|mai|vietato|proibito|non (?:\\p{L}+[aei]re|\\p{L}+[aei]te|devi|deve|puoi|si (?:può|deve))",
      "lascia(?:te|re)? [^.!?]{1,60} (?:com['’](?:è|era)|così|stare|intatt[oaie])|chied(?:i|ete|ere|imi) prima|(?:almeno|al massimo) \\p{N}+",
      "должн[аоы]?|должен|нельзя|никогда|всегда|обязательно|запрещ\\p{L}+|не (?:надо|нужно|\\p{L}+(?:й|йте|и|ите|ь|ьте))",
      "остав\\p{L}+ [^.!?]{1,60} как есть|спрос\\p{L}+ (?:меня|нас|сначала|прежде)|не (?:меньше|менее|больше|более) \\p{N}+"
    ),
    "必须|必須|不得|不要|不能|不可|不许|不准|不允许|禁止|严禁|嚴禁|务必|務必|绝不|絕不|永远|永遠|始终|总是|總是|一定要|请勿|請勿|别(?:动|碰|改|删|用|再|把)|先问|先問|(?:至少|最多|不超过)[^。]{0,6}\\p{N}",
    "必ず|絶対|なければならな|なければいけな|ないで(?:ください|くれ|[。！!]|$)|しないで|ないこと|ておくこと|てはいけ|てはなら|てはだめ|常に|いつも|決して|前に(?:必ず)?(?:確認|相談|聞い)|\\p{N}+[^。]{0,4}(?:以上|以下|以内)",
    "반드시|절대|항상|언제나|지 ?마|지 ?말|면 안 ?[되돼됩]|금지|해야|야 (?:합니다|한다|해)|그대로 (?:두|유지|놔)|기 전에 (?:꼭 )?(?:먼저 )?(?:물어|확인)|(?:최소|최대) \\p{N}"
  ].join("|"),
  "mu"
)

/** What somebody would rather have. */
export const MILD = new RegExp(
  [
    ruleWordsOf(
      "(?<!(?:there(?:['’]s| is| are)|['’]s|\\b(?:if|and|which|that|it|has|had|was|were)) )only(?! (?:an?|one|two|\\d))|prefer(?:s|red|ably|ence)?|avoid|rather than|no need (?:for|to)|i['’]d rather",
      "nur|bevorzug\\p{L}*|lieber|vermeide\\p{L}*|stattdessen",
      "uniquement|seulement|préf[éè]r\\p{L}*|évite[rz]?",
      "s[oó]lo|solamente|únicamente|prefier\\p{L}*|evita\\p{L}*",
      "apenas|somente|prefir\\p{L}*|evite\\p{L}*",
      "soltanto|preferi\\p{L}*",
      "только|предпочит\\p{L}*|избега\\p{L}*|лучше"
    ),
    "只能|只用|只需|优先|優先|避免|尽量|盡量|最好",
    "のみ|だけ|優先|避け|ほうがいい|方がいい",
    "만 사용|오직|선호|피해|않도록"
  ].join("|"),
  "u"
)

/** Sentences with the words of a rule that set none: what somebody does not know. */
export const IDLE =
  /\b(?:i|we|you|they|it) (?:do not|don['’]?t|cannot|can['’]?t) (?:know|t?h?ink|tink|understand|see|remember|recall|get|have|mind|care|believe)\b|^(?:don['’]t worry|never ?mind|of course not|why (?:not|don['’]t))|\bmust have \w+(?:ed|en|t)\b|\bnot sure\b|\bich weiß nicht\b|\bje ne sais pas\b|\bno sé\b|\bnão sei\b|\bnon so\b/i
