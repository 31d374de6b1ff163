import type { Language } from "./Language.ts"

export const english: Language = {
  name: "English",
  hasSpaces: true,
  words: {
    common: `
    the|a|an|of|to|and|in|is|are|it|that|you|your|for|on|with|not|be|this|have|i|my|me|we|our|they|or|as|at|from|by|but
    if|was|will|can|do|don't|dont|always|never|must|should|please|all|every|each|any|use|keep|before|when|without|than
    stop|no|only|make|what|there|so|it's|i'm|i'd|i've|let's|until|unless|after|that's|you're`,
    talk: `
      haha|lol|hehe|i swear|to be honest|i guess|i suppose|i get|was kept|were kept|were told|must be off|i wish
      i must say|i must admit|say hi|say hello|your mom|your mum|your dad|the kids|miss you|love you|i love|love it
      proud of you|you don't need to thank|thank me|be happy|means to me|would my|would our|we took|we'll just
      when i was|according to|as they say|they say|people say|he said|she said|they said|it said|it says|says
      told me|told him|told her|told us|told them|asked me|he told|she told|the manual|the docs say|the law
      argue that|i was told|i've been told|was supposed|were supposed|used to|had to|haven't|hasn't|hadn't
      never had|never knew|i knew|i didn't|we didn't|he didn't|she didn't|they didn't|didn't know|should have
      should've|shouldn't have|must have|must've|must not have|could have|would have|would've|might have
      ought to have|have never|has never|had never|have always|has always|i've never|i've always|we've always
      we've never|they've always|he's always|she's always|i'm always|i'm never|was never|were never|was always
      were always|you always|you never|you're always|you've never|you only|last night|last week|yesterday|see you
      good luck|thank you|my dog|my sister|my brother|my boss|grandma|for the rest of my life|rest of the day
      rest of the night|back then|these days|maybe we|maybe it|perhaps it|maybe you|didn't i|don't they|haven't you
      i can't imagine|can't wait|you won't believe|forget what i said|never mind|would never|did anybody|did anyone
      did anything|from now on she|from now on he|from now on they|from now on i'm|from now on it's|states that
      stipulates|argues|claims that|held that|for ages|in my case|no two
      that night|that evening|that morning|that day|in those days|once upon a time|is here|are here|can hear you|will hear you|is listening|is watching|for heaven's sake|for crying out loud|no hard feelings|says who|i told the|i told my|i told our|we're doomed|we are doomed|all is lost
      don't you dare blame|don't you dare cry|don't you dare laugh|don't you dare leave me|don't you dare die|don't you dare say|i'll fetch it|i'll collect it|i'll pick it up|i'll grab it|i'll get it later
      it's mine|it's hers|its mine|dear listeners|dear readers|dear friends|on the last day|we not talk about|ending in #|for this booking|for the payment|for payment
      tonight|apparently|by law|how annoying|what a nuisance|what a shame|but returns|but returned|but gets|but throws|but shows|but prints|but fails|from the top|no need to|yet, i'm|yet, i am|yet, we're|how sad|too bad
      whichever you|you like|as you wish|you fancy`,
    lead: `
    we must|we should|we have to|we need to|    please|pls|plz|kindly|also|and|but|so|then|ok|okay|well|now|just|again|yes|yeah|oh|hey|hi|right|still|or
    for god's sake|for gods sake|ffs|i said|like i said|as i said|as before|how often do i have to say it|thanks|thank you
    remember|keep in mind that|bear in mind that|always remember|by default|as a general rule|as a rule|in general
    whatever you do|if possible|where possible|from here on|do please|i repeat|seriously|actually|instead|first|finally
    feel free to disagree|additionally|furthermore|besides|lastly|further|more importantly`,
    idle: `
      keep it up|keep up the|keep me posted|keep in touch|keep going|keep dreaming|keep smiling|keep calm
      keep the change|keep fighting|keep well|keep safe|keep an eye out for yourself|keep us posted|keep trying
      stay safe|stay strong|stay tuned|stay healthy|stay for|stay well|stay warm|stay put|stay home|stay hungry
      stay a while|stop it|stop by|stop, you|stop joking|stop kidding|stop teasing|stop laughing|don't worry
      don't be|don't mention it|don't panic|don't cry|don't laugh|don't ask|don't give up|don't let it
      don't let them|don't let him|don't let her|don't wait up|don't work too|don't get me|don't i|don't you
      don't we|don't they|don't know|don't think|don't see why|don't have|don't need|don't tell me|don't care
      don't mind|don't like|don't love|don't believe|don't remember|don't feel|don't miss out|we always went
      we always used|we always had|we always deploy|we never had|we never got|we never saw|we never went
      we never met|we don't see|we don't know|we don't get|we don't have|we don't think|we don't understand
      we don't want|we dont know|we only have|we only stayed|we only had|we only got|we only met|we only went
      we don't remember|we don't need|we don't care|we don't mind|make it quick|make it up|make it home
      we never talked|don't sweat|don't hesitate|don't bother|don't get it|dont know|dont think|dont care|dont have
      dont worry|dont see|don't understand|don't want|don't even|don't ask me|do not worry|do not hesitate
      do not have|do not know|do not panic|never say never|never had|never have|never seen|never been|never thought
      never too|never again|never liked|never tried|never heard|never a|never in a|never knew|never saw|never got
      never felt|never met|never mind|never forget that|never gets|never there|never happened|never underestimate
      never lose hope|never give up|always a|always the|always on|always happy|always look on|always fun
      always there|always have been|always been|always glad|always nice|always good|always, you
      always remember that|always worth|always up for|always wanted|always loved|make sure you say
      make sure you get some|make sure you enjoy|make sure to enjoy|make sure you take care|make sure he
      make sure she|make sure you rest|make sure to rest|make sure to take care|be careful out|you must be
      you must have|you must tell|you must try|you must come|you must go|you must visit|you must call|you must meet
      you have to tell|you have to try|you have to come|you have to go|you have to see|you have to meet
      you have to visit|you need to get|you need to try|you need to go|you need to come|you may have|you may be
      you may go|you may get|you have to give it|we don't go|we never go|we don't talk|we never talk|we always play
      we always talk|we always have|we always get|we never get|we always go|be good|be right back|be my guest
      be that|be honest, do|be there|be well|be happy|be yourself|be safe|remember that time|remember me
      remember when|remember how|remember to breathe|remember, we|remember our|remember the|feel free to drop
      feel free to|feel better|try not to miss|try it|try again|try to relax|try to enjoy|try and|treat yourself
      leave some|leave it to|leave me|use it or|use your head|call me when|call me later|call me back|call me if
      call me tomorrow|write soon|wait for it|wait for me|wait what|wait no|ask anyone|ask away|ask me anything
      answer the question|look at this|look at that|look what|look who|tell me about it|tell me more|let me
      let's meet|let's grab|let's hope|let's not talk|let's face|let's see|let's never|let's say|take care
      take your|take it easy|hang in|hold on|come on|go ahead|go on|give it|say no|think about|trust me|speak of
      follow your|cherish|enjoy|imagine|pray|only if you|let it go|no one|no way|no worries|no problem|no idea
      no doubt|no luck|no wonder|no pressure|no hurry|no rush|no kidding|no big|no comment|no thanks|no thank
      no offence|no offense|no matter|no sooner|no really|no seriously|no pain|no gain|no, really|no news|no reply
      no output|no error|no such|no difference|no response|no change|no result|no more than|no dice|no place|no i
      no it|no we|no he|no she|no they|no that|no you|no of|no not|no my|no nothing|no there|not at all|not really
      not yet|not a|not sure|not that|not without my|not much|not bad|not only|not long|not quite|not my|not even
      not in|not on|not from|not until|not always|not necessarily|not today|not so|only time|only a|only an
      only the|only yesterday|only joking|only kidding|only if|only when|only two|only one|only once|only because
      only after|only then|only today|only three|only #|only i|only he|only she|only my|only slightly|nothing much
      nothing new|nothing in|nothing is|nothing lasts|nothing else|nothing changed|nothing beats|nothing to
      nothing happens|nothing happened|nothing works|nothing special|nothing can|nothing should surprise
      nothing but|nothing wrong|nothing ever|nothing was|nothing at|nothing yet|nothing serious|nothing seems
      nothing about|everything should|everything is|everything must go|everything works|nobody knows|nobody is
      nobody told|nobody answers|use of|uses|mark my words|act your age|put the kettle|skip to the|respect|name it
      you name it|mind you|restore my faith|only used|only ordered|only wanted|only said|only got|only paid
      only saw|only asked|cut it close|i prefer the|we prefer the|i prefer to|prefer the|call me crazy
      call me maybe|call me tonight|call me soon|try to get|try to have|try to sleep|try to rest|try not to worry
      try not to think|wait until you see|wait till|as long as you're|stop the press|i think|i believe|i hope
      i wonder|i don't understand|i don't think
      must run|must dash|must hurry|must rush|must fly|must go|must leave|must be going|must sleep|gotta run|gotta go|have to run|can't complain
      can't wait|can't sleep|can't breathe|can't believe|can't stand|can't say|can't remember|can't think|can't imagine|couldn't agree
      stop shouting|stop yelling|stop screaming|stop crying|stop whining|stop moaning|stop sobbing|stop snoring|stop staring|stop fidgeting
      stop fighting|stop sulking|stop kicking|stop running|stop pretending|stop lying|stop whispering|stop worrying|stop dreaming
      don't tremble|don't weep|don't sob|don't shiver|don't faint|don't blush|don't run|don't go away|don't go yet|don't leave me|don't speak yet|don't scream
      don't shout|don't move|don't die|don't breathe|don't look at me|don't look so|don't stare|don't fall|don't wake|don't sleep|don't blame
      don't hate|don't fear|don't lie to me|don't sulk|don't stop me|don't follow me|don't wait for me|don't hang up|don't come near
      no passion|no mercy|no hope|no peace|no sleep|no appetite|no sign of|no trace of|no … in # minutes|no answer from|no word from|not a word|not one|not another
      you don't have to apologise|you don't have to apologize|you don't have to say|you don't have to go|you don't have to thank
      use the … i sent|use the … i attached|use the … i uploaded|leave it on|leave it at|leave it by|leave them on|leave them at|keep a secret|keep a straight|keep the receipt|keep still|keep quiet
      do not bother|do not cry|do not laugh|do not ask me|do not give up|do not be|do not blame|do not move|do not panic|no spoilers|no peeking|no cheating|no trading|keep your fingers|keep your chin|keep your eyes|keep your cool|stay with us|stay with me|stay right there|don't forget it's|dont forget its|don't forget i|only # more|no stranger|keep a tune|no extra baggage
      we always argue|we always cook|we always laugh|we always fight`,
    labels: `
    constraint|constraints|requirement|requirements|rule|rules|rule one|rule two|rule #|new rule|house rule|house rules
    ground rule|ground rules|hard rule|roleplay rules|important|important note|policy|convention|conventions|guideline
    guidelines|style guide|restriction|restrictions|limitation|note for all …|note to self and you|standing order
    standing instruction|hard limit|reminder|condition|one condition|non-negotiable|must-have|boundaries|boundary|do's`,
    always: `
      from now on|from here on out|from this point on|from this point forward|from here on in|until further notice
      under no circumstances|in no case|at no point|in no event|at all costs|without exception|no exceptions
      for the rest of this|for the rest of the session|for the rest of our|for the remainder of
      for the entire session|for the whole session|throughout this|throughout the session|in all of your
      in all your|in every answer|in every reply|in each answer|in each reply|for all further|for all future
      in future replies|in future answers|until i say|until i tell|unless i say|unless i tell|unless told
      unless i ask|unless otherwise|unless they ask|off limits|off-limits|hands off|is not an option|not negotiable
      goes through me|go through me|read-only for|is forbidden to|is not allowed here|are not allowed here
      stays out of|stay out of|is to be|are to be|is never to be|are never to be|not to be|not spaces|not tabs|i said do not
      i said don't|don't you dare|that's not how we|this is not how we|thats not how we|we agreed on
      by all means avoid|for every file|every single time|at least # copies|at most # words|in no more than
      are off the table|strictly no|absolutely no|with no exceptions|only until|at all times|on my behalf
      without my consent|without my okay|without my permission|without my approval|without asking|without a plan
      back the way it was|as it was before|how it was before|for my go|for my okay
      from today|starting today|as of today|as of now|starting now|starting from now
      until i say|read-only for you|read only for you|in this project we use|in this project we write|in this project we follow|in this project we go with|get my okay|get my approval|ask for my okay|whatever the source|whatever the input|in your opening|in your first|in your answer*|in your repl*`,
    orders: `
      keep|reply to|leave|avoid|refrain|stick|revert|undo|roll back|put it back|put them back|put that back
      change it back|go back to|restore the old|restore the original|limit|restrict|confine|assume|exclude|omit
      prefer|use|hold off|wait for|wait until|ask before|ask me before|ask me first|ask first|ask us first
      check with me|make sure|ensure|be sure to|be certain to|see to it|make it a habit|take care to
      take care not to|never mind the|don't forget to|do not forget to|remember to|remember that you|try not to
      try to|continue to use|continue to|continue using|enough with|no more *|never ever|nobody may|no one may
      nobody is to|no one is to|it is not allowed to|it's not allowed to|it is forbidden to|it is prohibited to
      act as|act like|pretend|skip|ignore|cite|refer to|address me|call me|respond|reply in|answer in|answer with
      answer only|write in|work only|work in|do not|don't|dont|do this for|do it like this for|be brief|be concise
      be blunt|be terse|be polite|be formal|be precise|be strict|be consistent|be specific|be critical
      be careful with|be careful not|be direct|be short|be sure|hand over|let's not|let's keep|let's stick
      let's avoid|let's only|let's always|let's use|lets not|lets keep|lets use|lets stick|mark everything
      mark each|everything in|keep in mind|bear in mind|note that you|obey|follow our|follow these|adhere|comply
      watch out for|restrict yourself|focus on|don't ever|dont ever|do nothing|change nothing|touch nothing
      only ever|allways|alwyas|when in doubt|if in doubt|no need for|whatever you do|should always|should never
      should not|must not|must always|must never|can leave|can stay|keep it|have me|under no|stay in|stay off
      stay out|stay away|stay within|stay polite|stay formal|stay on|stay with|stay under|stay below|stay clear
      stay neutral|round to|round up|round down|round all|round every|speak only|speak to me|speak in|speak english
      treat … as|treat all|treat every|stop *ing|stop the|quit *ing|follow the|archive|copy … on|forward|aim for
      plan with|mark all|mark every|tag each|tag every|mind the|instead of … use|rather than … use
      instead of … write|rather than … write|for every|for each|make it … every|make it a
      address … by|one … per|you are not to|you're not to|treat everything|treat anything
      you are not allowed to|you aren't allowed to|you're not allowed to|you are forbidden to
      skip the pleasantries|spare me
      you are never to|you are not to|you're not to`,
    wishes: `
      i want you to|i need you to|i'd like you to|i would like you to|i expect you to|i'd rather you
      i would rather you|i'd rather have|i would rather have|i'd prefer that|i would prefer that|i'd prefer if
      i'd prefer you|i prefer|i'd prefer it|i would prefer it|i don't want any|i dont want any|i don't want to see
      i dont want to see|i never want|i don't want you|i dont want you|i do not want you|i do not want any
      i want all|i want every|i want each|i want no|i only want|i just want|going forward i|i'd like all
      i would like all|i'd like every|i need all|i need every|we need all|we need every|we want all|we want every
      we want to put|we want to keep|we want to have|we'd like all|my preference|my preferences|our preference
      our convention|our policy|our style|you have to use|you have to ask|you need to ask|you need to use
      you'll always|you will always|you must use|you only draft|it would be great if you|it would be nice if you
      it'd be great if you|i'd appreciate|i would appreciate|i insist that|i insist on|you're welcome
      it's important that you|it is important that you|it's vital that|it is vital that|it's essential that
      i want the … to|i'd like the … to|i would like the … to|i want it to|i'd like it to|i need it to
      i need the … to|i want my … to|we want the … to|we need the … to|i want your|i like your answers
      you don't have to|you don't need to|you needn't|you may only|you may not|you can leave|i only travel
      i only need|i only use|i only accept|i only eat|i only fly|avoid|no, i do not want|no, i don't want
      no, i don't need|no, i do not need
      i want your|i want all|i want every`,
    corrections: `no|nope|wrong|no no|no no no|nah|not like that|stop|incorrect|not that|sorry no|no that's horrible|that's wrong`,
    adverbs: `we always|we never|we don't|we dont|we do not|we only|you may|you must|you have to|you need to|never|always|only|never ever|don't ever|not|allways|alwyas|never again|consistently|strictly|exclusively|do always`,
    verbs: `
    abbreviate|accept|act|add|address|adhere|allow|amend|annotate|answer|append|apologise|apologize|apply|approve|archive
    argue|ask|assign|assume|attach|avoid|back|base|be|book|bring|build|buy|cache|call|cancel|capitalise|capitalize|change
    check|choose|cite|claim|clean|close|code|collect|combine|comment|commit|compare|compile|confirm|consider|consult
    contact|contain|continue|convert|cook|copy|correct|count|create|cut|debug|define|delete|deliver|deploy|describe|design
    disable|disclose|discuss|display|do|document|download|draft|draw|drop|edit|email|enable|end|ensure|escalate|estimate
    exceed|exclude|execute|expand|explain|export|expose|extend|extract|fetch|fill|filter|find|finish|fix|focus|follow
    force|format|forward|forget|generate|get|give|go|greet|group|guess|handle|have|hide|highlight|hold|ignore|implement
    import|include|increase|indent|infer|inform|inject|insert|install|interpret|introduce|invent|invite|justify|keep|label
    lead|leave|let|limit|link|list|load|log|look|lower|mail|make|mark|measure|mention|merge|migrate|mix|mock|modify|move
    name|note|notify|number|offer|omit|open|order|output|overwrite|paraphrase|pass|paste|pay|pick|pin|place|plan|play|point
    post|prefer|prefix|prepare|present|preserve|print|prioritise|prioritize|produce|promise|propose|prove|provide|publish
    push|put|query|quote|raise|read|rebase|recommend|redact|reduce|refactor|refer|refuse|release|rely|remember|remind
    remove|rename|render|repeat|replace|reply|report|request|require|reschedule|respect|respond|restart|retry|return|reuse
    reveal|revert|review|rewrite|round|run|save|say|schedule|search|select|send|separate|set|share|show|sign|simplify
    skip|sort|speak|specify|spell|split|squash|start|state|stay|stick|stop|store|style|submit|suggest|summarise|summarize
    support|suppress|switch|tag|take|talk|teach|tell|test|throw|touch|track|transfer|translate|treat|trim|trust|try|turn
    type|undo|update|upgrade|upload|use|validate|verify|wait|warn|work|wrap|write|transpose|serve|season|bake|soften
    rely|exit|call|ping|page|respond|scale|sanitize|escape|log|throw|mutate|nest|hardcode|hard-code|optimise|optimize
      grade|rate|score|weld|measure|bold|colour|color|capitalise
      number|mark|spare
      double-check`,
    standing: `
    always|every|each|whenever|every time|each time|throughout|everywhere|until|unless|without|instead of|rather than
    at most|at least|no more than|not more than|or fewer|or less|only|exclusively|never|ever|anymore|any more|from now on
    consistently|all the time|in future|in the future|by default|one … at a time|before you|when you|whenever you
    if you|while you|after you|before each|before any|before a|after each|in all|for all|at once when|in advance
    not …|even when|even if|no matter|as well as the|in both|one level|within one|in one|from the
    in english|in german|in french|in spanish|in markdown|in plain|in the present|in the past|under #|below #|for any
    how certain|hints|in euros|in dollars|in grams|in metric|on top|at the top|at the end of each|throughout the
      whatever|throughout|so that i can|each time|wherever|over a new|rather than|instead of`,
    conditions: `
    if|when|whenever|before|after|once|while|as long as|until|unless|as soon as|every time|each time|for any|for every
    for each|for all|in case a|in case the|on every|on each|in every|in each|in all|during|rather than|instead of|except
    throughout|until further notice|going forward|without|wherever
  `,
    asks: `can you|could you|would you|will you|can we|could we|can u|could u|would you mind|why did you|can you please|please`,
    duties: `
    must|must not|mustn't|should|shouldn't|should not|shouldnt|has to|have to|needs to|need to|ought to|may not|may only
    shall|shall not|cannot|can't|can not|cant|isn't to|aren't to|has got to|have got to|stays|stay|belongs in|belong in
    goes in|go in|goes to|go to|go out|goes out|gets|is always|are always|is never|are never`,
    strongDuties: `must not|mustn't|must never|must always|shall|shall not|may not|may only|should never|should always|may never|must only|should only`,
    guesses: `
      land|leave|start|open|begin|last|cost|feel|look|taste|be served|be delicious|be shipped|be delivered
      be refunded|be included|be free|be paid|be closed|be crowded|be safe|be big|be little|be old|be young|be busy
      be sold|be used to|be broken|be empty|be full|be down|be up|be stuck|be dead|be crazy|be grateful|be ashamed
      be starving|be hungry|be bored|be scared|be sad|be nervous|be relieved|be painful|be relaxing|be rewarding
      be beautiful|be lovely|be challenging|be exciting|be inspiring|have|have been|have it|be off|be a race
      be interesting|be nice|be fine|be ok|be okay|be back|be ready in|be here|be easy|be fun|be enough|be the same
      be the last|be the|be hard|be nice to|be cold|be in there|be in town|be in his|be in her|be warm|be good
      be great|be obvious|be noted|be out|be over|be there|be able|be a mistake|be a bug|be a reason|be a way
      be a note|be something|be worth|be gone|be wrong|be right|be true|be exhausted|be proud|be tired|be tough
      be amazing|be so|be such|be very|be happy|be glad|be kidding|be joking|be serious|be worried|be careful
      be illegal|be confused|be somewhere|be about|be around|be fixed|be that|be it|be all|be done|be soft
      be small enough|be on|be at|be disabled by|be finished by|be soon|be missing|be running|be coming|be late
      be long|be lying|be better|be more|be like|be because|be due|be caused|work now|work|arrive|do it|take|say
      say so|tell me|admit|agree|go now|go|run|leave now|see|come from a|calm down|thicken|rain|get|hurt|know|miss
      be nearly|be close|be proof|be said|be added up|help|wait|look at|watch|try|visit|meet|call my|wear|grow
      think|think about`,
    works: `
    answer*|reply|replies|response*|message*|mail*|email*|letter*|draft*|text*|summary|summaries|chapter*|title*|heading*
    paragraph*|sentence*|caption*|abstract*|reference*|citation*|footnote*|tone|style|wording|quote*|translation*|report*
    narrator|heroine|hero|story|dragon|character*|player*|campaign|plot|name*|variable*|function*|method*|class|classes
    module*|file*|folder*|test*|commit*|branch*|endpoint*|api|error*|exception*|log|logs|log line*|comment*|import*|type*
    column*|row*|table*|chart*|figure*|graph*|image*|picture*|icon*|logo|button*|header*|footer*|sidebar|menu|font*|colour*
    color*|form*|page*|site|layout|animation*|listener*|event*|code|build|binary|memory|timeout*|worker*|job*|deploy*
    query|queries|migration*|schema|date*|number*|amount*|price*|total|budget|cost*|deadline*|list*|recipe*|dinner|meal*
    ingredient*|flight*|hotel*|meeting*|appointment*|invoice*|contract*|clause*|amendment*|law|limitation*|user|customer*
    client*|tenant*|value*|key*|id|ids|settheme|set*|theme*|code block*|bullet*|output|input|view|ui|app|backup|secrets
    pull request*|pr|prs|request*|version*|docs|documentation|readme|changelog|password*|hint*|word count|unit*|count
    tool*|config*|dependency|dependencies|rendering
      helper*|interface|package*|type checker|temperature*|weight*|volume*|measurement*|caller*|guest*|patient*|quantities
      worksheet*|question*|quiz*|drawing*|part number*|pupil*|lesson*`,
    others: `
    i|he|she|they|we|that|this|there|these|those|who|people|kids|children|dogs|cats|everybody|everyone|somebody|someone
    students|visitors|employees|passengers|companies|politicians|users|doctor|teacher|man|woman|my|our|his|her|their|us
    things|life|nothing should|what|which|mom|dad|mum|the movie|the film|the book|the package|the dough|the sauce|the deadline
    the survey|the committee|the compiler|the requests|the report|the experiment|the sample|the coach|states|one`,
    each: `every|each|all|any|both|nobody|no one|nothing|everything|anyone|anything|whoever|no`,
    has: `
    gets|get|needs|need|ends with|end with|ends in|starts with|start with|begins with|begin with|goes|go|carries|carry|may
    must|should|leaves|has to|have to|is to|are to|comes with|come with|requires|require|works through|goes through
      in celsius|in fahrenheit|in grams|in kilograms|in litres|in liters|in metres|in meters|in miles|in kilometres|in euros|in dollars|in pounds
    `,
    without: `no|only|nothing|neither|zero|hands off|strictly|tabs|two spaces|just`,
    nothing: `
    one|way|worries|problem|problems|idea|luck|doubt|wonder|matter|thanks|more|longer|sign|reply|errors|error|output|such
    clue|chance|fun|joke|surprise|harm|point|reason|use|time|sense|is|was|has|were|in|there|it|to see|that i|dogs were|two are
    came|got|pain|i|you|we|he|she`,
    predicates: `it's|that's|it is|is only|is half|is no|are like|order that|did she|did he|did they|did we|does she|does he|do they|do that|does that|think so|say that|get it|want that|buy that|eat that|like that|does this|do this`,
    never: `never`,
    endings: `
      only|is not allowed|are not allowed|isn't allowed|aren't allowed|is forbidden|are forbidden|is prohibited
      is not permitted|only please|no exceptions|off limits|please no|only for now`,
    joints: `and|but|so|because|then|which means`,
    takenBack: `
      forget what i said about|forget what i told you about|forget the rule about|forget the rule that
      forget that rule about|ignore what i said about|scrap what i said about|scrap the rule about
      drop the rule about|disregard what i said about|i take back what i said about|i changed my mind about
      the rule about … no longer|what i said about … no longer`,
    allowedAgain: `
      you may … again|you can … again|you are allowed to … again|you're allowed to … again|is allowed again|are allowed again
      is fine again|are fine again|is ok again|are ok again|no longer off limits|no longer forbidden`,
    reverts: `undo that|undo this|undo it|undo your change|undo your changes|revert that|revert this|revert it|revert your change|revert your changes
    roll that back|roll it back|roll this back|take that back|put it back|put that back|change it back|change that back
    like that again|back to how it was|back to what it was|back the way it was`,
    forbids: `
      never|don't|dont|do not|not|no|stop|avoid|refrain|leave|hands off
      off limits|without|nobody|nothing|forbidden|mustn't|can't`,
    decisions: `
    decided|decision|agreed to|agreed on|settled on|opted|i chose|we chose|i choose|we choose|we'll use|we will use|we'll go with
    we will go with|we'll keep|we will keep|let's use|let's go with|let's keep|let's stick|go with|going with|lets go with`
  }
}
