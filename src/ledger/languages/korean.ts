import type { Language } from "./Language.ts"

export const korean: Language = {
  name: "Korean",
  hasSpaces: false,
  words: {
    common: `
      는|을|를|이|가|지|다|요|하|에|은|의|로|마|해`,
    talk: `
      것 같|모르겠|라고 했|어제|고마워`,
    labels: `
      제약|규칙|요구 사항|중요|주의`,
    always: `
      반드시|절대|항상|언제나|지 마|지마|지 말|지말|면 안 되|면 안되|면 안 돼|면 안 됩|면 안됩|금지|해야|야 합니다|야 한다|야 해|그대로 두|그대로 유지|그대로 놔|기 전에 꼭|기 전에 먼저
      기 전에 물어|기 전에 확인|앞으로는|지금부터|최소 #|최대 #`,
    wishes: `
      만 사용|오직|선호|피해|않도록`,
    takenBack: `
      말한 건 잊어`,
    allowedAgain: `
      다시 해도`,
    reverts: `되돌려 줘|되돌려줘|원래대로 해줘|취소해 줘|되돌려 주세요`,
    forbids: `
      마|말|금지|안`,
    decisions: `
      결정|선택했|사용하기로`
  }
}
