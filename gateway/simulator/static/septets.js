// The length of an SMS: septets of GSM 03.38, or UCS-2 where one character is outside it. core/septets.py counts likewise.

const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§" +
    "¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
const EXTENDED = new Set("^{}\\[~]|€"); // an escape and a character each
const GSM = { alone: 160, part: 153, width: (character) => (EXTENDED.has(character) ? 2 : 1) };
const UCS2 = { alone: 70, part: 67, width: (character) => character.length };

/** {used, room, parts}: how many SMS the text makes, and how much of their room it takes. No character is cut in half. */
export function measure(text) {
  const characters = [...text];
  const { alone, part, width } = characters.every((it) => BASIC.has(it) || EXTENDED.has(it)) ? GSM : UCS2;
  const used = characters.reduce((sum, character) => sum + width(character), 0);
  if (used <= alone) return { used, room: alone, parts: 1 };
  let parts = 1;
  let filled = 0;
  for (const character of characters) {
    if (filled + width(character) > part) {
      parts += 1;
      filled = 0;
    }
    filled += width(character);
  }
  return { used, room: parts * part, parts };
}
