import type { Language } from "./Language.ts"

export const japanese: Language = {
  name: "Japanese",
  hasSpaces: false,
  words: {
    common: `
      の|は|を|が|に|で|と|も|て|い|す|さ|る|こ|な|し|だ|ま`,
    talk: `
      と思う|と思います|わからない|と言っていた|昨日`,
    labels: `
      制約|ルール|規則|要件|重要|注意`,
    always: `
      必ず|絶対|なければならな|なければいけな|ないでください|ないでくれ|しないで|触らないで|ないこと|ておくこと|てはいけ|てはなら|てはだめ|常に|いつも|決して|前に必ず確認|前に確認|前に相談|前に聞い|今後は
      これからは|以上残|以下に|以内に`,
    wishes: `
      のみ|だけ|優先|避け`,
    takenBack: `
      言ったことは忘れて`,
    allowedAgain: `
      またしてもいい|もう一度…してもいい`,
    reverts: `元に戻して|取り消して|元に戻してください|さっきのを戻して`,
    forbids: `
      ない|禁止|だめ`,
    decisions: `
      决意|にします|決めました`
  }
}
