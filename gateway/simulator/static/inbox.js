// The chosen phone's SMS: asks for them every other second while somebody looks, newest first, new ones announced.

import { fill } from "./words.js";

const EVERY_MS = 2_000;

export class Inbox {
  #list = document.getElementById("messages");
  #note = document.getElementById("inbox-note");
  #announcer = document.getElementById("announcer");
  #badges = [document.getElementById("badge"), document.getElementById("envelope")];
  #words;
  #language;
  #phone = null;
  #messages = null; // null: not known yet
  #isAway = false;
  #fresh = new Set();
  #timer;
  #round = 0;

  constructor() {
    const section = document.getElementById("inbox");
    for (const looked of ["pointerenter", "pointerdown", "focusin"]) section.addEventListener(looked, () => this.#read());
    document.addEventListener("visibilitychange", () => this.fetch());
  }

  /** Shows this phone's messages (E.164) from now on. Those that are there already are not new. */
  watch(phone) {
    this.#phone = phone;
    this.#messages = null;
    this.#fresh.clear();
    this.#draw();
    this.fetch();
  }

  /** Says everything in `words` from now on. */
  speak(words, language) {
    this.#words = words;
    this.#language = language;
    this.#draw();
  }

  /** Asks at once, and every other second after that. */
  async fetch() {
    clearTimeout(this.#timer);
    if (document.visibilityState !== "visible" || this.#phone === null) return;
    const round = ++this.#round;
    const found = await received(this.#phone).catch(() => null);
    if (round !== this.#round) return; // another phone, or a later question
    this.#timer = setTimeout(() => this.fetch(), EVERY_MS);
    this.#take(found);
  }

  #take(found) {
    const hasFailed = found === null;
    const known = new Set(this.#messages?.map((message) => message.id));
    const arrived = hasFailed || this.#messages === null ? [] : found.filter((message) => !known.has(message.id));
    const isSame = !hasFailed && this.#messages !== null && arrived.length === 0;
    if (isSame && !this.#isAway) return;
    this.#isAway = hasFailed;
    if (!hasFailed) this.#messages = found;
    for (const message of arrived) this.#fresh.add(message.id);
    this.#draw();
    if (arrived.length > 0) {
      this.#announcer.textContent = arrived.map(({ body }) => fill(this.#words.arrived, { body })).join(" ");
    }
  }

  #read() {
    if (this.#fresh.size === 0) return;
    this.#fresh.clear();
    this.#draw();
  }

  #draw() {
    const messages = this.#messages ?? [];
    this.#list.replaceChildren(...messages.map((message) => this.#item(message)));
    this.#note.textContent = this.#noteText(messages);
    this.#note.hidden = this.#note.textContent === "";
    for (const badge of this.#badges) {
      badge.textContent = String(this.#fresh.size);
      badge.hidden = this.#fresh.size === 0;
    }
  }

  #noteText(messages) {
    if (this.#isAway) return this.#words.noInbox;
    return this.#messages !== null && messages.length === 0 ? this.#words.noMessages : "";
  }

  #item(message) {
    const head = element("div", "message-head", element("strong", "", "JASHO"));
    if (this.#fresh.has(message.id)) head.append(element("span", "fresh", this.#words.fresh));
    const time = element("time", "", this.#when(new Date(message.received_at)));
    time.dateTime = message.received_at;
    head.append(time);
    return element("li", "message", head, element("p", "", message.body));
  }

  #when(moment) {
    const isToday = moment.toDateString() === new Date().toDateString();
    const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const wanted = isToday ? clock : { day: "numeric", month: "short", ...clock };
    const text = new Intl.DateTimeFormat(`${this.#language}-KE`, wanted).format(moment);
    return isToday ? `${this.#words.today}, ${text}` : text;
  }
}

async function received(phone) {
  const response = await fetch(`/simulator/inbox?${new URLSearchParams({ phone })}`, { cache: "no-store" });
  return response.ok ? response.json() : null;
}

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}
