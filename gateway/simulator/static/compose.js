// The SMS that is being written: its length, and its way to the service. The text stays in the field until the service has it.

import { measure } from "./septets.js";
import { fill } from "./words.js";

const PATIENCE_MS = 15_000; // longer than the service takes for any SMS

export class Compose {
  #form = document.getElementById("compose");
  #field = document.getElementById("sms");
  #count = document.getElementById("sms-count");
  #trouble = document.getElementById("sms-trouble");
  #announcer = document.getElementById("announcer");
  #hasKeyboard = matchMedia("(hover: hover) and (pointer: fine)");
  #sender;
  #taken;
  #words;
  #parts = 1;
  #hasFailed = false;
  #isSending = false;

  /** `sender` promises the sending number (E.164) or null; `taken` gets it and the message once the service has it. */
  constructor(sender, taken) {
    this.#sender = sender;
    this.#taken = taken;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!event.repeat) this.#send();
    });
    this.#field.addEventListener("input", () => this.#changed());
  }

  /** Uses `words` for every text from now on. */
  speak(words) {
    this.#words = words;
    this.#field.placeholder = words.smsExample;
    this.#draw();
  }

  /** Puts a text into the field, for the writer to send. It does not open a touch keyboard. */
  write(text) {
    this.#field.value = text;
    this.#changed();
    this.#form.scrollIntoView({ block: "nearest" });
    (this.#hasKeyboard.matches ? this.#field : this.#form.querySelector("button")).focus({ preventScroll: true });
  }

  async #send() {
    const text = this.#field.value;
    if (this.#isSending || text.trim() === "") return;
    this.#setSending(true);
    const phone = await this.#sender();
    const message = phone === null ? null : await deliver(phone, text).catch(() => null);
    this.#setSending(false);
    if (phone === null) return; // the page shows why
    this.#hasFailed = message === null;
    if (message !== null) {
      this.#field.value = "";
      this.#taken(phone, message);
    }
    this.#draw();
  }

  #setSending(isSending) {
    this.#isSending = isSending;
    this.#field.readOnly = isSending;
    this.#form.setAttribute("aria-busy", String(isSending));
  }

  #changed() {
    this.#hasFailed = false;
    const { parts } = this.#draw();
    if (parts !== this.#parts) this.#announcer.textContent = this.#count.textContent;
    this.#parts = parts;
  }

  #draw() {
    const measured = measure(this.#field.value);
    this.#count.textContent = fill(measured.parts === 1 ? "{used}/{room}" : this.#words.smsParts, measured);
    this.#trouble.textContent = this.#hasFailed ? this.#words.smsNotSent : "";
    return measured;
  }
}

async function deliver(phone, text) {
  const response = await fetch("/simulator/sms", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ phone, text }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!response.ok) return null;
  const { received_at } = await response.json();
  return { body: text, received_at };
}
