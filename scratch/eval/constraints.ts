/** Rules of the user, composed from grammars in ten languages. */
import type { Choices, Random } from "../../src/cli/demo/random.ts"
import type { Language } from "./phrasing.ts"

export interface Constraint {
  readonly language: Language
  /** The sentence, word for word. */
  readonly text: string
}

interface Grammar {
  readonly language: Language
  readonly rules: Choices<(folder: string, n: number) => string>
}

const grammars: Choices<Grammar> = [
  {
    language: "en",
    rules: [
      (f, n) => `Never touch anything under ${f}, not even for ticket ${n}.`,
      (f, n) => `You must ask me before you delete more than ${n} rows from ${f}.`,
      (f) => `Do not log what comes out of ${f}.`,
      (f, n) => `Requests to ${f} should always carry the header X-Trace-${n}.`,
      (f) => `Under no circumstances push to ${f} without a review.`
    ]
  },
  {
    language: "de",
    rules: [
      (f) => `Ändere niemals etwas in ${f} ohne Rückfrage.`,
      (f, n) => `Beträge aus ${f} müssen auf ${n} Stellen gerundet werden.`,
      (f) => `Auf keinen Fall darf ${f} gelöscht werden.`
    ]
  },
  {
    language: "fr",
    rules: [
      (f) => `Ne modifiez jamais le dossier ${f} sans me demander.`,
      (f, n) => `Il faut garder au moins ${n} copies de ${f}.`,
      (f) => `Vous devez toujours relire ${f} avant de publier.`
    ]
  },
  {
    language: "es",
    rules: [
      (f) => `Nunca borres nada de ${f} sin mi permiso.`,
      (f, n) => `Siempre hay que dejar ${n} copias de ${f}.`,
      (f) => `No modifiques ${f} bajo ningún concepto.`
    ]
  },
  {
    language: "pt",
    rules: [
      (f) => `Nunca apague nada em ${f} sem perguntar.`,
      (f, n) => `Sempre deixe ${n} cópias de ${f} no servidor.`,
      (f) => `Não altere ${f} de forma alguma.`
    ]
  },
  {
    language: "it",
    rules: [
      (f) => `Non devi mai toccare ${f} senza chiedere.`,
      (f, n) => `Bisogna sempre tenere ${n} copie di ${f}.`,
      (f) => `È vietato cancellare ${f} in produzione.`
    ]
  },
  {
    language: "ru",
    rules: [
      (f) => `Никогда не меняй ${f} без вопроса.`,
      (f, n) => `Обязательно оставляй ${n} копий ${f}.`,
      (f) => `Нельзя удалять ${f} в рабочей среде.`
    ]
  },
  {
    language: "zh",
    rules: [
      (f) => `绝不要修改 ${f} 里的任何文件。`,
      (f, n) => `必须保留 ${f} 的 ${n} 份副本。`,
      (f) => `禁止在生产环境删除 ${f}。`
    ]
  },
  {
    language: "ja",
    rules: [
      (f) => `${f} は絶対に変更しないでください。`,
      (f, n) => `${f} の控えを必ず ${n} 部残すこと。`,
      (f) => `本番環境で ${f} を削除してはいけません。`
    ]
  },
  {
    language: "ko",
    rules: [
      (f) => `${f} 는 절대 수정하지 마세요.`,
      (f, n) => `${f} 사본을 반드시 ${n} 개 남겨야 합니다.`,
      (f) => `운영 환경에서 ${f} 삭제는 금지입니다.`
    ]
  }
]

/** `count` rules, the languages in turn; no two are the same sentence. */
export const draw = (random: Random, count: number): ReadonlyArray<Constraint> =>
  Array.from({ length: count }, (_, i) => {
    const { language, rules } = grammars[i % grammars.length] ?? grammars[0]
    const folder = `${random.pick(["db", "infra", "secrets-free", "billing", "legacy"])}/${random.hex(5)}`
    return { language, text: random.pick(rules)(folder, random.between(3, 97)) }
  })

export const languages: ReadonlyArray<Language> = grammars.map(({ language }) => language)
