// The phone's number: one of the demo people's, or any other mobile number. Remembered while the tab is open.

const KEPT_AS = "jasho.number";
const LANGUAGE_NAMES = { en: "English", sw: "Kiswahili" };

export class Numbers {
  #fieldset = document.getElementById("people");
  #other = document.getElementById("other");
  #field = document.getElementById("other-number");
  #refused = document.getElementById("other-refused");
  #radios = new Map();
  #otherTexts = [];
  #listener;
  #chosen; // {phone, e164}; null while another number is wanted and none is accepted yet
  #words;
  #refusal = "";

  /** `listener` gets {phone, e164} at every choice, or null while there is no number. */
  constructor(people, listener) {
    this.#listener = listener;
    for (const person of people) {
      const [radio] = this.#card(person.e164, person.name, `${person.phone} · ${LANGUAGE_NAMES[person.language]}`);
      radio.addEventListener("change", () => this.#choose(person));
    }
    const [radio, title, detail] = this.#card("other", "", "");
    this.#otherTexts = [title, detail];
    radio.addEventListener("change", () => this.#askForOther());
    document.getElementById("other-use").addEventListener("click", () => this.#useOther());
    this.#field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#useOther();
    });
    this.#field.addEventListener("input", () => this.#sayRefusal(""));
    this.#restore(people[0]);
  }

  /** The calling number in E.164, read from the field; null where that holds no number. */
  async current() {
    const isPending = this.#radios.get("other").checked && this.#field.value !== this.#chosen?.phone;
    if (isPending) await this.#useOther();
    return this.#refusal === "" ? this.#chosen.e164 : null;
  }

  speak(words) {
    this.#words = words;
    this.#otherTexts[0].textContent = words.otherNumber;
    this.#otherTexts[1].textContent = words.otherHint;
    this.#sayRefusal(this.#refusal);
  }

  #card(value, title, detail) {
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "person", value });
    const texts = [title, detail].map((text) => Object.assign(document.createElement("span"), { textContent: text }));
    texts[0].className = "name";
    texts[1].className = "detail";
    const label = document.createElement("label");
    label.className = "person";
    label.append(radio, ...texts);
    this.#fieldset.append(label);
    this.#radios.set(value, radio);
    return [radio, ...texts];
  }

  #restore(first) {
    const kept = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "null") ?? first;
    const radio = this.#radios.get(kept.e164) ?? this.#radios.get("other");
    radio.checked = true;
    this.#other.hidden = radio.value !== "other";
    if (!this.#other.hidden) this.#field.value = kept.phone;
    this.#choose(kept);
  }

  #choose({ phone, e164 }) {
    this.#chosen = { phone, e164 };
    this.#sayRefusal("");
    this.#other.hidden = !this.#radios.get("other").checked;
    sessionStorage.setItem(KEPT_AS, JSON.stringify(this.#chosen));
    this.#listener(this.#chosen);
  }

  #askForOther() {
    this.#chosen = null;
    this.#listener(null);
    this.#other.hidden = false;
    this.#field.focus();
  }

  async #useOther() {
    const phone = this.#field.value.trim();
    const answer = await fetch(`/simulator/number?${new URLSearchParams({ phone })}`).catch(() => null);
    if (!answer?.ok) {
      this.#sayRefusal(answer?.status === 400 ? "badNumber" : "noAnswer");
      this.#field.focus();
      return;
    }
    const number = await answer.json();
    this.#field.value = number.phone;
    this.#choose(number);
  }

  #sayRefusal(refusal) {
    this.#refusal = refusal;
    this.#refused.textContent = refusal === "" ? "" : this.#words[refusal];
    this.#field.setAttribute("aria-invalid", String(refusal !== ""));
  }
}
