import type { Language } from "./Language.ts"

export const portuguese: Language = {
  name: "Portuguese",
  hasSpaces: true,
  words: {
    common: `
      o|a|os|as|um|uma|de|do|da|dos|das|e|é|não|que|em|no|na|para|por|com|se|eu|você|ele|ela|mais|meu|minha|este|esta
      cada|sempre|nunca|deve|sem|antes|quando|está|ao|deixe|preciso|favor`,
    talk: `
      não sei|acho que|ele disse|ela disse|era|eram|foi|foram|tinha|estou sempre|sempre foi|nunca vi|nunca ouvi
      obrigad*|kkk`,
    lead: `
      por favor|e|mas|então|ok|agora|sim|oh|olá|também`,
    idle: `
      não se preocupe|não se preocupa|não faz mal|não tem|não há|não foi|não, obrigado|sem problema|sem dúvida
      nunca mais|sempre que precisar|não é|não era|não lembro|não entendo`,
    labels: `
      restrição|regra|regras|requisito|requisitos|importante|condição|convenção`,
    always: `
      a partir de agora|de agora em diante|daqui em diante|pelo resto da sessão|até nova ordem
      sob nenhuma circunstância|em nenhuma circunstância|em hipótese alguma|sem exceção|em todas as respostas
      em cada resposta|deve|deves|devem|tem que|têm que|nunca|sempre|jamais|proibido|proibida|é preciso|é necessário
      é obrigatório|não use*|não faça|não mude|não toque|não mexa|não apague|não remova|não altere|não modifique
      não escreva|não envie|não execute|não crie|não pode|não é permitido|deixe … como está|deixe … como estão
      deixem … como estão|pergunte antes|pergunte-me antes|pergunte primeiro|pelo menos #|no mínimo #|no máximo #`,
    orders: `
      mantenha|evite|use|utilize|pare de|desfaça|reverta|volte a|certifique-se|lembre-se de|seja breve|responda|não`,
    wishes: `
      quero que|não quero que|gostaria que|apenas|somente|prefir*|prefiro`,
    takenBack: `
      esqueça o que eu disse|esquece o que eu disse|a regra … não vale mais`,
    allowedAgain: `
      pode … de novo|você pode voltar a`,
    reverts: `desfaz isso|desfaça isso|desfazer isso|reverte isso|reverta isso|reverter isso|volta como estava`,
    forbids: `
      nunca|não|jamais|evite*|proibid*|sem`,
    decisions: `
      decidimos|decidiu|decidido|decidi|escolh*|vamos usar`
  }
}
