"""Function words of the larger Latin-script languages.

They are so common that they say nothing of what a text is about; by the same token they say in
which language it is written. Those that ask are among them, since an answer does not repeat them.
Kept short: idf weighs the rest down.
"""

from types import MappingProxyType

_LISTS = {
    "en": """a am an and any are as at be been but by can could did do does for from had has have he
        her him his how i if in into is it its many may me much must my no not of on or our shall
        she should so some such than that the their them then there these they this those to us
        was we were what when where which who whom whose why will with would you your""",
    "de": """aber als am an auch auf aus bei bis darf das dass dem den der des die durch dürfen ein
        eine einem einen einer eines er es für gibt haben hat ich ihr im in ist kann können mein
        meine mich mir mit muss müssen nach nicht noch nur oder sein sich sie sind so soll um und
        vom von vor wann war waren warum was welche welchem welchen welcher welches wem wen wenn
        wer werden wie wieso wir wird wo woher wohin wurde wurden zu zum zur über""",
    "fr": """au aux avec ce ces cette comme dans de des du elle en est et il ils je la le les leur
        mais ne nous on ont ou où par pas pour qu que quel quelle qui sa se ses son sont sur un une
        vous été être à""",
    "es": """al como con cual cuando de del donde el ella en entre era es esta este están fue ha hay
        la las le lo los más no o para pero por que qué se ser sin sobre son su sus un una y cuál
        cómo dónde quién""",
    "it": """a al alla che chi ci come con da dal dalla dei del della delle di dove e ed era gli ha
        i il in l la le lo ma nel nella non o per più quale quando sono su sul un una uno è""",
    "pt": """a ao as com como da das de do dos e em entre era es esta este foi há mais mas na nas
        não no nos o onde os ou para pela pelo por qual quando que quem se sem ser sua são um
        uma à é""",
    "nl": """aan als bij dat de die dit door een en er het hij hoe in is maar met naar
        niet of om ook op over te tot uit van voor waar was wat welke werd wie worden zijn""",
    "sv": """att av de den det du där efter en ett från för han har hur hon i inte jag kan med men
        när och om på som så till var vad vem vid är""",
    "da": """af at da de den det der du efter en er et for fra han har hun hvad hvor hvordan hvem i
        ikke jeg kan med men når og om på som til var ved være""",
    "pl": """a ale co czy dla do gdzie i jak jest już kiedy kto która który które lub ma na nie o od
        oraz po przez przy się są to w we z za że""",
}

STOP_WORDS = MappingProxyType({code: frozenset(words.split()) for code, words in _LISTS.items()})
"""Function words by ISO 639-1 code, in lower case and with their accents."""

STOP_CHARACTERS = MappingProxyType({"zh": frozenset("吗嗎呢谁誰哪")})
"""Characters that ask and are no part of other words, for languages whose words are cut into pairs
of characters: a question's pair with one of them hardly ever stands in its answer."""

_PAIRS = "什么 什麼 怎么 怎麼 多少 几个 幾個 几天 几年 为什 為什 的是 是什 么是 麼是"
STOP_PAIRS = MappingProxyType({"zh": frozenset(_PAIRS.split())})
"""Pairs that ask, of characters that other words need: 几何 and 目的 say something."""

NO_WORDS: frozenset[str] = frozenset()
