// M-Pesa's prompt on the chosen phone. It covers the phone's screen between two sessions, never during one, until it is answered.
// The focus goes to the question and not to a button, so that no key pressed for something else pays.

import { fill } from "./words.js";

const EVERY_MS = 2_000;

export class Prompts {
  #box = document.getElementById("prompt");
  #question = document.getElementById("prompt-question");
  #trouble = document.getElementById("prompt-trouble");
  #yes = document.getElementById("prompt-yes");
  #no = document.getElementById("prompt-no");
  #behind = [...document.getElementById("lcd").children].filter((part) => part !== this.#box);
  #mayShow;
  #changed;
  #words;
  #phone = null;
  #prompt = null; // {id, direction, amount}
  #hasFailed = false;
  #isAnswering = false;
  #timer;
  #round = 0;

  /** `mayShow` says whether the screen is free; `changed` is called when `draw` has something new to show. */
  constructor(mayShow, changed) {
    this.#mayShow = mayShow;
    this.#changed = changed;
    this.#yes.addEventListener("click", () => this.answer("pay"));
    this.#no.addEventListener("click", () => this.answer("refuse"));
    document.addEventListener("visibilitychange", () => this.#fetch());
  }

  get isOpen() {
    return !this.#box.hidden;
  }

  /** Shows the prompts of this phone (E.164) from now on. */
  watch(phone) {
    this.#phone = phone;
    this.#take(null);
    this.#fetch();
  }

  /** Uses `words` for every text from now on. */
  speak(words) {
    this.#words = words;
    this.draw();
  }

  /** Moves the focus to the question, unless it is on an answer already. */
  focus() {
    if (!this.#box.contains(document.activeElement)) this.#box.focus({ preventScroll: true });
  }

  draw() {
    const prompt = this.#mayShow() ? this.#prompt : null;
    this.#box.hidden = prompt === null;
    for (const part of this.#behind) part.inert = prompt !== null;
    if (prompt === null) return;
    const isIn = prompt.direction === "in";
    this.#question.textContent = fill(isIn ? this.#words.payIn : this.#words.payOut, prompt);
    this.#yes.textContent = isIn ? this.#words.pay : this.#words.accept;
    this.#no.textContent = isIn ? this.#words.cancel : this.#words.reject;
    this.#trouble.textContent = this.#hasFailed ? this.#words.noAnswer : "";
  }

  /** Answers the prompt: "pay" or "refuse". Ignored while an answer is under way, so no prompt is answered twice. */
  async answer(answer) {
    const prompt = this.#prompt;
    if (!this.isOpen || this.#isAnswering) return;
    this.#isAnswering = true;
    const isTaken = await send(prompt.id, answer).catch(() => false);
    this.#isAnswering = false;
    if (this.#prompt?.id === prompt.id) {
      this.#hasFailed = !isTaken;
      this.#take(isTaken ? null : prompt);
    }
    this.#fetch();
  }

  #take(prompt) {
    this.#round += 1; // a request that is under way would show the state before the answer
    this.#prompt = prompt;
    this.#changed();
  }

  async #fetch() {
    clearTimeout(this.#timer);
    if (document.visibilityState !== "visible" || this.#phone === null) return;
    const round = ++this.#round;
    const prompts = await waiting(this.#phone).catch(() => null);
    if (round !== this.#round) return; // another phone, an answer, or a later question
    this.#timer = setTimeout(() => this.#fetch(), EVERY_MS);
    if (prompts === null || prompts[0]?.id === this.#prompt?.id) return;
    this.#hasFailed = false;
    this.#take(prompts[0] ?? null);
  }
}

async function waiting(phone) {
  const response = await fetch(`/simulator/prompts?${new URLSearchParams({ phone })}`, { cache: "no-store" });
  return response.ok ? response.json() : null;
}

async function send(id, answer) {
  const body = JSON.stringify({ answer });
  const response = await fetch(`/simulator/prompts/${id}`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  return response.ok;
}
