/** Phrases a fact as people say it, in ten languages, and as tools print it. */
import type { Choices, Random } from "../../src/cli/random.ts"
import type { Fact } from "./facts.ts"

export type Language = "en" | "de" | "fr" | "es" | "pt" | "it" | "ru" | "zh" | "ja" | "ko"

/** Attributes that have a name in every language. */
export type Named = "port" | "version" | "hash" | "id" | "path"

interface Phrases {
  readonly language: Language
  readonly names: { readonly [N in Named]: string }
  readonly say: Choices<(entity: string, attribute: string, value: string) => string>
}

const names = (port: string, version: string, hash: string, id: string, path: string): Phrases["names"] => ({
  port,
  version,
  hash,
  id,
  path
})

export const phrases: Choices<Phrases> = [
  {
    language: "en",
    names: names("port", "version", "checksum", "record id", "file"),
    say: [
      (e, a, v) => `The ${a} of the ${e} is ${v}.`,
      (e, a, v) => `For the ${e} we noted as ${a}: ${v}.`,
      (e, a, v) => `By the way, ${v} turned out to be the ${a} for the ${e}.`,
      (e, a, v) => `I checked the ${e}; its ${a} reads ${v}.`
    ]
  },
  {
    language: "de",
    names: names("Port", "Version", "Prüfsumme", "Kennung", "Pfad"),
    say: [(e, a, v) => `Zum ${e} gehört als ${a}: ${v}.`, (e, a, v) => `Beim ${e} ist ${a} gleich ${v}.`]
  },
  {
    language: "fr",
    names: names("port", "version", "empreinte", "identifiant", "chemin"),
    say: [(e, a, v) => `Pour ${e}, voici le champ ${a} : ${v}.`, (e, a, v) => `Côté ${e}, ${a} vaut ${v}.`]
  },
  {
    language: "es",
    names: names("puerto", "versión", "huella", "identificador", "ruta"),
    say: [(e, a, v) => `En ${e}, el campo ${a} vale ${v}.`, (e, a, v) => `Anoto ${a} de ${e}: ${v}.`]
  },
  {
    language: "pt",
    names: names("porta", "versão", "resumo", "identificador", "caminho"),
    say: [(e, a, v) => `Em ${e}, o campo ${a} vale ${v}.`, (e, a, v) => `Anotei ${a} de ${e}: ${v}.`]
  },
  {
    language: "it",
    names: names("porta", "versione", "impronta", "identificativo", "percorso"),
    say: [(e, a, v) => `Per ${e}, il campo ${a} vale ${v}.`, (e, a, v) => `Ho annotato ${a} di ${e}: ${v}.`]
  },
  {
    language: "ru",
    names: names("порт", "версия", "хеш", "идентификатор", "путь"),
    say: [(e, a, v) => `У ${e} ${a}: ${v}.`, (e, a, v) => `Для ${e} записано: ${a} ${v}.`]
  },
  {
    language: "zh",
    names: names("端口", "版本", "哈希", "编号", "路径"),
    say: [(e, a, v) => `${e} 的${a}是 ${v}。`, (e, a, v) => `记录:${e} ${a} ${v}。`]
  },
  {
    language: "ja",
    names: names("ポート", "バージョン", "ハッシュ", "識別番号", "パス"),
    say: [(e, a, v) => `${e} の${a}は ${v} です。`, (e, a, v) => `${e} について、${a}: ${v}。`]
  },
  {
    language: "ko",
    names: names("포트", "버전", "해시", "식별자", "경로"),
    say: [(e, a, v) => `${e} 의 ${a} 값은 ${v} 입니다.`, (e, a, v) => `${e} ${a}: ${v}.`]
  }
]

/** A sentence of the talk that says it. */
export const phraseAsTalk = (random: Random, { attribute, entity, language, value }: Fact): string => {
  const { say } = phrases.find((candidate) => candidate.language === language) ?? phrases[0]
  return random.pick(say)(entity, attribute, value)
}

const printers: Choices<(fact: Fact, random: Random) => string> = [
  ({ attribute, entity, value }, r) => `10:${r.between(10, 59)}:07 INFO ${entity} ${attribute}=${value}`,
  ({ attribute, entity, value }) => `  { "name": "${entity}", "field": "${attribute}", "value": "${value}" },`,
  ({ attribute, entity, value }) => `// ${entity}: ${attribute} ${value}`,
  ({ attribute, entity, value }) => `| ${entity} | ${attribute} | ${value} |`
]

/** A line of a tool's output that says it. */
export const phraseAsOutput = (random: Random, fact: Fact): string => random.pick(printers)(fact, random)
