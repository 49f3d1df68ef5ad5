"""An SMS in pieces: words and numbers without the signs around them, and what parts them from each other."""

# Stands where a little word or a sign stood: what is on both sides of it is not one number (`1 to 500`, `12, 500`).
BETWEEN = "|"
# Likewise where only parentheses stood: a phone may have them within, an amount not.
BRACKET = ")"
PARTING = (BETWEEN, BRACKET, "-")
SIGNS_OF_AMOUNTS = ("/-", "/=", "=")
_DASHES = (*SIGNS_OF_AMOUNTS, "-")
# A dash or a point before digits says something.
_SIGNS_BEFORE, _SIGNS_BEHIND = " \"'([{<*_#:,;!?~=/\\|", " \"')]}>*_#:,;!?~.|"


def split(text: str) -> list[str]:
    """The pieces of a text without the signs around them; signs by themselves, or between two numbers, are BETWEEN."""
    tokens: list[str] = []
    signs = ""
    for piece in text.split():
        begun = piece if piece in _DASHES else piece.lstrip(_SIGNS_BEFORE)
        bare = begun if piece in _DASHES else begun.rstrip(_SIGNS_BEHIND)
        signs += piece.removesuffix(begun)
        behind = begun.removeprefix(bare)
        if signs and tokens and has_digit(tokens[-1]) and has_digit(bare):
            tokens.append(BRACKET if set(signs) <= {"(", ")"} else BETWEEN)
        is_sign = not bare or (bare == "-" and signs + behind != "")
        tokens.append(BETWEEN if is_sign else bare)
        signs = behind
    return tokens


def has_digit(token: str) -> bool:
    return any(map(str.isdecimal, token))


def trimmed(tokens: list[str]) -> list[str]:
    """The tokens between what only parts them from others: little words, a dash."""
    places = [place for place, token in enumerate(tokens) if token not in PARTING]
    return tokens[places[0] : places[-1] + 1] if places else []


def without_signs(tokens: list[str]) -> list[str]:
    return [token for token in tokens if token not in (BETWEEN, BRACKET)]
