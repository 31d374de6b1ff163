import type { Language } from "./Language.ts"

export const spanish: Language = {
  name: "Spanish",
  hasSpaces: true,
  words: {
    common: `
      el|la|los|las|un|una|de|del|y|es|no|que|en|por|para|con|al|se|lo|me|te|su|sus|mi|tu|yo|ella|usted|siempre|nunca|más|si|sí
      este|esta|ese|eso|cada|todo|todos|todas|favor|hay|debe|ya|muy|a|sin|solo|sólo|bajo|ahora|antes|cuando|desde|hasta|sé|usa
      está|estoy|haz|hagas|deja|ninguna|ningún`,
    talk: `
      jaja|creo que|pienso que|espero que|me parece|se me olvida|no sé|no entiendo|no recuerdo|habría|me dijo|dijo que|dicen que|dice que
      según|el manual|era|eran|fue|fueron|íbamos|había|tenía|nunca ha|nunca han|nunca me|nunca tuvimos|nunca tuve|nunca lo|debió|haberse
      haber sido|ayer|el año pasado|la semana pasada|te quiero|para ti|suerte|besos|un beso|mi jefe|mi hermana|mi hermano|el médico|debe de
      debes de|me pongo|contármelo|hay que decir|hay que ver|olvida lo que dije|nos quedamos|me devuelvan|estoy aquí|no me lo
      la verdad
      esa noche|aquella noche|ese día|aquel día|aquella tarde|érase una vez|había una vez|de una vez|no hay nada que hacer|no hay manera|dormiríamos|estaríamos|seríamos|no hay quien|por el amor de dios
      te oye|nos oye|os oye|te van a oír
      ya no se puede|aquí ya
      es mía|es mío|es suya|queridos oyentes|queridos amigos|queridos lectores|debe ser genial|debe ser bonito|debe ser duro|varias veces antes|el alfil|es el cumple
      dicen|qué fastidio|qué lástima|qué pena|pero no devuelve|pero no hace|pero no funciona|lo intenté|decía que|decían que|esta noche|todavía ese|todavía esa|todavía el|todavía la|todavía esos
      que quieras|como quieras|lo que quieras`,
    lead: `
      por favor|y|pero|entonces|pues|así que|vale|ok|bueno|ahora|sí|oh|ah|oye|hola|también|además|como dije|recuerda que|en general|por defecto
      si es posible|gracias
      en este proyecto|en esta conversación|en este chat`,
    idle: `
      sin problema*|sin duda|sin querer|sin más|sin novedad|ni idea|ni hablar|nada nuevo|nada ha|nada más|nada que|nada grave|nada de eso
      nunca en la|nunca más|nunca he|nunca es|nunca se|nunca lleva|siempre la|siempre el|siempre es|siempre lo|siempre estoy|siempre igual
      siempre he|solo quedaban|solo era|solo quería|solo dos|solo una|solo un|solo si|solo porque|no te preocupes|no se preocupe|no pasa
      no puede ser|no puedo|no hay|no como|no bebo|no quiero volver|no he|no entiendo|no fue|no, no|no olvides que te|no te rindas|no tengo|no es
      no era|no está|no estoy|no creo|no me|no importa|no gracias|no lo|no sé|no te olvides de mí|no seas|no llores|no tienes que
      mantente|cuídate|ten cuidado|ten paciencia|deja de reír|deja que te|para, que|piensa en mí|sigue así|todavía no|tengo que|tienes que contar
      sigue sin|sigue
      ni una palabra|ni un|ni una lágrima|no grites|no tiembles|no corras|no te vayas|no se vaya|no te mueras|no te muevas|no mires|no me mires|no me toques
      no me dejes|no me cuentes|no rías|no te rías|no duermas|deja de gritar|deja de llorar|deja de roncar|deja de quejarte|deje de gritar|deje de llorar|deja ya|deje ya|dejen ya
      déjame|déjeme|solo me|solo te|solo le|solo se|solo nos|sólo me|sólo se|sólo le|ningún rastro|ninguna esperanza|ninguna señal
      nunca come|nunca habla|nunca ríe|nunca sale|nunca llega|nunca bebe|nunca duerme|nunca viene|nunca dice|nunca sabe|nunca quiere|nunca puede|nunca va|nunca está|nunca pasa
      nunca habría|jamás come|jamás habla|jamás ríe|jamás sale|jamás llega|jamás bebe|jamás duerme|jamás viene|jamás dice|jamás sabe|jamás quiere|jamás habría
      siempre llega|siempre canta|siempre viste|siempre duerme|siempre come|siempre está|siempre dice|siempre hay alguien|siempre hay algo|siempre quiere|siempre viene|siempre sale|siempre va
      sin spoilers|sin trampas|sin mirar|solo # noches|solo # días|siempre contesta con|no te olvides, el|no te olvides, mañana`,
    labels: `
      restricción|restricciones|regla|reglas|nueva regla|norma|normas|requisito|requisitos|importante|condición|condiciones|convención|nota|aviso`,
    always: `
      a partir de ahora|de ahora en adelante, cada|de ahora en adelante usa|en adelante, sin|en adelante sin|desde ahora|durante el resto de|hasta nuevo aviso
      por el resto de la sesión|en todas tus respuestas|en cada respuesta|en ningún caso se|en ningún caso debes|bajo ninguna circunstancia|bajo ningún concepto
      sin excepción|está prohibido|queda prohibido|prohibido|no se puede|no se debe|no está permitido|no se permite|salvo que diga|a menos que yo
      como está|como están|deja * en paz|deja * * en paz|intacto|intacta|pregúntame antes|pregúntame primero|antes de borrar|al menos #|como mínimo #|como máximo #|no más de #
      como máximo|por debajo de #|fuera de límites|de ahora en adelante no
      a partir de hoy|desde hoy|a partir de mañana
      hasta que yo lo diga|hasta que lo diga|solo de lectura|pídeme permiso|mi visto bueno|en este proyecto seguimos|en este proyecto usamos|en este proyecto escribimos|las manos fuera|manos fuera|diga lo que diga|aunque la fuente|así trabajamos aquí|de aquí en adelante|en tu primera|en tu respuesta|en tus respuestas`,
    orders: `
      mantén|mantenga|conserva|conserve|deja de|deje de|deja el|deja la|deja los|deja las|deja *|evita|evite|usa
      use|utiliza|utilice|respeta|respete|limítate|asegúrate|asegúrese|recuerda|recuerde|ten en cuenta
      tenga en cuenta|procura|procure|trata de usted|trate|tutéame|tutéa*|llámame|responde|responda|habla|hable
      escribe en|escriba en|deshaz|deshaga|revierte|revierta|vuelve a|restaura|sé breve|sé|sea|espera a|espera mi
      espere|ignora|ignore|considera|modifica únicamente|modifica solo|pregúntame|pregúnteme|consúltame|consúlteme
      consulta conmigo|nada de|se acabó|basta de|hay que|no debe|no debes|no puedes
      no debería|no deberías|no hagas|no haga|no toques|no toque|no cambies|no cambie|no borres|no borre
      no escribas|no modifiques|no uses|no use|no menciones|no mencione|no olvides|no olvide|no envíes|no ejecutes
      no añadas|no pongas|no digas|no des|no inventes|no repitas|no respondas|no empieces|no termines|no publiques
      no subas|no elimines|no agregues|no muevas|no incluyas|no reveles|no ofrezcas|no instales|no adivines
      no preguntes|no abras|no cierres|no rompas|no confirmes|no reserves|ponga|pon siempre|cita siempre
      tienes que usar|debes usar|debes|debe usar|jamás|nunca|siempre hay que|siempre debes|siempre debe
      trata siempre|contesta solo|contesta sólo|contesta siempre
      no me llames|no me tutees|propón solo|propón siempre|no vuelvas a
      ahórrame|ahórreme
      no lo toques|no la toques|no los toques|no las toques|no lo cambies|no la cambies
      cíñete|cíñase`,
    wishes: `
      quiero que|no quiero que|no quiero ver|no quiero ningún*|quisiera que|me gustaría que|prefiero|preferimos|preferiría|necesito que|es importante que|queremos que|mi preferencia
      solo quiero
      quiero todas|quiero todos|quiero cada|queremos todas|queremos todos`,
    corrections: `no|mal|incorrecto|que no|así no|no no`,
    adverbs: `nunca|siempre|jamás|solo|sólo|únicamente|exclusivamente|solamente`,
    verbs: `
      escribe|haz|haga|da|dame|muestra|muéstra*|ejecuta|resume|traduce|añade|agrega|borra|elimina|modifica|modifique|cambia|pon|ponga|usa|use|uses|hagas|utiliza|toma
      di|dime|explica|pregunta*|corrige|verifica|comprueba|prueba|crea|renombra|mueve|envía|busca|responde|responda|habla|sigue|deja|avisa*|redondea|ordena|lista|reserva
      propone|indica|firma|copia|instala|abre|cierra|lee|espera|compara|calcula|actualiza|cita|cites|toques|menciones|borres|cambies|escribas|envíes|ofrece|saluda|confirma
      pasa|pásal*|pásame|pide|pídel*|dile*|dale|reemplaza|cuenta|describe|termina|empieza|guarda|redacta|publica|elige|aplica|justifica|contesta*|trata
      propón|avísa*|revis*|corrige*|prepara|manda|mándame
      numera*|dame|deme|marca*|apúntalo|anótalo|haz
      espera*|dilo|enséñame|muéstrame`,
    standing: `
      siempre|cada|cada vez|en todas partes|nunca|solo|sólo|únicamente|sin|en lugar de|en vez de|hasta que|a menos que|todos los|todas las|primero|como máximo|como mínimo
      antes de|antes de cada|después de cada|solamente|exclusivamente|en español|en inglés|nada
      para que yo|para que conteste|para que pueda|antes que|en vez de|diga lo que`,
    conditions: `
      si|cuando|antes de|antes de cada|después de|en cuanto|mientras|cada vez que|siempre que|para cada|en cada|hasta que|en lugar de|en vez de|salvo|de ahora en adelante
      terminado|terminada|una vez|antes de cualquier|antes de cada`,
    asks: `puedes|podrías|puede|podría|quieres|me puedes|por favor`,
    duties: `
      debe|deben|no debe|no deben|debería|deberían|tiene que|tienen que|no puede|no pueden|va en|van en|va junto|van junto|queda|quedan|se queda|son siempre|es siempre|ha de`,
    strongDuties: `no debe|no deben|debe siempre|deben siempre|nunca debe|nunca deben|no puede|no pueden`,
    guesses: `
      funcionar|bastar|llegar|ser la caché|ser el|volver|estar|haber|tener|ser fácil|ser bonito|llamar|vernos|avisar|dejar sus|ser verdad|mañana|tener más|ser una`,
    works: `
      respuesta*|mensaje*|correo*|carta*|borrador*|texto*|resumen|capítulo*|título*|párrafo*|frase*|tabla*|fuente*|informe*|nombre*|función|funciones|archivo*|carpeta*
      prueba*|commit*|rama*|error*|comentario*|código|letra*|color*|botón|botones|página*|imagen*|logo|formulario*|número*|cifra*|importe*|precio*|presupuesto|coste*|fecha*
      lista*|receta*|cita*|factura*|contrato*|cláusula*|cliente*|usuario*|valor*|versión|unidad*|tono|nota*
      interfaz|esquema*|módulo*|api|medida*|cantidad*|peso*|temperatura*|paciente*|base de datos|fichero*
      ficha*|cuestionario*|pregunta*|ejercicio*|plano|planos|dibujo*|alumno*`,
    others: `
      yo|él|ella|eso|esto|ese|esta|tú|ellos|ellas|nosotros|mi|mis|su|sus|nuestro|los niños|la gente|los visitantes|el inquilino|el servidor|la prueba|todos|nadie|el médico|ya`,
    each: `cada|todos|todas|todo|toda|ningún|ninguna`,
    has: `
      debe|deben|necesita|necesitan|recibe|lleva|llevan|termina|empieza|contiene|tiene que|tienen que|va|van
      en gramos|en kilos|en litros|en metros|en kilómetros|en euros|en celsius|en grados
      usar|tener`,
    without: `nada de|sin|ningún|ninguna|solo|sólo|solamente|únicamente|ni`,
    nothing: `problema*|duda|idea|querer|embargo|más|eso|quedan|quedaban|era|es|quería|dos|tres|un|una|si|porque|él|ella|ti|mí|hablar|siquiera|he|son`,
    predicates: `no tiene|no es|no hay|no se|no hace|es menos|no me|no te|hacen eso|piden eso|dicen eso|creen eso|comen eso|quieren eso|compran eso|es|está|están|son|era|fue|hay`,
    never: `nunca|jamás`,
    endings: `
      solamente|únicamente|nada más|prohibido`,
    joints: `y|pero|porque|sino|así que`,
    takenBack: `
      olvida lo que dije|olvide lo que dije|olvida la regla|la regla … ya no vale|retiro lo que dije`,
    allowedAgain: `
      puedes … otra vez|puede … otra vez|puedes volver a|puede volver a|vuelve a estar permitido|ya se puede`,
    reverts: `deshaz eso|deshaz esto|deshacer eso|revierte eso|revierte esto|revertir eso|vuelve atrás|déjalo como estaba|dejarlo como estaba`,
    forbids: `
      nunca|no|nada|jamás|evita*|evite*|deja de|deja*|sin|prohibido|ningún*`,
    decisions: `decidido|decidimos|decidió|decidí|elegi*|usaremos|vamos a usar`
  }
}
