// A USSD session as the network and its handset keep it. It knows no page: it holds `mode` and `text`, and says when they change.

const SANDBOX_NETWORK = "99999";
const PATIENCE_MS = 15_000; // no network waits longer for the service

/**
 * Modes: "idle"; "waiting" for the service; "asking" (the service wants an answer); "ended" (its last screen);
 * "failed" (no proper answer came); "refused" (not a code of the service).
 */
export class Phone {
  mode = "idle";
  text = "";
  #settings;
  #changed;
  #session = null;
  #request = null;

  constructor(settings, changed) {
    this.#settings = settings;
    this.#changed = changed;
  }

  /** Begins a session from `caller` (E.164). What follows the service code goes along as the first inputs. */
  async dial(dialled, caller) {
    const inputs = inputsDialled(dialled, this.#settings.service_code);
    if (inputs === null) {
      this.#show("refused");
      return;
    }
    this.#session = { id: `simulator-${randomHex()}`, caller, text: inputs };
    await this.#hop();
  }

  /** Answers the screen. Ignored while an answer is under way, so nothing is sent twice. */
  async answer(input) {
    if (this.mode !== "asking" || input === "") return;
    const session = this.#session;
    session.text = session.text === "" ? input : `${session.text}*${input}`;
    await this.#hop();
  }

  /** Drops the session, and an answer to it that is still under way. */
  hangUp() {
    const request = this.#request;
    this.#request = null;
    request?.abort();
    this.#show("idle");
  }

  async #hop() {
    const request = new AbortController();
    const deadline = setTimeout(() => request.abort(), PATIENCE_MS);
    this.#request = request;
    this.#show("waiting");
    const reply = await this.#ask(request.signal).catch(() => "");
    clearTimeout(deadline);
    if (this.#request !== request) return; // hung up meanwhile
    this.#request = null;
    if (reply.startsWith("CON ")) this.#show("asking", reply.slice(4));
    else if (reply.startsWith("END ")) this.#show("ended", reply.slice(4));
    else this.#show("failed");
  }

  async #ask(signal) {
    const body = new URLSearchParams({
      sessionId: this.#session.id,
      phoneNumber: this.#session.caller,
      networkCode: SANDBOX_NETWORK,
      serviceCode: this.#settings.service_code,
      text: this.#session.text,
    });
    const response = await fetch(this.#settings.callback, { method: "POST", body, signal, cache: "no-store" });
    return response.status === 200 ? response.text() : "";
  }

  #show(mode, text = "") {
    this.mode = mode;
    this.text = text;
    if (mode !== "waiting" && mode !== "asking") this.#session = null; // the text so far may hold a PIN
    this.#changed();
  }
}

/** "4*0722000111*500" of "*384*96*4*0722000111*500#", "" of the code alone, null of anything else. */
export function inputsDialled(dialled, serviceCode) {
  const stem = serviceCode.slice(0, -1);
  if (dialled === serviceCode) return "";
  if (!dialled.startsWith(`${stem}*`) || !dialled.endsWith("#")) return null;
  return dialled.slice(stem.length + 1, -1);
}

function randomHex() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
