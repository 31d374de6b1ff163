import type { Language } from "./Language.ts"

export const german: Language = {
  name: "German",
  hasSpaces: true,
  words: {
    common: `
      der|die|das|und|ist|nicht|ich|du|sie|wir|ein|eine|einen|mit|auf|für|im|zu|den|dem|es|auch|bitte|immer|nie|kein|keine
      keinen|nur|muss|soll|bei|von|vor|nach|aus|dass|wenn|oder|aber|noch|mich|mir|dir|mal|alle|jede|jeder|jedes|bis|sich|er|ja
      nein|was|wie|hat|habe|haben|wird|sein|sind|ab|lass|niemals|als|kann|am
      in|diesem|dieser|diese|dieses|unser|unsere|dich|statt|beim|zum|zur|werden|niemandem|deine|doch|hier`,
    talk: `
      haha|lol|ich glaube|ich denke|ich hoffe|ich wünsch*|ich vergesse|ich hätte|hätte ich|hätte meine|hat gesagt
      hat mir gesagt|haben gesagt|sagte|laut vertrag|laut gesetz|die anleitung|angeblich|früher|gewesen|für dich da
      ich weiß nicht|ich verstehe|ich habe nie|wir haben nie|hatte|hatten|waren|war|wurde|gestern|letzte woche
      letztes jahr|dich lieb|lieb habe|grüß|liebe grüße|mein chef|meine schwester|mein bruder|der arzt|muss ich
      darf ich|soll ich|man lernt|macht nichts|sie hat mir|er hat mir|werde rot|viel spaß|viel erfolg
      vergiss was ich|wohnt sie|wohnt er|bin ich im|in ruhe gelassen|von nun an wohnt|von nun an ist|hätte das
      hätten
      in jener nacht|in dieser nacht|an jenem|damals|es war einmal|so heißt es|wird das nichts|wird das nie was|doch endlich|doch mal wieder|hat nichts ge*|haben nichts ge*|hat niemand ge*|hat keiner ge*
      hat sich ge*|haben sich ge*|bleiben wir|gehen wir|fahren wir|essen wir|machen wir es uns|treffen wir|sind wir|haben wir uns|war's|um gottes willen|zum teufel|verdammt noch mal
      sollen die doch|soll er doch|soll sie doch|soll der doch|sollen sie doch
      gäbe es|wäre es|bleiben sie dran|ergibt sinn|liebe hörer|liebe leser|das ist mein*|das ist ihr*
      heißt es|heißt's|wie lästig|wie schade|wie ärgerlich|wie nervig|tut es aber nicht|macht es aber nicht|noch nicht, ich|noch nicht, wir|heute abend|vergiss nicht, heute|vergesst nicht, heute
      du magst|du willst|ihr wollt|wie es dir passt`,
    lead: `
      bitte|und|aber|also|dann|ok|okay|gut|jetzt|nun|ja|oh|ach|hey|hallo|so|auch|noch mal|nochmal|wie gesagt|ich sagte|denn
      merk dir|denk daran|denk dran|grundsätzlich|generell|übrigens|standardmäßig|wenn möglich|danke
      in diesem projekt|hier im projekt|in diesem gespräch`,
    idle: `
      keine sorge|keine ahnung|kein problem|kein wunder|keine zeit|keine lust|kein ding|kein stress|keine eile
      keine frage|kein kommentar|keine antwort|keine fehler|keine änderung|kein glück|nie im leben|nie gehört
      nie wieder|nie gesehen|nie da|immer gern|immer diese|immer noch|immer wieder|immer das|immer der|immer die
      immer auf|nur ein scherz|nur so|nur zwei|nur einer|nur eine|nur ein|nur mal|nur weil|nur wenn|nur noch zwei
      nichts passiert|nichts neues|nichts geändert|lass uns|lass dich|lass es dir|lass mal|bleib gesund|bleib so
      bleib stark|pass auf dich|halt durch|halt die ohren|vergiss nicht, dass ich|denk an mich|sei nicht so
      sei nicht traurig|hör auf, ich|hör auf ich|mach's|machs gut|mach dir|mach dir nichts|nicht schlecht
      nicht wirklich|nicht so|nicht ganz|nicht mehr|nicht schlimm|nicht dass|nicht nur|nicht immer|warte mal
      warte kurz|nimm dir zeit|nimm's|kein mensch|alles wird|alles muss raus|niemand hat|niemand ist|frag nicht
      frag mich nicht|frag mal|lass mich in ruhe|bleib bei mir|halt dich fest|halt dich warm|nimm dir|nimm es nicht
      ich will nicht mehr|lieber nicht|lieber später|lieber morgen|immer ich|nur ich|nur geträumt|sprich dich aus
      kein wort mehr|keine widerrede|keine … in # minuten|kein … in # minuten|keine … seit|kein … seit|keine tränen|keine gnade|keine hoffnung|kein ende|keine spur|kein auge|kein schlaf|keine ruhe|kein zeichen
      weine nicht|wein nicht|heul nicht|zittere nicht|schrei nicht|schrei mich|lach nicht|stirb nicht|geh nicht|lauf nicht|fürchte dich|hab keine angst
      hör auf zu weinen|hör auf zu schreien|hör auf zu heulen|hör auf zu lachen|hör auf zu jammern|fass mich nicht|sieh mich nicht|starr mich nicht
      lass mich|lasst mich|lassen sie mich|lass ihn|lass sie|lasst ihn|lass das kind|lass los|muss los|muss weg|muss jetzt|darf es sonst
      nehmen sie doch|setzen sie sich|kommen sie doch|nimm doch|setz dich
      nur noch # mal|nur noch #|keine spoiler|vergiss nicht, freitag|vergiss nicht, sonntag|vergiss nicht, morgen|nimm einen|nimm eine|nimm mir|nicht schummeln|leg * zurück|finger weg, das
      nimm diesmal|nimm dieses mal|lass es noch|lass es bitte|lass es von vorn|nichts als`,
    labels: `
      vorgabe|vorgaben|regel|regeln|neue regel|hausregel|bedingung|bedingungen|anforderung|anforderungen|wichtig|richtlinie
      einschränkung|einschränkungen|beachte|achtung|grundsatz`,
    always: `
      ab jetzt|ab sofort|von nun an|in zukunft bitte|künftig|für den rest der sitzung|für den rest dieser
      für den rest des gesprächs|bis auf weiteres|auf keinen fall|unter keinen umständen|in keinem fall
      ohne ausnahme|in jeder antwort|in allen antworten|bei jeder antwort|bei jeder mail|wenn nicht anders
      sofern nicht anders|ist tabu|tabu|ist verboten|sind verboten|ist untersagt|nicht erlaubt|nicht gestattet
      nicht zulässig|ist nicht erlaubt|finger von|wird nichts geändert|nichts ändern|frag mich zuerst
      frage mich zuerst|frag mich vorher|frag vorher|frag zuerst|wie es ist|wie er ist|wie sie ist|so lassen
      in kopie zu setzen|mindestens #|höchstens #|nicht mehr als #|ausnahmslos|ausschließlich|bevor sie etwas
      in höchstens|
      ab heute nur|ab heute bitte|ab heute immer|ab heute will ich|ab heute möchte ich|ab heute soll*|ab morgen bitte|ab jetzt bitte
      bis ich es sage|bis ich etwas anderes sage|bis ich das sage|nur zum lesen|auf gar keinen fall|in diesem projekt schreiben wir|in diesem projekt verwenden wir|in diesem projekt nutzen wir|in diesem projekt gilt|holst du mein okay|holst du meine|nichts verloren|nichts zu suchen|so halten wir es|so machen wir es hier|auch wenn die quelle|im ersten satz|in deiner antwort|in deinen antworten`,
    orders: `
      behalt*|lass|lasst|lassen sie|vermeid*|verzichte*|unterlass*|hör auf|hören sie auf|stopp|verwende*|nutz*
      benutz*|nimm|nehmen sie|halte dich|halten sie sich|beschränk*|beachte*|achte*|achten sie|stell sicher
      stelle sicher|sorg dafür|sorge dafür|denk dran|denk daran|denke daran|vergiss nicht|vergessen sie nicht|frag*
      duze*|sieze*|nenn mich|sprich|antworte*|schreib auf|schreibe auf|bleib bei|bleib beim|bleiben sie bei
      warte auf|warte bis|warten sie|mach keine|mach keinen|mache keine|geh zurück|stell es wieder|setz es zurück
      setze zurück|fass * nicht an|fass … nicht|ändere nichts|ändere nur|ändere nie|fasse dich kurz|fass dich kurz
      sei kurz|sei knapp|halte * kurz|halt dich|kurz und|tu so als|behandle*|ignorier*|du darfst nicht
      du darfst … nicht|sie dürfen … nicht|du darfst nur|du darfst kein*|sie dürfen nicht|sie dürfen kein*
      sie dürfen nur|du sollst|sie sollen|du musst immer|niemals|keinesfalls|immer erst
      immer nur|immer zuerst|nur auf|rundet|runde|mach … rückgängig|rückgängig machen|nimm … zurück|bevor du
      bleib immer|bleibe immer|bleib in|bleibe in|bleiben sie in|gib … niemandem|gib … nicht weiter
      halte … einfach|halte … kurz|schlag nur
      spar dir|sparen sie sich|finger weg vom|finger weg von|hände weg
      warte mit`,
    wishes: `
      ich möchte nicht, dass du|ich möchte nur|ich möchte, dass|ich möchte dass|ich will nicht|ich will keine*|ich will, dass
      ich will dass|ich will nur|ich will immer|ich möchte kein*|ich hätte gern, dass|mir ist wichtig|es ist wichtig, dass|ich bevorzuge|wir wollen, dass|wir wollen kein*
      wir verwenden|wir nutzen nur|wir unterstützen nur|wir machen kein*|lieber|bevorzug*|mir wäre lieber|mir ist lieber
      ich möchte alle|ich möchte jede*|ich will alle|ich will jede*|ich hätte gern alle`,
    corrections: `nein|falsch|ne|nee|nö|nicht so|stopp|halt`,
    adverbs: `nie|niemals|immer|nur|stets|grundsätzlich|keinesfalls|ausschließlich`,
    verbs: `
      schreib*|mach*|zeig*|gib|geben sie|nimm|lies|les*|führ*|frag*|sag*|lösch*|änder*|füg*|prüf*|teste*|starte*|erklär*
      übersetz*|fass*|liste*|nenn*|erstell*|benenn*|verschieb*|speicher*|schick*|send*|such*|find*|leg*|stell*|setz*|antwort*
      verwend*|benutz*|nutz*|lass*|behalt*|warte*|melde*|informier*|ruf*|kopier*|installier*|aktualisier*|bau*|rechn*|rund*
      zitier*|markier*|sortier*|kürz*|nehm*|sprich|sprech*|duz*|siez*|commit*|push*|force push|dokumentier*|ergänz*|entschuldig*
      unterschreib*|weiterleit*|leit*|buch*|kauf*|koch*|plan*|vereinbar*|bestell*
      übergib|übergeb*|beantwort*|gib|verweis*|wechsel*|ersetz*|entfern*|wiederhol*|beschreib*|begründ*|formulier*|format*|merk*
      schlag|bewert*|halt*|kontrollier*|notier*
      nummerier*|beziffer*|trägst du|holst du|notierst du|schreibst du|lässt du|gibst du|legst du|nennst du|fragst du
      arbeit*|wart*`,
    standing: `
      immer|stets|jedes mal|jeweils|bei jedem|bei jeder|für jede|für jeden|für jedes|überall|bis|ohne|statt|nie|niemals
      höchstens|mindestens|nur|ausschließlich|keine|keinen|kein|nicht|vor jeder|vor jedem|nach jeder|nach jedem|zuerst
      vorher|solange|in jedem fall|an
      niemandem|niemanden|keinem|keiner
      damit ich|egal was|egal wie|anstelle|wie sie sind|wie es ist`,
    conditions: `
      wenn|falls|bevor|nachdem|sobald|solange|jedes mal, wenn|bei jedem|bei jeder|vor jedem|vor jeder|nach jedem|nach jeder|bis
      sofern|immer wenn|statt|für jede|für jeden|für jedes|außer
      jedes mal`,
    asks: `kannst du|könntest du|würdest du|können sie|könnten sie|würden sie|bitte`,
    duties: `
      muss|müssen|darf nicht|dürfen nicht|darf kein*|darf nur|dürfen nur|darf|dürfen|soll|sollen|sollte|sollten
      sollte nicht|hat zu|haben zu|gehört|gehören|bleibt|bleiben|kommt in|kommen in|wird immer|werden immer|kommt
      sind in|sind immer`,
    strongDuties: `darf nicht|dürfen nicht|darf nur|dürfen nur|darf nie|darf kein*|dürfen kein*|muss immer|müssen immer`,
    guesses: `
      gewesen|am cache|jetzt gehen|reichen|doch nicht wahr|morgen|um sechs|kaputt|schön|los|ja|wohl|bald|gleich|wieder|über|da
      an der|am|drei monate|ihre taschen|abgestürzt|es sein|mal`,
    works: `
      antwort*|nachricht*|mail*|e-mail*|brief*|entwurf*|text*|zusammenfassung*|kapitel*|titel*|überschrift*|absatz
      satz|sätze|tabelle*|quelle*|bericht*|name*|funktion*|datei*|ordner|test|tests|commit*|branch*|fehler*
      kommentar*|code|build|schrift*|farbe*|knopf|button*|seite*|bild*|logo|kopfzeile|formular*|zahl*|betrag
      beträge|preis*|budget|kosten|datum|liste*|rezept*|termin*|rechnung*|vertrag|klausel*|kunde*|nutzer|parser
      wert*|id|passwort|api|log|logs|version|doku*|einheit*|rolle*|ton
      schnittstelle*|datenbank*|modul*|paket*|gewicht*|menge*|maße|temperatur*|menü*|gast|gäste|patient*|kapitel|zeitform
      arbeitsblatt|aufgabe*|frage*|zeichnung*|pläne|plan|quiz|schüler*|uhrzeit*`,
    others: `
      ich|er|sie|wir|man|das|dies|es|du|mein*|unser*|sein*|ihr*|kinder|leute|besucher|der mieter|der server|der test|jeder|alle
      niemand|der arzt|mein chef|die leute|studenten|menschen|hunde|katzen`,
    each: `
      jede|jeder|jedes|alle|sämtliche|kein|keine|keiner|niemand
      in keinem|in keiner|in jedem|in jeder`,
    has: `
      muss|müssen|braucht|brauchen|bekommt|bekommen|enthält|enthalten|endet|enden|beginnt|hat zu|haben zu|ist in|sind in|gehört
      gehören|nennt|nennen|trägt|tragen
      in gramm|in kilo|in litern|in liter|in celsius|in euro|in metern|in kilometern|in prozent
      verwenden|benutzen|brauchen`,
    without: `
      kein|keine|keinen|keinerlei|nur|nichts|ohne|bloß keine|nie wieder
      durchweg`,
    nothing: `
      sorge|ahnung|problem|wunder|zeit|lust|ding|stress|eile|frage|mensch|ist|war|hat|hatte|haben|habe|zwei|drei|ein|eine|einer
      scherz|spaß|grund|platz|geld|empfang|netz|chance|mehr da|gehört|los|neues`,
    predicates: `ist es|macht es|wird es|geht es|macht das|machen das|tun das|bestellen das|essen das|glauben das|sagen das|kaufen das|mögen das|wollen das|können das|würden das|ist|sind|war|waren|hat|hatte|haben|wird|werden`,
    never: `nie|niemals`,
    endings: `tabu|nur|bitte nicht|verboten|ausnahmslos|erst mal bleiben|bitte keine|bitte kurz`,
    joints: `und|aber|denn|weil|sondern`,
    takenBack: `
      vergiss, was ich über|vergiss was ich über|vergiss, was ich zu|vergiss was ich zu|vergessen sie, was ich
      die regel … gilt nicht mehr|die regel … nicht mehr|ich nehme zurück, was ich`,
    allowedAgain: `
      du darfst … wieder|sie dürfen … wieder|du kannst … wieder
      ist wieder erlaubt|sind wieder erlaubt|wieder erlaubt`,
    reverts: `mach das rückgängig|mach es rückgängig|das rückgängig machen|es rückgängig machen|mach das wieder weg|nimm das zurück|nimm das wieder zurück|stell das wieder her|so wie vorher|wie es vorher war`,
    forbids: `
      nie|niemals|nicht|kein*|keine|nichts|lass*|vermeid*|ohne|tabu|verboten|finger|stopp|hör auf|niemand`,
    decisions: `entschieden|beschlossen|wir nehmen|wir verwenden|wir bleiben`
  }
}
