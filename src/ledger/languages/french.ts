import type { Language } from "./Language.ts"

export const french: Language = {
  name: "French",
  hasSpaces: true,
  words: {
    common: `
      le|la|les|un|une|des|du|de|et|est|pas|ne|je|tu|il|elle|on|nous|vous|que|qui|pour|dans|sur|avec|au|aux|en|ce|ça|cette
      plus|toujours|jamais|s'il|plaît|mon|ma|mes|ton|ta|tes|à|sous|oui|non|moi|toi|bien|tout|tous|chaque|soit|sois|été|y|d'une
      d'un|tutoie-moi|l'|n'|annule|garde|évite|arrête`,
    talk: `
      haha|lol|mdr|je crois|je pense|j'espère|j'oublie|je n'aurais|aurait|auraient|je ne sais pas|je ne comprends|a dit|m'a dit
      ont dit|dit de|selon|d'après|la notice|était|étaient|avait|avaient|allait|devait|n'a jamais|n'ont jamais|n'avez jamais
      avez jamais|a dû|ont dû|hier|l'an dernier|la semaine dernière|je t'aime|t'aime|pour toi|bonne chance|embrasse|mon chef
      ma sœur|mon frère|le médecin|dois-je|est-ce que|tu dois être|rougir|faut dire|faut que je te|oublie ce que
      on n'a jamais|on n'arrête
      cette nuit-là|ce soir-là|ce jour-là|cette année-là|en ce temps-là|il était une fois|c'est foutu|c'est fichu|c'est perdu|on dormirait|on serait|à la fin!|à la fin !|bon sang|pour l'amour du ciel
      il doit avoir|elle doit avoir|tu dois avoir|ça doit avoir|vous devez avoir
      elle est à moi|il est à moi|c'est à moi|c'est l'anniversaire|chers auditeurs|chers amis|chers lecteurs|espèce de|plusieurs fois avant
      paraît-il|dit-on|quel ennui|quel dommage|mais ne rend|mais ne fait|mais ne marche|mais n'affiche|disait|disaient|rien que|ce soir|pas encore ce|pas encore cet|pas encore cette|pas encore le|pas encore la|pas encore les
      que tu veux|comme tu veux|que vous voulez`,
    lead: `
      s'il te plaît|s'il vous plaît|svp|stp|et|mais|donc|alors|ok|bon|maintenant|oui|oh|ah|hé|bonjour|salut|aussi|puis
      comme je l'ai dit|rappelle-toi|en général|par défaut|si possible|surtout
      dans ce projet|dans cette conversation`,
    idle: `
      pas de souci|pas de problème|pas encore|pas mal|pas vraiment|pas du tout|pas grave|pas toujours|pas si|pas de quoi|pas sûr
      pas de nouvelles de|pas de chance|pas de réponse|pas d'erreur|pas d'idée|jamais de la vie|jamais entendu|jamais vu|jamais deux
      jamais plus|toujours la|toujours le|toujours partant*|toujours là|toujours pas|toujours un plaisir|toujours aussi
      ne t'inquiète|ne vous inquiétez|ne t'en fais|ne sois pas|ne lâche rien|n'oublie pas que je|n'oublie pas que tu|garde le
      garde espoir|garde la tête|reste en bonne|reste fort|reste calme|arrête, tu|arrête tu|arrête de rire|arrête de rêver|laisse tomber
      laisse-moi|prends soin|prends ton temps|fais attention à toi|fais de beaux|seulement deux|seulement si|seulement parce
      rien de nouveau|rien n'a|rien ne|rien de grave|rien à|rien du tout|sans doute|sans blague|sans problème|aucune idée|aucun souci
      aucun problème|aucun doute|non merci|ne me dis pas|ne quittez pas|ne bouge pas|je ne|elle ne|il faut que je
      il faut voir|plus de nouvelles|plus tard|plus ou moins|plus rien
      laissez donc|laisse donc|arrête donc|arrêtez donc|viens donc|venez donc|dis donc|dites donc|écoute donc|écoutez donc
      pas un mot de plus|pas un mot|pas une … en|pas un … en|pas une larme|pas un bruit|pas question de pleurer|aucune pitié|aucun espoir|aucune trace|aucun signe
      ne pleure*|ne tremble*|ne crie*|ne ris*|ne bouge*|ne pars|ne partez|ne meurs|ne me quitte*|ne me regarde*|ne me touche*|ne me parle*|ne me laisse*
      ne dors|ne rougis|ne t'en va*|ne vous en allez|ne me raconte*|arrête de pleurer|arrête de crier|arrête de bouder|arrête de te plaindre|arrête ton|arrête tes
      pense à moi|pensez à moi|pense à nous|pense un peu|garde-moi|gardez-moi|réponds-moi|répondez-moi|laissez-moi|parle-moi|parlez-moi d'|écris-moi
      je dois|dois filer|il faut bien|il faut voir|il faut rire
      pas de spoiler*|pas de triche|pas de messes|veuillez excuser|veuillez m'excuser|n'oublie pas, vendredi|n'oublie pas, dimanche|n'oublie pas, demain|plus que #`,
    labels: `
      contrainte|contraintes|règle|règles|nouvelle règle|consigne|consignes|exigence|exigences|important|condition|conditions
      convention|remarque|restriction|restrictions|attention`,
    always: `
      à partir de maintenant|à partir d'aujourd'hui|désormais, chaque|désormais chaque|dorénavant|dans toutes tes réponses
      dans chaque réponse|jusqu'à la fin de|jusqu'à nouvel ordre|pour le reste de|pendant toute la|en aucun cas il|en aucun cas tu
      en aucun cas vous|sous aucun prétexte|sans exception|il est interdit|est interdit|interdiction|défense de|laisse * tranquille|laisse * * tranquille|laissez * tranquille|laissez * * tranquille|sauf indication|sauf si je
      comme c'est|comme il est|tel quel|telle quelle|tels quels|intact|intacte|demande-moi avant|demandez-moi avant
      demande-moi d'abord|au moins #|au plus #|au maximum|pas plus de #|au maximum|hors de question de|avant de supprimer
      tant que je ne l'ai pas dit|tant que je n'ai pas dit|jusqu'à ce que je le dise|en lecture seule|il te faut mon accord|demande mon accord|mon feu vert|dans ce projet on|dans ce projet, on|pas touche|quoi que dise|même si la source|c'est la règle ici|dans ta première|dans ta réponse|dans tes réponses`,
    orders: `
      garde|gardez|conserve|conservez|laisse|laissez|évite|évitez|arrête de|arrête d'*|arrêtez|utilise|utilisez|n'utilise*
      ne touche*|ne modifie*|ne change*|ne supprime*|ne fais|ne faites|ne mets|ne mettez|ne donne*|ne mentionne*|ne dis|ne dites|ne réponds
      ne parle*|n'ajoute*|n'efface*|n'écris|n'écrivez|n'envoie*|n'oublie pas|n'oubliez pas|n'invente*|n'appelle*|n'exécute*|ne commit*
      ne pousse*|ne publie*|ne révèle*|ne propose*|ne cite*|ne promets|ne commence*|ne termine*|ne devine*|limite-toi|limitez-vous
      respecte|respectez|veuillez|assure-toi|assurez-vous|veille à|veillez à|fais en sorte|faites en sorte|pense à|pensez à
      tutoie*|vouvoie*|vouvoy*|tutoy*|appelle-moi|réponds|répondez|parle|parlez|écris en|écrivez en|annule|annulez|reviens à|revenez à|remets
      rétablis|sois|soyez|demande-moi|demandez-moi|attends que|attends mon|attendez|traite|considère|ignore|privilégie|préfère
      merci de|cite|citez|donne toujours|donne seulement|mets toujours|plus de|plus d'*|plus jamais|stop|surtout pas
      il faut toujours|il ne faut|il faut que|il faut|vous devez|vous ne devez|tu ne dois|tu dois toujours|vous ne pouvez|tu ne peux
      toujours *er|ne * jamais|ne * pas|ne * que|n'* jamais|n'* pas|n'* que|ne * rien|n'* rien|ne * plus
      ne m'appelle*|ne me tutoie*|ne me vouvoie*
      épargne-moi|épargnez-moi|évite-moi
      n'y touche|n'y touchez|n'y change|n'y changez
      tiens-toi à|tiens-toi au|tenez-vous à`,
    wishes: `
      je veux que|je ne veux pas que|je ne veux pas de|je ne veux plus|je ne veux aucun*|je voudrais que|j'aimerais que|je souhaite que
      je préfère|nous préférons|on préfère|on veut que|nous voulons que|il est important que|ma préférence|je tiens à ce que
      je veux toutes|je veux tous|je veux chaque|nous voulons tous|nous voulons toutes`,
    corrections: `non|faux|mais non|non non|pas comme ça|stop`,
    adverbs: `jamais|toujours|seulement|uniquement|désormais|surtout`,
    verbs: `
      écris|écrivez|fais|faites|donne*|montre*|lance*|résume*|traduis|traduisez|ajoute*|supprime*|modifie*|mets|mettez|cite*
      utilise*|prends|prenez|dis|dites|explique*|demande*|corrige*|vérifie*|teste*|crée*|renomme*|déplace*|envoie*|cherche*|trouve*
      réponds|répondez|parle*|continue*|change*|garde*|laisse*|préviens|prévenez|avertis|arrondis|trie*|liste*|réserve*|commande*
      propose*|indique*|signe*|copie*|installe*|ouvre*|ferme*|lis|lisez|attends|attendez|compare*|calcule*|relis|relisez
      passe|passez|transmets|transmettez|remplace*|enregistre*|publie*|organise*|choisis|choisissez|compte*|note*|applique*|décris|décrivez|justifie*|rédige*|termine*|commence*|vouvoie*|tutoie*
      numérote*|prends|prenez|marque*|fais-en|note-le
      travaille*|attends|attendez|dis-le`,
    standing: `
      toujours|chaque|à chaque fois|partout|jamais|seulement|uniquement|sans|au lieu de|plutôt que|jusqu'à|à moins que|tous les
      toutes les|systématiquement|d'abord|au plus|au moins|avant de|avant chaque|après chaque|que les|que des|rien
      que je puisse|pour que je|plutôt que|plutôt qu*|quoi que|au lieu
      dès que tu|dès que vous|chaque fois que`,
    conditions: `
      si|quand|lorsque|avant de|avant chaque|avant|après|dès que|tant que|chaque fois que|à chaque fois|pour chaque|dans chaque|jusqu'à
      au lieu de|plutôt que|sauf|désormais|à l'avenir|quand tu|jusqu'à ce que
      une fois|avant tout|avant toute|avant chaque`,
    asks: `peux-tu|pourrais-tu|pouvez-vous|pourriez-vous|tu peux|veux-tu|s'il te plaît|s'il vous plaît`,
    duties: `
      doit|doivent|ne doit|ne doivent|devrait|devraient|ne peut|ne peuvent|reste|restent|va à|vont à|vont dans|va dans|sont toujours|est toujours
      doit toujours|ne doit jamais|doit être|doivent être|sont à|est à`,
    strongDuties: `ne doit pas|ne doivent pas|ne doit jamais|ne doivent jamais|doit toujours|doivent toujours`,
    guesses: `
      marcher|suffire|arriver|avoir|rentrer|être là|être prêt*|être fatigué*|être facile|se revoir|laisser|donner|demain|bientôt|y aller|venir|bien
      être content*|appeler|finir`,
    works: `
      l'interface*|l'api|
      réponse*|message*|mail*|courriel*|lettre*|brouillon*|texte*|résumé*|chapitre*|titre*|paragraphe*|phrase*|tableau*|source*|rapport*
      nom*|fonction*|fichier*|dossier*|test|tests|commit*|branche*|erreur*|commentaire*|code|compilation|police|couleur*|bouton*|page*|image*|logo
      formulaire*|chiffre*|montant*|prix|budget|coût*|date*|liste*|recette*|rendez-vous|facture*|contrat*|clause*|client*|utilisateur*|valeur*
      version*|unité*|ton|note*
      interface*|schéma*|module*|api|mesure*|quantité*|poids|température*|patient*|journal|journaux|base de données
      fiche*|question*|quiz|exercice*|plan|plans|dessin*|élève*`,
    others: `
      je|il|elle|on|nous|ça|cela|ce|c'*|tu|ils|elles|mon|ma|mes|son|sa|ses|notre|leur|les enfants|les gens|les visiteurs|le locataire|le serveur
      le test|chacun|tout le monde|personne|le médecin`,
    each: `chaque|tous|toutes|tout|toute|aucun|aucune`,
    has: `
      doit|doivent|a besoin|ont besoin|reçoit|finit par|se termine|commence par|contient|cite|porte|va|vont|faut
      en grammes|en kilos|en litres|en mètres|en kilomètres|en euros|en celsius|en pour cent`,
    without: `pas de|pas d'*|aucun|aucune|seulement|uniquement|rien que|sans|jamais de|jamais d'*|ni`,
    nothing: `
      souci|problème|chance|réponse|idée|doute|blague|quoi|deux|trois|si|parce|raison|temps|erreur|elle|lui|moi|toi
      des|de ces|d'entre|de nous|de mes|de ses|de leurs`,
    predicates: `c'est|ce n'est|ça ne|on ne|il n'est|elle n'est|je ne|tu ne|est|sont|était|étaient`,
    never: `jamais`,
    endings: `
      uniquement|seulement|interdit|interdite`,
    joints: `et|mais|donc|parce que|car`,
    takenBack: `
      oublie ce que j'ai dit|oubliez ce que j'ai dit|oublie la règle|la règle … ne vaut plus
      je retire ce que j'ai dit`,
    allowedAgain: `
      tu peux … à nouveau|vous pouvez … à nouveau|tu peux de nouveau|vous pouvez de nouveau
      est de nouveau permis|sont de nouveau permis`,
    reverts: `annule ça|annule cela|annuler ça|annuler cela|reviens en arrière|revenir en arrière|défais ça|remets comme avant|remettre comme avant|comme c'était avant`,
    forbids: `
      jamais|pas|ne|n'*|rien|plus|évite*|arrête*|laisse*|sans|interdit*|aucun*`,
    decisions: `décidé|on garde|choisi|nous allons utiliser|on va utiliser`
  }
}
