"""Types that several bodies of the library share, each named once."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints

CollectionRole = Literal["reader", "editor", "owner"]
"""What a grant allows: to read, also to change documents, also to decide who gets in."""

DocumentStatus = Literal["queued", "processing", "ready", "failed"]
DocumentStage = Literal["waiting", "parsing", "cutting", "embedding", "indexing", "done"]
"""What happens to a document just now; of one that failed, where it did."""

_CODE_LENGTH: Final = 2
# ISO 639-1, in the order of the alphabet.
_LANGUAGES: Final = (
    " aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy"
    " da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu"
    " hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb"
    " lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om"
    " or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw"
    " ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu "
)


def _known_language(code: str) -> str:
    if len(code) != _CODE_LENGTH or f" {code} " not in _LANGUAGES:
        raise ValueError("write the language as a code of ISO 639-1, such as en")
    return code


CollectionName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
Description = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
LanguageCode = Annotated[
    str,
    # The length is told, not checked: whoever sends "english" should learn about codes.
    Field(examples=["en"], json_schema_extra={"minLength": 2, "maxLength": 2}),
    AfterValidator(_known_language),
]
DocumentName = Annotated[
    str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f/\\]+$")
]
"""The name of a file: one part of a path, free of control characters."""
DocumentUri = Annotated[
    str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[\x21-\x7e]+$")
]
"""Where a document comes from: printable ASCII, as RFC 3986 has it; never fetched."""
