/** Rules of the user, composed from grammars in ten languages. */
import type { Choices, Random } from "../../src/cli/random.ts"
import type { Language } from "./phrasing.ts"

export interface Constraint {
  readonly language: Language
  /** The sentence, word for word. */
  readonly text: string
  /** True if it has a word that says rule, such as "must" or "never"; otherwise only its sense does. */
  readonly isMarked: boolean
}

type Sentence = (folder: string, n: number) => string

interface Grammar {
  readonly language: Language
  readonly marked: Choices<Sentence>
  readonly otherwise: Choices<Sentence>
}

const grammars: Choices<Grammar> = [
  {
    language: "en",
    marked: [
      (f, n) => `Never touch anything under ${f}, not even for ticket ${n}.`,
      (f, n) => `You must ask me before you delete more than ${n} rows from ${f}.`,
      (f) => `Do not log what comes out of ${f}.`,
      (f, n) => `Requests to ${f} should always carry the header X-Trace-${n}.`,
      (f) => `Under no circumstances push to ${f} without a review.`
    ],
    otherwise: [
      (f) => `Leave ${f} alone.`,
      (f) => `Hands off ${f}, please.`,
      (f) => `${f} is off limits.`,
      (f) => `Ask me first before deleting anything in ${f}.`,
      (f, n) => `Keep at least ${n} copies of ${f}.`,
      (f) => `It is not allowed to push to ${f}.`,
      (f) => `Nobody may write to ${f}.`
    ]
  },
  {
    language: "de",
    marked: [
      (f) => `Ändere niemals etwas in ${f} ohne Rückfrage.`,
      (f, n) => `Beträge aus ${f} müssen auf ${n} Stellen gerundet werden.`,
      (f) => `Auf keinen Fall darf ${f} gelöscht werden.`
    ],
    otherwise: [
      (f) => `Lass ${f} in Ruhe.`,
      (f) => `${f} ist tabu.`,
      (f) => `Fass ${f} nicht an.`,
      (f) => `Frag mich zuerst, bevor du ${f} löschst.`,
      (f) => `Es ist nicht erlaubt, ${f} zu löschen.`
    ]
  },
  {
    language: "fr",
    marked: [
      (f) => `Ne modifiez jamais le dossier ${f} sans me demander.`,
      (f, n) => `Il faut garder au moins ${n} copies de ${f}.`,
      (f) => `Vous devez toujours relire ${f} avant de publier.`
    ],
    otherwise: [
      (f) => `Laisse ${f} tel quel.`,
      (f) => `Interdiction de supprimer ${f}.`,
      (f) => `Demande-moi avant de supprimer ${f}.`,
      (f) => `N'efface rien dans ${f}.`
    ]
  },
  {
    language: "es",
    marked: [
      (f) => `Nunca borres nada de ${f} sin mi permiso.`,
      (f, n) => `Siempre hay que dejar ${n} copias de ${f}.`,
      (f) => `No modifiques ${f} bajo ningún concepto.`
    ],
    otherwise: [
      (f) => `Deja ${f} como está.`,
      (f) => `Pregúntame antes de borrar ${f}.`,
      (f) => `No se puede borrar ${f}.`,
      (f) => `No está permitido cambiar ${f}.`
    ]
  },
  {
    language: "pt",
    marked: [
      (f) => `Nunca apague nada em ${f} sem perguntar.`,
      (f, n) => `Sempre deixe ${n} cópias de ${f} no servidor.`,
      (f) => `Não altere ${f} de forma alguma.`
    ],
    otherwise: [
      (f) => `Não mexa em ${f}.`,
      (f) => `Deixe ${f} como está.`,
      (f) => `Pergunte antes de apagar ${f}.`,
      (f) => `É preciso avisar antes de tocar ${f}.`
    ]
  },
  {
    language: "it",
    marked: [
      (f) => `Non devi mai toccare ${f} senza chiedere.`,
      (f, n) => `Bisogna sempre tenere ${n} copie di ${f}.`,
      (f) => `È vietato cancellare ${f} in produzione.`
    ],
    otherwise: [
      (f) => `Lascia ${f} com'è.`,
      (f) => `È proibito cancellare ${f}.`,
      (f) => `Chiedi prima di cancellare ${f}.`,
      (f) => `Non modificate ${f}.`
    ]
  },
  {
    language: "ru",
    marked: [
      (f) => `Никогда не меняй ${f} без вопроса.`,
      (f, n) => `Обязательно оставляй ${n} копий ${f}.`,
      (f) => `Нельзя удалять ${f} в рабочей среде.`
    ],
    otherwise: [
      (f) => `Оставь ${f} как есть.`,
      (f) => `Запрещается удалять ${f}.`,
      (f) => `Спроси меня, прежде чем удалять ${f}.`,
      (f, n) => `Храни не меньше ${n} копий ${f}.`
    ]
  },
  {
    language: "zh",
    marked: [
      (f) => `绝不要修改 ${f} 里的任何文件。`,
      (f, n) => `必须保留 ${f} 的 ${n} 份副本。`,
      (f) => `禁止在生产环境删除 ${f}。`
    ],
    otherwise: [
      (f) => `别动 ${f}。`,
      (f) => `严禁修改 ${f}。`,
      (f) => `删除 ${f} 之前先问我。`,
      (f, n) => `至少保留 ${n} 份 ${f} 的副本。`
    ]
  },
  {
    language: "ja",
    marked: [
      (f) => `${f} は絶対に変更しないでください。`,
      (f, n) => `${f} の控えを必ず ${n} 部残すこと。`,
      (f) => `本番環境で ${f} を削除してはいけません。`
    ],
    otherwise: [
      (f) => `${f} には触らないで。`,
      (f) => `${f} を変更しないこと。`,
      (f) => `${f} を消す前に確認してください。`,
      (f, n) => `${f} の控えを ${n} 部以上残すこと。`
    ]
  },
  {
    language: "ko",
    marked: [
      (f) => `${f} 는 절대 수정하지 마세요.`,
      (f, n) => `${f} 사본을 반드시 ${n} 개 남겨야 합니다.`,
      (f) => `운영 환경에서 ${f} 삭제는 금지입니다.`
    ],
    otherwise: [
      (f) => `${f} 는 건드리지 마.`,
      (f) => `${f} 는 그대로 두세요.`,
      (f) => `${f} 를 지우기 전에 먼저 물어보세요.`,
      (f) => `${f} 는 수정하면 안 됩니다.`
    ]
  }
]

/** `count` rules of a kind, the languages in turn; no two name the same folder. */
export const draw = (random: Random, count: number, isMarked: boolean): ReadonlyArray<Constraint> =>
  Array.from({ length: count }, (_, i) => {
    const { language, marked, otherwise } = grammars[i % grammars.length] ?? grammars[0]
    const folder = `${random.pick(["db", "infra", "billing", "legacy"])}/${random.hex(6)}`
    return { language, isMarked, text: random.pick(isMarked ? marked : otherwise)(folder, random.between(3, 97)) }
  })
