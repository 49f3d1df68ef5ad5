// The page: keys, screen and keyboard of the phone, its owner's number, the language, and the inbox beside it.

import { Compose } from "./compose.js";
import { Inbox } from "./inbox.js";
import { Numbers } from "./numbers.js";
import { Phone } from "./phone.js";
import { Prompts } from "./prompts.js";
import { fill, WORDS } from "./words.js";

const LANGUAGE_KEPT_AS = "jasho.language";
const KEYS = [
  ["1", ""], ["2", "abc"], ["3", "def"],
  ["4", "ghi"], ["5", "jkl"], ["6", "mno"],
  ["7", "pqrs"], ["8", "tuv"], ["9", "wxyz"],
  ["*", ""], ["0", ""], ["#", ""],
];
const NOT_DIALLED = /[^0-9*#+]/g;

const $ = (id) => document.getElementById(id);
const entry = $("entry");
const lcd = $("lcd");
const screenText = $("screen-text");
const hasKeyboard = matchMedia("(hover: hover) and (pointer: fine)");

let words = WORDS.en;
let settings = { service_code: "" };
let numbers;
let prompts;
let phone = new Phone(settings, () => {});

const isInSession = () => phone.mode === "waiting" || phone.mode === "asking";
const isWriting = () => !prompts.isOpen && (phone.mode === "idle" || phone.mode === "asking");

function press(key) {
  if (isWriting() && entry.value.length < entry.maxLength) entry.value += key;
  drawEntry();
}

function erase() {
  entry.value = entry.value.slice(0, -1);
  drawEntry();
}

function green() {
  if (prompts.isOpen) {
    prompts.answer("pay");
  } else if (phone.mode === "idle" && entry.value === "") {
    entry.value = settings.service_code;
    drawEntry();
  } else if (phone.mode === "idle") {
    dial();
  } else if (phone.mode === "asking") {
    if (entry.value !== "") phone.answer(takeEntry());
  } else if (phone.mode !== "waiting") {
    phone.hangUp();
  }
}

async function dial() {
  const dialled = entry.value;
  const caller = await numbers.current();
  if (caller === null || phone.mode !== "idle") return;
  entry.value = "";
  phone.dial(dialled, caller);
}

function red() {
  if (prompts.isOpen) prompts.answer("refuse");
  else hangUp();
}

function hangUp() {
  entry.value = "";
  phone.hangUp();
}

function left() {
  if (phone.mode === "idle" && entry.value === "") showMessages();
  else green();
}

function takeEntry() {
  const typed = entry.value;
  entry.value = "";
  return typed;
}

function dialService() {
  hangUp();
  document.querySelector(".handset").scrollIntoView({ block: "nearest", behavior: "smooth" });
  if (prompts.isOpen) {
    prompts.focus();
    return;
  }
  entry.value = settings.service_code;
  drawEntry();
  dial();
}

function showMessages() {
  $("inbox").focus();
  $("inbox").scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function scrollScreen(direction) {
  screenText.scrollBy({ top: direction * 60 });
}

function draw() {
  const { mode } = phone;
  lcd.dataset.mode = mode;
  lcd.setAttribute("aria-busy", String(mode === "waiting"));
  const text = {
    asking: phone.text,
    ended: phone.text,
    failed: words.failed,
    refused: fill(words.refused, { code: settings.service_code }),
  }[mode] ?? "";
  if (screenText.textContent !== text) screenText.textContent = text;
  screenText.scrollTop = 0;
  drawEntry();
}

function drawEntry() {
  const { mode } = phone;
  const isEmpty = entry.value === "";
  entry.readOnly = !isWriting();
  entry.inputMode = mode === "idle" ? "tel" : "text";
  entry.placeholder = mode === "idle" ? settings.service_code : "";
  entry.setAttribute("aria-label", mode === "idle" ? words.toDial : words.answer);
  entry.scrollLeft = entry.scrollWidth;
  $("erase").hidden = isEmpty;
  lcd.classList.toggle("is-dialling", mode === "idle" && !isEmpty);
  const [leftLabel, rightLabel] = softLabels(isEmpty);
  label($("left"), $("left-key"), leftLabel);
  label($("right"), $("right-key"), rightLabel);
}

function softLabels(isEmpty) {
  if (prompts.isOpen) return ["", ""]; // the prompt has its own labels
  return {
    idle: isEmpty ? [words.messages, ""] : [words.dial, words.clear],
    waiting: ["", words.cancel],
    asking: [words.send, words.cancel],
  }[phone.mode] ?? [words.ok, ""];
}

function label(onScreen, key, text) {
  onScreen.textContent = text;
  onScreen.hidden = text === "";
  key.disabled = text === "";
}

function changed(inbox) {
  const { activeElement } = document;
  const isOurs = activeElement === document.body || activeElement?.closest(".handset, #dial-service");
  prompts.draw();
  draw();
  if (isOurs && prompts.isOpen) prompts.focus();
  else if (isOurs && isWriting() && hasKeyboard.matches) entry.focus({ preventScroll: true });
  else if (isOurs && !isWriting() && phone.mode !== "waiting") $("left").focus({ preventScroll: true });
  if (phone.mode === "ended") inbox.fetch();
}

function speak(language, listeners) {
  words = WORDS[language];
  sessionStorage.setItem(LANGUAGE_KEPT_AS, language);
  document.documentElement.lang = language;
  document.title = words.title;
  for (const named of document.querySelectorAll("[data-words]")) named.textContent = words[named.dataset.words];
  for (const named of document.querySelectorAll("[data-label]")) named.setAttribute("aria-label", words[named.dataset.label]);
  for (const choice of document.querySelectorAll("[data-language]")) {
    choice.setAttribute("aria-pressed", String(choice.dataset.language === language));
  }
  $("dial-service").textContent = fill(words.dialCode, { code: settings.service_code });
  $("pin-hint").textContent = fill(words.pinHint, { pin: settings.pin });
  for (const listener of listeners) listener.speak(words, language);
  drawTime();
  draw();
}

function drawTime() {
  const time = new Date().toLocaleTimeString("en-KE", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  $("clock").textContent = time;
  $("idle-clock").textContent = time;
}

function makeKeypad() {
  for (const [key, letters] of KEYS) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.key = key;
    button.setAttribute("aria-label", key);
    const face = [key, letters].map((text) => Object.assign(document.createElement("span"), { textContent: text }));
    face[1].className = "letters";
    button.append(...face);
    button.addEventListener("click", () => press(key));
    $("keypad").append(button);
  }
}

function listen() {
  const actions = { green, red, left, erase, up: () => scrollScreen(-1), down: () => scrollScreen(1) };
  const right = () => red();
  Object.assign(actions, { right, "left-key": left, "right-key": right, "dial-service": dialService });
  for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);
  // The phone's keys do not take the focus, so that people can go on typing after a click.
  for (const key of document.querySelectorAll(".handset button")) {
    key.addEventListener("mousedown", (event) => event.preventDefault());
  }
  entry.addEventListener("input", () => {
    if (phone.mode === "idle") entry.value = entry.value.replace(NOT_DIALLED, "");
    drawEntry();
  });
  document.addEventListener("keydown", typed);
  document.addEventListener("keydown", ({ key }) => keyOf(key)?.classList.add("is-pressed"));
  document.addEventListener("keyup", ({ key }) => keyOf(key)?.classList.remove("is-pressed"));
}

const keyOf = (key) => document.querySelector(`[data-key="${CSS.escape(key)}"]`);

function typed(event) {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || target.closest("#people, #other, #compose")) return;
  const isButton = target.closest("button") !== null;
  if (key === "Escape") red();
  else if (prompts.isOpen) return;
  else if (key === "Enter" && !isButton && !event.repeat) green();
  else if (key === "ArrowUp" && target.closest(".handset")) scrollScreen(-1);
  else if (key === "ArrowDown" && target.closest(".handset")) scrollScreen(1);
  else if (isWriting() && (key.length === 1 || key === "Backspace") && !(isButton && key === " ")) entry.focus(); // it types there
  else return;
  if (key === "Enter") event.preventDefault();
}

async function start() {
  makeKeypad();
  const answer = await fetch("/simulator/settings");
  settings = await answer.json();
  const inbox = new Inbox((answer) => compose.write(answer));
  const compose = new Compose(() => numbers.current(), (sender, message) => inbox.addSent(sender, message));
  prompts = new Prompts(() => !isInSession(), () => changed(inbox));
  phone = new Phone(settings, () => changed(inbox));
  const kept = sessionStorage.getItem(LANGUAGE_KEPT_AS) ?? navigator.language.slice(0, 2);
  inbox.speak(WORDS.en, "en");
  numbers = new Numbers(settings.people, (number) => {
    hangUp();
    $("idle-number").textContent = number?.phone ?? "";
    $("inbox-owner").textContent = number?.phone ?? "";
    inbox.watch(number?.e164 ?? null);
    prompts.watch(number?.e164 ?? null);
  });
  const say = (language) => speak(language, [inbox, compose, numbers, prompts]);
  for (const choice of document.querySelectorAll("[data-language]")) {
    choice.addEventListener("click", () => say(choice.dataset.language));
  }
  say(kept in WORDS ? kept : "en");
  listen();
  setInterval(drawTime, 5_000);
  if (hasKeyboard.matches) entry.focus({ preventScroll: true });
}

await start();
