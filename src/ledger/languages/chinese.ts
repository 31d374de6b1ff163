import type { Language } from "./Language.ts"

export const chinese: Language = {
  name: "Chinese",
  hasSpaces: false,
  words: {
    common: `
      的|是|了|在|我|你|不|这|請|请|先|要|里|份`,
    talk: `
      我觉得|我不知道|他说|她说|昨天|谢谢你`,
    labels: `
      约束|規則|规则|要求|重要|注意`,
    always: `
      必须|必須|不得|不要|不能|不可|不许|不准|不允许|禁止|严禁|嚴禁|务必|務必|绝不|絕不|永远|永遠|始终|总是|總是|一定要|请勿|請勿|别动|别碰|别改|别删|别用|别再|别把|先问|先問|从现在起|從現在起
      从现在开始|以后都|至少…#|最多…#|不超过…#`,
    wishes: `
      只能|只用|只需|优先|優先|避免|尽量|盡量|最好`,
    takenBack: `
      忘了我说的|忘掉我说的`,
    allowedAgain: `
      又可以|可以再`,
    reverts: `撤销这个|撤销刚才|撤回这个|还原回去|改回去|恢复原样|取消刚才的`,
    forbids: `
      不|别|勿|禁|严禁`,
    decisions: `
      决定|決定|选择了|採用|采用`
  }
}
