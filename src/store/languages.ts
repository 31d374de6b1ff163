/** What recall knows of languages: the words that only join others, and the library's stemmers. */
import { stemmer as arabic } from "@orama/stemmers/arabic"
import { stemmer as danish } from "@orama/stemmers/danish"
import { stemmer as dutch } from "@orama/stemmers/dutch"
import { stemmer as english } from "@orama/stemmers/english"
import { stemmer as finnish } from "@orama/stemmers/finnish"
import { stemmer as french } from "@orama/stemmers/french"
import { stemmer as german } from "@orama/stemmers/german"
import { stemmer as greek } from "@orama/stemmers/greek"
import { stemmer as hungarian } from "@orama/stemmers/hungarian"
import { stemmer as italian } from "@orama/stemmers/italian"
import { stemmer as norwegian } from "@orama/stemmers/norwegian"
import { stemmer as portuguese } from "@orama/stemmers/portuguese"
import { stemmer as romanian } from "@orama/stemmers/romanian"
import { stemmer as russian } from "@orama/stemmers/russian"
import { stemmer as spanish } from "@orama/stemmers/spanish"
import { stemmer as swedish } from "@orama/stemmers/swedish"
import { stemmer as turkish } from "@orama/stemmers/turkish"
import { foldLetters } from "./searchQuery.ts"

/** A language: a function that stems a word in lower case, and words, folded, that say nothing of what a text is about. */
export interface Language {
  readonly stem: (word: string) => string
  readonly functionWords: ReadonlySet<string>
}

const makeLanguage = (stem: (word: string) => string, functionWords: string): Language => ({
  stem,
  functionWords: new Set(foldLetters(functionWords).split(" "))
})

/** Names that are also such words ("Will", "May") are left out of the lists. */
export const ENGLISH = makeLanguage(
  english,
  "a about after again all am an and any anyone anything are aren as at be because been before being both but by can " +
    "cannot could couldn did didn do does doesn doing don done during each either else ever every few for from " +
    "getting give gives going got had hadn has hasn have haven having he her here hers herself him himself his how i " +
    "if in into is isn it its itself just kind like ll many me more most much my myself no nor not of off on once one " +
    "only or other our ours out over own please re s same say says she should shouldn so some someone something such t " +
    "tell than that the their theirs them themselves then there these they thing things this those though through to too " +
    "under until up upon us very ve was wasn we were weren what whatever when where whether which while who whom whose " +
    "why with within without won would wouldn yet you your yours yourself"
)

/** The other languages in Latin letters. */
const LATIN: ReadonlyArray<Language> = [
  makeLanguage(
    german,
    "aber als am an auch auf aus bei bin bis bist da damit das dass dein deine dem den denn der des die dies diese diesem " +
      "diesen dieser dieses doch du durch ein eine einem einen einer eines er es für hat hatte haben ich ihr ihre im in ist " +
      "ja kann kein keine man mein meine mich mir mit nach nicht noch nur oder ob schon sein seine sich sie sind so über um " +
      "und uns unser unsere unter vom von vor wann war waren warum was welche welchem welchen welcher welches wenn wer wem " +
      "wen wie wieviel wir wird wo wohin woher worden wurde wurden zu zum zur"
  ),
  makeLanguage(
    french,
    "a ai au aux avec avons avez c ce cela ces cet cette chez combien comment d dans de depuis des dont du elle elles en " +
      "est et étaient était été être il ils j je l la le les leur leurs lui ma mais me mes moi mon n ne nos notre nous on " +
      "ont ou où par pas plus pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se ses si son sont " +
      "sur ta te tes toi ton tu un une vos votre vous y"
  ),
  makeLanguage(
    spanish,
    "a al como con cual cuales cuando cuándo cuál cuáles cuánto cuántos cómo de del desde donde dónde el él ella ellas " +
      "ellos en entre era eran es esa ese eso esta está están este esto fue fueron ha han hay la las le les lo los mi mis " +
      "muy más me ni no nos nuestra nuestro o para pero por porque que qué quien quién quiénes se ser si sin sobre son su " +
      "sus también te tiene tu tus un una unas unos y ya yo"
  ),
  makeLanguage(
    italian,
    "a ai al alla alle allo anche c che chi ci come con cosa da dal dalla de degli dei del della delle dello di dove e è " +
      "era erano fu gli ha hai hanno ho i il in io l la le lo loro lui ma mi mia mio ne nel nella noi non nostra nostro o " +
      "per perché più qual quale quali quando quanti quanto quello questa questo se si sono su sua sul sulla suo ti tra tu " +
      "un una uno vi voi"
  ),
  makeLanguage(
    portuguese,
    "a ao aos as com como da das de dela dele do dos e é ela elas ele eles em entre era eram essa esse esta está este eu " +
      "foi foram há isso isto já lhe mais mas me meu minha muito na nas não nem no nos nossa nosso o onde os ou para pela " +
      "pelo por porque qual quais quando quanto quantos que quê quem se sem ser seu sua são também te tem um uma você"
  ),
  makeLanguage(
    dutch,
    "aan al als bij dan dat de deze die dit door een en er had heb hebben heeft het hij hoe hoeveel hun ik in is je jij kan " +
      "maar me meer met mij mijn naar niet nog nu of om omdat ons onze ook op over te tot u uit van veel voor waar waarom " +
      "wanneer waren was wat we welk welke werd wie wij worden wordt zal ze zich zij zijn"
  ),
  makeLanguage(
    swedish,
    "att av blev bli de dem den denna det detta din du där efter en ett från för ha hade han har hon hur i icke inte jag " +
      "kan man med men mig min mycket mot ni nu när och om oss på sig sin som till under upp ut var vad vem vi vilka vilken " +
      "vilket är åt över"
  ),
  makeLanguage(
    norwegian,
    "alle at av ble bli da de dem den denne der det dette din du eller en er et etter for fra ha hadde han har hun hva hvem " +
      "hvilken hvilke hvor hvordan hvorfor i ikke jeg kan man med meg men min nå når og om oss på seg sin skal som til var " +
      "vi vil være"
  ),
  makeLanguage(
    danish,
    "af alle at blev bliver da de dem den denne der det dette dig din du efter eller en er et for fra ham han har havde " +
      "hun hvad hvem hvilken hvilke hvor hvordan hvorfor hvornår i ikke jeg kan man med mig men min nu når og om os på sig " +
      "sin skal som til var vi vil være"
  ),
  makeLanguage(
    finnish,
    "ei en että hän he ja jo joka jos kanssa ketkä kuka kuin kun me mikä miksi millä milloin minkä minä missä mistä mitä " +
      "mitkä mutta myös ne niin nyt oli olen olet olivat on ovat se sekä sen siellä sinä sitten tai te tuo tämä vai"
  ),
  makeLanguage(
    turkish,
    "ama ben bir biz bu çok da daha de değil en gibi hangi hem her için ile ise kadar kaç ki kim mı mi mu mü nasıl ne neden " +
      "nerede niye o onu onun sen siz şu ve veya var ya yok"
  ),
  makeLanguage(
    hungarian,
    "a az be csak de egy ez ezt én és ha hogy hol honnan hova is ki kik kell le ma már meg melyik mennyi mert mi mikor mint " +
      "mit nem nincs ő ön azt sem van vagy volt voltak"
  ),
  makeLanguage(
    romanian,
    "a acea acest această al am ar are au ca care cât câte ce cine cu cum când dar de din după ea ei el este eu fi fost în " +
      "într la le lui mai mea meu nu o pe pentru prin sau se sunt să și un una unde unei unui va"
  ),
  // The library has no stemmer for Polish.
  makeLanguage(
    (word) => word,
    "a ale był była było były być co czy czego dla do gdy gdzie go i ich ile ja jak jaka jaki jakie jakim je jego jej jest " +
      "jestem już kiedy kim kto która które którego który ma mi mnie można na nad nie niż o od on ona one oni oraz po pod " +
      "przez przy się są ta tak tam te tego tej ten to tu ty tym w we z za ze że"
  )
]

const CYRILLIC = makeLanguage(
  russian,
  "а без бы был была были было быть в вам вас во вот все всё вы где да для до его ее её если есть еще ещё же за и из или " +
    "им их к как какая какие какого какой какую когда кого который которая которые кто куда ли мне мой моя мы на над нам " +
    "нас не него нее нет но о об он она они оно от по под почему при с сколько со так такой там то тогда того тоже только " +
    "ты у уже чего чем что чтобы чья эта эти это этого этой этот я " +
    "але або був була було бути від він вона вони де до є з за зі і й їх її його коли ми не ні про та те ти у хто це ці цей " +
    "чи чому що щоб як яка яке який які"
)

const GREEK = makeLanguage(
  greek,
  "από για δεν είναι εγώ ένα ένας εσύ έχει έχω η ή θα και με μας μου μια να ο οι όταν ότι που πού ποιος ποια ποιο πόσο " +
    "πότε πώς σας σε σου στη στην στις στο στον στους τα τη την της τι τις το τον του τους των ήταν"
)

const ARABIC = makeLanguage(
  (word) => arabic(word.replace(ARABIC_ARTICLE, "")),
  "أم أن أنا أنت أو أي أين إلى إن التي الذي الذين بل ثم حتى ذلك على عن عند في قد كان كانت كم كيف لا لم لماذا لن له ما " +
    "ماذا متى مع من منذ نحن هذا هذه هل هم هو هي و يا"
)

/** The article, with the words that are written together with it. */
const ARABIC_ARTICLE = /^[وف]?(?:[بك]?ال|لل)(?=\p{L}{3})/u

const SCRIPTS: ReadonlyArray<readonly [RegExp, Language]> = [
  [/^\p{Script=Cyrillic}/u, CYRILLIC],
  [/^\p{Script=Greek}/u, GREEK],
  [/^\p{Script=Arabic}/u, ARABIC]
]

/** The language that a script alone tells; `undefined` for Latin letters, and for scripts without a stemmer. */
export const languageOfScript = (word: string): Language | undefined =>
  /^[\0-\u036f]/.test(word) ? undefined : SCRIPTS.find(([script]) => script.test(word))?.[1]

const languagesByWord = new Map<string, ReadonlyArray<Language>>()
for (const language of [ENGLISH, ...LATIN]) {
  for (const word of language.functionWords) {
    languagesByWord.set(word, [...(languagesByWord.get(word) ?? []), language])
  }
}

/** The words that tell a text's language are among its first ones. */
const TELLING = 100

/**
 * The language of words in Latin letters, by its function words. One word of another language than English may be a name.
 * `undefined` if none is there.
 */
export const guessLanguage = (words: ReadonlyArray<string>): Language | undefined => {
  const counts = new Map<Language, number>()
  for (const word of words.slice(0, TELLING)) {
    for (const language of languagesByWord.get(word.toLowerCase()) ?? [])
      counts.set(language, (counts.get(language) ?? 0) + 1)
  }
  const ofEnglish = counts.get(ENGLISH) ?? 0
  const [best, most] = Array.from(counts).reduce((a, b) => (b[1] > a[1] ? b : a), [ENGLISH, ofEnglish] as const)
  if (most >= 2 && most > ofEnglish) return best
  return ofEnglish > 0 ? ENGLISH : undefined
}

/** Every language that a word in Latin letters can be of. */
export const LATIN_LANGUAGES: ReadonlyArray<Language> = [ENGLISH, ...LATIN]
