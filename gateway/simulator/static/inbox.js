// The chosen phone's SMS, sent and received. It asks for new ones every other second while somebody looks, and announces them.

import { hasGiven, Sent } from "./sent.js";
import { fill } from "./words.js";

const EVERY_MS = 2_000;
// The answer to an SMS that was just sent comes soon.
const SOON_MS = 400;
const SOON_LASTS_MS = 5_000;
const MOST_SHOWN = 20;
// The answer that a message asks for, and how long it is good: core/orders/sms_orders.py.
const ASKS = /\b(?:Reply|Jibu) ((?:OK|SAWA) (\d{4}))\b/;
const CODE_LASTS_MS = 5 * 60_000;
const END_PIXELS = 8;

export class Inbox {
  #list = document.getElementById("messages");
  #note = document.getElementById("inbox-note");
  #announcer = document.getElementById("announcer");
  #badges = [document.getElementById("badge"), document.getElementById("envelope")];
  #sent = new Sent();
  #suggest;
  #words;
  #language;
  #phone = null;
  #messages = null; // what was received, newest first; null: not known yet
  #isAway = false;
  #fresh = new Set();
  #timer;
  #round = 0;
  #soonUntil = 0;

  /** `suggest` gets the answer that the phone's owner wants to give to a message. */
  constructor(suggest) {
    this.#suggest = suggest;
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

  /** Uses `words` for every text from now on. */
  speak(words, language) {
    this.#words = words;
    this.#language = language;
    this.#draw();
  }

  /** Shows a message that this phone (E.164) has sent, and watches for the answer. */
  addSent(phone, message) {
    this.#sent.add(phone, message);
    this.#read();
    this.#draw({ isAtEnd: true });
    this.#announcer.textContent = this.#words.smsSent;
    this.#soonUntil = performance.now() + SOON_LASTS_MS;
    this.fetch();
  }

  /** Asks at once, and every other second after that. */
  async fetch() {
    clearTimeout(this.#timer);
    if (document.visibilityState !== "visible" || this.#phone === null) return;
    const round = ++this.#round;
    const messages = await received(this.#phone).catch(() => null);
    if (round !== this.#round) return; // another phone, or a later question
    this.#timer = setTimeout(() => this.fetch(), performance.now() < this.#soonUntil ? SOON_MS : EVERY_MS);
    this.#take(messages);
  }

  #take(messages) {
    const hasFailed = messages === null;
    const isFirst = this.#messages === null;
    const seen = new Set(this.#messages?.map((message) => message.id));
    const arrived = hasFailed || isFirst ? [] : messages.filter((message) => !seen.has(message.id));
    const isSame = !hasFailed && !isFirst && arrived.length === 0;
    if (isSame && !this.#isAway) return;
    this.#isAway = hasFailed;
    if (!hasFailed) this.#messages = messages;
    for (const message of arrived) this.#fresh.add(message.id);
    this.#draw();
    if (arrived.length > 0) {
      this.#announcer.textContent = arrived.map(({ body }) => fill(this.#words.arrived, { body })).join(" ");
    }
  }

  // Removes the marks without redrawing the messages: a finger may be on one of them.
  #read() {
    this.#fresh.clear();
    for (const mark of this.#list.querySelectorAll(".fresh")) mark.remove();
    this.#drawBadges();
  }

  #draw({ isAtEnd = this.#isAtEnd() } = {}) {
    const hadFocus = this.#list.contains(document.activeElement);
    const seenFrom = this.#list.scrollTop;
    const conversation = this.#conversation();
    const latest = question(conversation);
    this.#list.hidden = conversation.length === 0;
    this.#list.replaceChildren(
      ...conversation.map((message) => this.#item(message, message === latest?.message ? latest.answer : null)),
    );
    this.#list.scrollTop = isAtEnd ? this.#list.scrollHeight : seenFrom;
    if (hadFocus) (this.#list.querySelector("button") ?? this.#list).focus({ preventScroll: true });
    this.#note.textContent = this.#noteText(conversation);
    this.#note.hidden = this.#note.textContent === "";
    this.#drawBadges();
  }

  #drawBadges() {
    for (const badge of this.#badges) {
      badge.textContent = String(this.#fresh.size);
      badge.hidden = this.#fresh.size === 0;
    }
  }

  #isAtEnd() {
    return this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < END_PIXELS;
  }

  // Oldest first. A sent message stands before one that came in the same instant: that is its answer.
  #conversation() {
    const sent = this.#sent.by(this.#phone).map((message) => ({ ...message, isSent: true }));
    return [...sent, ...(this.#messages ?? []).toReversed()].sort((first, second) => momentOf(first) - momentOf(second)).slice(-MOST_SHOWN);
  }

  #noteText(conversation) {
    if (this.#isAway) return this.#words.noInbox;
    return this.#messages !== null && conversation.length === 0 ? this.#words.noMessages : "";
  }

  #item(message, answer) {
    const head = element("div", "message-head", element("strong", "", message.isSent ? this.#words.you : "JASHO"));
    if (this.#fresh.has(message.id)) head.append(element("span", "fresh", this.#words.fresh));
    const time = element("time", "", this.#when(new Date(message.received_at)));
    time.dateTime = message.received_at;
    head.append(time);
    const item = element("li", message.isSent ? "message sent" : "message", head, element("p", "", message.body));
    if (answer !== null) item.append(this.#suggestion(answer));
    return item;
  }

  #suggestion(answer) {
    const button = element("button", "suggestion", answer);
    button.type = "button";
    button.setAttribute("aria-label", fill(this.#words.writeAnswer, { answer }));
    button.addEventListener("click", () => this.#suggest(answer));
    return button;
  }

  #when(moment) {
    const isToday = moment.toDateString() === new Date().toDateString();
    const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const wanted = isToday ? clock : { day: "numeric", month: "short", ...clock };
    const text = new Intl.DateTimeFormat(`${this.#language}-KE`, wanted).format(moment);
    return isToday ? `${this.#words.today}, ${text}` : text;
  }
}

const momentOf = (message) => Date.parse(message.received_at);

/** The newest message that asks for a code, and the answer to it; null once that is given, or too late. */
function question(conversation) {
  const position = conversation.findLastIndex((message) => !message.isSent && ASKS.test(message.body));
  if (position === -1) return null;
  const message = conversation[position];
  const [, answer, code] = ASKS.exec(message.body);
  const isLate = Date.now() - momentOf(message) > CODE_LASTS_MS;
  const later = conversation.slice(position + 1).filter(({ isSent }) => isSent);
  return isLate || hasGiven(later, code) ? null : { message, answer };
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
