import type { Language } from "./Language.ts"

export const italian: Language = {
  name: "Italian",
  hasSpaces: true,
  words: {
    common: `
      il|lo|la|i|gli|le|un|una|di|del|della|e|è|non|che|in|nel|per|con|si|mi|ti|ci|io|tu|lui|lei|più|mio|questo
      questa|ogni|sempre|mai|deve|bisogna|senza|prima|quando|da|al|così|com'è|stare|chiedi|lascia`,
    talk: `
      non so|penso che|credo che|ha detto|era|erano|aveva|sono sempre|non ho mai|non è mai|grazie mille
      ti voglio bene`,
    lead: `
      per favore|e|ma|allora|ok|adesso|ora|sì|oh|ciao|anche|poi`,
    idle: `
      non ti preoccupare|non preoccuparti|non importa|non ho|non è|non era|non ricordo|non capisco|nessun problema
      senza dubbio|mai più|mai sentito|mai visto|sempre lo stesso|sempre la stessa`,
    labels: `
      vincolo|regola|regole|requisito|requisiti|importante|condizione|convenzione`,
    always: `
      d'ora in poi|da ora in poi|da adesso in poi|per il resto della sessione|fino a nuovo ordine|in nessun caso
      per nessun motivo|senza eccezioni|in ogni risposta|in tutte le risposte|devi|deve|devo|devono|bisogna|mai
      vietato|proibito|vietata|proibita|non devi|non puoi|non si può|non si deve|lascia … com'è|lascia … così
      lascia … stare|lascia … intatt*|lasciate … com'è|lasciare … com'è|chiedi prima|chiedete prima|chiedere prima
      chiedimi prima|almeno #|al massimo #`,
    orders: `
      mantieni|evita|evitate|usa|usate|smetti di|annulla|ripristina|torna a|assicurati|ricordati di|sii breve
      rispondi|sempre|non *are|non *ere|non *ire|non *ate|non *ete|non *ite`,
    wishes: `
      voglio che|non voglio che|vorrei che|soltanto|solo|preferi*|preferisco`,
    takenBack: `
      dimentica quello che ho detto|la regola … non vale più`,
    allowedAgain: `
      puoi … di nuovo|puoi tornare a`,
    reverts: `annulla questo|annullalo|annulla la modifica|rimetti com'era|torna indietro`,
    forbids: `
      mai|non|viet*|proib*|evita*|lascia*|senza`,
    decisions: `
      deciso|scelto|useremo`
  }
}
